//! From what waits for a document to what is kept, and from kept to told (rule K1).

use std::collections::BTreeMap;

use automerge::Automerge;
use smallwin_circle::Frontier;
use smallwin_gate::OpIndex;

use super::Engine;
use super::apply::apply;
use super::document::{
    Admitted, Document, Flight, Home, Incoming, Loose, Participant, Slot, Verdict,
};
use super::judge::{admit, judge};
use super::keep::Keeping;
use super::refused::{MALFORMED, RefusedChange};
use super::send::code;
use crate::planted::Planted;
use crate::{ConnId, DocKey, Request, Table, Write};

impl Engine {
    /// Judges everything that waits for a document. What is admitted or refused is kept first;
    /// while that is under way, the rest waits and makes the next batch.
    pub(super) fn pump(&mut self, key: &DocKey) {
        match self.documents.get(key) {
            Some(Slot::Open(document))
                if document.flight.is_none() && !document.inbox.is_empty() => {}
            _ => return,
        }
        let Some(Slot::Open(mut document)) = self.documents.remove(key) else {
            return;
        };
        let is_reconsidered = document.inbox.iter().any(Incoming::is_reconsideration);
        let (participants, requests) = self.take_inbox(key, &mut document);
        let writers = self.writers(&document);
        let rules = self.rules(&document.home);
        let mut index = std::mem::take(&mut document.history.index);
        let before = index.mark();
        let mut verdict = judge(&document, &writers, &mut index, &rules, is_reconsidered);
        let changes: Vec<([u8; 32], &[u8])> = verdict
            .admitted
            .iter()
            .filter_map(|hash| Some((*hash, document.bytes_of(hash)?)))
            .collect();
        let (next, failed) = apply(&document.live, &changes);
        if !failed.is_empty() {
            // They passed the gate, and Automerge cannot take them: they leave the index again.
            self.totals.panics_caught += failed.len() as u64;
            verdict.quarantine(&failed);
            index.rollback(before);
            for (_, bytes) in changes.iter().filter(|(hash, _)| !failed.contains(hash)) {
                let _admitted_before = admit(bytes, &mut index, &rules);
            }
        }
        let (flight, writes) = self.flight(
            key,
            &document,
            &index,
            next,
            verdict,
            participants,
            requests,
        );
        document.history.index = index;
        document.flight = Some(flight);
        self.documents.insert(*key, Slot::Open(document));
        if writes.is_empty() {
            self.land_document(*key);
        } else {
            self.keep(Keeping::Document(*key), writes);
        }
    }

    /// Moves what waits in the inbox among the pending changes and frontiers.
    fn take_inbox(
        &mut self,
        key: &DocKey,
        document: &mut Document,
    ) -> (Vec<Participant>, Requests) {
        let mut participants = Vec::new();
        let mut requests = Vec::new();
        document.inbox_bytes = 0;
        for incoming in std::mem::take(&mut document.inbox) {
            match incoming {
                Incoming::Sync {
                    conn,
                    message,
                    changes,
                    ..
                } => {
                    if !self
                        .conns
                        .get(&conn)
                        .is_some_and(|it| it.documents.contains_key(key))
                    {
                        continue;
                    }
                    let brought = changes.iter().map(|change| change.header.hash).collect();
                    for change in changes {
                        document.wait(change, Some(conn), None, false, self.now);
                    }
                    participants.push(Participant {
                        conn,
                        message,
                        brought,
                    });
                }
                Incoming::Frontiers { conn, items } => self.take_frontiers(conn, document, &items),
                Incoming::Local {
                    request,
                    changes,
                    frontiers,
                    ..
                } => {
                    for frontier in frontiers {
                        document.take_frontier(frontier, None, false);
                    }
                    requests.push((
                        request,
                        changes.iter().map(|change| change.header.hash).collect(),
                    ));
                    for change in changes {
                        document.wait(change, None, Some(request), false, self.now);
                    }
                }
                Incoming::Carried { pending, loose } => {
                    for (hash, pending) in pending {
                        document.carry(hash, pending);
                    }
                    for Loose { frontier, from, .. } in loose {
                        let conns = from
                            .into_iter()
                            .filter(|conn| self.conns.contains_key(conn));
                        for conn in conns {
                            document.take_frontier(frontier, Some(conn), false);
                        }
                    }
                }
                Incoming::Reconsider => {}
            }
        }
        (participants, requests)
    }

    /// Remembers frontiers whose signature fits and that prove something new, be it that their
    /// author contradicts itself.
    fn take_frontiers(&mut self, conn: ConnId, document: &mut Document, items: &[u8]) {
        let Home::Circle(circle, named) = document.home.clone() else {
            return;
        };
        let id = named.id(&circle);
        for item in items.chunks(Frontier::LENGTH) {
            let Ok(frontier) = Frontier::decode(item) else {
                continue;
            };
            if document.is_covered(&frontier) {
                continue;
            }
            let place = (frontier.actor, frontier.seq, frontier.hash);
            if document
                .loose
                .get(&place)
                .is_some_and(|loose| loose.frontier == frontier)
            {
                document.take_frontier(frontier, Some(conn), false);
                continue;
            }
            if frontier.verify(&circle, &id).is_err() {
                self.close(conn, code::POLICY, "bad-frontier");
                return;
            }
            let brought = document.loose.values().filter(|it| it.from.contains(&conn));
            if brought.count() >= self.config.limits.frontiers_waiting_max {
                self.close(conn, code::POLICY, "too-many-frontiers");
                return;
            }
            document.take_frontier(frontier, Some(conn), false);
        }
    }

    /// What a verdict means for the document, and the writes that make it durable.
    #[expect(clippy::too_many_arguments, reason = "all of them go into the flight")]
    fn flight(
        &self,
        key: &DocKey,
        document: &Document,
        index: &OpIndex,
        next: Automerge,
        verdict: Verdict,
        participants: Vec<Participant>,
        requests: Requests,
    ) -> (Flight, Vec<Write>) {
        let mut writes = Vec::new();
        let mut admitted = Vec::new();
        for hash in &verdict.admitted {
            let change = document.admitted(hash);
            let is_skipped = self.plants.has(Planted::SkippedChunk) && hash[0] < 16;
            if !change.stored && !is_skipped {
                writes.push(Write::Chunk {
                    document: *key,
                    hash: *hash,
                    bytes: change.bytes.to_vec(),
                });
            }
            admitted.push(change);
            if document
                .refused
                .get(hash)
                .is_some_and(|refused| !refused.stored)
            {
                writes.push(Write::Delete {
                    table: Table::Refused,
                    key: row_key(key, hash),
                });
            }
        }
        let refused: Vec<([u8; 32], RefusedChange)> = verdict
            .refused
            .iter()
            .filter_map(|(hash, code)| Some((*hash, document.refusal(hash, code)?)))
            .collect();
        let mut room = self.refused_room(document);
        for (hash, change) in refused.iter().filter(|(_, change)| !change.stored) {
            if room.0 > 0 && room.1 >= change.bytes.len() {
                room = (room.0 - 1, room.1 - change.bytes.len());
                writes.push(Write::Row {
                    table: Table::Refused,
                    key: row_key(key, hash),
                    value: change.to_row(),
                });
            }
        }
        let frontiers = document.promoted(index);
        for Loose { frontier, .. } in frontiers.iter().filter(|loose| !loose.stored) {
            let value = frontier.encode().to_vec();
            writes.push(Write::Row {
                table: Table::Frontier,
                key: row_key(key, &frontier.actor),
                value,
            });
        }
        let flight = Flight {
            next,
            admitted,
            refused,
            frontiers,
            participants,
            requests,
        };
        (flight, writes)
    }

    /// How many more changes, and bytes of them, may be kept aside.
    fn refused_room(&self, document: &Document) -> (usize, usize) {
        let limits = &self.config.limits;
        (
            limits.refused_max.saturating_sub(document.refused.len()),
            limits
                .refused_bytes_max
                .saturating_sub(document.refused_bytes),
        )
    }
}

/// Local calls, each with the hashes of its changes.
pub(super) type Requests = Vec<(Request, Vec<[u8; 32]>)>;

impl Verdict {
    /// Refuses for good what Automerge could not take.
    fn quarantine(&mut self, failed: &[[u8; 32]]) {
        self.admitted.retain(|hash| !failed.contains(hash));
        self.refused
            .extend(failed.iter().map(|hash| (*hash, MALFORMED)));
    }
}

impl Document {
    /// Whether a frontier proves no more than one that is kept does.
    pub(super) fn is_covered(&self, frontier: &Frontier) -> bool {
        let known = self.frontiers.get(&frontier.actor);
        known.is_some_and(|known| known.seq >= frontier.seq)
            && self.changes().change_of(&frontier.actor, frontier.seq) == Some(frontier.hash)
    }

    /// The raw bytes of a change that waits or is kept aside.
    fn bytes_of(&self, hash: &[u8; 32]) -> Option<&[u8]> {
        let pending = self.pending.get(hash).map(|pending| &pending.bytes);
        pending
            .or_else(|| self.refused.get(hash).map(|refused| &refused.bytes))
            .map(Vec::as_slice)
    }

    /// A change that waits or is kept aside, as one that is admitted.
    fn admitted(&self, hash: &[u8; 32]) -> Admitted {
        let pending = self.pending.get(hash);
        let refused = self.refused.get(hash);
        Admitted {
            hash: *hash,
            bytes: self.bytes_of(hash).unwrap_or_default().into(),
            stored: pending.is_some_and(|pending| pending.stored)
                || refused.is_some_and(|refused| refused.stored),
            is_news: pending.is_none_or(|pending| !pending.stored),
        }
    }

    /// A change that waits, as one that is kept aside.
    fn refusal(&self, hash: &[u8; 32], code: &str) -> Option<RefusedChange> {
        let Some(pending) = self.pending.get(hash) else {
            let before = self.refused.get(hash)?.clone();
            return Some(RefusedChange {
                reason: code.to_owned(),
                ..before
            });
        };
        let header = pending.header.clone();
        // The smallest frontier of its actor that may reach it: it may be admitted by it later.
        let mut of_actor = self
            .loose
            .iter()
            .filter(|((actor, seq, _), _)| header.actor == *actor && *seq >= header.seq);
        let frontier = of_actor.next().map(|(_, loose)| loose.frontier);
        Some(RefusedChange {
            author: pending.author,
            reason: code.to_owned(),
            frontier,
            bytes: pending.bytes.clone(),
            stored: pending.stored,
            header,
        })
    }

    /// Per actor the newest frontier whose change is admitted now.
    fn promoted(&self, index: &OpIndex) -> Vec<Loose> {
        let mut newest: BTreeMap<[u8; 40], Loose> = BTreeMap::new();
        for ((actor, seq, hash), loose) in &self.loose {
            let is_newer = self
                .frontiers
                .get(actor)
                .is_none_or(|known| known.seq < *seq);
            if is_newer && index.changes().contains(hash) {
                newest.insert(*actor, loose.clone());
            }
        }
        newest.into_values().collect()
    }
}

fn row_key(document: &DocKey, last: &[u8]) -> Vec<u8> {
    [&document.to_bytes()[..], last].concat()
}
