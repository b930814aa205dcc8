//! From what waits for a document to what is kept, and from kept to told (rule K1).

use std::collections::{BTreeMap, BTreeSet};

use smallwin_circle::Frontier;
use smallwin_gate::ChangeIndex;

use super::Engine;
use super::apply::apply;
use super::document::{Document, Flight, Home, Incoming, Loose, Participant, Slot, Verdict};
use super::judge::{index_of, judge};
use super::keep::Work;
use super::refused::{MALFORMED, RefusedChange, UNSIGNED};
use super::send::code;
use crate::{ConnId, DocKey, Notice, Request, Table, Write, WriteRefused};

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
        let (participants, requests) = self.take_inbox(key, &mut document);
        let writers = self.writers(&document);
        let rules = self.rules(&document.home);
        let mut index = std::mem::take(&mut document.index);
        let verdict = judge(&document, &writers, &mut index, &rules);
        let (flight, writes) = self.flight(key, &document, &index, verdict, participants, requests);
        // Changes that Automerge could not take must leave the index again.
        document.index = if flight.failed {
            index_of(&document, &flight.flight.admitted, &rules)
        } else {
            index
        };
        document.flight = Some(flight.flight);
        self.documents.insert(*key, Slot::Open(document));
        if writes.is_empty() {
            self.land_document(*key);
        } else {
            self.keep(Work::Document(*key), writes);
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

    /// Remembers frontiers whose signature fits and that prove something new.
    fn take_frontiers(&mut self, conn: ConnId, document: &mut Document, items: &[u8]) {
        let Home::Circle(circle, named) = document.home.clone() else {
            return;
        };
        let id = named.id(&circle);
        for item in items.chunks(Frontier::LENGTH) {
            let Ok(frontier) = Frontier::decode(item) else {
                continue;
            };
            let known = document.frontiers.get(&frontier.actor);
            if known.is_some_and(|known| known.seq >= frontier.seq) {
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
            if document.loose.len() >= self.config.limits.frontiers_waiting_max {
                self.close(conn, code::POLICY, "too-many-frontiers");
                return;
            }
            document.take_frontier(frontier, Some(conn), false);
        }
    }

    /// What a verdict means for the document, and the writes that make it durable.
    fn flight(
        &mut self,
        key: &DocKey,
        document: &Document,
        index: &ChangeIndex,
        mut verdict: Verdict,
        participants: Vec<Participant>,
        requests: Requests,
    ) -> (Prepared, Vec<Write>) {
        let changes: Vec<([u8; 32], &[u8])> = verdict
            .admitted
            .iter()
            .filter_map(|hash| Some((*hash, document.bytes_of(hash)?)))
            .collect();
        let (next, failed) = apply(&document.live, &changes);
        if !failed.is_empty() {
            self.totals.panics_caught += failed.len() as u64;
            verdict.admitted.retain(|hash| !failed.contains(hash));
            verdict
                .refused
                .extend(failed.iter().map(|hash| (*hash, MALFORMED)));
        }
        let mut writes = Vec::new();
        for hash in &verdict.admitted {
            let is_stored = document
                .pending
                .get(hash)
                .is_some_and(|pending| pending.stored)
                || document
                    .refused
                    .get(hash)
                    .is_some_and(|refused| refused.stored);
            if let (false, Some(bytes)) = (is_stored, document.bytes_of(hash)) {
                writes.push(Write::Chunk {
                    document: *key,
                    hash: *hash,
                    bytes: bytes.to_vec(),
                });
            }
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
            admitted: verdict.admitted,
            refused,
            frontiers,
            participants,
            requests,
        };
        (
            Prepared {
                flight,
                failed: !failed.is_empty(),
            },
            writes,
        )
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

    /// The flight is durable: the document changes, and whoever is concerned is told.
    pub(super) fn land_document(&mut self, key: DocKey) {
        let Some(Slot::Open(document)) = self.documents.get_mut(&key) else {
            return;
        };
        let Some(flight) = document.flight.take() else {
            return;
        };
        let Flight {
            next,
            admitted,
            refused,
            frontiers,
            participants,
            requests,
        } = flight;
        document.live = next;
        let mut bytes = 0;
        let mut is_new = false;
        for hash in &admitted {
            let pending = document.unwait(hash);
            is_new |= pending.as_ref().is_none_or(|pending| !pending.stored);
            bytes += pending
                .filter(|pending| !pending.stored)
                .map_or(0, |pending| pending.bytes.len() as u64);
            document.drop_refused(hash);
        }
        document.bytes += bytes;
        for Loose { frontier, .. } in frontiers {
            document.frontiers.insert(frontier.actor, frontier);
        }
        document.prune_frontiers();
        if key.space == crate::Space::Open {
            self.open_bytes += bytes;
        }
        self.totals.changes_applied += admitted.len() as u64;
        let participants_only: BTreeSet<ConnId> = participants
            .iter()
            .map(|participant| participant.conn)
            .collect();
        let is_refused = !refused.is_empty();
        self.land_refused(key, refused);
        self.answer_requests(&key, requests);
        for participant in participants {
            self.receive(&key, participant);
        }
        if is_new && !admitted.is_empty() {
            self.notice(Notice::DocumentChanged(key));
        }
        self.tell_wanting(&key);
        for conn in self.conns_of(&key) {
            if is_refused {
                self.tell_refused(conn, &key, &[]);
            }
            if is_new || participants_only.contains(&conn) {
                self.generate(conn, &key);
            }
        }
        self.bound_pending(&key);
        self.renew(&key);
        self.pump(&key);
    }

    /// Moves refused changes aside, and tells who brought them.
    fn land_refused(&mut self, key: DocKey, refused: Vec<([u8; 32], RefusedChange)>) {
        let limits_max = (
            self.config.limits.refused_max,
            self.config.limits.refused_bytes_max,
        );
        let mut by_reason: BTreeMap<String, Vec<[u8; 32]>> = BTreeMap::new();
        let mut overflow = Vec::new();
        for (hash, change) in refused {
            let Some(Slot::Open(document)) = self.documents.get_mut(&key) else {
                return;
            };
            let bringers = document
                .unwait(&hash)
                .map(|pending| pending.from)
                .unwrap_or_default();
            let is_full = document.refused.len() >= limits_max.0
                || document.refused_bytes + change.bytes.len() > limits_max.1;
            if is_full && !change.stored {
                overflow.extend(bringers);
                continue;
            }
            by_reason
                .entry(change.reason.clone())
                .or_default()
                .push(hash);
            document.take_refused(change);
            self.totals.changes_refused += 1;
        }
        for (reason, hashes) in by_reason {
            self.notice(Notice::Refused {
                document: key,
                hashes,
                reason,
            });
        }
        for conn in overflow {
            self.close(conn, code::POLICY, "too-many-refused");
        }
    }

    fn answer_requests(&mut self, key: &DocKey, requests: Requests) {
        for (request, hashes) in requests {
            let Some(Slot::Open(document)) = self.documents.get_mut(key) else {
                return;
            };
            let missing: Vec<[u8; 32]> = hashes
                .into_iter()
                .filter(|hash| !document.index.contains(hash))
                .collect();
            let reason = missing
                .iter()
                .find_map(|hash| document.refused.get(hash))
                .map(|refused| refused.reason.clone());
            for hash in &missing {
                // What has no frontier would wait for ever: its author is here and knows.
                if document
                    .pending
                    .get(hash)
                    .is_some_and(|pending| pending.from.is_empty())
                {
                    document.unwait(hash);
                }
            }
            let result = if missing.is_empty() {
                Ok(())
            } else {
                let reason = reason.unwrap_or_else(|| UNSIGNED.to_owned());
                Err(WriteRefused::Refused {
                    reason,
                    hashes: missing,
                })
            };
            self.done(request, result);
        }
    }

    /// Peers that bring more than may wait are closed: their frames may not be dropped singly.
    fn bound_pending(&mut self, key: &DocKey) {
        let limits = &self.config.limits;
        let Some(Slot::Open(document)) = self.documents.get_mut(key) else {
            return;
        };
        let conns = &self.conns;
        document
            .pending
            .values_mut()
            .for_each(|pending| pending.from.retain(|conn| conns.contains_key(conn)));
        document.forget_orphans();
        if document.pending.len() <= limits.pending_max
            && document.pending_bytes <= limits.pending_bytes_max
        {
            return;
        }
        let bringers: BTreeSet<ConnId> = document
            .pending
            .values()
            .flat_map(|pending| pending.from.iter().copied())
            .collect();
        for conn in bringers {
            self.close(conn, code::POLICY, "too-many-pending");
        }
    }

    /// Peers of the open space that asked for a document nobody had.
    fn tell_wanting(&mut self, key: &DocKey) {
        // One that has only been announced holds nothing yet.
        let is_empty = self
            .document(key)
            .is_none_or(|live| live.get_heads().is_empty());
        if is_empty {
            return;
        }
        let wanting: Vec<ConnId> = self
            .conns
            .iter()
            .filter(|(_, connection)| connection.wants.contains(key))
            .map(|(conn, _)| *conn)
            .collect();
        for conn in wanting {
            self.take_part(conn, *key);
        }
    }
}

/// Local calls, each with the hashes of its changes.
type Requests = Vec<(Request, Vec<[u8; 32]>)>;

/// A flight that is ready, and whether Automerge refused something that the gate had passed.
struct Prepared {
    flight: Flight,
    failed: bool,
}

impl Document {
    /// The raw bytes of a change that waits or is kept aside.
    fn bytes_of(&self, hash: &[u8; 32]) -> Option<&[u8]> {
        let pending = self.pending.get(hash).map(|pending| &pending.bytes);
        pending
            .or_else(|| self.refused.get(hash).map(|refused| &refused.bytes))
            .map(Vec::as_slice)
    }

    /// A change that waits, as one that is kept aside.
    fn refusal(&self, hash: &[u8; 32], code: &str) -> Option<RefusedChange> {
        let (header, bytes, stored) = match (self.pending.get(hash), self.refused.get(hash)) {
            (Some(pending), _) => (&pending.header, &pending.bytes, pending.stored),
            (None, Some(refused)) => (&refused.header, &refused.bytes, refused.stored),
            (None, None) => return None,
        };
        // The smallest frontier of its chain that reaches it: it may be admitted by it later.
        let mut of_actor = self
            .loose
            .iter()
            .filter(|((actor, seq, _), _)| header.actor == *actor && *seq >= header.seq);
        let frontier = of_actor.next().map(|(_, loose)| loose.frontier);
        Some(RefusedChange {
            header: header.clone(),
            reason: code.to_owned(),
            frontier,
            bytes: bytes.clone(),
            stored,
        })
    }

    /// Per actor the newest frontier whose change is admitted now.
    fn promoted(&self, index: &ChangeIndex) -> Vec<Loose> {
        let mut newest: BTreeMap<[u8; 40], Loose> = BTreeMap::new();
        for ((actor, seq, hash), loose) in &self.loose {
            let is_newer = self
                .frontiers
                .get(actor)
                .is_none_or(|known| known.seq < *seq);
            if is_newer && index.contains(hash) {
                newest.insert(*actor, loose.clone());
            }
        }
        newest.into_values().collect()
    }

    /// Forgets frontiers that prove nothing more than others do.
    fn prune_frontiers(&mut self) {
        let mut aside: BTreeMap<[u8; 40], u64> = BTreeMap::new();
        for (actor, seq, hash) in self.loose.keys() {
            if self.refused.contains_key(hash) {
                aside.insert(*actor, *seq);
            }
        }
        let (frontiers, refused) = (&self.frontiers, &self.refused);
        self.loose.retain(|(actor, seq, hash), _| {
            let is_applied = frontiers.get(actor).is_some_and(|known| known.seq >= *seq);
            let is_outdone =
                refused.contains_key(hash) && aside.get(actor).is_some_and(|newest| newest > seq);
            !is_applied && !is_outdone
        });
    }
}

fn row_key(document: &DocKey, last: &[u8]) -> Vec<u8> {
    [&document.to_bytes()[..], last].concat()
}
