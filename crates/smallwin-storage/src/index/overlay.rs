//! What changed since the last checkpoint, in memory. sled is written to at checkpoints only.

use std::collections::{BTreeMap, HashSet};

use super::extent::{EXTENT_BYTES, Extent, Place};
use crate::{ChunkHash, DocKey};

/// What is newer than sled.
#[derive(Default)]
pub(crate) struct Overlay {
    documents: BTreeMap<DocKey, Extents>,
    /// Absent values are rows to be removed.
    rows: BTreeMap<(u8, Vec<u8>), Option<RowValue>>,
    bytes: usize,
}

/// What is known of one document's extents. Those in sled are not held, only told apart.
pub(crate) struct Extents {
    pub(crate) base: Base,
    /// Behind those of the base, in the order of their commits.
    pub(crate) newer: Vec<Extent>,
    /// Asked for every chunk that is put, and never walked, so its order does not matter.
    newer_hashes: HashSet<ChunkHash>,
}

/// What a document's newer extents come after.
pub(crate) enum Base {
    /// All that sled holds.
    Stored(Stored),
    /// Nothing: what sled holds in so many rows is to be dropped.
    Dropped {
        /// Rows in sled.
        rows: usize,
    },
}

/// What sled holds of a document.
pub(crate) struct Stored {
    pub(crate) extents: usize,
    /// The first eight bytes of every hash, ascending: a miss is certain, a hit is looked up.
    prints: Vec<u64>,
}

/// Whether a chunk is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Known {
    Yes,
    No,
    /// If it is, sled has it.
    IfStored,
}

/// A row's value, or where it lies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum RowValue {
    Inline(Vec<u8>),
    InJournal(Place),
}

impl Overlay {
    /// About how many bytes came since the last checkpoint.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn document(&self, doc: &DocKey) -> Option<&Extents> {
        self.documents.get(doc)
    }

    pub(crate) fn documents(&self) -> impl Iterator<Item = (&DocKey, &Extents)> {
        self.documents.iter()
    }

    pub(crate) fn set_document(&mut self, doc: &DocKey, extents: Extents) {
        self.bytes += extents.newer.len() * EXTENT_COST;
        self.documents.insert(*doc, extents);
    }

    /// Puts a chunk that is not kept. Whether the document is here: if not, set it first.
    pub(crate) fn put_chunk(&mut self, doc: &DocKey, extent: Extent) -> bool {
        let Some(extents) = self.documents.get_mut(doc) else {
            return false;
        };
        self.bytes += EXTENT_COST;
        extents.put(extent);
        true
    }

    /// Changes all places; `None`, and not all changed, when one has no other.
    pub(crate) fn relocate(&mut self, now: impl Fn(&Place) -> Option<Place>) -> Option<()> {
        let extents = self.documents.values_mut();
        for extent in extents.flat_map(|extents| &mut extents.newer) {
            extent.place = now(&extent.place)?;
        }
        for value in self.rows.values_mut() {
            if let Some(RowValue::InJournal(place)) = value {
                *place = now(place)?;
            }
        }
        Some(())
    }

    pub(crate) fn row(&self, table: u8, key: &[u8]) -> Option<&Option<RowValue>> {
        self.rows.get(&(table, key.to_vec()))
    }

    pub(crate) fn rows(&self) -> &BTreeMap<(u8, Vec<u8>), Option<RowValue>> {
        &self.rows
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

/// The list and the set both hold its hash.
const EXTENT_COST: usize = 2 * EXTENT_BYTES;

impl Extents {
    /// What sled holds and nothing newer.
    pub(crate) fn stored(list: &[Extent]) -> Self {
        let mut prints: Vec<u64> = list.iter().map(|extent| print(&extent.hash)).collect();
        prints.sort_unstable();
        let base = Base::Stored(Stored {
            extents: list.len(),
            prints,
        });
        Self {
            base,
            newer: Vec::new(),
            newer_hashes: HashSet::new(),
        }
    }

    /// These, in place of what sled holds in so many rows.
    pub(crate) fn replacing(rows: usize, list: Vec<Extent>) -> Self {
        let newer_hashes = list.iter().map(|extent| extent.hash).collect();
        Self {
            base: Base::Dropped { rows },
            newer: list,
            newer_hashes,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        let stored = match &self.base {
            Base::Stored(stored) => stored.extents,
            Base::Dropped { .. } => 0,
        };
        stored + self.newer.len() == 0
    }

    pub(crate) fn knows(&self, hash: &ChunkHash) -> Known {
        match &self.base {
            _ if self.newer_hashes.contains(hash) => Known::Yes,
            Base::Stored(stored) if stored.prints.binary_search(&print(hash)).is_ok() => {
                Known::IfStored
            }
            Base::Stored(_) | Base::Dropped { .. } => Known::No,
        }
    }

    fn put(&mut self, extent: Extent) {
        self.newer_hashes.insert(extent.hash);
        self.newer.push(extent);
    }
}

fn print(hash: &ChunkHash) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *hash.as_bytes();
    u64::from_ne_bytes([a, b, c, d, e, f, g, h])
}
