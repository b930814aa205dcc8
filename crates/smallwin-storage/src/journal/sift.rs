//! Compaction: a closed segment is written anew with what is still of use.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::ops::ControlFlow;

use super::frame::Framer;
use super::ops::{self, Stored, StoredOp};
use super::segment::{self, End, Header};
use super::{Journal, Record, damaged, new_salt};
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

impl Journal {
    /// Reads all closed segments and says where one is damaged.
    pub(crate) fn check_closed(&self) -> Result<(), StoreError> {
        let nothing_after = self.last();
        for number in self.closed() {
            let _never_stopped =
                self.replay_segment(number, None, nothing_after, &mut |_: &Record<'_>| {
                    Ok::<_, StoreError>(ControlFlow::Continue(()))
                })?;
        }
        Ok(())
    }

    /// Writes a closed segment anew with what `judge` keeps. Commits keep their numbers; those of which
    /// nothing stays become a gap. Places in the segment move: until [`Journal::release`] reads go to the
    /// old file, which has lost its name only.
    pub(crate) fn sift<E: From<StoreError>>(
        &mut self,
        number: u32,
        judge: &mut Judge<'_, E>,
    ) -> Result<(), E> {
        self.writable()?;
        let path = self.path_of(number);
        let bytes = fs::read(&path).map_err(StoreError::io("read", &path))?;
        let old =
            Header::decode(&bytes).map_err(|_| damaged(&path, 0, "the header is not sound"))?;
        let framer = Framer::new(&old.salt);
        let mut sieve = Sieve::begin(number, old.first, new_salt(&path)?);
        let mut dropped = false;
        let walked = segment::walk(&bytes, old.first, &framer, |seq, payload, at| {
            let record = Record {
                seq,
                segment: number,
                payload,
                at: at as u64,
            };
            let mut kept = Vec::new();
            for stored in self.ops(&record)? {
                let keep = judge(&record, &stored.op)?;
                dropped |= keep != Keep::All;
                sieve_op(payload, &stored, keep, &mut kept);
            }
            sieve.record(seq, &kept);
            Ok::<_, E>(ControlFlow::Continue(()))
        })?;
        if walked.how != End::Sealed {
            return Err(damaged(&path, walked.end as u64, "a record is not sound").into());
        }
        if !dropped {
            return Ok(());
        }
        let new = sieve.seal(walked.last);
        let swapped = self.swap(number, &new);
        Ok(self.breaking(swapped)?)
    }

    fn swap(&mut self, number: u32, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.path_of(number);
        let old = File::open(&path).map_err(StoreError::io("open", &path))?;
        self.readers.borrow_mut().remove(&number);
        self.stop.set(None);
        // Even when the swap fails half-way, the old file is what the index knows.
        self.retired.insert(number, old);
        self.rewrite(&path, bytes)?;
        self.sizes.insert(number, bytes.len() as u64);
        Ok(())
    }

    /// Gives away the old files of segments that were written anew: from now on reads go to the new ones.
    pub(crate) fn release(&mut self) -> Retired {
        self.stop.set(None);
        std::mem::take(&mut self.retired)
    }

    /// Takes the old files back.
    pub(crate) fn retain(&mut self, retired: Retired) {
        self.stop.set(None);
        self.retired = retired;
    }
}

/// Segments that were written anew, as they were before.
pub(crate) type Retired = BTreeMap<u32, File>;

/// A segment while it is written anew.
pub(crate) struct Sieve {
    bytes: Vec<u8>,
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
            bytes: header.encode(),
            framer: Framer::new(&salt),
            last: Seq(first.0.saturating_sub(1)),
        }
    }

    /// Adds what stays of a commit; without anything it becomes part of a gap.
    pub(crate) fn record(&mut self, seq: Seq, payload: &[u8]) {
        if !payload.is_empty() {
            self.fill(Seq(seq.0.saturating_sub(1)));
            self.frame(seq, |record| record.extend_from_slice(payload));
        }
    }

    /// The whole file, which ends with commit `last`.
    pub(crate) fn seal(mut self, last: Seq) -> Vec<u8> {
        self.fill(last);
        self.frame(last, |_| ());
        self.bytes
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
        self.bytes.extend_from_slice(&record);
        self.last = seq;
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
