//! What came after a point in time, page by page.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use super::JournalStore;
use crate::journal::Record;
use crate::journal::ops::{Stored, StoredChunk, StoredOp};
use crate::{Chunk, DocKey, Page, Seq, Store, StoreError};

/// All places that the index named at a commit: eight bytes a chunk, held while somebody pages through
/// old segments. Gone when a commit drops a chunk.
#[derive(Debug)]
pub(super) struct Named {
    at: Seq,
    places: Vec<(u32, u32)>,
}

/// The places of each document that was looked up for this page.
type Looked = BTreeMap<DocKey, BTreeSet<(u32, u32)>>;

impl JournalStore {
    pub(super) fn page_since(&self, cursor: Seq, limit: usize) -> Result<Page, StoreError> {
        let mut page = Page::begin(cursor);
        let mut looked = Looked::new();
        let mut full = false;
        if !self.journal.is_recent(cursor.next()) {
            self.note_named()?;
        }
        self.journal.replay(cursor, &mut |record: &Record<'_>| {
            for Stored { op, .. } in self.journal.ops(record)? {
                let (StoredOp::PutChunk { doc, chunk }
                | StoredOp::Replace {
                    doc,
                    snapshot: chunk,
                    ..
                }) = op
                else {
                    continue;
                };
                if !self.is_named(&mut looked, record, &doc, &chunk)? {
                    continue;
                }
                if page.ends_before(record.seq, limit) {
                    full = true;
                    self.journal.stopped_at(page.next, record);
                    return Ok(ControlFlow::Break(()));
                }
                page.push(record.seq, doc, chunk_of(&chunk));
            }
            Ok::<_, StoreError>(ControlFlow::Continue(()))
        })?;
        if !full {
            page.finish(self.last());
            self.named.take();
        }
        Ok(page)
    }

    fn note_named(&self) -> Result<(), StoreError> {
        if self.named.borrow().is_none() {
            let places = self.healed(|index| index.places())?;
            let at = self.last();
            self.named.replace(Some(Named { at, places }));
        }
        Ok(())
    }

    /// Whether the index names a document's chunk at this very place.
    fn is_named(
        &self,
        looked: &mut Looked,
        record: &Record<'_>,
        doc: &DocKey,
        chunk: &StoredChunk<'_>,
    ) -> Result<bool, StoreError> {
        let Ok(offset) = u32::try_from(record.at + chunk.at as u64) else {
            return Ok(false);
        };
        let place = (record.segment, offset);
        if let Some(named) = &*self.named.borrow()
            && record.seq <= named.at
        {
            return Ok(named.places.binary_search(&place).is_ok());
        }
        if !looked.contains_key(doc) {
            let extents = self.healed(|index| index.extents(doc))?;
            let places = extents
                .iter()
                .map(|extent| (extent.place.segment, extent.place.offset));
            looked.insert(*doc, places.collect());
        }
        Ok(looked
            .get(doc)
            .is_some_and(|places| places.contains(&place)))
    }
}

/// The record's check covers its bytes.
fn chunk_of(chunk: &StoredChunk<'_>) -> Chunk {
    Chunk {
        hash: chunk.hash,
        kind: chunk.kind,
        epoch: chunk.epoch,
        bytes: chunk.bytes.to_vec(),
    }
}
