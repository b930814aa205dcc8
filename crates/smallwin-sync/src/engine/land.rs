//! What storage said is durable takes effect, and whoever is concerned is told (rule K1).

use std::collections::{BTreeMap, BTreeSet};

use super::Engine;
use super::document::{Document, Flight, Loose, Slot};
use super::pump::Requests;
use super::refused::{RefusedChange, UNSIGNED};
use super::send::code;
use crate::{ConnId, DocKey, Notice, WriteRefused};

impl Engine {
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
        let is_new = admitted.iter().any(|change| change.is_news);
        let count = admitted.len();
        for change in admitted {
            document.unwait(&change.hash);
            document.drop_refused(&change.hash);
            bytes += if change.stored {
                0
            } else {
                change.bytes.len() as u64
            };
            document.history.land(change.hash, change.bytes);
        }
        document.bytes += bytes;
        for Loose { frontier, .. } in frontiers {
            document.frontiers.insert(frontier.actor, frontier);
        }
        document.prune_frontiers();
        if key.space == crate::Space::Open {
            self.open_bytes += bytes;
        }
        self.totals.changes_applied += count as u64;
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
        if is_new {
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
        self.compact_if_due(&key);
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
            let actor = change.header.actor.clone();
            let is_proof = document.take_refused(change);
            self.totals.changes_refused += 1;
            if is_proof {
                self.notice(Notice::Equivocation {
                    document: key,
                    actor,
                });
            }
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
                .filter(|hash| !document.changes().contains(hash))
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

    /// A peer that brings more than may wait is closed: its frames may not be dropped singly. What
    /// others brought waits on.
    fn bound_pending(&mut self, key: &DocKey) {
        let Some(Slot::Open(document)) = self.documents.get_mut(key) else {
            return;
        };
        let conns = &self.conns;
        document
            .pending
            .values_mut()
            .for_each(|pending| pending.from.retain(|conn| conns.contains_key(conn)));
        document.forget_orphans();
        while let Some(conn) = self.brings_too_much(key) {
            self.close(conn, code::POLICY, "too-many-pending");
        }
    }

    /// A peer whose waiting changes pass what one may have, or who has most when all pass what a
    /// document may have. A change counts for one of those who brought it.
    fn brings_too_much(&self, key: &DocKey) -> Option<ConnId> {
        let limits = &self.config.limits;
        let Some(Slot::Open(document)) = self.documents.get(key) else {
            return None;
        };
        if document.pending.len() <= limits.pending_per_peer_max
            && document.pending_bytes <= limits.pending_bytes_per_peer_max
        {
            return None;
        }
        let mut held: BTreeMap<ConnId, (usize, usize)> = BTreeMap::new();
        for pending in document.pending.values() {
            if let Some(conn) = pending.from.first() {
                let (count, bytes) = held.entry(*conn).or_default();
                *count += 1;
                *bytes += pending.bytes.len();
            }
        }
        let most = held.iter().max_by_key(|(_, (_, bytes))| *bytes);
        let over = held.iter().find(|(_, (count, bytes))| {
            *count > limits.pending_per_peer_max || *bytes > limits.pending_bytes_per_peer_max
        });
        let is_full = document.pending_bytes > limits.pending_bytes_max;
        over.or(most.filter(|_| is_full)).map(|(conn, _)| *conn)
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

impl Document {
    /// Forgets frontiers that prove nothing more than others do.
    fn prune_frontiers(&mut self) {
        let mut aside: BTreeMap<[u8; 40], u64> = BTreeMap::new();
        for (actor, seq, hash) in self.loose.keys() {
            if self.refused.contains_key(hash) {
                aside.insert(*actor, *seq);
            }
        }
        let (frontiers, refused) = (&self.frontiers, &self.refused);
        let changes = self.history.index.changes();
        self.loose.retain(|(actor, seq, hash), _| {
            // One that names another change than was applied proves a contradiction.
            let is_applied = frontiers.get(actor).is_some_and(|known| known.seq >= *seq)
                && changes.change_of(actor, *seq) == Some(*hash);
            let is_outdone =
                refused.contains_key(hash) && aside.get(actor).is_some_and(|newest| newest > seq);
            !is_applied && !is_outdone
        });
    }
}
