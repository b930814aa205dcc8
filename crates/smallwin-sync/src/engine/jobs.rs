//! Work that is done elsewhere, and what becomes of a document whose work was lost.

use std::sync::Arc;

use smallwin_circle::Frontier;

use super::Engine;
use super::document::{Home, Slot};
use super::history::Base;
use super::keep::Keeping;
use super::refused::RefusedChange;
use super::work::{Compacted, Done, Outcome, Task, Work};
use crate::{DocKey, Effect, JobId, Notice, Space, Write};

/// What a job was handed out for.
#[derive(Debug)]
pub(crate) enum Job {
    /// A document is on its way into memory.
    Index { key: DocKey, beside: Beside },
    /// A snapshot of its first changes is made.
    Compact { key: DocKey, changes: usize },
}

/// What storage holds of a document beside its changes.
#[derive(Debug)]
pub(crate) struct Beside {
    pub(crate) home: Home,
    pub(crate) frontiers: Vec<Frontier>,
    pub(crate) refused: Vec<RefusedChange>,
}

/// A snapshot that storage is keeping in place of what it covers.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) key: DocKey,
    pub(crate) job: JobId,
    pub(crate) name: [u8; 32],
    pub(crate) base: Base,
}

impl Engine {
    /// Hands work out.
    pub(super) fn hand_out(&mut self, document: DocKey, task: Task, job: Job) -> JobId {
        let id = JobId(self.next_job);
        self.next_job += 1;
        self.jobs.insert(id, job);
        let work = Work { document, task };
        self.out.push(Effect::Work { job: id, work });
        id
    }

    pub(super) fn worked(&mut self, id: JobId, done: Done) {
        match (self.jobs.remove(&id), done.0) {
            (Some(Job::Index { key, beside }), Outcome::Indexed(indexed)) => {
                self.indexed(key, beside, *indexed);
            }
            (Some(Job::Compact { key, changes }), Outcome::Compacted(compacted)) => {
                self.keep_snapshot(id, key, changes, compacted);
            }
            (Some(job), Outcome::Failed(why)) => {
                self.totals.panics_caught += 1;
                self.isolate(id, job, why);
            }
            _ => {}
        }
    }

    pub(super) fn work_lost(&mut self, id: JobId, why: &str) {
        if let Some(job) = self.jobs.remove(&id) {
            self.isolate(id, job, why);
        }
    }

    /// A document with which work fails gets no more of it; others go on, and so does the exchange
    /// of this one while it is in memory.
    fn isolate(&mut self, id: JobId, job: Job, why: &str) {
        let key = match job {
            Job::Index { key, .. } | Job::Compact { key, .. } => key,
        };
        self.isolated.insert(key);
        self.notice(Notice::DocumentIsolated {
            document: key,
            why: why.to_owned(),
        });
        match job {
            Job::Index { .. } => self.index_lost(key, why),
            Job::Compact { .. } => self.compaction_over(id, key),
        }
    }

    /// Hands out the making of a snapshot, when the document has grown enough since the last one.
    /// One at a time: it costs as much memory as the document.
    pub(super) fn compact_if_due(&mut self, key: &DocKey) {
        if self.compacting.is_some() || self.read_only.is_some() || self.isolated.contains(key) {
            return;
        }
        let limits = &self.config.limits;
        let Some(Slot::Open(document)) = self.documents.get(key) else {
            return;
        };
        // What is stored and not admitted today is in no snapshot of what is admitted.
        if !document.history.is_due(limits) || document.is_stale || document.holds_unadmitted() {
            return;
        }
        let (task, changes) = document.history.compaction(limits);
        let job = Job::Compact { key: *key, changes };
        let id = self.hand_out(*key, Task::Compact(task), job);
        self.compacting = Some(id);
        if let Some(Slot::Open(document)) = self.documents.get_mut(key) {
            document.compacting = Some(id);
        }
    }

    fn keep_snapshot(&mut self, id: JobId, key: DocKey, changes: usize, compacted: Compacted) {
        let Some(Slot::Open(document)) = self.documents.get(&key) else {
            return self.compaction_over(id, key);
        };
        // It began anew meanwhile, or the log says otherwise by now.
        if document.compacting != Some(id)
            || document.is_stale
            || document.holds_unadmitted()
            || self.read_only.is_some()
        {
            return self.compaction_over(id, key);
        }
        let write = Write::Replace {
            document: key,
            covered: document.history.covered(changes),
            hash: compacted.name,
            bytes: Arc::clone(&compacted.bytes),
        };
        let base = Base {
            bytes: compacted.bytes,
            changes,
        };
        let snapshot = Snapshot {
            key,
            job: id,
            name: compacted.name,
            base,
        };
        self.keep(Keeping::Snapshot(snapshot), vec![write]);
    }

    pub(super) fn land_snapshot(&mut self, snapshot: Snapshot) {
        let Snapshot {
            key,
            job,
            name,
            base,
        } = snapshot;
        if let Some(Slot::Open(document)) = self.documents.get_mut(&key)
            && document.compacting == Some(job)
        {
            let before = document.history.bytes();
            document.history.compacted(name, base);
            let saved = before.saturating_sub(document.history.bytes()) as u64;
            document.bytes = document.bytes.saturating_sub(saved);
            if key.space == Space::Open {
                self.open_bytes = self.open_bytes.saturating_sub(saved);
            }
            self.totals.compactions += 1;
        }
        self.compaction_over(job, key);
    }

    /// The one that was being made is done with: others may be due.
    fn compaction_over(&mut self, id: JobId, key: DocKey) {
        if let Some(Slot::Open(document)) = self.documents.get_mut(&key)
            && document.compacting == Some(id)
        {
            document.compacting = None;
        }
        self.compacting = None;
        let keys: Vec<DocKey> = self.documents.keys().copied().collect();
        for key in keys {
            self.compact_if_due(&key);
        }
    }
}
