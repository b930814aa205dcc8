//! Stored chunks become the index, the raw changes and the document.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use automerge::Automerge;
use smallwin_gate::Rules;

use super::super::apply::{apply, changes_of_document};
use super::super::document::GateChange;
use super::super::history::{Base, History};
use super::super::judge::admit;

/// Builds all that the engine needs of a stored document, as if everything in it were admitted.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    /// The raw first change of its kind, which is stored nowhere.
    pub(crate) first: Option<Vec<u8>>,
    pub(crate) rules: Rules,
    /// Raw changes and snapshots, any order.
    pub(crate) chunks: Vec<Vec<u8>>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub(crate) struct Indexed {
    pub(crate) history: History,
    pub(crate) view: Automerge,
    /// Stored changes that are not in the history: the gate refuses them today, they build on
    /// something that is not stored, or Automerge cannot take them.
    pub(crate) leftover: Vec<GateChange>,
    /// Chunks with which Automerge panicked, and changes that it could not take.
    pub(crate) failures: u64,
}

/// The chunks, told apart.
struct Sorted {
    changes: BTreeMap<[u8; 32], GateChange>,
    snapshots: Vec<Snapshot>,
    failures: u64,
}

struct Snapshot {
    bytes: Vec<u8>,
    view: Automerge,
    changes: Vec<GateChange>,
    /// Whether the gate can read all of its changes.
    is_whole: bool,
}

impl Index {
    pub(crate) fn bytes(&self) -> usize {
        self.chunks.iter().map(Vec::len).sum()
    }

    /// Whether a chunk is a snapshot, by the byte that says so.
    pub(crate) fn is_snapshot(chunk: &[u8]) -> bool {
        chunk.get(TYPE_AT) == Some(&0)
    }

    pub(crate) fn run(self) -> Indexed {
        let mut sorted = Sorted::of(self.chunks);
        if let [only] = sorted.snapshots.as_slice()
            && only.is_whole
            && let Some(snapshot) = sorted.snapshots.pop()
        {
            match with_base(&snapshot, &self.rules) {
                Some(history) => {
                    return finish(history, snapshot.view, sorted, &self.rules);
                }
                None => sorted.snapshots.push(snapshot),
            }
        }
        // More than one snapshot, or one that does not pass today: all changes by themselves.
        let mut stored = Vec::new();
        for snapshot in std::mem::take(&mut sorted.snapshots) {
            if snapshot.is_whole {
                stored.push(*blake3::hash(&snapshot.bytes).as_bytes());
            }
            for change in snapshot.changes {
                sorted.changes.entry(change.header.hash).or_insert(change);
            }
        }
        let (history, view) = begin(self.first.as_deref(), &self.rules, stored);
        finish(history, view, sorted, &self.rules)
    }
}

/// An empty document: its first change, when its kind has one.
pub(crate) fn begin(
    first: Option<&[u8]>,
    rules: &Rules,
    stored: Vec<[u8; 32]>,
) -> (History, Automerge) {
    let mut history = History::new(stored);
    let Some(first) = first else {
        return (history, Automerge::new());
    };
    let hash = smallwin_gate::read_change(first).map_or([0; 32], |header| header.hash);
    let (view, failed) = apply(&Automerge::new(), &[(hash, first)]);
    // Our own constant bytes: the tests hold every kind to this.
    if failed.is_empty() && admit(first, &mut history.index, rules).is_ok() {
        history.land_first(hash, first.into());
    }
    (history, view)
}

/// The history that a snapshot holds; nothing when the gate refuses part of it today.
fn with_base(snapshot: &Snapshot, rules: &Rules) -> Option<History> {
    let mut history = History::new(vec![*blake3::hash(&snapshot.bytes).as_bytes()]);
    for change in &snapshot.changes {
        admit(&change.bytes, &mut history.index, rules).ok()?;
    }
    history.set_base(Base {
        bytes: snapshot.bytes.as_slice().into(),
        changes: history.index.changes().len(),
    });
    Some(history)
}

/// Adds the changes that stand beside a snapshot.
fn finish(mut history: History, view: Automerge, mut sorted: Sorted, rules: &Rules) -> Indexed {
    let mark = history.index.mark();
    for hash in sorted.changes.keys() {
        if history.index.changes().contains(hash) {
            // The snapshot holds it, so the next one stands for it too.
            history.stored.push(*hash);
        }
    }
    let known = history.index.changes().clone();
    sorted.changes.retain(|hash, _| !known.contains(hash));
    let order = causal_order(&sorted.changes, |dep| known.contains(dep));
    let mut refused = BTreeSet::new();
    let mut admitted = Vec::new();
    for hash in order {
        let Some(change) = sorted.changes.get(&hash) else {
            continue;
        };
        match admit(&change.bytes, &mut history.index, rules) {
            Ok(()) => admitted.push((hash, change.bytes.as_slice())),
            Err(_) => {
                refused.insert(hash);
            }
        }
    }
    let (view, failed) = apply(&view, &admitted);
    if !failed.is_empty() {
        history.index.rollback(mark);
        admitted.retain(|(hash, _)| !failed.contains(hash));
        for (_, bytes) in &admitted {
            let _admitted_before = admit(bytes, &mut history.index, rules);
        }
    }
    let mut taken = BTreeSet::new();
    for (hash, bytes) in admitted {
        history.land(hash, Arc::from(bytes));
        taken.insert(hash);
    }
    sorted.changes.retain(|hash, _| !taken.contains(hash));
    Indexed {
        history,
        view,
        leftover: sorted.changes.into_values().collect(),
        failures: sorted.failures + failed.len() as u64,
    }
}

/// The changes that build only on each other and on what is known, in causal order.
fn causal_order(
    changes: &BTreeMap<[u8; 32], GateChange>,
    is_known: impl Fn(&[u8; 32]) -> bool,
) -> Vec<[u8; 32]> {
    let mut missing: BTreeMap<[u8; 32], usize> = BTreeMap::new();
    let mut dependents: BTreeMap<[u8; 32], Vec<[u8; 32]>> = BTreeMap::new();
    let mut ready = Vec::new();
    for (hash, change) in changes {
        let open = change.header.deps.iter().filter(|dep| !is_known(dep));
        let mut count = 0;
        for dep in open {
            dependents.entry(*dep).or_default().push(*hash);
            count += 1;
        }
        missing.insert(*hash, count);
        if count == 0 {
            ready.push(*hash);
        }
    }
    let mut order = Vec::new();
    while let Some(hash) = ready.pop() {
        order.push(hash);
        for above in dependents.remove(&hash).unwrap_or_default() {
            if let Some(count) = missing.get_mut(&above) {
                *count -= 1;
                if *count == 0 {
                    ready.push(above);
                }
            }
        }
    }
    order
}

impl Sorted {
    fn of(chunks: Vec<Vec<u8>>) -> Sorted {
        let mut sorted = Sorted {
            changes: BTreeMap::new(),
            snapshots: Vec::new(),
            failures: 0,
        };
        for bytes in chunks {
            if let Ok(header) = smallwin_gate::read_change(&bytes) {
                sorted
                    .changes
                    .insert(header.hash, GateChange { header, bytes });
                continue;
            }
            match changes_of_document(&bytes) {
                // One that does not load is not touched, neither here nor in storage.
                Some(inside) if inside.count > 0 => sorted.snapshots.push(Snapshot {
                    bytes,
                    is_whole: inside.changes.len() == inside.count,
                    view: inside.document,
                    changes: inside.changes,
                }),
                _ => sorted.failures += 1,
            }
        }
        sorted
    }
}

/// Where a chunk says what it is: behind the magic bytes and the checksum.
const TYPE_AT: usize = 8;
