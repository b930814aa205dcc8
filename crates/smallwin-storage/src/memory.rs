//! A store that forgets: for tests, for the simulation, and for a command line that is only passing by.

use std::collections::BTreeMap;

use crate::{
    Batch, Chunk, ChunkHash, ChunkKind, DocKey, Health, Op, Page, Seq, Store, StoreError, Visit,
};

/// Keeps everything in memory; durable for as long as it lives. Deterministic: no clock, no chance, no
/// order but that of keys and commits.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    last: Seq,
    documents: BTreeMap<DocKey, Vec<Kept>>,
    rows: BTreeMap<(u8, Vec<u8>), Vec<u8>>,
    /// Counts chunks over all commits: the order within one commit.
    chunks: u64,
}

#[derive(Clone, Debug)]
struct Kept {
    seq: Seq,
    at: u64,
    chunk: Chunk,
}

impl Memory {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn knows(&self, doc: &DocKey, hash: &ChunkHash) -> bool {
        self.documents
            .get(doc)
            .is_some_and(|chunks| chunks.iter().any(|kept| kept.chunk.hash == *hash))
    }

    fn apply(&mut self, seq: Seq, op: &Op) {
        match op {
            Op::PutChunk { doc, chunk } => self.put_chunk(seq, doc, chunk),
            Op::Put { table, key, value } => {
                self.rows.insert((*table, key.clone()), value.clone());
            }
            Op::Delete { table, key } => {
                self.rows.remove(&(*table, key.clone()));
            }
            Op::Replace {
                doc,
                covered,
                snapshot,
            } => {
                if let Some(chunks) = self.documents.get_mut(doc) {
                    chunks.retain(|kept| !covered.contains(&kept.chunk.hash));
                }
                self.put_chunk(seq, doc, snapshot);
            }
            Op::Purge { doc } => {
                self.documents.remove(doc);
            }
        }
    }

    fn put_chunk(&mut self, seq: Seq, doc: &DocKey, chunk: &Chunk) {
        if !self.knows(doc, &chunk.hash) {
            self.documents.entry(*doc).or_default().push(Kept {
                seq,
                at: self.chunks,
                chunk: chunk.clone(),
            });
            self.chunks += 1;
        }
    }
}

impl Store for Memory {
    fn commit(&mut self, batch: &Batch) -> Result<Seq, StoreError> {
        batch.check_size()?;
        let news = batch.news(|doc, hash| Ok::<_, StoreError>(self.knows(doc, hash)))?;
        if !news.ops.is_empty() {
            self.last = self.last.next();
            for op in news.ops {
                self.apply(self.last, op);
            }
        }
        Ok(self.last)
    }

    fn last(&self) -> Seq {
        self.last
    }

    fn load(&self, doc: &DocKey) -> Result<Vec<Chunk>, StoreError> {
        let mut chunks: Vec<Chunk> = self
            .documents
            .get(doc)
            .into_iter()
            .flatten()
            .map(|kept| kept.chunk.clone())
            .collect();
        chunks.sort_by_key(|chunk| chunk.kind != ChunkKind::Snapshot);
        Ok(chunks)
    }

    fn since(&self, cursor: Seq, limit: usize) -> Result<Page, StoreError> {
        let mut found: Vec<(&DocKey, &Kept)> = self
            .documents
            .iter()
            .flat_map(|(doc, chunks)| chunks.iter().map(move |kept| (doc, kept)))
            .filter(|(_, kept)| kept.seq > cursor)
            .collect();
        found.sort_by_key(|(_, kept)| kept.at);
        let mut page = Page::begin(cursor);
        for (doc, Kept { seq, chunk, .. }) in found {
            if page.ends_before(*seq, limit) {
                return Ok(page);
            }
            page.push(*seq, *doc, chunk.clone());
        }
        page.finish(self.last);
        Ok(page)
    }

    fn documents(&self) -> Result<Vec<DocKey>, StoreError> {
        Ok(self
            .documents
            .iter()
            .filter(|(_, chunks)| !chunks.is_empty())
            .map(|(doc, _)| *doc)
            .collect())
    }

    fn get(&self, table: u8, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.rows.get(&(table, key.to_vec())).cloned())
    }

    fn scan(&self, table: u8, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let from = (table, prefix.to_vec());
        let rows = self
            .rows
            .range(from..)
            .take_while(|((of, key), _)| *of == table && key.starts_with(prefix));
        for ((_, key), value) in rows {
            if visit(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn health(&self) -> Health {
        Health::Writable
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}
