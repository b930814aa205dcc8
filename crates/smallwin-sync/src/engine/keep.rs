//! Kept before told (rule K1): what waits for storage, and what happens when it answers.

use smallwin_circle::{Card, CircleId};

use super::Engine;
use super::jobs::Snapshot;
use super::pair::Pairing;
use crate::{ConnId, DocKey, Effect, Notice, Request, Ticket, Write, WriteRefused};

/// What a ticket stands for.
#[derive(Debug)]
pub(crate) enum Keeping {
    /// The flight of a circle's log.
    Log(CircleId),
    /// The flight of a document.
    Document(DocKey),
    /// A card, and who brought it.
    Card {
        card: Box<Card>,
        from: Option<ConnId>,
        request: Option<Request>,
    },
    /// A manifest, and who brought it.
    Manifest {
        circle: CircleId,
        hash: [u8; 32],
        bytes: Vec<u8>,
        from: Option<ConnId>,
        request: Option<Request>,
    },
    /// A paired key; the connection that gets our answer.
    Pair {
        pairing: Pairing,
        answer: Option<ConnId>,
    },
    /// A forgotten paired key.
    Unpair { request: Request },
    /// A snapshot that takes the place of what it covers.
    Snapshot(Snapshot),
}

impl Engine {
    /// Asks for something to be kept. Nothing that depends on it may be told before the answer.
    pub(super) fn keep(&mut self, what: Keeping, writes: Vec<Write>) {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.keeping.insert(ticket, what);
        self.out.push(Effect::Keep { ticket, writes });
    }

    pub(super) fn kept(&mut self, ticket: Ticket) {
        if self.read_only.is_some() {
            // Storage failed before: what it says of later writes is not to be trusted.
            self.abandon(ticket);
            return;
        }
        match self.keeping.remove(&ticket) {
            Some(Keeping::Log(circle)) => {
                if let Some(flight) = self
                    .circles
                    .get_mut(&circle)
                    .and_then(|held| held.flight.take())
                {
                    self.land_log(&circle, flight, true);
                }
            }
            Some(Keeping::Document(key)) => self.land_document(key),
            Some(Keeping::Card {
                card,
                from,
                request,
            }) => self.land_card(*card, from, request),
            Some(Keeping::Manifest {
                circle,
                hash,
                bytes,
                from,
                request,
            }) => {
                self.land_manifest(&circle, hash, bytes, from, request);
            }
            Some(Keeping::Pair { pairing, answer }) => self.land_pairing(pairing, answer),
            Some(Keeping::Unpair { request }) => self.done(request, Ok(())),
            Some(Keeping::Snapshot(snapshot)) => self.land_snapshot(snapshot),
            None => {}
        }
    }

    /// Storage failed: nothing is taken in any more, and nothing that was not kept is told.
    pub(super) fn keep_failed(&mut self, ticket: Ticket, why: &str) {
        if self.read_only.is_none() {
            self.read_only = Some(why.to_owned());
            self.notice(Notice::ReadOnly {
                why: why.to_owned(),
            });
            for conn in self.ready_conns() {
                if self
                    .conns
                    .get(&conn)
                    .is_some_and(|connection| connection.space == crate::Space::Circles)
                {
                    self.send_notice(conn, "read-only", None);
                }
            }
        }
        self.abandon(ticket);
    }

    /// Undoes what waited for a ticket, as if it had never come.
    fn abandon(&mut self, ticket: Ticket) {
        let why = self.read_only.clone().unwrap_or_default();
        let failed = |request: Option<Request>, engine: &mut Engine| {
            if let Some(request) = request {
                engine.done(request, Err(WriteRefused::NotKept(why.clone())));
            }
        };
        match self.keeping.remove(&ticket) {
            Some(Keeping::Log(circle)) => {
                let flight = self
                    .circles
                    .get_mut(&circle)
                    .and_then(|held| held.flight.take());
                for (origin, _) in flight.into_iter().flat_map(|flight| flight.origins) {
                    if let super::circle::Origin::Local { request } = origin {
                        failed(Some(request), self);
                    }
                }
            }
            Some(Keeping::Document(key)) => {
                for request in self.drop_document(&key) {
                    failed(Some(request), self);
                }
                // What was durable before can still be read.
                self.open(key);
            }
            Some(Keeping::Card { request, .. } | Keeping::Manifest { request, .. }) => {
                failed(request, self)
            }
            Some(Keeping::Unpair { request }) => failed(Some(request), self),
            // What it would have covered is stored as before.
            Some(Keeping::Pair { .. } | Keeping::Snapshot(_)) | None => {}
        }
    }

    /// Reports the outcome of a local call.
    pub(super) fn done(&mut self, request: Request, result: Result<(), WriteRefused>) {
        self.notice(Notice::Done { request, result });
    }
}
