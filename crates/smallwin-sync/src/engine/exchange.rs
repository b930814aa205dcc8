//! Sync messages on the generic path of Automerge, with its rough edges taken off.

use std::collections::{BTreeMap, BTreeSet};

use automerge::ChangeHash;
use automerge::sync::{ChunkList, Message, State, SyncDoc as _};
use smallwin_circle::Frontier;
use smallwin_gate::{Budget, ChunkKind, limits as gate};

use super::Engine;
use super::apply::{caught, changes_of_document};
use super::connection::PeerDocument;
use super::document::{Document, GateChange, Home, Incoming, Participant, Slot};
use super::refused::{MALFORMED, RefusedChange};
use super::send::code;
use crate::limits::FAULT_OF_A_CHANGE;
use crate::planted::Planted;
use crate::wire::Frame;
use crate::{ConnId, DocKey, Notice, Space};

impl Engine {
    pub(super) fn sync_frame(&mut self, conn: ConnId, id: [u8; 16], data: &[u8]) {
        let Some(connection) = self.conns.get(&conn) else {
            return;
        };
        let key = DocKey {
            space: connection.space,
            id,
        };
        // The same answer for what is unknown and for what is not theirs, so that nothing leaks.
        if !self.may_exchange(conn, &key) {
            self.leave(conn, &key);
            self.say_unavailable(conn, &key);
            return;
        }
        let Some((message, changes)) = self.read_message(data) else {
            self.close(conn, code::PROTOCOL, "bad-sync-message");
            return;
        };
        self.spend_operations(conn, changes.iter().map(|it| it.header.op_count).sum());
        if self.read_only.is_some() && !changes.is_empty() {
            return;
        }
        if !self.take_part(conn, key) {
            self.close(conn, code::POLICY, "too-many-documents");
            return;
        }
        if !self.has_room(&key, &changes) {
            self.close(conn, code::POLICY, "quota");
            return;
        }
        let incoming = Incoming::Sync {
            conn,
            message: Box::new(message),
            changes,
            bytes: data.len(),
        };
        self.receive_for(conn, key, incoming);
    }

    pub(super) fn frontier_frame(&mut self, conn: ConnId, id: [u8; 16], items: Vec<u8>) {
        let key = DocKey {
            space: Space::Circles,
            id,
        };
        let items_max = self.config.limits.frontiers_per_frame_max * Frontier::LENGTH;
        if items.len() > items_max || !items.len().is_multiple_of(Frontier::LENGTH) {
            self.close(conn, code::PROTOCOL, "bad-frontiers");
        } else if self.may_exchange(conn, &key) && self.read_only.is_none() {
            self.receive_for(conn, key, Incoming::Frontiers { conn, items });
        }
    }

    /// Puts something into the inbox of a document. A full one closes who brought it: frames of
    /// one connection may not be lost singly (rule S2).
    fn receive_for(&mut self, conn: ConnId, key: DocKey, incoming: Incoming) {
        self.open(key);
        let (inbox, bytes) = match self.documents.get_mut(&key) {
            Some(Slot::Open(document)) => (&mut document.inbox, &mut document.inbox_bytes),
            Some(Slot::Loading {
                inbox, inbox_bytes, ..
            }) => (inbox, inbox_bytes),
            None => return,
        };
        if *bytes + incoming.bytes() > self.config.limits.inbox_bytes_max {
            self.close(conn, code::LATER, "document-busy");
            return;
        }
        *bytes += incoming.bytes();
        inbox.push_back(incoming);
        self.pump(&key);
    }

    pub(super) fn say_unavailable(&mut self, conn: ConnId, key: &DocKey) {
        self.send(conn, Frame::Unavailable { document: key.id });
    }

    /// Reads a sync message behind the gate; its changes come apart from it (rule G1).
    fn read_message(&mut self, data: &[u8]) -> Option<(Message, Vec<GateChange>)> {
        let shape = smallwin_gate::check_sync_message(data).ok()?;
        let mut budget = Budget::frame();
        let mut changes = Vec::new();
        for chunk in shape.chunks {
            let bytes = data.get(chunk.range)?;
            match chunk.kind {
                ChunkKind::Document => {
                    smallwin_gate::check_document_chunk_within(bytes, &mut budget).ok()?;
                    let Some(inside) = changes_of_document(bytes) else {
                        self.totals.panics_caught += 1;
                        return None;
                    };
                    changes.extend(inside.changes);
                }
                ChunkKind::Change | ChunkKind::Compressed => {
                    let header = smallwin_gate::read_change_within(bytes, &mut budget).ok()?;
                    changes.push(GateChange {
                        header,
                        bytes: smallwin_gate::raw_change(bytes).ok()?.into_owned(),
                    });
                }
            }
        }
        let message = caught(|| Message::decode(data)).or_else(|| {
            self.totals.panics_caught += 1;
            None
        })?;
        let message = Message {
            changes: ChunkList::empty(),
            ..message.ok()?
        };
        Some((message, changes))
    }

    /// Whether the quotas of the open space leave room for these changes.
    fn has_room(&self, key: &DocKey, changes: &[GateChange]) -> bool {
        if key.space == Space::Circles || changes.is_empty() {
            return true;
        }
        let bytes: u64 = changes.iter().map(|change| change.bytes.len() as u64).sum();
        let held = match self.documents.get(key) {
            Some(Slot::Open(document)) => document.bytes,
            _ => 0,
        };
        let limits = &self.config.limits;
        // What is known already counts twice here; the margin is the sender's own document.
        held.max(bytes) <= limits.open_document_bytes_max
            && self.open_bytes + bytes.saturating_sub(held) <= limits.open_bytes_max
    }

    /// The changes that a message brought are applied; now the message itself counts.
    pub(super) fn receive(&mut self, key: &DocKey, participant: Participant) {
        let Participant {
            conn,
            message,
            brought,
        } = participant;
        let Some(Slot::Open(document)) = self.documents.get_mut(key) else {
            return;
        };
        let Some(peer) = self
            .conns
            .get_mut(&conn)
            .and_then(|it| it.documents.get_mut(key))
        else {
            return;
        };
        let heads = message.heads.clone();
        if peer.state.their_heads.is_none() {
            // Before its first word the peer may not have known the document, and dropped this.
            peer.refused_told.clear();
        }
        if !document.receive(peer, *message, !brought.is_empty()) {
            self.totals.panics_caught += 1;
            self.close(conn, code::PROTOCOL, "bad-sync-message");
            return;
        }
        self.tell_refused(conn, key, &brought);
        self.heads_confirmed(conn, key, &heads);
    }

    /// Tells a peer which changes are kept aside here, of those that it brought, names as heads, or
    /// that its person wrote, and the command line of this very device of all; each once per
    /// connection, and again after the first word of the peer about the document.
    pub(super) fn tell_refused(&mut self, conn: ConnId, key: &DocKey, brought: &[[u8; 32]]) {
        let Some(Home::Circle(circle, _)) = self.home_of(key) else {
            return;
        };
        let person = self.person_of(conn, &circle);
        let Some(log) = self.log(&circle) else { return };
        let Some(Slot::Open(document)) = self.documents.get(key) else {
            return;
        };
        if document.refused.is_empty() {
            return;
        }
        let is_ours = self.key_of(conn) == Some(self.device);
        let is_theirs = |refused: &RefusedChange| {
            is_ours
                || person.is_some()
                    && refused
                        .author
                        .and_then(|device| log.state().person_of(&device))
                        == person
        };
        let written: Vec<[u8; 32]> = document
            .refused
            .iter()
            .filter(|(_, refused)| is_theirs(refused))
            .map(|(hash, _)| *hash)
            .collect();
        let Some(peer) = self
            .conns
            .get_mut(&conn)
            .and_then(|it| it.documents.get_mut(key))
        else {
            return;
        };
        let heads = peer.state.their_heads.iter().flatten().map(|head| head.0);
        let named: BTreeSet<[u8; 32]> = brought
            .iter()
            .copied()
            .chain(heads)
            .chain(written)
            .collect();
        let mut by_reason: BTreeMap<String, Vec<[u8; 32]>> = BTreeMap::new();
        for hash in named {
            if let Some(refused) = document.refused.get(&hash)
                && peer.refused_told.insert(hash)
            {
                by_reason
                    .entry(refused.reason.clone())
                    .or_default()
                    .push(hash);
            }
        }
        // Whoever brought what is no proper change pays for it; who only has it below its heads not.
        let brought: BTreeSet<&[u8; 32]> = brought.iter().collect();
        let malformed = by_reason.get(MALFORMED).into_iter().flatten();
        let malformed = malformed.filter(|hash| brought.contains(hash)).count();
        self.fault(conn, FAULT_OF_A_CHANGE.saturating_mul(malformed as u64));
        for (reason, hashes) in by_reason {
            for hashes in hashes.chunks(self.config.limits.heads_max) {
                let (hashes, reason) = (hashes.to_vec(), reason.clone());
                self.send(
                    conn,
                    Frame::Refused {
                        document: key.id,
                        hashes,
                        reason,
                    },
                );
            }
        }
    }

    /// A peer keeps changes aside that we sent it.
    pub(super) fn refused_frame(
        &mut self,
        conn: ConnId,
        id: [u8; 16],
        hashes: Vec<[u8; 32]>,
        reason: String,
    ) {
        let limits = &self.config.limits;
        if reason.len() > limits.text_bytes_max || hashes.len() > limits.refused_max {
            self.close(conn, code::POLICY, "refused-too-big");
            return;
        }
        let key = DocKey {
            space: Space::Circles,
            id,
        };
        let Some(peer) = self
            .conns
            .get_mut(&conn)
            .and_then(|it| it.documents.get_mut(&key))
        else {
            return;
        };
        if peer.refused_there.len() + hashes.len() <= limits.refused_max {
            let named = hashes.iter().map(|hash| (*hash, reason.clone()));
            peer.refused_there.extend(named);
        }
        self.notice(Notice::RefusedByPeer {
            conn,
            document: key,
            hashes,
            reason,
        });
    }

    /// Sends a peer what it needs to know of a document, frontiers first; often that is nothing.
    pub(super) fn generate(&mut self, conn: ConnId, key: &DocKey) {
        if !self.may_exchange(conn, key) {
            return;
        }
        let Some(Slot::Open(document)) = self.documents.get(key) else {
            return;
        };
        let Some(peer) = self
            .conns
            .get_mut(&conn)
            .and_then(|it| it.documents.get_mut(key))
        else {
            return;
        };
        if self.plants.has(Planted::WrongLastSentHeads) {
            peer.state.last_sent_heads = document.live.get_heads();
        }
        let Some(generated) = caught(|| document.generate(peer, self.read_only.is_some())) else {
            self.totals.panics_caught += 1;
            self.close(conn, code::PROTOCOL, "bad-sync-state");
            return;
        };
        let Some(message) = generated else { return };
        let frontiers = if message.changes.is_empty() {
            Vec::new()
        } else {
            document.unsent(peer)
        };
        for items in frontiers.chunks(self.config.limits.frontiers_per_frame_max) {
            let items = items
                .iter()
                .flat_map(|frontier| frontier.encode())
                .collect();
            self.send(
                conn,
                Frame::Frontier {
                    document: key.id,
                    items,
                },
            );
        }
        self.send(
            conn,
            Frame::Sync {
                document: key.id,
                data: message.encode(),
            },
        );
    }
}

impl Document {
    /// Brings the state of a peer up to date with its message, whose changes are applied already.
    /// Says whether Automerge stood it; with no changes in the message the document stays as it is.
    fn receive(&mut self, peer: &mut PeerDocument, message: Message, had_changes: bool) -> bool {
        let sent_before = peer.state.last_sent_heads.clone();
        let lost_all = message.heads.is_empty();
        let mut state = peer.state.clone();
        let live = &mut self.live;
        let Some(Ok(())) = caught(|| live.receive_sync_message(&mut state, message)) else {
            return false;
        };
        if !lost_all {
            // Automerge takes equal heads without changes for an answer to us. The peer waits for
            // our word that they are kept here, though, wherever we got them from.
            state.last_sent_heads = sent_before;
        }
        peer.reply_due |= had_changes;
        peer.state = state;
        true
    }

    /// The next message for a peer, when there is something to say.
    fn generate(&self, peer: &mut PeerDocument, is_read_only: bool) -> Option<Message> {
        let state = &mut peer.state;
        let (responded, in_flight) = (state.have_responded, state.in_flight);
        let heads = self.live.get_heads();
        let is_repeated = responded && state.last_sent_heads == heads;
        let is_reset = self.needs_reset(state);
        let mut message = self.live.generate_sync_message(state)?;
        let their_heads = state.their_heads.clone().unwrap_or_default();
        message.need = if is_read_only {
            Vec::new()
        } else {
            self.need(&their_heads)
        };
        // As Automerge does it: who misses something below the peer's heads asks for that first.
        if message.need.iter().any(|hash| !their_heads.contains(hash)) {
            message.have = Vec::new();
        }
        for have in &mut message.have {
            have.last_sync.truncate(LAST_SYNC_MAX);
        }
        // Nothing new, nothing asked, nothing owed: two peers that will never have the same heads,
        // since one keeps something aside, would tell each other so for ever (rule G3).
        if is_repeated
            && !is_reset
            && !peer.reply_due
            && message.need.is_empty()
            && message.changes.is_empty()
        {
            state.in_flight = in_flight;
            return None;
        }
        peer.reply_due = false;
        Some(message)
    }

    /// Whether the peer speaks of a common past that we do not know: it must begin anew.
    fn needs_reset(&self, state: &State) -> bool {
        let first = state.their_have.as_ref().and_then(|have| have.first());
        first.is_some_and(|have| {
            have.last_sync
                .iter()
                .any(|hash| !self.changes().contains(&hash.0))
        })
    }

    /// What we miss to reach these heads: neither what waits here already, nor what is kept aside
    /// or builds on it (rule G3).
    pub(super) fn need(&self, heads: &[ChangeHash]) -> Vec<ChangeHash> {
        let mut need = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut left: Vec<[u8; 32]> = heads.iter().map(|head| head.0).collect();
        while let Some(hash) = left.pop() {
            if self.changes().contains(&hash)
                || self.refused.contains_key(&hash)
                || !seen.insert(hash)
            {
                continue;
            }
            match self.pending.get(&hash) {
                Some(pending) => left.extend(&pending.header.deps),
                None => {
                    need.insert(ChangeHash(hash));
                }
            }
        }
        need.into_iter().take(NEED_MAX).collect()
    }

    /// Whether a peer with these heads has everything we have, as far as it ever will.
    pub(super) fn is_reached_by(&self, peer: &PeerDocument) -> bool {
        let Some(heads) = &peer.state.their_heads else {
            return false;
        };
        if !self.need(heads).is_empty() {
            return false;
        }
        let mut reached = BTreeSet::new();
        let mut left: Vec<[u8; 32]> = heads.iter().map(|head| head.0).collect();
        while let Some(hash) = left.pop() {
            if !reached.insert(hash) {
                continue;
            }
            let aside = self.refused.get(&hash).map(|refused| &refused.header);
            if let Some(header) =
                aside.or_else(|| self.pending.get(&hash).map(|pending| &pending.header))
            {
                left.extend(&header.deps);
            }
        }
        let is_there = |head: &ChangeHash| {
            reached.contains(&head.0) || peer.refused_there.contains_key(&head.0)
        };
        self.live.get_heads().iter().all(is_there)
    }

    /// Frontiers that the peer was not sent in this version; they count as sent from here on.
    fn unsent(&self, peer: &mut PeerDocument) -> Vec<Frontier> {
        if self.home == Home::Open {
            return Vec::new();
        }
        let sent = &mut peer.frontiers_sent;
        let unsent = self.frontiers.values().filter(|frontier| {
            sent.get(&frontier.actor)
                .is_none_or(|seq| *seq < frontier.seq)
        });
        let unsent: Vec<Frontier> = unsent.copied().collect();
        sent.extend(unsent.iter().map(|frontier| (frontier.actor, frontier.seq)));
        unsent
    }
}

/// The gate of the other side takes no more (specification, section 6).
const LAST_SYNC_MAX: usize = gate::LAST_SYNC_MAX as usize;
const NEED_MAX: usize = gate::HASHES_MAX as usize;
