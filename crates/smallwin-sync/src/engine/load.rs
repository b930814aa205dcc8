//! Bringing documents into memory, and letting them go.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use automerge::{Automerge, Change};
use smallwin_circle::{DeviceKey, Frontier};
use smallwin_gate::{Evidence, OpIndex};

use super::Engine;
use super::apply::changes_of_document;
use super::document::{Document, GateChange, Home, Incoming, Loose, Pending, Slot};
use super::judge::{admit, author};
use super::refused::{EQUIVOCATION, RefusedChange};
use crate::{ConnId, DocKey, Effect, Millis, Notice, Request, StoredDocument, WriteRefused};

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
        let Some(Slot::Loading { .. }) = self.documents.get(&key) else {
            return;
        };
        let Some(Slot::Loading {
            inbox,
            inbox_bytes,
            waiting,
        }) = self.documents.remove(&key)
        else {
            return;
        };
        let stored = match stored {
            Ok(stored) => stored,
            Err(why) => {
                self.load_failed(key, inbox, waiting, why);
                return;
            }
        };
        let Some(home) = self.home_of(&key) else {
            self.load_failed(key, inbox, waiting, "no circle here has it".to_owned());
            return;
        };
        if home == Home::Open && stored.chunks.is_empty() && !begins(&inbox) {
            self.nobody_has(key, inbox, waiting);
            return;
        }
        let is_renewed = inbox.iter().any(Incoming::is_reconsideration);
        let rows = stored
            .refused
            .iter()
            .filter_map(|row| RefusedChange::from_row(&row.0));
        let rows: Vec<RefusedChange> = rows.collect();
        let mut document = self.document_from(home, stored.chunks, stored.frontiers);
        // First what was applied before. It is durable, so this lands at once, and whoever sees
        // the document from here on sees all of it.
        document.inbox.push_back(Incoming::Reconsider);
        self.documents.insert(key, Slot::Open(Box::new(document)));
        self.pump(&key);
        // Then what was kept aside, which the log may allow by now, and what came meanwhile.
        if let Some(Slot::Open(document)) = self.documents.get_mut(&key) {
            for refused in rows {
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
    }

    /// A document with its first change; what storage holds of it waits to be judged anew, since
    /// the log may say otherwise by now.
    fn document_from(
        &mut self,
        home: Home,
        chunks: Vec<Vec<u8>>,
        frontiers: Vec<Vec<u8>>,
    ) -> Document {
        let mut document = Document {
            live: Automerge::new(),
            index: OpIndex::new(),
            frontiers: BTreeMap::new(),
            loose: BTreeMap::new(),
            pending: BTreeMap::new(),
            pending_bytes: 0,
            refused: BTreeMap::new(),
            refused_bytes: 0,
            evidence: Evidence::new(),
            flight: None,
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            used: self.calls,
            bytes: 0,
            authors: BTreeMap::new(),
            is_stale: false,
            home,
        };
        if let Home::Circle(_, named) = &document.home
            && let Some(first) = self.config.first_changes.get(&named.kind)
            && let Ok(change) = Change::from_bytes(first.clone())
            && document.live.apply_changes([change]).is_ok()
            && admit(first, &mut document.index, &self.rules(&document.home)).is_err()
        {
            // Our own constant bytes: the engine's tests hold every kind to this.
            document.live = Automerge::new();
        }
        for bytes in frontiers {
            if let Ok(frontier) = Frontier::decode(&bytes) {
                document.take_frontier(frontier, None, true);
            }
        }
        for chunk in chunks {
            for change in self.stored_changes(chunk) {
                document.bytes += change.bytes.len() as u64;
                document.wait(change, None, None, true, self.now);
            }
        }
        document
    }

    /// The raw changes of a stored chunk: itself, or those of a snapshot.
    fn stored_changes(&mut self, chunk: Vec<u8>) -> Vec<GateChange> {
        if let Ok(header) = smallwin_gate::read_change(&chunk) {
            return vec![GateChange {
                header,
                bytes: chunk,
            }];
        }
        changes_of_document(&chunk).unwrap_or_else(|| {
            self.totals.panics_caught += 1;
            Vec::new()
        })
    }

    fn load_failed(
        &mut self,
        key: DocKey,
        inbox: VecDeque<Incoming>,
        waiting: Vec<Request>,
        why: String,
    ) {
        for incoming in inbox {
            match incoming {
                Incoming::Sync { conn, .. } => self.say_unavailable(conn, &key),
                Incoming::Local { request, .. } => {
                    self.done(request, Err(WriteRefused::NotKept(why.clone())))
                }
                Incoming::Frontiers { .. } | Incoming::Carried { .. } | Incoming::Reconsider => {}
            }
        }
        for request in waiting {
            self.done(request, Err(WriteRefused::NotKept(why.clone())));
        }
        for conn in self.conns_of(&key) {
            self.leave(conn, &key);
        }
        self.notice(Notice::OpenFailed { document: key, why });
    }

    /// An open document that is stored nowhere: whoever asked is told, and hears when it appears.
    fn nobody_has(&mut self, key: DocKey, inbox: VecDeque<Incoming>, waiting: Vec<Request>) {
        let mut askers: BTreeSet<ConnId> = self.conns_of(&key).into_iter().collect();
        for incoming in inbox {
            match incoming {
                Incoming::Sync { conn, .. } => {
                    askers.insert(conn);
                }
                Incoming::Local { request, .. } => {
                    self.done(
                        request,
                        Err(WriteRefused::NotKept(
                            "there is no such document".to_owned(),
                        )),
                    );
                }
                Incoming::Frontiers { .. } | Incoming::Carried { .. } | Incoming::Reconsider => {}
            }
        }
        for request in waiting {
            self.done(
                request,
                Err(WriteRefused::NotKept(
                    "there is no such document".to_owned(),
                )),
            );
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
        while self.documents.len() > self.config.limits.documents_open_max {
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

/// Whether something that waits would begin the document.
fn begins(inbox: &VecDeque<Incoming>) -> bool {
    inbox.iter().any(|incoming| match incoming {
        Incoming::Sync {
            message, changes, ..
        } => !message.heads.is_empty() || !changes.is_empty(),
        Incoming::Local { changes, .. } => !changes.is_empty(),
        Incoming::Frontiers { .. } | Incoming::Carried { .. } | Incoming::Reconsider => false,
    })
}

/// Device keys remembered per document; a document of years has fewer tabs behind it.
const AUTHORS_MAX: usize = 4096;

impl Document {
    /// Whether nothing would be lost if it were read again from storage later.
    fn is_idle(&self) -> bool {
        let is_stored = |loose: &Loose| loose.stored || loose.from.is_empty();
        self.flight.is_none()
            && self.inbox.is_empty()
            && self.pending.values().all(|pending| pending.stored)
            && self
                .loose
                .iter()
                .all(|((_, _, hash), loose)| is_stored(loose) || self.refused.contains_key(hash))
    }

    /// Forgets changes and frontiers that wait and that nobody who is here brought.
    pub(super) fn forget_orphans(&mut self) {
        let before = self.pending.len();
        self.pending.retain(|_, pending| {
            !pending.from.is_empty() || pending.stored || pending.request.is_some()
        });
        if self.pending.len() != before {
            self.pending_bytes = self.pending.values().map(|it| it.bytes.len()).sum();
        }
        let refused = &self.refused;
        self.loose.retain(|(_, _, hash), loose| {
            !loose.from.is_empty() || loose.stored || refused.contains_key(hash)
        });
    }

    /// Puts a change that passed the gate among those that wait, unless it is known.
    pub(super) fn wait(
        &mut self,
        change: GateChange,
        from: Option<ConnId>,
        request: Option<Request>,
        stored: bool,
        now: Millis,
    ) {
        let GateChange { header, bytes } = change;
        let hash = header.hash;
        if self.index.changes().contains(&hash) || self.refused.contains_key(&hash) {
            return;
        }
        if !self.pending.contains_key(&hash) {
            self.pending_bytes += bytes.len();
        }
        let author = self.author_of(&header.actor);
        let pending = self.pending.entry(hash).or_insert_with(|| Pending {
            header,
            author,
            bytes,
            from: BTreeSet::new(),
            request: None,
            since: now,
            told_unsigned: false,
            stored,
        });
        pending.from.extend(from);
        pending.request = pending.request.or(request);
    }

    fn author_of(&mut self, actor: &[u8]) -> Option<DeviceKey> {
        if let Some(known) = self.authors.get(actor) {
            return *known;
        }
        if self.authors.len() >= AUTHORS_MAX {
            self.authors.clear();
        }
        let author = author(actor);
        self.authors.insert(actor.to_vec(), author);
        author
    }

    /// Takes over a change that waited before the document began anew.
    pub(super) fn carry(&mut self, hash: [u8; 32], pending: Pending) {
        if !self.index.changes().contains(&hash) && !self.refused.contains_key(&hash) {
            self.pending_bytes += pending.bytes.len();
            if let Some(before) = self.pending.insert(hash, pending) {
                self.pending_bytes = self.pending_bytes.saturating_sub(before.bytes.len());
            }
        }
    }

    /// Remembers a frontier whose change is not applied yet.
    pub(super) fn take_frontier(&mut self, frontier: Frontier, from: Option<ConnId>, stored: bool) {
        let place = (frontier.actor, frontier.seq, frontier.hash);
        let loose = self.loose.entry(place).or_insert_with(|| Loose {
            frontier,
            stored,
            from: BTreeSet::new(),
        });
        loose.from.extend(from);
    }

    /// Takes a change out of those that wait.
    pub(super) fn unwait(&mut self, hash: &[u8; 32]) -> Option<Pending> {
        let pending = self.pending.remove(hash)?;
        self.pending_bytes = self.pending_bytes.saturating_sub(pending.bytes.len());
        Some(pending)
    }

    /// Keeps a change aside; says whether it newly proves that its author contradicts itself.
    pub(super) fn take_refused(&mut self, refused: RefusedChange) -> bool {
        let is_proof = self.note_contradiction(&refused);
        self.refused_bytes += refused.bytes.len();
        if let Some(before) = self.refused.insert(refused.header.hash, refused) {
            self.refused_bytes = self.refused_bytes.saturating_sub(before.bytes.len());
        }
        is_proof
    }

    fn note_contradiction(&mut self, refused: &RefusedChange) -> bool {
        let header = &refused.header;
        let admitted = self.index.changes().change_of(&header.actor, header.seq);
        refused.reason == EQUIVOCATION
            && admitted.is_some_and(|admitted| {
                self.evidence.keep(
                    &header.actor,
                    header.seq,
                    admitted,
                    header.hash,
                    &refused.bytes,
                )
            })
    }

    /// Keeps a change aside as storage held it, unless it is known otherwise.
    fn keep_aside(&mut self, refused: RefusedChange) {
        let hash = refused.header.hash;
        if self.index.changes().contains(&hash) || self.refused.contains_key(&hash) {
            return;
        }
        if let Some(frontier) = refused.frontier {
            self.take_frontier(frontier, None, false);
        }
        self.take_refused(refused);
    }

    /// Takes a change out of those that are kept aside.
    pub(super) fn drop_refused(&mut self, hash: &[u8; 32]) -> Option<RefusedChange> {
        let refused = self.refused.remove(hash)?;
        self.refused_bytes = self.refused_bytes.saturating_sub(refused.bytes.len());
        Some(refused)
    }
}
