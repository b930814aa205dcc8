//! The frame around a record, by which it is found again and by which damage shows.
//!
//! `magic (4) ‖ payload length (u32) ‖ check (16) ‖ seq (u64) ‖ payload`, little-endian. The magic and the
//! key of the check come from the segment's random salt. So nobody who sends us bytes to keep can plant in
//! them what looks like a record, and a block of an old file is never taken for part of this one.
//! A frame without payload seals its segment.

use crate::Seq;
use crate::journal::ops::Reader;
use crate::limits::RECORD_BYTES_MAX;

/// Bytes before the payload.
pub(crate) const FRAME_BYTES: usize = 32;

/// Makes and checks the frames of one segment.
#[derive(Clone, Debug)]
pub(crate) struct Framer {
    magic: [u8; 4],
    key: [u8; 32],
}

/// A record that passed its check.
pub(crate) struct Framed<'a> {
    pub(crate) seq: Seq,
    pub(crate) payload: &'a [u8],
    /// Where the next frame begins.
    pub(crate) next: usize,
}

impl Framer {
    pub(crate) fn new(salt: &[u8; 24]) -> Self {
        let [a, b, c, d, ..] = blake3::derive_key("smallwin/journal/magic/1", salt);
        Self {
            magic: [a, b, c, d],
            key: blake3::derive_key("smallwin/journal/check/1", salt),
        }
    }

    /// Room for the frame, to be filled in by [`Framer::close`] when the payload stands behind it.
    pub(crate) fn begin() -> Vec<u8> {
        vec![0; FRAME_BYTES]
    }

    /// Fills in the frame at the start of `record`.
    pub(crate) fn close(&self, seq: Seq, record: &mut [u8]) {
        let Some((frame, payload)) = record.split_first_chunk_mut::<FRAME_BYTES>() else {
            return;
        };
        let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let check = self.check(seq, payload);
        let fields = [
            &self.magic[..],
            &len.to_le_bytes(),
            &check,
            &seq.0.to_le_bytes(),
        ]
        .concat();
        frame.copy_from_slice(&fields);
    }

    /// The record at `at`, when a whole and sound one lies there.
    pub(crate) fn read<'a>(&self, bytes: &'a [u8], at: usize) -> Option<Framed<'a>> {
        let mut reader = Reader { bytes, at };
        if reader.array()? != self.magic {
            return None;
        }
        let len = usize::try_from(reader.u32()?)
            .ok()
            .filter(|len| *len <= RECORD_BYTES_MAX)?;
        let check: [u8; 16] = reader.array()?;
        let seq = Seq(reader.u64()?);
        let payload = reader.take(len)?;
        let next = reader.at;
        (check == self.check(seq, payload)).then_some(Framed { seq, payload, next })
    }

    /// Where the first sound record at or after `from` lies.
    pub(crate) fn find(&self, bytes: &[u8], from: usize) -> Option<usize> {
        let tail = bytes.get(from..)?;
        tail.windows(self.magic.len())
            .enumerate()
            .filter(|(_, window)| *window == self.magic)
            .map(|(at, _)| from + at)
            .find(|at| self.read(bytes, *at).is_some())
    }

    fn check(&self, seq: Seq, payload: &[u8]) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&seq.0.to_le_bytes());
        hasher.update(payload);
        short(&hasher.finalize())
    }
}

/// The checksum of kept bytes: the first half of their BLAKE3.
pub(crate) fn checksum(bytes: &[u8]) -> [u8; 16] {
    short(&blake3::hash(bytes))
}

/// The first half of a hash.
pub(crate) fn short(hash: &blake3::Hash) -> [u8; 16] {
    let mut short = [0; 16];
    short
        .iter_mut()
        .zip(hash.as_bytes())
        .for_each(|(to, from)| *to = *from);
    short
}
