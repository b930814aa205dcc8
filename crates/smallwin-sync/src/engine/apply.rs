//! Every call of Automerge on bytes of others, caught and on a copy (rule G1).

use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::{Automerge, Change, ReadDoc as _};

use super::document::GateChange;

/// Runs a call of Automerge; nothing when it panicked. The caller hands in copies, so that what
/// the panic left half done is thrown away.
pub(super) fn caught<T>(call: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(call)).ok()
}

/// What is in a document chunk.
#[derive(Debug)]
pub(super) struct Inside {
    pub(super) document: Automerge,
    /// Those of its changes that the gate can read.
    pub(super) changes: Vec<GateChange>,
    /// Number of all of its changes.
    pub(super) count: usize,
}

/// Loads a document chunk that the gate weighed, or our own; an empty document when it does not
/// load, nothing when Automerge panicked.
pub(super) fn changes_of_document(chunk: &[u8]) -> Option<Inside> {
    caught(|| {
        let document = Automerge::load(chunk).unwrap_or_default();
        let raw = document.get_changes(&[]);
        let changes = raw
            .iter()
            .filter_map(|change| {
                let header = smallwin_gate::read_change(change.raw_bytes()).ok()?;
                let bytes = change.raw_bytes().to_vec();
                Some(GateChange { header, bytes })
            })
            .collect();
        Inside {
            count: raw.len(),
            changes,
            document,
        }
    })
}

/// The document with these changes, and the hashes of those that Automerge could not take; they
/// and what builds on them are left out. The changes come in causal order.
pub(super) fn apply(live: &Automerge, changes: &[([u8; 32], &[u8])]) -> (Automerge, Vec<[u8; 32]>) {
    if let Some(next) = try_apply(live, changes) {
        return (next, Vec::new());
    }
    // One of them does not apply: take them one by one and leave those out.
    let mut next = live.clone();
    let mut failed = Vec::new();
    for change in changes {
        match try_apply(&next, &[*change]) {
            Some(with) => next = with,
            None => failed.push(change.0),
        }
    }
    (next, failed)
}

fn try_apply(live: &Automerge, changes: &[([u8; 32], &[u8])]) -> Option<Automerge> {
    caught(|| {
        let parsed: Result<Vec<Change>, _> = changes
            .iter()
            .map(|(_, bytes)| Change::from_bytes(bytes.to_vec()))
            .collect();
        let mut next = live.clone();
        next.apply_changes(parsed.ok()?).ok()?;
        // A change that waits in Automerge's own queue was not applied (rule G3).
        next.get_missing_deps(&[]).is_empty().then_some(next)
    })?
}
