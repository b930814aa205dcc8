//! One piece of a document, as it is kept.

use crate::ChunkHash;

/// What a chunk is to its document.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChunkKind {
    /// One raw change.
    Change,
    /// A compacted form that stands for all changes it covers.
    Snapshot,
}

/// One piece of a document. Storage never looks into `bytes`.
#[derive(Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The caller's name for it; (document, hash) is the key.
    pub hash: ChunkHash,
    /// Change or snapshot.
    pub kind: ChunkKind,
    /// The key epoch the bytes are encrypted under; 0 means not encrypted.
    pub epoch: u32,
    /// The content, at most [`BATCH_BYTES_MAX`](crate::limits::BATCH_BYTES_MAX) with the rest of its batch.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Chunk {
    /// Leaves the content out: it is care data and never enters a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chunk")
            .field("hash", &self.hash)
            .field("kind", &self.kind)
            .field("epoch", &self.epoch)
            .field("bytes", &self.bytes.len())
            .finish()
    }
}
