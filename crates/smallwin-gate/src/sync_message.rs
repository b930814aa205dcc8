//! Checks an Automerge sync message before Automerge sees it.

use std::ops::Range;

use crate::GateError;
use crate::change::read_hashes;
use crate::chunk::{Chunk, Envelope};
use crate::limits::{
    BLOOM_BITS, BLOOM_PROBES, CHUNKS_MAX, FLAG_BYTES_MAX, FRAME_BYTES_MAX, HASHES_MAX, HAVE_MAX,
    LAST_SYNC_MAX,
};
use crate::reader::Reader;

/// How the changes of a sync message are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncVersion {
    /// One element for each change (`0x42`).
    V1,
    /// One element with all chunks in a row (`0x43`).
    V2,
}

/// What the sender says it has beyond `last_sync`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Have {
    /// Heads of the last state that both sides had, ascending.
    pub last_sync: Vec<[u8; 32]>,
    /// Where the bloom filter stands in the message; empty when there is none.
    pub bloom: Range<usize>,
}

/// The bits at the end of a sync message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    /// Whether the sender asks to forget what was sent to it.
    #[must_use]
    pub fn sync_reset(self) -> bool {
        self.0 & 0b001 != 0
    }

    /// Whether the sender takes no changes.
    #[must_use]
    pub fn read_only(self) -> bool {
        self.0 & 0b010 != 0
    }

    /// Whether the sender knows `sync_reset`.
    #[must_use]
    pub fn supports_sync_reset(self) -> bool {
        self.0 & 0b100 != 0
    }
}

/// Where everything stands in a sync message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncShape {
    /// Version of the message.
    pub version: SyncVersion,
    /// Heads of the sender, ascending.
    pub heads: Vec<[u8; 32]>,
    /// Hashes that the sender asks for, ascending.
    pub need: Vec<[u8; 32]>,
    /// What the sender has, or nothing when it says nothing.
    pub have: Option<Have>,
    /// Every chunk in the message, in order.
    pub chunks: Vec<Chunk>,
    /// Absent in messages of old peers, which read version 1 only.
    pub flags: Option<Flags>,
}

/// Checks that a sync message is one that an honest Automerge writes, and finds its parts.
///
/// The bloom filter must have the figures of Automerge and its exact length,
/// since others make Automerge divide by zero or ask for 16 GB; each `have` costs
/// a walk over the history, so one is the most. Chunks are split and their types
/// checked, but not read: give each to [`read_change_within`](crate::read_change_within)
/// or [`check_document_chunk_within`](crate::check_document_chunk_within).
///
/// # Errors
/// Says which part is malformed or passes its limit.
pub fn check_sync_message(bytes: &[u8]) -> Result<SyncShape, GateError> {
    if bytes.len() > FRAME_BYTES_MAX {
        return Err(GateError::Limit {
            what: "bytes of a sync message",
            limit: FRAME_BYTES_MAX as u64,
        });
    }
    let mut reader = Reader::new(bytes);
    let version = match reader.byte()? {
        0x42 => SyncVersion::V1,
        0x43 => SyncVersion::V2,
        _ => {
            return Err(GateError::Malformed {
                what: "sync message",
                at: 0,
            });
        }
    };
    let heads = read_hashes(&mut reader, "heads", HASHES_MAX)?;
    let need = read_hashes(&mut reader, "needed hashes", HASHES_MAX)?;
    let have = match reader.count("entries of have", HAVE_MAX)? {
        0 => None,
        _ => Some(read_have(&mut reader)?),
    };
    let chunks = read_chunks(&mut reader)?;
    let flags = read_flags(&mut reader)?;
    reader.finish()?;
    Ok(SyncShape {
        version,
        heads,
        need,
        have,
        chunks,
        flags,
    })
}

fn read_have(reader: &mut Reader<'_>) -> Result<Have, GateError> {
    let last_sync = read_hashes(reader, "hashes of last sync", LAST_SYNC_MAX)?;
    let length = reader.unsigned()?;
    let start = reader.at();
    let bloom = reader.take(length)?;
    if !bloom.is_empty() {
        check_bloom(bloom)?;
    }
    Ok(Have {
        last_sync,
        bloom: start..reader.at(),
    })
}

fn check_bloom(bytes: &[u8]) -> Result<(), GateError> {
    let mut reader = Reader::new(bytes);
    let (entries, bits, probes) = (reader.unsigned()?, reader.unsigned()?, reader.unsigned()?);
    let length = entries.checked_mul(BLOOM_BITS).map(|bits| bits.div_ceil(8));
    let fits = entries > 0
        && bits == BLOOM_BITS
        && probes == BLOOM_PROBES
        && length == Some(reader.rest().len() as u64);
    if fits {
        Ok(())
    } else {
        Err(reader.malformed("bloom filter"))
    }
}

fn read_chunks(reader: &mut Reader<'_>) -> Result<Vec<Chunk>, GateError> {
    let elements = reader.count("elements of changes", CHUNKS_MAX as u64)?;
    let mut chunks = Vec::new();
    for _ in 0..elements {
        let length = reader.unsigned()?;
        let offset = reader.at();
        let mut element = Reader::new(reader.take(length)?);
        while !element.is_empty() {
            if chunks.len() >= CHUNKS_MAX {
                return Err(GateError::Limit {
                    what: "chunks",
                    limit: CHUNKS_MAX as u64,
                });
            }
            let start = element.at();
            let kind = Envelope::read(&mut element)?.kind;
            chunks.push(Chunk {
                kind,
                range: offset + start..offset + element.at(),
            });
        }
    }
    Ok(chunks)
}

/// Bytes below `0x80` are flags of an older scheme that say nothing more than being there.
fn read_flags(reader: &mut Reader<'_>) -> Result<Option<Flags>, GateError> {
    if reader.is_empty() {
        return Ok(None);
    }
    let length = reader.count("flags", FLAG_BYTES_MAX)?;
    let bits = reader
        .take(length)?
        .iter()
        .filter(|byte| **byte & 0x80 != 0)
        .fold(0, |bits, byte| bits | (byte & 0x7f));
    Ok(Some(Flags(bits)))
}
