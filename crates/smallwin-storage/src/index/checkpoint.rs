//! The file `CHECKPOINT`: from where on the journal must be replayed, and what the index must look like.

use std::fs;
use std::path::{Path, PathBuf};

use crate::disk::Disk;
use crate::journal::Mark;
use crate::journal::frame::{checksum, short};
use crate::journal::ops::Reader;
use crate::{Seq, StoreError};

const MAGIC: &[u8; 8] = b"SWcheck2";

/// What the file says. `magic (8) ‖ state (1) ‖ seq (u64) ‖ segment (u32) ‖ offset (u64) ‖ generation (u32) ‖
/// rows (u64) ‖ digest (16) ‖ check (16)`, little-endian.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Checkpoint {
    /// Whether the index is at rest; while it is being written to, a crash leaves it unusable.
    pub(crate) state: State,
    /// The journal up to here is durable and, at rest, is what the index holds.
    pub(crate) mark: Mark,
    /// The number of the index's folder.
    pub(crate) generation: u32,
    /// The index's rows at rest.
    pub(crate) digest: Digest,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum State {
    /// There is no index yet, or it is being written to.
    #[default]
    Moving,
    /// The index holds exactly the journal up to the mark, and is on the disk.
    AtRest,
}

/// The number of rows and the sum (xor) of their hashes: an index that lost or changed a row, however
/// silently, has another one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Digest {
    rows: u64,
    sum: u128,
}

impl Checkpoint {
    /// The file's content. Without a sound file there is no index to trust, and no more to say: the journal
    /// alone is the truth.
    pub(crate) fn read(dir: &Path) -> Self {
        fs::read(path(dir))
            .ok()
            .and_then(|bytes| Self::decode(&bytes))
            .unwrap_or_default()
    }

    pub(crate) fn write(&self, dir: &Path, disk: &Disk) -> Result<(), StoreError> {
        disk.replace(&path(dir), &self.encode())
    }

    fn encode(&self) -> Vec<u8> {
        let state = match self.state {
            State::Moving => 0,
            State::AtRest => 1,
        };
        let mut bytes = MAGIC.to_vec();
        bytes.push(state);
        bytes.extend_from_slice(&self.mark.seq.0.to_le_bytes());
        bytes.extend_from_slice(&self.mark.segment.to_le_bytes());
        bytes.extend_from_slice(&self.mark.offset.to_le_bytes());
        bytes.extend_from_slice(&self.generation.to_le_bytes());
        bytes.extend_from_slice(&self.digest.rows.to_le_bytes());
        bytes.extend_from_slice(&self.digest.sum.to_le_bytes());
        let check = checksum(&bytes);
        bytes.extend_from_slice(&check);
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (fields, check) = bytes.split_last_chunk::<16>()?;
        let mut reader = Reader {
            bytes: fields,
            at: 0,
        };
        if reader.array()? != *MAGIC || checksum(fields) != *check {
            return None;
        }
        let state = match reader.byte()? {
            0 => State::Moving,
            _ => State::AtRest,
        };
        let mark = Mark {
            seq: Seq(reader.u64()?),
            segment: reader.u32()?,
            offset: reader.u64()?,
        };
        let generation = reader.u32()?;
        let digest = Digest {
            rows: reader.u64()?,
            sum: reader.array().map(u128::from_le_bytes)?,
        };
        Some(Self {
            state,
            mark,
            generation,
            digest,
        })
    }
}

impl Digest {
    pub(crate) fn add(&mut self, key: &[u8], value: &[u8]) {
        self.rows = self.rows.wrapping_add(1);
        self.sum ^= row_hash(key, value);
    }

    pub(crate) fn remove(&mut self, key: &[u8], value: &[u8]) {
        self.rows = self.rows.wrapping_sub(1);
        self.sum ^= row_hash(key, value);
    }
}

fn row_hash(key: &[u8], value: &[u8]) -> u128 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(key.len() as u64).to_le_bytes());
    hasher.update(key);
    hasher.update(value);
    u128::from_le_bytes(short(&hasher.finalize()))
}

fn path(dir: &Path) -> PathBuf {
    dir.join("CHECKPOINT")
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "a test may panic"
    )]
    use super::*;

    fn sample() -> Checkpoint {
        let mut digest = Digest::default();
        digest.add(b"key", b"value");
        let mark = Mark {
            seq: Seq(7),
            segment: 2,
            offset: 900,
        };
        Checkpoint {
            state: State::AtRest,
            mark,
            generation: 4,
            digest,
        }
    }

    #[test]
    fn every_flipped_bit_shows() {
        let bytes = sample().encode();
        assert_eq!(Checkpoint::decode(&bytes), Some(sample()));
        for at in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[at / 8] ^= 1 << (at % 8);
            assert_eq!(Checkpoint::decode(&flipped), None, "bit {at}");
        }
    }

    #[test]
    fn a_digest_forgets_what_is_removed_whatever_the_order() {
        let mut digest = Digest::default();
        digest.add(b"a", b"1");
        let one = digest;
        digest.add(b"b", b"2");
        digest.add(b"c", b"3");
        digest.remove(b"b", b"2");
        digest.remove(b"c", b"3");
        assert_eq!(digest, one);
        let mut other = Digest::default();
        other.add(b"", b"a1");
        assert_ne!(other, one, "the border between key and value counts");
    }
}
