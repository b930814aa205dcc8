//! Compaction: closed segments are written anew with what is still of use, a piece at a time.
//!
//! A new file takes in one closed segment after the other, oldest first, until it is at least half a
//! segment long, so that small ones become one. Then it takes the name of the first of them, and the others
//! go. Commits keep their numbers; those of which nothing stays become a gap. Until [`Journal::release`]
//! reads go to the old files, which have lost their names only: the index knows places in them.

use std::collections::VecDeque;
use std::fs::File;
use std::ops::ControlFlow;
use std::path::PathBuf;

use super::frame::Framer;
use super::moves::Moves;
use super::ops::{self, Stored, StoredOp};
use super::segment::Header;
use super::{FRAME_BYTES, Journal, Record, new_salt};
use crate::limits::ROW_INLINE_BYTES_MAX;
use crate::{Seq, StoreError};

/// What becomes of an operation when its segment is written anew.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Keep {
    /// Nothing.
    Nothing,
    /// It stays as it is.
    All,
    /// Only the chunk that it put.
    Chunk,
}

/// Judges an operation of a record.
pub(crate) type Judge<'a, E> = dyn FnMut(&Record<'_>, &StoredOp<'_>) -> Result<Keep, E> + 'a;

/// Closed segments that are being written anew.
#[derive(Debug)]
pub(crate) struct Sift {
    /// What waits, oldest first; the first one is being read.
    waiting: VecDeque<u32>,
    /// Where reading goes on: the next record's place, and the number of the one before it.
    from: Option<(u64, Seq)>,
    target: Option<Target>,
    moves: Moves,
}

/// The file that is being written, under its first name.
#[derive(Debug)]
struct Target {
    number: u32,
    first: Seq,
    /// The segments that are wholly in it.
    sources: Vec<u32>,
    path: PathBuf,
    file: File,
    sieve: Sieve,
}

/// A segment that was written anew in place of some.
#[derive(Debug)]
pub(super) struct Sifted {
    number: u32,
    first: Seq,
    bytes: u64,
    sources: Vec<u32>,
}

impl Sift {
    /// All segments that are closed now.
    pub(crate) fn of(journal: &Journal) -> Self {
        Self {
            waiting: journal.closed().into(),
            from: None,
            target: None,
            moves: Moves::default(),
        }
    }

    /// How many segments wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The segment whose turn it is.
    pub(crate) fn next(&self) -> Option<u32> {
        self.waiting.front().copied()
    }

    /// Where everything went that is in files which have their names already.
    pub(crate) fn into_moves(mut self) -> Moves {
        if let Some(target) = self.target {
            self.moves.forget(target.number);
        }
        self.moves
    }
}

impl Journal {
    /// Works through about so many bytes, at least one record, and says whether something is left. An error
    /// of `judge` or a damaged segment leaves a half-written file: [`Journal::stop_sift`] removes it.
    pub(crate) fn sift<E: From<StoreError>>(
        &mut self,
        sift: &mut Sift,
        bytes: usize,
        judge: &mut Judge<'_, E>,
    ) -> Result<bool, E> {
        self.writable()?;
        let Some(number) = sift.next() else {
            return Ok(false);
        };
        let mut target = match sift.target.take() {
            Some(target) => target,
            None => {
                let begun = self.begin_target(number);
                self.breaking(begun)?
            }
        };
        sift.moves.begin(number, target.number);
        let sieved = self.sieve(number, sift, &mut target, bytes, judge);
        let written = match sieved {
            Ok(_) => self.write_target(&mut target),
            Err(_) => Ok(()),
        };
        sift.target = Some(target);
        let ended = sieved?;
        self.breaking(written)?;
        if ended {
            sift.waiting.pop_front();
            sift.from = None;
            let swapped = self.swap_when_full(number, sift);
            self.breaking(swapped)?;
        }
        Ok(!sift.waiting.is_empty())
    }

    /// Removes a half-written file, if there is one.
    pub(crate) fn stop_sift(&mut self, sift: &Sift) -> Result<(), StoreError> {
        let Some(target) = &sift.target else {
            return Ok(());
        };
        let removed = self.disk.remove(&target.path);
        self.breaking(removed)
    }

    /// Whether files were swapped that reads do not go to yet.
    pub(crate) fn has_sifted(&self) -> bool {
        !self.retired.is_empty()
    }

    /// Bytes of the files that reads do not go to yet.
    pub(crate) fn sifted_bytes(&self) -> u64 {
        self.sifted.iter().map(|new| new.bytes).sum()
    }

    /// Gives the old files away: from now on reads go to the new ones.
    pub(crate) fn release(&mut self) {
        self.stop.set(None);
        self.retired.clear();
        self.readers.borrow_mut().clear();
        for new in std::mem::take(&mut self.sifted) {
            for number in new.sources {
                self.segments.remove(&number);
                self.sizes.remove(&number);
            }
            self.segments.insert(new.number, new.first);
            self.sizes.insert(new.number, new.bytes);
        }
    }

    fn begin_target(&self, number: u32) -> Result<Target, StoreError> {
        let path = self.path_of(number).with_extension("new");
        let first = self.segments.get(&number).copied().unwrap_or_default();
        let sieve = Sieve::begin(number, first, new_salt(&path)?);
        let file = self.disk.create(&path)?;
        Ok(Target {
            number,
            first,
            sources: Vec::new(),
            path,
            file,
            sieve,
        })
    }

    /// Reads on in a segment; says whether its end was reached.
    fn sieve<E: From<StoreError>>(
        &self,
        number: u32,
        sift: &mut Sift,
        target: &mut Target,
        bytes_max: usize,
        judge: &mut Judge<'_, E>,
    ) -> Result<bool, E> {
        let (mut bytes, mut from) = (0, sift.from);
        let moves = &mut sift.moves;
        let stopped = self.replay_segment(number, from, Seq::ZERO, &mut |record: &Record<
            '_,
        >| {
            let mut kept = Vec::new();
            let mut moved = Vec::new();
            for stored in self.ops(record)? {
                let keep = judge(record, &stored.op)?;
                sieve_op(record.payload, &stored, keep, &mut kept);
                if let Some((old_at, len)) = named(&stored.op).filter(|_| keep != Keep::Nothing) {
                    moved.push((record.at + old_at as u64, kept.len() - len));
                }
            }
            if let Some(at) = target.sieve.record(record.seq, &kept) {
                for (old, new) in moved {
                    moves.add(number, old, at + new as u64);
                }
            }
            bytes += FRAME_BYTES + record.payload.len();
            from = Some((record.at + record.payload.len() as u64, record.seq));
            Ok::<_, E>(if bytes >= bytes_max {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        })?;
        sift.from = from;
        Ok(!stopped)
    }

    /// Writes and syncs what the sieve holds: little by little, so that no sync takes long.
    fn write_target(&self, target: &mut Target) -> Result<(), StoreError> {
        let bytes = target.sieve.drain();
        if bytes.is_empty() {
            return Ok(());
        }
        self.disk.write(&mut target.file, &target.path, &bytes)?;
        self.disk.sync_data(&target.file, &target.path)
    }

    /// Ends a source, and the target too when it is long enough or nothing more comes.
    fn swap_when_full(&mut self, number: u32, sift: &mut Sift) -> Result<(), StoreError> {
        let Some(mut target) = sift.target.take() else {
            return Ok(());
        };
        target.sources.push(number);
        if target.sieve.bytes() < self.segment_bytes / 2 && !sift.waiting.is_empty() {
            sift.target = Some(target);
            return Ok(());
        }
        let next = self.segments.range(number + 1..).next();
        let last = next.map_or(self.last, |(_, first)| Seq(first.0.saturating_sub(1)));
        target.sieve.finish(last);
        self.write_target(&mut target)?;
        self.disk.sync(&target.file, &target.path)?;
        self.swap(target)
    }

    fn swap(&mut self, target: Target) -> Result<(), StoreError> {
        // Even when the swap fails half-way, the old files are what the index knows.
        for number in &target.sources {
            let path = self.path_of(*number);
            let old = File::open(&path).map_err(StoreError::io("open", &path))?;
            self.readers.borrow_mut().remove(number);
            self.retired.insert(*number, old);
        }
        self.disk
            .rename(&target.path, &self.path_of(target.number))?;
        self.disk.sync_dir(&self.dir)?;
        // What is left of these after a crash is known by its numbers, see `open`.
        for number in target.sources.iter().skip(1) {
            self.disk.remove(&self.path_of(*number))?;
        }
        self.disk.sync_dir(&self.dir)?;
        self.sifted.push(Sifted {
            number: target.number,
            first: target.first,
            bytes: target.sieve.bytes(),
            sources: target.sources,
        });
        Ok(())
    }
}

/// A segment file while it is made.
#[derive(Debug)]
pub(crate) struct Sieve {
    /// What was not written yet.
    pending: Vec<u8>,
    /// Bytes before `pending`.
    drained: u64,
    framer: Framer,
    /// The last commit that has its place.
    last: Seq,
}

impl Sieve {
    pub(crate) fn begin(number: u32, first: Seq, salt: [u8; 24]) -> Self {
        let header = Header {
            number,
            first,
            salt,
        };
        Self {
            pending: header.encode(),
            drained: 0,
            framer: Framer::new(&salt),
            last: Seq(first.0.saturating_sub(1)),
        }
    }

    /// Adds what stays of a commit and says where in the file that lies; without anything it becomes part
    /// of a gap.
    pub(crate) fn record(&mut self, seq: Seq, payload: &[u8]) -> Option<u64> {
        if payload.is_empty() {
            return None;
        }
        self.fill(Seq(seq.0.saturating_sub(1)));
        self.frame(seq, |record| record.extend_from_slice(payload));
        Some(self.bytes() - payload.len() as u64)
    }

    /// The whole file, which ends with commit `last`.
    pub(crate) fn seal(mut self, last: Seq) -> Vec<u8> {
        self.finish(last);
        self.pending
    }

    /// Ends the file with commit `last`.
    fn finish(&mut self, last: Seq) {
        self.fill(last);
        self.frame(last, |_| ());
    }

    /// Bytes of the file up to now.
    fn bytes(&self) -> u64 {
        self.drained + self.pending.len() as u64
    }

    /// Takes what is to be written at the file's end.
    fn drain(&mut self) -> Vec<u8> {
        self.drained = self.bytes();
        std::mem::take(&mut self.pending)
    }

    /// Writes the gap up to `until`, if there is one.
    fn fill(&mut self, until: Seq) {
        let commits = until.0.saturating_sub(self.last.0);
        if commits > 0 {
            self.frame(until, |record| ops::encode_gap(commits, record));
        }
    }

    fn frame(&mut self, seq: Seq, payload: impl FnOnce(&mut Vec<u8>)) {
        let mut record = Framer::begin();
        payload(&mut record);
        self.framer.close(seq, &mut record);
        self.pending.extend_from_slice(&record);
        self.last = seq;
    }
}

/// Where in a payload the bytes lie that the index names, and how many they are. They end the operation.
fn named(op: &StoredOp<'_>) -> Option<(usize, usize)> {
    match op {
        StoredOp::PutChunk { chunk, .. }
        | StoredOp::Replace {
            snapshot: chunk, ..
        } => Some((chunk.at, chunk.bytes.len())),
        StoredOp::Put {
            value, value_at, ..
        } if value.len() > ROW_INLINE_BYTES_MAX => Some((*value_at, value.len())),
        StoredOp::Erased
        | StoredOp::Put { .. }
        | StoredOp::Delete { .. }
        | StoredOp::Purge { .. } => None,
    }
}

fn sieve_op(payload: &[u8], stored: &Stored<'_>, keep: Keep, kept: &mut Vec<u8>) {
    match (keep, &stored.op) {
        (Keep::Nothing, _) => {}
        (
            Keep::Chunk,
            StoredOp::PutChunk { doc, chunk }
            | StoredOp::Replace {
                doc,
                snapshot: chunk,
                ..
            },
        ) => ops::copy_chunk(payload, doc, chunk, kept),
        (Keep::All | Keep::Chunk, _) => ops::copy(payload, stored, kept),
    }
}
