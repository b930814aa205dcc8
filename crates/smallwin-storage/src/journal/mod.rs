//! The journal: an append-only row of segment files that is the truth about all that is kept.
//!
//! `00000001.seg`, `00000002.seg`, … each begin with a [`segment::Header`] and hold records, one per
//! commit, numbered without gaps. A full segment is closed with a seal, and the next one goes on with the
//! next number. So a segment that lost its end or is missing shows it, and only the last segment can end in
//! a torn record: what a crash interrupted, which nobody was told about, and which is cut. Anything else
//! that is not a sound record is damage. Compaction puts several segments into one file, which bears the
//! name of the first.
//!
//! One case cannot be told apart: the very last record, damaged after a crash, looks like a torn one and is
//! cut. After a clean stop the checkpoint knows better; after a crash the peers do, and send it again.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{self, Disk};
use crate::limits::{READERS_MAX, REPLAY_BYTES, RESERVE_BYTES};
use crate::{Op, Seq, StoreError};

mod erase;
pub(crate) mod frame;
mod moves;
mod open;
pub(crate) mod ops;
pub(crate) mod salvage;
mod segment;
mod sift;

pub(crate) use erase::Purges;
pub(crate) use moves::{Moves, Now};
pub use salvage::Damage;
pub(crate) use salvage::Salvaged;
pub(crate) use sift::{Keep, Sift};

use frame::{FRAME_BYTES, Framer};
use segment::{End, HEADER_BYTES, Header, Walked};

pub(crate) struct Journal {
    dir: PathBuf,
    disk: Disk,
    segment_bytes: u64,
    /// The first record's number of every segment.
    segments: BTreeMap<u32, Seq>,
    /// Bytes of every closed segment.
    sizes: BTreeMap<u32, u64>,
    active: Active,
    last: Seq,
    /// What broke it; from then on it takes no writes.
    broken: Option<String>,
    readers: RefCell<BTreeMap<u32, File>>,
    /// Segments that were written anew, as they were before: the index still names places in them.
    retired: BTreeMap<u32, File>,
    /// The files that stand in their place.
    sifted: Vec<sift::Sifted>,
    /// Where the last visit broke off.
    stop: Cell<Option<Stop>>,
}

#[derive(Clone, Copy)]
struct Stop {
    after: Seq,
    segment: u32,
    /// Where the next record begins, and the number of the one before it.
    offset: (u64, Seq),
}

/// Sees a record, and says whether to go on.
pub(crate) type Visit<'a, E> = dyn FnMut(&Record<'_>) -> Result<ControlFlow<()>, E> + 'a;

/// The segment that is written to, with its cursor at the end.
struct Active {
    number: u32,
    path: PathBuf,
    file: File,
    framer: Framer,
    bytes: u64,
    /// Up to here the file is filled with zeros, so that a record that fits needs no change to the file's
    /// size; on file systems that journal a size change that spares a second write.
    reserved: u64,
}

/// A point in the journal up to which everything is certainly durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Mark {
    pub(crate) seq: Seq,
    pub(crate) segment: u32,
    pub(crate) offset: u64,
}

/// A record, and where it lies.
pub(crate) struct Record<'a> {
    pub(crate) seq: Seq,
    pub(crate) segment: u32,
    pub(crate) payload: &'a [u8],
    /// Where the payload begins in the segment file.
    pub(crate) at: u64,
}

impl Journal {
    /// Appends one record and makes it durable. Any failure breaks the journal: after a failed sync nobody
    /// knows what the disk holds, and trying again would only seem to help.
    pub(crate) fn append<'a>(
        &mut self,
        ops: impl Iterator<Item = &'a Op>,
    ) -> Result<AppendedRecord, StoreError> {
        self.writable()?;
        let mut record = Framer::begin();
        ops.for_each(|op| ops::encode(op, &mut record));
        let result = self.append_record(&mut record);
        self.breaking(result)?;
        let at = self.active.bytes - (record.len() - FRAME_BYTES) as u64;
        Ok(AppendedRecord {
            record,
            seq: self.last,
            segment: self.active.number,
            at,
        })
    }

    fn append_record(&mut self, record: &mut [u8]) -> Result<(), StoreError> {
        let seq = self.last.next();
        self.active.framer.close(seq, record);
        self.write(record)?;
        self.last = seq;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let Active {
            path,
            file,
            bytes: end,
            reserved,
            ..
        } = &mut self.active;
        let after = *end + bytes.len() as u64;
        self.disk.write(file, path, bytes)?;
        if after > *reserved {
            *reserved = after.max(self.segment_bytes.min(after + RESERVE_BYTES));
            let zeros = vec![0; usize::try_from(*reserved - after).unwrap_or(0)];
            if !zeros.is_empty() {
                self.disk.write(file, path, &zeros)?;
                file.seek(SeekFrom::Start(after))
                    .map_err(StoreError::io("write to", path))?;
            }
        }
        self.disk.sync_data(file, path)?;
        *end = after;
        Ok(())
    }

    /// Gives back the room that was reserved in the active segment.
    pub(crate) fn trim(&mut self) -> Result<(), StoreError> {
        self.writable()?;
        let Active {
            path,
            file,
            bytes,
            reserved,
            ..
        } = &mut self.active;
        if *reserved > *bytes {
            *reserved = *bytes;
            let cut = self.disk.set_len(file, path, *bytes);
            let cut = cut.and_then(|()| self.disk.sync(file, path));
            self.breaking(cut)?;
        }
        Ok(())
    }

    /// The numbers of all segments but the active one.
    pub(crate) fn closed(&self) -> Vec<u32> {
        self.sizes.keys().copied().collect()
    }

    /// Bytes of all segments, without reserved room.
    pub(crate) fn bytes(&self) -> u64 {
        self.sizes.values().sum::<u64>() + self.active.bytes
    }

    /// Whether the active segment is full.
    pub(crate) fn is_full(&self) -> bool {
        self.active.bytes >= self.segment_bytes
    }

    /// Seals the active segment and begins the next; does nothing when it holds no record.
    pub(crate) fn roll(&mut self) -> Result<(), StoreError> {
        self.writable()?;
        if self.active.bytes == HEADER_BYTES as u64 {
            return Ok(());
        }
        let result = self.seal_and_begin();
        self.breaking(result)
    }

    fn seal_and_begin(&mut self) -> Result<(), StoreError> {
        let mut seal = Framer::begin();
        self.active.framer.close(self.last, &mut seal);
        self.write(&seal)?;
        self.trim()?;
        let (number, bytes) = (self.active.number, self.active.bytes);
        self.active = begin_segment(&self.disk, &self.dir, number + 1, self.last.next())?;
        self.sizes.insert(number, bytes);
        self.segments.insert(self.active.number, self.last.next());
        Ok(())
    }

    /// Everything before this is durable.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            seq: self.last,
            segment: self.active.number,
            offset: self.active.bytes,
        }
    }

    pub(crate) fn last(&self) -> Seq {
        self.last
    }

    /// Reads bytes of a segment; whoever asks checks them.
    pub(crate) fn read(
        &self,
        segment: u32,
        offset: u64,
        len: usize,
    ) -> Result<Vec<u8>, StoreError> {
        let path = self.path_of(segment);
        if let Some(file) = self.retired.get(&segment) {
            return read_from(file, &path, offset, len);
        }
        let mut readers = self.readers.borrow_mut();
        if !readers.contains_key(&segment) {
            let file = File::open(&path).map_err(StoreError::io("open", &path))?;
            if readers.len() >= READERS_MAX {
                readers.pop_first();
            }
            readers.insert(segment, file);
        }
        let Some(file) = readers.get(&segment) else {
            return Ok(Vec::new());
        };
        read_from(file, &path, offset, len)
    }

    /// The operations of a record.
    pub(crate) fn ops<'a>(&self, record: &Record<'a>) -> Result<Vec<ops::Stored<'a>>, StoreError> {
        let unknown = || {
            damaged(
                &self.path_of(record.segment),
                record.at,
                "an operation is not known",
            )
        };
        ops::decode(record.payload).ok_or_else(unknown)
    }

    pub(crate) fn path_of(&self, segment: u32) -> PathBuf {
        segment::path(&self.dir, segment)
    }

    /// Visits all records after `after`, in order, until the visitor breaks. Every segment that is read is
    /// checked from its start, unless the last visit broke off at `after`: then it goes on there.
    pub(crate) fn replay<E: From<StoreError>>(
        &self,
        after: Seq,
        visit: &mut Visit<'_, E>,
    ) -> Result<(), E> {
        if let Some(stop) = self.stop.take().filter(|stop| stop.after == after) {
            if self.replay_segment(stop.segment, Some(stop.offset), after, visit)? {
                return Ok(());
            }
            return self.replay_segments(stop.segment + 1, after, visit);
        }
        let from = self
            .segments
            .iter()
            .rev()
            .find(|(_, first)| **first <= after.next());
        self.replay_segments(from.map_or(1, |(number, _)| *number), after, visit)
    }

    fn replay_segments<E: From<StoreError>>(
        &self,
        from: u32,
        after: Seq,
        visit: &mut Visit<'_, E>,
    ) -> Result<(), E> {
        for (number, _) in self.segments.range(from..) {
            if self.replay_segment(*number, None, after, visit)? {
                break;
            }
        }
        Ok(())
    }

    /// Remembers where a visit broke off: at `record`, when all up to `after` was answered.
    pub(crate) fn stopped_at(&self, after: Seq, record: &Record<'_>) {
        self.stop.set(Some(Stop {
            after,
            segment: record.segment,
            offset: (
                record.at - FRAME_BYTES as u64,
                Seq(record.seq.0.saturating_sub(1)),
            ),
        }));
    }

    /// Whether a record with this number lies in the active segment.
    pub(crate) fn is_recent(&self, seq: Seq) -> bool {
        let first = self.segments.get(&self.active.number);
        first.is_none_or(|first| seq >= *first)
    }

    /// Reads a segment in windows, from its start or from (offset, last record before it). Says whether
    /// the visitor had enough.
    fn replay_segment<E: From<StoreError>>(
        &self,
        number: u32,
        from: Option<(u64, Seq)>,
        after: Seq,
        visit: &mut Visit<'_, E>,
    ) -> Result<bool, E> {
        let path = self.path_of(number);
        let end = self.segment_end(number)?;
        let header = self.read(number, 0, HEADER_BYTES)?;
        let header =
            Header::decode(&header).map_err(|_| damaged(&path, 0, "the header is not sound"))?;
        let framer = Framer::new(&header.salt);
        let begin = Walked::before(header.first);
        let (mut at, last) = from.unwrap_or((begin.end as u64, begin.last));
        let mut walked = Walked { last, ..begin };
        let mut window = REPLAY_BYTES;
        while at < end {
            let rest = usize::try_from(end - at).unwrap_or(usize::MAX);
            let bytes = self.read(number, at, window.min(rest))?;
            walked = segment::walk_on(
                &bytes,
                walked.at_start(),
                &framer,
                |seq, payload, offset| {
                    let record = Record {
                        seq,
                        segment: number,
                        payload,
                        at: at + offset as u64,
                    };
                    if seq > after {
                        visit(&record)
                    } else {
                        Ok(ControlFlow::Continue(()))
                    }
                },
            )?;
            at += walked.end as u64;
            match walked.how {
                End::Stopped => return Ok(true),
                End::Sealed => return Ok(false),
                End::Open => {}
                End::Damaged if window < rest => {
                    // The window may have cut the record.
                    window = if walked.end == 0 { rest } else { REPLAY_BYTES };
                }
                End::Damaged => {
                    return Err(damaged(&path, at, "a record is not sound").into());
                }
            }
            walked.how = End::Open;
        }
        if number == self.active.number {
            Ok(false)
        } else {
            Err(damaged(&path, at, "the segment does not end with its seal").into())
        }
    }

    /// Where a segment's records end. In the active one a write that failed may have left more, which was
    /// never kept.
    fn segment_end(&self, number: u32) -> Result<u64, StoreError> {
        let path = self.path_of(number);
        let found = match self.retired.get(&number) {
            Some(file) => file.metadata(),
            None if number == self.active.number => return Ok(self.active.bytes),
            None => fs::metadata(&path),
        };
        Ok(found.map_err(StoreError::io("read", &path))?.len())
    }

    /// Why it takes no writes, if so.
    pub(crate) fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    fn writable(&self) -> Result<(), StoreError> {
        match &self.broken {
            Some(why) => Err(StoreError::ReadOnly { why: why.clone() }),
            None => Ok(()),
        }
    }

    fn breaking<T>(&mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(error) = &result {
            self.broken = Some(error.to_string());
        }
        result
    }
}

/// A record that was appended.
pub(crate) struct AppendedRecord {
    record: Vec<u8>,
    seq: Seq,
    segment: u32,
    at: u64,
}

impl AppendedRecord {
    pub(crate) fn as_record(&self) -> Record<'_> {
        Record {
            seq: self.seq,
            segment: self.segment,
            payload: self.record.get(FRAME_BYTES..).unwrap_or_default(),
            at: self.at,
        }
    }
}

/// Makes a segment under another name first: one that bears its name has a sound header.
fn begin_segment(disk: &Disk, dir: &Path, number: u32, first: Seq) -> Result<Active, StoreError> {
    let path = segment::path(dir, number);
    let new = path.with_extension("new");
    let salt = new_salt(&path)?;
    let header = Header {
        number,
        first,
        salt,
    }
    .encode();
    let mut file = disk.create(&new)?;
    disk.write(&mut file, &new, &header)?;
    disk.sync(&file, &new)?;
    disk.rename(&new, &path)?;
    disk.sync_dir(dir)?;
    file.seek(SeekFrom::End(0))
        .map_err(StoreError::io("read", &path))?;
    Ok(Active {
        number,
        path,
        file,
        framer: Framer::new(&salt),
        bytes: header.len() as u64,
        reserved: header.len() as u64,
    })
}

fn new_salt(path: &Path) -> Result<[u8; 24], StoreError> {
    let mut salt = [0; 24];
    getrandom::fill(&mut salt)
        .map_err(std::io::Error::from)
        .map_err(StoreError::io("draw a random salt for", path))?;
    Ok(salt)
}

fn read_from(file: &File, path: &Path, offset: u64, len: usize) -> Result<Vec<u8>, StoreError> {
    disk::read_at(file, offset, len).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => damaged(path, offset, "the file ends too early"),
        _ => StoreError::Io {
            action: "read",
            file: path.to_owned(),
            source: Arc::new(error),
        },
    })
}

fn damaged(file: &Path, offset: u64, what: &'static str) -> StoreError {
    StoreError::Corrupted {
        file: file.to_owned(),
        offset,
        what,
    }
}
