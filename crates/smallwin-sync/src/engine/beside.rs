//! Cards and manifests, which stand beside the log (`smallwin/beside`; rules N1 and N2).

use std::collections::BTreeSet;

use smallwin_circle::{Card, CircleId, circle_tag};

use super::Engine;
use super::keep::Keeping;
use super::log_sync::in_parts;
use super::send::code;
use crate::wire::{BesideFrame, Frame};
use crate::{ConnId, Notice, Request, Table, Write, WriteRefused};

impl Engine {
    /// Tells a member what stands beside the log, once per connection.
    pub(super) fn beside_greet(&mut self, conn: ConnId, circle: &CircleId) {
        let is_told = self
            .conns
            .get(&conn)
            .and_then(|it| it.circles.get(circle))
            .is_none_or(|it| it.beside_told);
        if is_told || self.person_of(conn, circle).is_none() {
            return;
        }
        let Some(held) = self.circles.get(circle) else {
            return;
        };
        let cards: Vec<Vec<u8>> = held
            .cards
            .values()
            .map(|card| card.bytes().to_vec())
            .collect();
        if let Some(matched) = self
            .conns
            .get_mut(&conn)
            .and_then(|it| it.circles.get_mut(circle))
        {
            matched.beside_told = true;
        }
        for cards in in_parts(cards, self.config.limits.records_per_frame_max) {
            self.send_beside(
                conn,
                circle,
                BesideFrame {
                    cards,
                    ..BesideFrame::default()
                },
            );
        }
        self.want_manifests(circle);
    }

    /// Asks members for manifests that the log names and we lack, each peer once.
    pub(super) fn want_manifests(&mut self, circle: &CircleId) {
        let Some(held) = self.circles.get(circle) else {
            return;
        };
        let Some(log) = &held.log else { return };
        let missing: BTreeSet<[u8; 32]> = log
            .state()
            .snapshots()
            .iter()
            .map(|snapshot| *snapshot.manifest.as_bytes())
            .filter(|hash| !held.manifests.contains_key(hash))
            .collect();
        for conn in self.member_conns(circle) {
            let Some(matched) = self
                .conns
                .get_mut(&conn)
                .and_then(|it| it.circles.get_mut(circle))
            else {
                continue;
            };
            let want: Vec<[u8; 32]> = missing
                .difference(&matched.manifests_asked)
                .copied()
                .collect();
            matched.manifests_asked.extend(want.iter().copied());
            for want in want.chunks(self.config.limits.heads_max) {
                self.send_beside(
                    conn,
                    circle,
                    BesideFrame {
                        want: want.to_vec(),
                        ..BesideFrame::default()
                    },
                );
            }
        }
    }

    pub(super) fn beside_frame(&mut self, conn: ConnId, frame: BesideFrame) {
        let limits = &self.config.limits;
        if frame.cards.len() > limits.records_per_frame_max
            || frame.manifests.len() > limits.records_per_frame_max
        {
            self.close(conn, code::POLICY, "beside-too-big");
            return;
        }
        let circle = self
            .conns
            .get(&conn)
            .and_then(|connection| connection.circle_by_tag(&frame.circle));
        let Some(circle) = circle else { return };
        for card in frame.cards {
            // A card that does not parse is nothing; who sent it may be older or newer than we.
            if let Ok(card) = Card::parse(&card)
                && card.fields().circle == circle
            {
                self.take_card(card, Some(conn), None);
            }
        }
        for manifest in frame.manifests {
            self.take_manifest(&circle, manifest, Some(conn), None);
        }
        let wanted_max = self.config.limits.manifests_per_circle_max;
        let matched = self
            .conns
            .get_mut(&conn)
            .and_then(|it| it.circles.get_mut(&circle));
        if let Some(matched) = matched
            && matched.wanted.len() + frame.want.len() <= wanted_max
        {
            matched.wanted.extend(frame.want);
        }
        self.answer_wants(conn, &circle);
    }

    /// Sends a member the manifests that it asked for, as far as they are here. It may have asked
    /// before our log knew it as one.
    pub(super) fn answer_wants(&mut self, conn: ConnId, circle: &CircleId) {
        if self.person_of(conn, circle).is_none() {
            return;
        }
        let Some(held) = self.circles.get(circle) else {
            return;
        };
        let matched = self
            .conns
            .get_mut(&conn)
            .and_then(|it| it.circles.get_mut(circle));
        let Some(matched) = matched else { return };
        let mut manifests = Vec::new();
        matched
            .wanted
            .retain(|hash| match held.manifests.get(hash) {
                Some(manifest) => {
                    manifests.push(manifest.clone());
                    false
                }
                None => true,
            });
        for manifests in in_parts(manifests, self.config.limits.records_per_frame_max) {
            let frame = BesideFrame {
                manifests,
                ..BesideFrame::default()
            };
            self.send_beside(conn, circle, frame);
        }
    }

    /// Keeps a card that is newer than what we have; one whose author is not known yet waits.
    pub(super) fn take_card(&mut self, card: Card, from: Option<ConnId>, request: Option<Request>) {
        let circle = card.fields().circle;
        let Some(held) = self.circles.get_mut(&circle) else {
            return;
        };
        let fits = held.log.as_ref().is_some_and(|log| card.fits(log.state()));
        if !fits {
            if let Some(request) = request {
                self.done(request, Err(refused("not-a-member")));
            } else if held.cards_waiting.len() < self.config.limits.cards_waiting_max {
                held.cards_waiting.push_back(card);
            }
            return;
        }
        let person = card.fields().person;
        // Also newer than one that is just being kept: rows land in the order they were asked for.
        let mut known = held
            .cards
            .get(&person)
            .into_iter()
            .chain(held.cards_flying.get(&person));
        let is_newer = known.all(|known| card.newer_than(known));
        let is_full = held.cards.len() >= self.config.limits.cards_per_circle_max;
        if !is_newer || is_full && !held.cards.contains_key(&person) {
            if let Some(request) = request {
                self.done(
                    request,
                    Err(refused(if is_newer {
                        "too-many-cards"
                    } else {
                        "older-card"
                    })),
                );
            }
            return;
        }
        if self.read_only.is_some() {
            return;
        }
        held.cards_flying.insert(person, card.clone());
        let key = [&circle.as_bytes()[..], &person.as_bytes()[..]].concat();
        let write = Write::Row {
            table: Table::Card,
            key,
            value: card.bytes().to_vec(),
        };
        self.keep(
            Keeping::Card {
                card: Box::new(card),
                from,
                request,
            },
            vec![write],
        );
    }

    pub(super) fn land_card(&mut self, card: Card, from: Option<ConnId>, request: Option<Request>) {
        let circle = card.fields().circle;
        let Some(held) = self.circles.get_mut(&circle) else {
            return;
        };
        let person = card.fields().person;
        if held.cards_flying.get(&person) == Some(&card) {
            held.cards_flying.remove(&person);
        }
        let bytes = card.bytes().to_vec();
        held.cards.insert(person, card);
        self.notice(Notice::CardsChanged(circle));
        for conn in self.member_conns(&circle) {
            if Some(conn) != from {
                let cards = vec![bytes.clone()];
                self.send_beside(
                    conn,
                    &circle,
                    BesideFrame {
                        cards,
                        ..BesideFrame::default()
                    },
                );
            }
        }
        if let Some(request) = request {
            self.done(request, Ok(()));
        }
    }

    /// Judges cards again that waited for the record of their author.
    pub(super) fn judge_waiting_cards(&mut self, circle: &CircleId) {
        let Some(held) = self.circles.get_mut(circle) else {
            return;
        };
        for card in std::mem::take(&mut held.cards_waiting) {
            self.take_card(card, None, None);
        }
    }

    /// Keeps a manifest that the log names, or one of our own.
    pub(super) fn take_manifest(
        &mut self,
        circle: &CircleId,
        bytes: Vec<u8>,
        from: Option<ConnId>,
        request: Option<Request>,
    ) {
        let hash = *blake3::hash(&bytes).as_bytes();
        let limits = &self.config.limits;
        let Some(held) = self.circles.get(circle) else {
            return;
        };
        let named = |log: &smallwin_circle::Log| {
            log.state()
                .snapshots()
                .iter()
                .any(|snapshot| *snapshot.manifest.as_bytes() == hash)
        };
        // Our own may come before the record that names it.
        let is_named = request.is_some() || held.log.as_ref().is_some_and(named);
        let is_full = held.manifests.len() >= limits.manifests_per_circle_max;
        if bytes.len() > limits.manifest_bytes_max
            || !is_named
            || is_full
            || held.manifests.contains_key(&hash)
        {
            if let Some(request) = request {
                let is_known = held.manifests.contains_key(&hash);
                self.done(
                    request,
                    if is_known {
                        Ok(())
                    } else {
                        Err(refused("too-many-manifests"))
                    },
                );
            }
            return;
        }
        if self.read_only.is_some() {
            return;
        }
        let write = Write::Row {
            table: Table::Manifest,
            key: hash.to_vec(),
            value: bytes.clone(),
        };
        self.keep(
            Keeping::Manifest {
                circle: *circle,
                hash,
                bytes,
                from,
                request,
            },
            vec![write],
        );
    }

    pub(super) fn land_manifest(
        &mut self,
        circle: &CircleId,
        hash: [u8; 32],
        bytes: Vec<u8>,
        from: Option<ConnId>,
        request: Option<Request>,
    ) {
        let Some(held) = self.circles.get_mut(circle) else {
            return;
        };
        if held.manifests.insert(hash, bytes.clone()).is_none() {
            self.notice(Notice::ManifestKept(hash));
            for conn in self.member_conns(circle) {
                let matched = self
                    .conns
                    .get_mut(&conn)
                    .and_then(|it| it.circles.get_mut(circle));
                if let Some(matched) = matched {
                    matched.wanted.remove(&hash);
                }
                if Some(conn) != from {
                    let manifests = vec![bytes.clone()];
                    self.send_beside(
                        conn,
                        circle,
                        BesideFrame {
                            manifests,
                            ..BesideFrame::default()
                        },
                    );
                }
            }
        }
        if let Some(request) = request {
            self.done(request, Ok(()));
        }
    }

    fn send_beside(&mut self, conn: ConnId, circle: &CircleId, frame: BesideFrame) {
        let Some(connection) = self.conns.get(&conn) else {
            return;
        };
        let tag = circle_tag(&connection.transcript, circle);
        self.send(
            conn,
            Frame::Beside(BesideFrame {
                circle: tag,
                ..frame
            }),
        );
    }
}

fn refused(reason: &str) -> WriteRefused {
    WriteRefused::Refused {
        reason: reason.to_owned(),
        hashes: Vec::new(),
    }
}
