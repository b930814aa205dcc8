//! What is durable of a document, as it stands in storage: the index, a snapshot, and the raw
//! changes since.

use std::collections::BTreeSet;
use std::sync::Arc;

use automerge::ChangeHash;
use smallwin_gate::OpIndex;

use super::work::Compact;
use crate::limits::Limits;

/// The admitted changes of a document, without the document. Changes that are still being kept
/// are in `index` already; everything else speaks of the durable ones only (rule K1).
#[derive(Clone, Debug)]
pub(crate) struct History {
    pub(crate) index: OpIndex,
    /// How many of the index's changes, in its order, are durable.
    durable: usize,
    /// The durable changes on which no other durable one builds.
    heads: BTreeSet<[u8; 32]>,
    base: Option<Base>,
    /// The raw bytes of the durable changes behind the base, in the index's order.
    tail: Vec<Arc<[u8]>>,
    tail_bytes: usize,
    /// Names of stored chunks that hold nothing but what is in the base, or what is in the tail by
    /// itself: the next snapshot stands for them.
    pub(crate) stored: Vec<[u8; 32]>,
    /// The first change, which is stored nowhere.
    first: Option<[u8; 32]>,
}

/// A snapshot as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct Base {
    pub(crate) bytes: Arc<[u8]>,
    /// How many changes it holds: the first ones of the index.
    pub(crate) changes: usize,
}

impl History {
    /// Nothing yet, but for stored snapshots whose changes will come one by one.
    pub(crate) fn new(stored: Vec<[u8; 32]>) -> History {
        History {
            index: OpIndex::new(),
            durable: 0,
            heads: BTreeSet::new(),
            base: None,
            tail: Vec::new(),
            tail_bytes: 0,
            stored,
            first: None,
        }
    }

    /// Takes a snapshot for all that the index holds.
    pub(crate) fn set_base(&mut self, base: Base) {
        self.durable = base.changes;
        self.heads = self.index.changes().heads().into_iter().collect();
        self.base = Some(base);
    }

    /// The first change of the kind, which every device has.
    pub(crate) fn land_first(&mut self, hash: [u8; 32], bytes: Arc<[u8]>) {
        self.first = Some(hash);
        self.land(hash, bytes);
    }

    /// The index's next change became durable.
    pub(crate) fn land(&mut self, hash: [u8; 32], bytes: Arc<[u8]>) {
        debug_assert_eq!(self.index.changes().position(&hash), Some(self.durable));
        for dep in self.index.changes().deps(&hash).unwrap_or_default() {
            self.heads.remove(&dep);
        }
        self.heads.insert(hash);
        self.durable += 1;
        self.tail_bytes += bytes.len();
        self.tail.push(bytes);
    }

    /// The durable heads, ascending.
    pub(crate) fn heads(&self) -> impl Iterator<Item = ChangeHash> {
        self.heads.iter().copied().map(ChangeHash)
    }

    /// Bytes in memory, without the index: about what storage holds.
    pub(crate) fn bytes(&self) -> usize {
        self.tail_bytes + self.base.as_ref().map_or(0, |base| base.bytes.len())
    }

    /// Whether a snapshot would save more than it costs.
    pub(crate) fn is_due(&self, limits: &Limits) -> bool {
        let base_bytes = self.base.as_ref().map_or(0, |base| base.bytes.len());
        self.tail.len() >= limits.compact_changes_min
            && self.tail_bytes >= limits.compact_bytes_min
            && self.tail_bytes >= base_bytes.saturating_mul(limits.compact_factor)
    }

    /// The work of making a snapshot of all that is durable, and how many changes that are.
    pub(crate) fn compaction(&self, limits: &Limits) -> (Compact, usize) {
        let changes = self.index.changes();
        let hashes = (0..self.durable).filter_map(|position| changes.hash_at(position));
        let work = Compact {
            base: self.base.as_ref().map(|base| Arc::clone(&base.bytes)),
            tail: self.tail.clone(),
            heads: self.heads.iter().copied().collect(),
            hashes: hashes.collect(),
            bytes_max: limits.snapshot_bytes_max,
        };
        (work, self.durable)
    }

    /// The names of all stored chunks that a snapshot of the first `changes` stands for.
    pub(crate) fn covered(&self, changes: usize) -> Vec<[u8; 32]> {
        let base_changes = self.base.as_ref().map_or(0, |base| base.changes);
        let index = self.index.changes();
        let tail = (base_changes..changes).filter_map(|position| index.hash_at(position));
        let tail = tail.filter(|hash| Some(*hash) != self.first);
        self.stored.iter().copied().chain(tail).collect()
    }

    /// Storage holds the snapshot in place of what it covers.
    pub(crate) fn compacted(&mut self, name: [u8; 32], base: Base) {
        let before = self.base.as_ref().map_or(0, |base| base.changes);
        let covered = base.changes.saturating_sub(before).min(self.tail.len());
        for bytes in self.tail.drain(..covered) {
            self.tail_bytes -= bytes.len();
        }
        self.stored = vec![name];
        self.base = Some(base);
    }
}
