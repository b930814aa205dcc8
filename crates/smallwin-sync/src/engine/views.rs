//! What callers may look at.

use std::collections::BTreeMap;

use automerge::Automerge;
use smallwin_circle::{Card, CircleId, DeviceKey, Log, RecordId};
use smallwin_gate::Evidence;

use super::Engine;
use super::document::{Home, Slot};
use crate::{ConnId, ConnView, DocKey, ReachedView, RefusedView, Space, Totals};

impl Engine {
    /// The circles whose log is here, in order of their ids.
    pub fn circles(&self) -> Vec<CircleId> {
        self.circles
            .iter()
            .filter(|(_, held)| held.log.is_some())
            .map(|(id, _)| *id)
            .collect()
    }

    /// The log of a circle.
    pub fn log(&self, circle: &CircleId) -> Option<&Log> {
        self.circles.get(circle)?.log.as_ref()
    }

    /// What the next record of our device key must carry: `seq`, `prev` and `deps`. Counts records
    /// that are being kept, so that no number is used twice.
    pub fn next_record(&self, circle: &CircleId) -> Option<(u64, Option<RecordId>, Vec<RecordId>)> {
        let held = self.circles.get(circle)?;
        let log = held
            .flight
            .as_ref()
            .map(|flight| &flight.next)
            .or(held.log.as_ref())?;
        Some(log.next(&self.device))
    }

    /// The newest cards of a circle, in order of their people.
    pub fn cards(&self, circle: &CircleId) -> Vec<&Card> {
        self.circles
            .get(circle)
            .map(|held| held.cards.values().collect())
            .unwrap_or_default()
    }

    /// The bytes of the manifest with this BLAKE3 hash.
    pub fn manifest(&self, hash: &[u8; 32]) -> Option<&[u8]> {
        self.circles
            .values()
            .find_map(|held| held.manifests.get(hash))
            .map(Vec::as_slice)
    }

    /// The key that takes part in circles.
    pub fn device(&self) -> DeviceKey {
        self.device
    }

    /// The keys that are paired with this node.
    pub fn paired(&self) -> Vec<DeviceKey> {
        self.paired.keys().copied().collect()
    }

    /// A document as it is durable, while it is in memory.
    pub fn document(&self, document: &DocKey) -> Option<&Automerge> {
        match self.documents.get(document)? {
            Slot::Open(document) => Some(&document.live),
            Slot::Loading { .. } => None,
        }
    }

    /// The changes of a document that were kept aside, while it is in memory.
    pub fn refused(&self, document: &DocKey) -> Vec<RefusedView> {
        let Some(Slot::Open(document)) = self.documents.get(document) else {
            return Vec::new();
        };
        let view = |(hash, refused): (&[u8; 32], &super::refused::RefusedChange)| RefusedView {
            hash: *hash,
            author: refused.author,
            reason: refused.reason.clone(),
            bytes: refused.bytes.clone(),
        };
        document.refused.iter().map(view).collect()
    }

    /// What proves that authors of a document contradict themselves, while it is in memory.
    pub fn evidence(&self, document: &DocKey) -> Option<&Evidence> {
        match self.documents.get(document)? {
            Slot::Open(document) => Some(&document.evidence),
            Slot::Loading { .. } => None,
        }
    }

    /// Changes of a document that connected peers said they keep aside, each with the code.
    pub fn refused_elsewhere(&self, document: &DocKey) -> BTreeMap<[u8; 32], String> {
        let peers = self
            .conns
            .values()
            .filter_map(|connection| connection.documents.get(document));
        peers.flat_map(|peer| peer.refused_there.clone()).collect()
    }

    /// Which heads of a document the devices of other people confirmed.
    pub fn reached(&self, document: &DocKey) -> ReachedView {
        self.reached.get(document).cloned().unwrap_or_default()
    }

    /// Every connection, in order.
    pub fn connections(&self) -> Vec<ConnView> {
        let view = |conn: &ConnId| {
            let connection = self.conns.get(conn)?;
            Some(ConnView {
                conn: *conn,
                side: connection.side,
                space: connection.space,
                key: connection.key,
                peer_id: Some(connection.peer_id.clone()).filter(|id| !id.is_empty()),
                paired: self.is_paired(*conn),
                ready: connection.is_ready(),
                circles: connection
                    .circles
                    .keys()
                    .map(|circle| (*circle, self.person_of(*conn, circle)))
                    .collect(),
                settled: self.is_settled(*conn),
            })
        };
        self.conns.keys().filter_map(view).collect()
    }

    /// Why nothing is taken in any more, when storage failed.
    pub fn read_only(&self) -> Option<&str> {
        self.read_only.as_deref()
    }

    /// Counters for metrics.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Whether nothing is being kept or read, and every connection has proven itself and confirmed
    /// all that we hold of what it takes part in, and we all that it told us of.
    pub fn settled(&self) -> bool {
        let is_quiet = self.keeping.is_empty()
            && self.documents.values().all(|slot| match slot {
                Slot::Open(document) => document.flight.is_none() && document.inbox.is_empty(),
                Slot::Loading { .. } => false,
            });
        is_quiet && self.conns.keys().all(|conn| self.is_settled(*conn))
    }

    fn is_settled(&self, conn: ConnId) -> bool {
        let Some(connection) = self.conns.get(&conn) else {
            return true;
        };
        if !connection.is_ready() {
            return false;
        }
        if !connection
            .hosting
            .iter()
            .all(|circle| connection.circles.contains_key(circle))
        {
            return false;
        }
        let logs_equal = connection.circles.iter().all(|(circle, matched)| {
            !self.may_have_log(conn, circle)
                || matched.theirs.as_ref() == Some(&self.log_heads(circle))
                    && self.log(circle).is_some()
        });
        logs_equal
            && connection
                .documents
                .iter()
                .all(|(key, peer)| self.has_reached(conn, key, peer))
    }

    fn has_reached(
        &self,
        conn: ConnId,
        key: &DocKey,
        peer: &super::connection::PeerDocument,
    ) -> bool {
        if key.space == Space::Circles && !self.may_exchange(conn, key) {
            return true;
        }
        match self.documents.get(key) {
            Some(Slot::Open(document)) => {
                document.is_reached_by(peer) || document.home == Home::Open
            }
            Some(Slot::Loading { .. }) => false,
            // Let go while idle: it was settled then, unless the peer never answered.
            None => peer.state.their_heads.is_some(),
        }
    }
}
