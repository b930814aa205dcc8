//! Which documents go to whom, and the directory of documents behind it.

use std::collections::BTreeSet;

use automerge::sync::State;
use smallwin_circle::{Action, CircleId, DocumentRef, Refusal, may};

use super::Engine;
use super::connection::PeerDocument;
use super::document::{Home, Incoming, Slot};
use crate::{ConnId, DocKey, Space};

impl Engine {
    /// Brings the directory up to date with the documents of a circle.
    pub(super) fn index_documents(&mut self, circle: &CircleId) {
        let Some(log) = self.circles.get(circle).and_then(|held| held.log.as_ref()) else {
            return;
        };
        for (id, document) in log.state().documents_by_id() {
            self.directory
                .entry(*id.as_bytes())
                .or_insert_with(|| (*circle, document.clone()));
        }
    }

    /// Where a document belongs; nothing when no circle here has it.
    pub(super) fn home_of(&self, key: &DocKey) -> Option<Home> {
        match key.space {
            Space::Open => Some(Home::Open),
            Space::Circles => self
                .directory
                .get(&key.id)
                .map(|(circle, document)| Home::Circle(*circle, document.clone())),
        }
    }

    /// Whether the peer may receive this document from us: its person may read it, and so may we.
    pub(super) fn may_exchange(&self, conn: ConnId, key: &DocKey) -> bool {
        let Some(connection) = self.conns.get(&conn) else {
            return false;
        };
        if connection.space != key.space || !connection.is_ready() {
            return false;
        }
        match self.home_of(key) {
            Some(Home::Open) => true,
            Some(Home::Circle(circle, document)) => self.reads(conn, &circle, &document),
            None => false,
        }
    }

    fn reads(&self, conn: ConnId, circle: &CircleId, document: &DocumentRef) -> bool {
        let device = self
            .conns
            .get(&conn)
            .and_then(|it| it.circles.get(circle))
            .and_then(|it| it.device);
        let log = self.circles.get(circle).and_then(|held| held.log.as_ref());
        let (Some(device), Some(log)) = (device, log) else {
            return false;
        };
        may(log.state(), &device, Action::Read, document).is_ok()
            && self.we_read(circle, document).is_ok()
    }

    /// Whether our own device may have the document at all (rule V1).
    pub(super) fn we_read(&self, circle: &CircleId, document: &DocumentRef) -> Result<(), Refusal> {
        let log = self
            .circles
            .get(circle)
            .and_then(|held| held.log.as_ref())
            .ok_or(Refusal::NotMember)?;
        may(log.state(), &self.device, Action::Read, document)
    }

    /// Offers a peer every document of a circle that both may read, in order of their ids, and
    /// stops with those it may read no more.
    pub(super) fn offer(&mut self, conn: ConnId, circle: &CircleId) {
        let Some(log) = self.circles.get(circle).and_then(|held| held.log.as_ref()) else {
            return;
        };
        let Some(connection) = self.conns.get(&conn) else {
            return;
        };
        if !connection.is_ready() || !connection.circles.contains_key(circle) {
            return;
        }
        let documents: Vec<(DocKey, DocumentRef)> = log
            .state()
            .documents_by_id()
            .map(|(id, document)| (DocKey::circles(id), document.clone()))
            .collect();
        for (key, document) in documents {
            let may = self.reads(conn, circle, &document);
            let is_offered = self
                .conns
                .get(&conn)
                .is_some_and(|it| it.documents.contains_key(&key));
            if may && !is_offered {
                self.take_part(conn, key);
                self.open(key);
                self.tell_reached(conn, &key);
                self.tell_refused(conn, &key, &[]);
                self.generate(conn, &key);
            } else if !may && is_offered {
                self.leave(conn, &key);
            }
        }
    }

    /// Begins the exchange of a document with a peer; nothing when it takes part in too many.
    pub(super) fn take_part(&mut self, conn: ConnId, key: DocKey) -> bool {
        let documents_max = self.config.limits.documents_per_conn_max;
        let Some(connection) = self.conns.get_mut(&conn) else {
            return false;
        };
        if !connection.documents.contains_key(&key) && connection.documents.len() >= documents_max {
            return false;
        }
        connection.wants.remove(&key);
        connection.documents.entry(key).or_default();
        true
    }

    /// Ends the exchange of a document with a peer.
    pub(super) fn leave(&mut self, conn: ConnId, key: &DocKey) {
        if let Some(connection) = self.conns.get_mut(&conn) {
            connection.documents.remove(key);
        }
    }

    /// The peer does not have the document, or says so. What the log says later begins anew.
    pub(super) fn unavailable(&mut self, conn: ConnId, id: [u8; 16]) {
        let Some(connection) = self.conns.get(&conn) else {
            return;
        };
        let key = DocKey {
            space: connection.space,
            id,
        };
        self.leave(conn, &key);
    }

    /// Connections that take part in a document.
    pub(super) fn conns_of(&self, key: &DocKey) -> Vec<ConnId> {
        let conns = self.conns.iter();
        conns
            .filter(|(_, connection)| connection.documents.contains_key(key))
            .map(|(conn, _)| *conn)
            .collect()
    }

    /// The log changed: what is pending or refused may be admitted now, and what was applied may
    /// not be any more.
    pub(super) fn reconsider_documents(&mut self, circle: &CircleId) {
        let keys: BTreeSet<DocKey> = self
            .documents
            .iter()
            .filter(|(_, slot)| matches!(slot, Slot::Open(document) if matches!(&document.home, Home::Circle(id, _) if id == circle)))
            .map(|(key, _)| *key)
            .collect();
        for key in keys {
            let Some(Slot::Open(document)) = self.documents.get_mut(&key) else {
                continue;
            };
            if !document.pending.is_empty()
                || !document.refused.is_empty()
                || document.flight.is_some()
            {
                document.inbox.push_back(Incoming::Reconsider);
            }
            self.unadmit(&key);
            self.pump(&key);
        }
    }

    /// Our side of a document began anew. What the peers said of theirs still holds; what we
    /// believed to share with them may not.
    pub(super) fn restart_exchange(&mut self, key: &DocKey) {
        for connection in self.conns.values_mut() {
            if let Some(peer) = connection.documents.get_mut(key) {
                let before = std::mem::take(&mut peer.state);
                let state = State {
                    their_heads: before.their_heads,
                    their_have: before.their_have,
                    their_need: before.their_need.map(|_| Vec::new()),
                    their_capabilities: before.their_capabilities,
                    ..State::default()
                };
                *peer = PeerDocument {
                    state,
                    ..PeerDocument::default()
                };
            }
        }
    }
}
