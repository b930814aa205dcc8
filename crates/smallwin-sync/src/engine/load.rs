//! Bringing documents into memory, and letting them go.

use std::collections::{BTreeSet, VecDeque};

use smallwin_circle::Frontier;

use super::Engine;
use super::document::{Document, GateChange, Home, Incoming, Slot};
use super::jobs::{Beside, Job};
use super::refused::RefusedChange;
use super::work::{Index, Indexed, Task, begin};
use crate::{ConnId, DocKey, Effect, Notice, Request, StoredDocument, WriteRefused};

impl Engine {
    /// Sees to it that a document is in memory, or on its way.
    pub(super) fn open(&mut self, key: DocKey) {
        let calls = self.calls;
        match self.documents.get_mut(&key) {
            Some(Slot::Open(document)) => document.used = calls,
            Some(Slot::Loading { .. }) => {}
            None => {
                let slot = Slot::Loading {
                    inbox: VecDeque::new(),
                    inbox_bytes: 0,
                    waiting: Vec::new(),
                };
                self.documents.insert(key, slot);
                self.out.push(Effect::Load { document: key });
            }
        }
    }

    pub(super) fn loaded(&mut self, key: DocKey, stored: Result<StoredDocument, String>) {
        if !matches!(self.documents.get(&key), Some(Slot::Loading { .. })) {
            return;
        }
        let stored = match (stored, self.unreadable.get(&key)) {
            (Ok(stored), None) => stored,
            (Ok(_), Some(why)) => {
                let why = why.clone();
                return self.load_failed(key, &why);
            }
            (Err(why), _) => return self.load_failed(key, &why),
        };
        let Some(home) = self.home_of(&key) else {
            return self.load_failed(key, "no circle here has it");
        };
        if home == Home::Open && stored.chunks.is_empty() && !self.begins(&key) {
            return self.nobody_has(key);
        }
        let task = Index {
            first: self.first_change(&home),
            rules: self.rules(&home),
            chunks: stored.chunks,
        };
        let frontiers = stored.frontiers.iter();
        let refused = stored.refused.iter();
        let beside = Beside {
            home,
            frontiers: frontiers
                .filter_map(|bytes| Frontier::decode(bytes).ok())
                .collect(),
            refused: refused
                .filter_map(|row| RefusedChange::from_row(&row.0))
                .collect(),
        };
        let is_small = task.bytes() < self.config.limits.index_inline_bytes_max
            && !task.chunks.iter().any(|chunk| Index::is_snapshot(chunk));
        if is_small {
            self.indexed(key, beside, task.run());
        } else {
            self.hand_out(key, Task::Index(task), Job::Index { key, beside });
        }
    }

    /// The document is there, as if all that is stored were admitted. That it is, mostly: when
    /// every head stands by the log as it is today, so does what is below.
    pub(super) fn indexed(&mut self, key: DocKey, beside: Beside, indexed: Indexed) {
        let Some((inbox, inbox_bytes, waiting)) = self.take_loading(&key) else {
            return;
        };
        let is_renewed = inbox.iter().any(Incoming::is_reconsideration);
        self.totals.panics_caught += indexed.failures;
        let mut document = Document::new(beside.home, indexed.history, indexed.view, self.calls);
        let is_whole = !self.has_unadmitted(&document);
        if !is_whole {
            document = self.judged_anew(document);
        }
        for frontier in beside.frontiers {
            document.take_stored_frontier(frontier);
        }
        for change in indexed.leftover {
            document.bytes += change.bytes.len() as u64;
            document.wait(change, None, None, true, self.now);
        }
        // First what was applied before. It is durable, so this lands at once, and whoever sees
        // the document from here on sees all of it.
        document.inbox.push_back(Incoming::Reconsider);
        self.documents.insert(key, Slot::Open(Box::new(document)));
        self.pump(&key);
        // Then what was kept aside, which the log may allow by now, and what came meanwhile.
        if let Some(Slot::Open(document)) = self.documents.get_mut(&key) {
            for refused in beside.refused {
                document.keep_aside(refused);
            }
            document.inbox = inbox;
            document.inbox_bytes = inbox_bytes;
            document.inbox.push_back(Incoming::Reconsider);
        }
        self.pump(&key);
        self.notice(Notice::Opened(key));
        if is_renewed {
            self.notice(Notice::DocumentChanged(key));
        }
        for request in waiting {
            self.done(request, Ok(()));
        }
        for conn in self.conns_of(&key) {
            self.tell_refused(conn, &key, &[]);
            self.generate(conn, &key);
        }
        self.compact_if_due(&key);
    }

    /// The same document with its first change only; all its others wait to be judged one by one,
    /// since the log does not admit some of them any more.
    fn judged_anew(&self, document: Document) -> Document {
        let home = document.home;
        let rules = self.rules(&home);
        let first = self.first_change(&home);
        let (history, live) = begin(first.as_deref(), &rules, document.history.stored);
        let mut anew = Document::new(home, history, live, self.calls);
        for change in document.live.get_changes(&[]) {
            if let Ok(header) = smallwin_gate::read_change(change.raw_bytes()) {
                let bytes = change.raw_bytes().to_vec();
                anew.bytes += bytes.len() as u64;
                anew.wait(GateChange { header, bytes }, None, None, true, self.now);
            }
        }
        anew
    }

    /// The raw first change of a document's kind.
    fn first_change(&self, home: &Home) -> Option<Vec<u8>> {
        match home {
            Home::Circle(_, named) => self.config.first_changes.get(&named.kind).cloned(),
            Home::Open => None,
        }
    }

    /// The work that would have brought a document into memory was lost: it is not tried again.
    pub(super) fn index_lost(&mut self, key: DocKey, why: &str) {
        self.unreadable.insert(key, why.to_owned());
        self.load_failed(key, why);
    }

    /// Takes what waits for a document that is on its way.
    fn take_loading(&mut self, key: &DocKey) -> Option<(VecDeque<Incoming>, usize, Vec<Request>)> {
        if !matches!(self.documents.get(key), Some(Slot::Loading { .. })) {
            return None;
        }
        match self.documents.remove(key)? {
            Slot::Loading {
                inbox,
                inbox_bytes,
                waiting,
            } => Some((inbox, inbox_bytes, waiting)),
            Slot::Open(_) => None,
        }
    }

    fn load_failed(&mut self, key: DocKey, why: &str) {
        let Some((inbox, _, waiting)) = self.take_loading(&key) else {
            return;
        };
        let failed = WriteRefused::NotKept(why.to_owned());
        for incoming in inbox {
            match incoming {
                Incoming::Sync { conn, .. } => self.say_unavailable(conn, &key),
                Incoming::Local { request, .. } => self.done(request, Err(failed.clone())),
                Incoming::Frontiers { .. } | Incoming::Carried { .. } | Incoming::Reconsider => {}
            }
        }
        for request in waiting {
            self.done(request, Err(failed.clone()));
        }
        for conn in self.conns_of(&key) {
            self.leave(conn, &key);
        }
        self.notice(Notice::OpenFailed {
            document: key,
            why: why.to_owned(),
        });
    }

    /// An open document that is stored nowhere: whoever asked is told, and hears when it appears.
    fn nobody_has(&mut self, key: DocKey) {
        let Some((inbox, _, waiting)) = self.take_loading(&key) else {
            return;
        };
        let failed = WriteRefused::NotKept("there is no such document".to_owned());
        let mut askers: BTreeSet<ConnId> = self.conns_of(&key).into_iter().collect();
        for incoming in inbox {
            match incoming {
                Incoming::Sync { conn, .. } => {
                    askers.insert(conn);
                }
                Incoming::Local { request, .. } => self.done(request, Err(failed.clone())),
                Incoming::Frontiers { .. } | Incoming::Carried { .. } | Incoming::Reconsider => {}
            }
        }
        for request in waiting {
            self.done(request, Err(failed.clone()));
        }
        let wants_max = self.config.limits.documents_per_conn_max;
        for conn in askers {
            self.leave(conn, &key);
            if let Some(connection) = self.conns.get_mut(&conn)
                && connection.wants.len() < wants_max
            {
                connection.wants.insert(key);
            }
            self.say_unavailable(conn, &key);
        }
    }

    /// Whether something that waits would begin the document.
    fn begins(&self, key: &DocKey) -> bool {
        let Some(Slot::Loading { inbox, .. }) = self.documents.get(key) else {
            return false;
        };
        inbox.iter().any(|incoming| match incoming {
            Incoming::Sync {
                message, changes, ..
            } => !message.heads.is_empty() || !changes.is_empty(),
            Incoming::Local { changes, .. } => !changes.is_empty(),
            Incoming::Frontiers { .. } | Incoming::Carried { .. } | Incoming::Reconsider => false,
        })
    }

    /// Forgets a document without telling anybody; returns the local calls that waited for it.
    pub(super) fn drop_document(&mut self, key: &DocKey) -> Vec<Request> {
        let Some(slot) = self.documents.remove(key) else {
            return Vec::new();
        };
        self.restart_exchange(key);
        match slot {
            Slot::Loading { waiting, .. } => waiting,
            Slot::Open(document) => {
                let waiting = document.inbox.iter().filter_map(|incoming| match incoming {
                    Incoming::Local { request, .. } => Some(*request),
                    _ => None,
                });
                let flying = document
                    .flight
                    .iter()
                    .flat_map(|flight| flight.requests.iter().map(|(request, _)| *request));
                waiting.chain(flying).collect()
            }
        }
    }

    /// Lets idle documents go while too many are in memory, the least recently used first.
    pub(super) fn evict(&mut self) {
        let limits = &self.config.limits;
        let bytes = |slot: &Slot| match slot {
            Slot::Open(document) => document.history.bytes(),
            Slot::Loading { .. } => 0,
        };
        while self.documents.len() > limits.documents_open_max
            || self.documents.values().map(bytes).sum::<usize>() > limits.documents_bytes_max
        {
            let idle = self.documents.iter().filter_map(|(key, slot)| match slot {
                Slot::Open(document) if document.is_idle() => Some((document.used, *key)),
                _ => None,
            });
            let Some((_, key)) = idle.min() else { return };
            self.documents.remove(&key);
        }
    }

    /// A connection is gone: changes that only it brought and that still wait go with it.
    pub(super) fn forget_pending_of(&mut self, conn: ConnId) {
        for slot in self.documents.values_mut() {
            let Slot::Open(document) = slot else { continue };
            for pending in document.pending.values_mut() {
                pending.from.remove(&conn);
            }
            for loose in document.loose.values_mut() {
                loose.from.remove(&conn);
            }
            document.forget_orphans();
        }
    }
}
