//! A segment file: its name, its header, and the walk over its records.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::Seq;
use crate::journal::frame::{Framer, checksum};
use crate::journal::ops::{self, Reader};

/// Bytes of a header: magic (8), format (u32), number (u32), first seq (u64), salt (24), check (16).
/// Every later format keeps this shape, so that an older program can say that it is too old.
pub(crate) const HEADER_BYTES: usize = 64;

/// The format this program writes.
pub(crate) const FORMAT: u32 = 1;

const MAGIC: &[u8; 8] = b"SWjournl";

pub(crate) struct Header {
    pub(crate) number: u32,
    pub(crate) first: Seq,
    pub(crate) salt: [u8; 24],
}

pub(crate) enum BadHeader {
    Damaged,
    TooNew(u32),
}

/// How a walk over a segment ended.
pub(crate) struct Walked {
    /// The end of the last sound record.
    pub(crate) end: usize,
    /// The last record's number; for an empty segment the one before its first.
    pub(crate) last: Seq,
    pub(crate) how: End,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    /// At the end of the file, after a record.
    Open,
    /// After the seal, behind which there are at most zeros.
    Sealed,
    /// Before bytes that are no record.
    Damaged,
    /// The visitor had enough.
    Stopped,
}

impl Walked {
    /// At the start of a segment whose first record has this number.
    pub(crate) fn before(first: Seq) -> Self {
        Self {
            end: HEADER_BYTES,
            last: Seq(first.0.saturating_sub(1)),
            how: End::Open,
        }
    }

    /// The same place, for a walk over bytes that begin there.
    pub(crate) fn at_start(self) -> Self {
        Self { end: 0, ..self }
    }
}

impl Header {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let number = self.number.to_le_bytes();
        let mut bytes = [
            MAGIC,
            &FORMAT.to_le_bytes()[..],
            &number,
            &self.first.0.to_le_bytes(),
            &self.salt,
        ]
        .concat();
        let check = checksum(&bytes);
        bytes.extend_from_slice(&check);
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, BadHeader> {
        let bytes = bytes.get(..HEADER_BYTES).ok_or(BadHeader::Damaged)?;
        let (fields, check) = bytes.split_at(HEADER_BYTES - 16);
        let parse = || {
            let mut reader = Reader {
                bytes: fields,
                at: 0,
            };
            let magic: [u8; 8] = reader.array()?;
            let format = reader.u32()?;
            let header = Self {
                number: reader.u32()?,
                first: Seq(reader.u64()?),
                salt: reader.array()?,
            };
            (magic == *MAGIC && checksum(fields) == check).then_some((format, header))
        };
        match parse() {
            Some((FORMAT, header)) => Ok(header),
            Some((format, _)) => Err(BadHeader::TooNew(format)),
            None => Err(BadHeader::Damaged),
        }
    }
}

pub(crate) fn path(dir: &Path, number: u32) -> PathBuf {
    dir.join(name(number))
}

pub(crate) fn name(number: u32) -> String {
    format!("{number:08}.seg")
}

/// The segment's number, when the name is that of one.
pub(crate) fn number(name: &str) -> Option<u32> {
    let digits = name
        .strip_suffix(".seg")
        .filter(|digits| digits.len() == 8)?;
    digits.parse().ok()
}

/// How many commits a record stands for: a seal for none, a gap for many.
pub(crate) fn commits(payload: &[u8]) -> u64 {
    ops::gap(payload).unwrap_or(u64::from(!payload.is_empty()))
}

/// Whether nothing but zeros follows: room that was reserved and not used.
pub(crate) fn is_blank(bytes: &[u8], from: usize) -> bool {
    bytes
        .get(from..)
        .is_none_or(|rest| rest.iter().all(|byte| *byte == 0))
}

/// Visits the records of a whole segment file with (seq, payload, where the payload begins). Gaps are
/// counted and not visited.
pub(crate) fn walk<E>(
    bytes: &[u8],
    first: Seq,
    framer: &Framer,
    visit: impl FnMut(Seq, &[u8], usize) -> Result<ControlFlow<()>, E>,
) -> Result<Walked, E> {
    let begin = Walked::before(first);
    walk_on(bytes, begin, framer, visit)
}

/// As [`walk`], going on after the record with which an earlier walk ended.
pub(crate) fn walk_on<E>(
    bytes: &[u8],
    mut walked: Walked,
    framer: &Framer,
    mut visit: impl FnMut(Seq, &[u8], usize) -> Result<ControlFlow<()>, E>,
) -> Result<Walked, E> {
    while walked.end < bytes.len() {
        let Some(record) = framer.read(bytes, walked.end) else {
            walked.how = End::Damaged;
            break;
        };
        let seals = record.payload.is_empty();
        let commits = commits(record.payload);
        if walked.last.0.checked_add(commits) != Some(record.seq.0) {
            walked.how = End::Damaged;
            break;
        }
        let payload_at = record.next - record.payload.len();
        let speaks = !seals && ops::gap(record.payload).is_none();
        if speaks && visit(record.seq, record.payload, payload_at)?.is_break() {
            walked.how = End::Stopped;
            break;
        }
        if seals && !is_blank(bytes, record.next) {
            // Nothing was ever written behind a seal.
            walked.how = End::Damaged;
            break;
        }
        walked.end = record.next;
        walked.last = record.seq;
        if seals {
            walked.how = End::Sealed;
            break;
        }
    }
    Ok(walked)
}
