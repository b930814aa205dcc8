//! What is committed as one.

use std::collections::HashSet;

use crate::limits::{BATCH_BYTES_MAX, ROW_KEY_BYTES_MAX};
use crate::{Chunk, ChunkHash, DocKey, StoreError};

/// One change to what is kept.
#[derive(Clone, PartialEq, Eq)]
pub enum Op {
    /// Keeps a chunk. A chunk whose (document, hash) is kept already stays as it is.
    PutChunk {
        /// The document it belongs to.
        doc: DocKey,
        /// The chunk.
        chunk: Chunk,
    },
    /// Sets a row of a small table.
    Put {
        /// The table's number.
        table: u8,
        /// The row's key, at most [`ROW_KEY_BYTES_MAX`] bytes.
        key: Vec<u8>,
        /// The row's value.
        value: Vec<u8>,
    },
    /// Removes a row; removing an absent one is no error.
    Delete {
        /// The table's number.
        table: u8,
        /// The row's key.
        key: Vec<u8>,
    },
    /// Drops the covered chunks, then keeps the snapshot that stands for them (rule K3: the caller has
    /// loaded it back to the same heads before). Covered chunks that are not kept are no error.
    Replace {
        /// The document.
        doc: DocKey,
        /// The chunks that the snapshot stands for.
        covered: Vec<ChunkHash>,
        /// The snapshot.
        snapshot: Chunk,
    },
    /// Erases a whole document: all its chunks leave the index, and the engine overwrites or frees their
    /// bytes before the commit returns. What stays is the key alone, as a mark that it was erased.
    /// Rows are not touched.
    Purge {
        /// The document.
        doc: DocKey,
    },
}

/// Operations that become durable together or not at all, applied in their order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Batch(pub Vec<Op>);

impl Op {
    /// About how many bytes it costs to keep.
    #[must_use]
    pub fn bytes(&self) -> usize {
        const OVERHEAD: usize = 64;
        OVERHEAD
            + match self {
                Self::PutChunk { chunk, .. } => chunk.bytes.len(),
                Self::Put { key, value, .. } => key.len() + value.len(),
                Self::Delete { key, .. } => key.len(),
                Self::Replace {
                    covered, snapshot, ..
                } => covered.len() * 32 + snapshot.bytes.len(),
                Self::Purge { .. } => 0,
            }
    }
}

impl Batch {
    /// About how many bytes it costs to keep.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.iter().map(Op::bytes).sum()
    }

    /// Refuses a batch over [`BATCH_BYTES_MAX`] or with a key over [`ROW_KEY_BYTES_MAX`].
    ///
    /// # Errors
    /// [`StoreError::TooLarge`]; nothing was written.
    pub fn check_size(&self) -> Result<(), StoreError> {
        let check = |bytes: usize, bytes_max: usize| {
            if bytes > bytes_max {
                Err(StoreError::TooLarge { bytes, bytes_max })
            } else {
                Ok(())
            }
        };
        for op in &self.0 {
            if let Op::Put { key, .. } | Op::Delete { key, .. } = op {
                check(key.len(), ROW_KEY_BYTES_MAX)?;
            }
        }
        check(self.bytes(), BATCH_BYTES_MAX)
    }

    /// The operations that still change something: chunks that `known` has, or that an earlier operation
    /// puts, are left out. A batch that also drops chunks is kept whole, for then order decides.
    pub(crate) fn news<E>(
        &self,
        mut known: impl FnMut(&DocKey, &ChunkHash) -> Result<bool, E>,
    ) -> Result<News<'_>, E> {
        let drops = |op: &Op| matches!(op, Op::Replace { .. } | Op::Purge { .. });
        if self.0.iter().any(drops) {
            return Ok(News {
                ops: self.0.iter().collect(),
                chunks: Chunks::Unsure,
            });
        }
        let mut put = HashSet::new();
        let mut ops = Vec::with_capacity(self.0.len());
        for op in &self.0 {
            if let Op::PutChunk { doc, chunk } = op
                && (!put.insert((doc, &chunk.hash)) || known(doc, &chunk.hash)?)
            {
                continue;
            }
            ops.push(op);
        }
        Ok(News {
            ops,
            chunks: Chunks::New,
        })
    }
}

/// What of a batch is to be written.
pub(crate) struct News<'a> {
    pub(crate) ops: Vec<&'a Op>,
    pub(crate) chunks: Chunks,
}

/// Whether chunks that are put may be kept already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Chunks {
    /// None is, and none is put twice.
    New,
    /// Look at each.
    Unsure,
}

impl From<Vec<Op>> for Batch {
    fn from(ops: Vec<Op>) -> Self {
        Self(ops)
    }
}

impl std::fmt::Debug for Op {
    /// Leaves the content out: it is care data and never enters a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::PutChunk { doc, chunk } => write!(f, "PutChunk({doc:?}, {chunk:?})"),
            Self::Put { table, key, value } => {
                write!(f, "Put({table}, {} + {} bytes)", key.len(), value.len())
            }
            Self::Delete { table, key } => write!(f, "Delete({table}, {} bytes)", key.len()),
            Self::Replace {
                doc,
                covered,
                snapshot,
            } => {
                write!(
                    f,
                    "Replace({doc:?}, {} covered, {snapshot:?})",
                    covered.len()
                )
            }
            Self::Purge { doc } => write!(f, "Purge({doc:?})"),
        }
    }
}
