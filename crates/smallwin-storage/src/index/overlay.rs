//! What changed since the last checkpoint, in memory. sled is written to at checkpoints only.

use std::collections::{BTreeMap, BTreeSet};

use super::extent::{EXTENT_BYTES, Extent, Place};
use crate::{ChunkHash, DocKey};

/// What is newer than sled.
#[derive(Default)]
pub(crate) struct Overlay {
    pub(crate) documents: BTreeMap<DocKey, Extents>,
    /// Absent values are rows to be removed.
    pub(crate) rows: BTreeMap<(u8, Vec<u8>), Option<RowValue>>,
    bytes: usize,
}

/// All extents of one document, in the order of their commits.
#[derive(Default)]
pub(crate) struct Extents {
    list: Vec<Extent>,
    hashes: BTreeSet<ChunkHash>,
    /// How many rows sled holds for it.
    pub(crate) stored_rows: usize,
    /// The first extent that sled does not hold as it is.
    pub(crate) changed_from: Option<usize>,
}

/// A row's value, or where it lies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum RowValue {
    Inline(Vec<u8>),
    InJournal(Place),
}

impl Overlay {
    /// About how much memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn load(&mut self, doc: DocKey, extents: Extents) {
        self.bytes += extents.list.len() * EXTENT_COST + EXTENT_COST;
        self.documents.insert(doc, extents);
    }

    pub(crate) fn put_chunk(&mut self, doc: &DocKey, extent: Extent) {
        if self.documents.entry(*doc).or_default().put(extent) {
            self.bytes += EXTENT_COST;
        }
    }

    pub(crate) fn set_row(&mut self, table: u8, key: &[u8], value: Option<RowValue>) {
        const ROW_COST: usize = 100;
        let inline = match &value {
            Some(RowValue::Inline(bytes)) => bytes.len(),
            Some(RowValue::InJournal(_)) | None => 0,
        };
        self.bytes += ROW_COST + key.len() + inline;
        self.rows.insert((table, key.to_vec()), value);
    }
}

/// The list and the set both hold it.
const EXTENT_COST: usize = 2 * EXTENT_BYTES;

impl Extents {
    pub(crate) fn stored(list: Vec<Extent>, stored_rows: usize) -> Self {
        let hashes = list.iter().map(|extent| extent.hash).collect();
        Self {
            list,
            hashes,
            stored_rows,
            changed_from: None,
        }
    }

    pub(crate) fn list(&self) -> &[Extent] {
        &self.list
    }

    pub(crate) fn has(&self, hash: &ChunkHash) -> bool {
        self.hashes.contains(hash)
    }

    /// Whether it was new.
    pub(crate) fn put(&mut self, extent: Extent) -> bool {
        if !self.hashes.insert(extent.hash) {
            return false;
        }
        self.changed(self.list.len());
        self.list.push(extent);
        true
    }

    pub(crate) fn drop_covered(&mut self, covered: &[ChunkHash]) {
        let covered: BTreeSet<&ChunkHash> = covered.iter().collect();
        let Some(first) = self
            .list
            .iter()
            .position(|extent| covered.contains(&extent.hash))
        else {
            return;
        };
        self.changed(first);
        self.list.retain(|extent| !covered.contains(&extent.hash));
        self.hashes.retain(|hash| !covered.contains(hash));
    }

    pub(crate) fn drop_all(&mut self) {
        self.changed(0);
        self.list.clear();
        self.hashes.clear();
    }

    fn changed(&mut self, from: usize) {
        self.changed_from = Some(self.changed_from.map_or(from, |earlier| earlier.min(from)));
    }
}
