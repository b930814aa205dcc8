//! Carries the engine's writes and loads to the committer, in the engine's words.

use std::ops::ControlFlow;

use smallwin_storage::{
    Batch, Chunk, ChunkHash, ChunkKind, Committer, DocKey as StoredKey, Op, Store, StoreError,
};
use smallwin_sync::{DocKey, StoredDocument, StoredRefusal, Table, Ticket, Write};

use super::{Wake, WakeSender};

/// The disk, as the engine's thread sees it. While its queue is full the engine takes in nothing
/// else: the disk's pace becomes everybody's.
#[derive(Debug)]
pub(crate) struct Disk {
    committer: Committer,
    wake: WakeSender,
}

impl Disk {
    pub(crate) fn new(committer: Committer, wake: WakeSender) -> Self {
        Self { committer, wake }
    }

    /// Writes; `Kept` or `KeepFailed` comes back with the ticket.
    pub(crate) fn keep(&self, ticket: Ticket, writes: Vec<Write>) {
        let wake = self.wake.clone();
        let answer = move |kept: Result<(), String>| {
            let _engine_stopped = wake.send(match kept {
                Ok(()) => Wake::Kept { ticket },
                Err(why) => Wake::KeepFailed { ticket, why },
            });
        };
        let refused = answer.clone();
        let batch = Batch(writes.into_iter().map(op).collect());
        let done = move |kept: Result<_, StoreError>| {
            answer(kept.map(drop).map_err(|error| error.to_string()))
        };
        if let Err(error) = self.committer.submit_blocking(batch, done) {
            refused(Err(error.to_string()));
        }
    }

    /// Keeps a row of the node's own that nobody waits for.
    pub(crate) fn put(&self, table: Table, key: Vec<u8>, value: Vec<u8>) {
        self.unheard(Op::Put {
            table: table.number(),
            key,
            value,
        });
    }

    /// Removes a row of the node's own.
    pub(crate) fn delete(&self, table: Table, key: Vec<u8>) {
        self.unheard(Op::Delete {
            table: table.number(),
            key,
        });
    }

    fn unheard(&self, op: Op) {
        let batch = Batch(vec![op]);
        let done = |kept: Result<_, StoreError>| {
            if let Err(error) = kept {
                tracing::error!(%error, "a row of the node was not kept");
            }
        };
        if let Err(error) = self.committer.submit_blocking(batch, done) {
            tracing::error!(%error, "a row of the node was not kept");
        }
    }

    /// Reads a document; `Loaded` comes back.
    pub(crate) fn load(&self, document: DocKey) {
        let wake = self.wake.clone();
        let read = move |store: &dyn Store| {
            let stored = stored(store, document).map_err(|error| error.to_string());
            let _engine_stopped = wake.send(Wake::Loaded { document, stored });
        };
        if let Err(error) = self.committer.read_blocking(read) {
            let stored = Err(error.to_string());
            let _engine_stopped = self.wake.send(Wake::Loaded { document, stored });
        }
    }
}

fn op(write: Write) -> Op {
    match write {
        Write::Chunk {
            document,
            hash,
            bytes,
        } => Op::PutChunk {
            doc: StoredKey::from_bytes(document.to_bytes()),
            chunk: Chunk {
                hash: ChunkHash::from_bytes(hash),
                kind: ChunkKind::Change,
                epoch: 0,
                bytes,
            },
        },
        Write::Replace {
            document,
            covered,
            hash,
            bytes,
        } => Op::Replace {
            doc: StoredKey::from_bytes(document.to_bytes()),
            covered: covered.into_iter().map(ChunkHash::from_bytes).collect(),
            snapshot: Chunk {
                hash: ChunkHash::from_bytes(hash),
                kind: ChunkKind::Snapshot,
                epoch: 0,
                bytes: bytes.to_vec(),
            },
        },
        Write::Row { table, key, value } => Op::Put {
            table: table.number(),
            key,
            value,
        },
        Write::Delete { table, key } => Op::Delete {
            table: table.number(),
            key,
        },
    }
}

fn stored(store: &dyn Store, document: DocKey) -> Result<StoredDocument, StoreError> {
    let key = document.to_bytes();
    let chunks = store.load(&StoredKey::from_bytes(key))?;
    let mut found = StoredDocument {
        chunks: chunks.into_iter().map(|chunk| chunk.bytes).collect(),
        ..StoredDocument::default()
    };
    store.scan(Table::Frontier.number(), &key, &mut |_, value| {
        found.frontiers.push(value.to_vec());
        ControlFlow::Continue(())
    })?;
    store.scan(Table::Refused.number(), &key, &mut |_, value| {
        found.refused.push(StoredRefusal(value.to_vec()));
        ControlFlow::Continue(())
    })?;
    Ok(found)
}
