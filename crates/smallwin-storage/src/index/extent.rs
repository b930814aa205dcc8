//! Where a chunk or a large value lies in the journal, and what its bytes must hash to.

use std::path::Path;

use crate::journal::frame::checksum;
use crate::journal::ops::{Reader, kind_byte, kind_of};
use crate::{Chunk, ChunkHash, ChunkKind, StoreError};

/// Bytes of an encoded [`Extent`]; integers are little-endian.
pub(crate) const EXTENT_BYTES: usize = 65;

/// Where a chunk lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Extent {
    pub(crate) hash: ChunkHash,
    pub(crate) kind: ChunkKind,
    pub(crate) epoch: u32,
    pub(crate) place: Place,
}

/// A stretch of a segment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Place {
    pub(crate) segment: u32,
    pub(crate) offset: u32,
    pub(crate) len: u32,
    pub(crate) check: [u8; 16],
}

impl Extent {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.hash.as_bytes());
        out.push(kind_byte(self.kind));
        out.extend_from_slice(&self.epoch.to_le_bytes());
        self.place.encode(out);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            hash: ChunkHash::from_bytes(reader.array()?),
            kind: kind_of(reader.byte()?)?,
            epoch: reader.u32()?,
            place: Place::decode(reader)?,
        })
    }

    pub(crate) fn chunk(&self, bytes: Vec<u8>) -> Chunk {
        Chunk {
            hash: self.hash,
            kind: self.kind,
            epoch: self.epoch,
            bytes,
        }
    }
}

impl Place {
    /// Segments are bounded far below what a u32 counts.
    pub(crate) fn of(segment: u32, offset: u64, bytes: &[u8]) -> Self {
        Self {
            segment,
            offset: u32::try_from(offset).unwrap_or(u32::MAX),
            len: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            check: checksum(bytes),
        }
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.segment.to_le_bytes());
        out.extend_from_slice(&self.offset.to_le_bytes());
        out.extend_from_slice(&self.len.to_le_bytes());
        out.extend_from_slice(&self.check);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            segment: reader.u32()?,
            offset: reader.u32()?,
            len: reader.u32()?,
            check: reader.array()?,
        })
    }

    /// Passes the bytes on when they are those that were kept.
    pub(crate) fn verified(&self, file: &Path, bytes: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        if checksum(&bytes) == self.check {
            return Ok(bytes);
        }
        let what = "the bytes are not those that were kept";
        Err(StoreError::Corrupted {
            file: file.to_owned(),
            offset: self.offset.into(),
            what,
        })
    }
}
