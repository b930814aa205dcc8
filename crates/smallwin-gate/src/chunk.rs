//! The envelope of a chunk: magic bytes, checksum, type, length.

use std::ops::Range;

use sha2::{Digest, Sha256};

use crate::GateError;
use crate::reader::Reader;

/// What a chunk holds. Bundles (type 3) are never accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChunkKind {
    /// A whole document with its history (type 0).
    Document,
    /// One change (type 1).
    Change,
    /// One deflated change (type 2).
    Compressed,
}

/// Where a chunk lies in a sync message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// What it holds.
    pub kind: ChunkKind,
    /// The bytes of the whole chunk, envelope included.
    pub range: Range<usize>,
}

/// A chunk, opened but not yet believed.
#[derive(Debug)]
pub(crate) struct Envelope<'a> {
    pub(crate) kind: ChunkKind,
    pub(crate) checksum: [u8; 4],
    pub(crate) body: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// Reads the chunk that starts here and moves behind it.
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, GateError> {
        if reader.array()? != MAGIC {
            return Err(reader.malformed("chunk"));
        }
        let checksum = reader.array()?;
        let kind = match reader.byte()? {
            0 => ChunkKind::Document,
            1 => ChunkKind::Change,
            2 => ChunkKind::Compressed,
            kind => return Err(GateError::ChunkType { kind }),
        };
        let length = reader.unsigned()?;
        Ok(Self {
            kind,
            checksum,
            body: reader.take(length)?,
        })
    }

    /// Reads bytes that hold one chunk and nothing else.
    pub(crate) fn read_only(bytes: &'a [u8]) -> Result<Self, GateError> {
        let mut reader = Reader::new(bytes);
        let envelope = Self::read(&mut reader)?;
        reader.finish()?;
        Ok(envelope)
    }

    /// Compares the checksum with the hash of a body and gives the hash.
    pub(crate) fn checked_hash(&self, kind: u8, body: &[u8]) -> Result<[u8; 32], GateError> {
        let hash = hash(kind, body);
        if hash.starts_with(&self.checksum) {
            Ok(hash)
        } else {
            Err(GateError::Checksum)
        }
    }
}

/// Type byte of a document chunk.
pub(crate) const DOCUMENT: u8 = 0;
/// Type byte of a change chunk, also under the hash of a deflated one.
pub(crate) const CHANGE: u8 = 1;

/// Writes the chunk of a change around its body.
pub(crate) fn write_change(checksum: [u8; 4], body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(body.len() + 19);
    bytes.extend(MAGIC);
    bytes.extend(checksum);
    bytes.push(CHANGE);
    write_unsigned(&mut bytes, body.len() as u64);
    bytes.extend(body);
    bytes
}

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];

/// SHA-256 over type, length and body: the hash that names a change.
fn hash(kind: u8, body: &[u8]) -> [u8; 32] {
    let mut head = vec![kind];
    write_unsigned(&mut head, body.len() as u64);
    Sha256::new()
        .chain_update(head)
        .chain_update(body)
        .finalize()
        .into()
}

fn write_unsigned(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}
