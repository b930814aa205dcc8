//! How operations lie in a record.
//!
//! Integers are little-endian. An operation is a tag and its fields; what has no fixed size has its length
//! (u32) before it:
//!
//! | tag | fields |
//! |---|---|
//! | 0 erased | length, zeros |
//! | 1 put chunk | document (17), chunk |
//! | 2 put | table (1), key, value |
//! | 3 delete | table (1), key |
//! | 4 replace | document (17), number of covered hashes (u32), the hashes (32 each), chunk |
//! | 5 purge | document (17) |
//! | 6 gap | number of commits (u64) |
//!
//! A gap stands alone in its record and for that many commits, up to its own number, of which nothing is
//! left: compaction dropped it, or a repair could not read it.
//!
//! A chunk is kind (0 change, 1 snapshot), epoch (u32), hash (32), bytes.

use std::ops::Range;

use crate::{Chunk, ChunkHash, ChunkKind, DocKey, Op};

const ERASED: u8 = 0;
const PUT_CHUNK: u8 = 1;
const PUT: u8 = 2;
const DELETE: u8 = 3;
const REPLACE: u8 = 4;
const PURGE: u8 = 5;
const GAP: u8 = 6;

/// Bytes of a chunk before its content: kind, epoch, hash, length.
const CHUNK_HEAD_BYTES: usize = 1 + 4 + 32 + 4;

/// An operation as it lies in a payload.
pub(crate) struct Stored<'a> {
    pub(crate) op: StoredOp<'a>,
    /// Where the whole operation lies in the payload.
    pub(crate) range: Range<usize>,
}

pub(crate) enum StoredOp<'a> {
    Erased,
    PutChunk {
        doc: DocKey,
        chunk: StoredChunk<'a>,
    },
    Put {
        table: u8,
        key: &'a [u8],
        value: &'a [u8],
        value_at: usize,
    },
    Delete {
        table: u8,
        key: &'a [u8],
    },
    Replace {
        doc: DocKey,
        covered: Vec<ChunkHash>,
        snapshot: StoredChunk<'a>,
    },
    Purge {
        doc: DocKey,
    },
}

pub(crate) struct StoredChunk<'a> {
    pub(crate) hash: ChunkHash,
    pub(crate) kind: ChunkKind,
    pub(crate) epoch: u32,
    pub(crate) bytes: &'a [u8],
    /// Where `bytes` begin in the payload.
    pub(crate) at: usize,
}

pub(crate) fn encode(op: &Op, out: &mut Vec<u8>) {
    match op {
        Op::PutChunk { doc, chunk } => {
            out.push(PUT_CHUNK);
            out.extend_from_slice(doc.as_bytes());
            encode_chunk(chunk, out);
        }
        Op::Put { table, key, value } => {
            out.extend_from_slice(&[PUT, *table]);
            encode_bytes(key, out);
            encode_bytes(value, out);
        }
        Op::Delete { table, key } => {
            out.extend_from_slice(&[DELETE, *table]);
            encode_bytes(key, out);
        }
        Op::Replace {
            doc,
            covered,
            snapshot,
        } => {
            out.push(REPLACE);
            out.extend_from_slice(doc.as_bytes());
            encode_len(covered.len(), out);
            covered
                .iter()
                .for_each(|hash| out.extend_from_slice(hash.as_bytes()));
            encode_chunk(snapshot, out);
        }
        Op::Purge { doc } => {
            out.push(PURGE);
            out.extend_from_slice(doc.as_bytes());
        }
    }
}

/// The payload of a record that stands for `commits` commits without operations.
pub(crate) fn encode_gap(commits: u64, out: &mut Vec<u8>) {
    out.push(GAP);
    out.extend_from_slice(&commits.to_le_bytes());
}

/// How many commits a payload stands for, when it is a gap.
pub(crate) fn gap(payload: &[u8]) -> Option<u64> {
    let mut reader = Reader {
        bytes: payload,
        at: 0,
    };
    (reader.byte()? == GAP).then(|| reader.u64()).flatten()
}

/// Writes an operation of `payload` as it stands there.
pub(crate) fn copy(payload: &[u8], stored: &Stored<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(payload.get(stored.range.clone()).unwrap_or_default());
}

/// Writes a stored chunk of `payload` as one that is put, whatever operation brought it.
pub(crate) fn copy_chunk(payload: &[u8], doc: &DocKey, chunk: &StoredChunk<'_>, out: &mut Vec<u8>) {
    out.push(PUT_CHUNK);
    out.extend_from_slice(doc.as_bytes());
    let whole = chunk.at.saturating_sub(CHUNK_HEAD_BYTES)..chunk.at + chunk.bytes.len();
    out.extend_from_slice(payload.get(whole).unwrap_or_default());
}

/// Reads all operations of a payload; `None` when one is of a kind that this program does not know.
pub(crate) fn decode(payload: &[u8]) -> Option<Vec<Stored<'_>>> {
    let mut reader = Reader {
        bytes: payload,
        at: 0,
    };
    let mut ops = Vec::new();
    while reader.at < payload.len() {
        let start = reader.at;
        let op = decode_op(&mut reader)?;
        ops.push(Stored {
            op,
            range: start..reader.at,
        });
    }
    Some(ops)
}

/// Overwrites an operation in place with an erased one of the same size. Every operation that carries
/// content is longer than the five bytes this needs.
pub(crate) fn blank(op: &mut [u8]) {
    let rest = u32::try_from(op.len().saturating_sub(5)).unwrap_or(u32::MAX);
    op.fill(0);
    if let Some(len) = op.get_mut(1..5) {
        len.copy_from_slice(&rest.to_le_bytes());
    }
}

fn encode_chunk(chunk: &Chunk, out: &mut Vec<u8>) {
    out.push(kind_byte(chunk.kind));
    out.extend_from_slice(&chunk.epoch.to_le_bytes());
    out.extend_from_slice(chunk.hash.as_bytes());
    encode_bytes(&chunk.bytes, out);
}

fn encode_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    encode_len(bytes.len(), out);
    out.extend_from_slice(bytes);
}

/// A batch is bounded far below what a u32 counts, see `Batch::check_size`.
fn encode_len(len: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes());
}

fn decode_op<'a>(reader: &mut Reader<'a>) -> Option<StoredOp<'a>> {
    Some(match reader.byte()? {
        ERASED => {
            reader.sized()?;
            StoredOp::Erased
        }
        PUT_CHUNK => StoredOp::PutChunk {
            doc: reader.doc()?,
            chunk: reader.chunk()?,
        },
        PUT => {
            let (table, key) = (reader.byte()?, reader.sized()?);
            let value = reader.sized()?;
            StoredOp::Put {
                table,
                key,
                value,
                value_at: reader.at - value.len(),
            }
        }
        DELETE => StoredOp::Delete {
            table: reader.byte()?,
            key: reader.sized()?,
        },
        REPLACE => {
            let doc = reader.doc()?;
            let covered = reader.len()?.checked_mul(32)?;
            let covered = reader.take(covered)?.as_chunks().0.iter();
            let covered = covered.map(|hash| ChunkHash::from_bytes(*hash)).collect();
            StoredOp::Replace {
                doc,
                covered,
                snapshot: reader.chunk()?,
            }
        }
        PURGE => StoredOp::Purge { doc: reader.doc()? },
        _ => return None,
    })
}

pub(crate) fn kind_byte(kind: ChunkKind) -> u8 {
    match kind {
        ChunkKind::Change => 0,
        ChunkKind::Snapshot => 1,
    }
}

pub(crate) fn kind_of(byte: u8) -> Option<ChunkKind> {
    match byte {
        0 => Some(ChunkKind::Change),
        1 => Some(ChunkKind::Snapshot),
        _ => None,
    }
}

/// Takes fields off a slice.
pub(crate) struct Reader<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(len)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn len(&mut self) -> Option<usize> {
        usize::try_from(self.u32()?).ok()
    }

    fn sized(&mut self) -> Option<&'a [u8]> {
        let len = self.len()?;
        self.take(len)
    }

    fn doc(&mut self) -> Option<DocKey> {
        self.array().map(DocKey::from_bytes)
    }

    fn chunk(&mut self) -> Option<StoredChunk<'a>> {
        let kind = kind_of(self.byte()?)?;
        let epoch = self.u32()?;
        let hash = ChunkHash::from_bytes(self.array()?);
        let bytes = self.sized()?;
        Some(StoredChunk {
            hash,
            kind,
            epoch,
            bytes,
            at: self.at - bytes.len(),
        })
    }
}
