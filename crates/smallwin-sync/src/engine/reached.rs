//! Which other people's devices confirmed what (`smallwin/reached`).

use automerge::ChangeHash;
use smallwin_circle::{CircleId, PersonId};

use super::Engine;
use super::document::{Home, Slot};
use super::send::code;
use crate::wire::{Frame, ReachedPerson};
use crate::{ConnId, DocKey, Notice, Space};

impl Engine {
    /// A peer said its heads of a document. When its device is another person's and we know them
    /// all, that much of the document is with that person: by K1 it speaks of what it kept.
    pub(super) fn heads_confirmed(&mut self, conn: ConnId, key: &DocKey, heads: &[ChangeHash]) {
        let Some(Slot::Open(document)) = self.documents.get(key) else {
            return;
        };
        let Home::Circle(circle, _) = &document.home else {
            return;
        };
        let circle = *circle;
        let known: Vec<[u8; 32]> = heads
            .iter()
            .map(|head| head.0)
            .filter(|head| document.changes().contains(head))
            .collect();
        let Some(person) = self.person_of(conn, &circle) else {
            return;
        };
        if known.is_empty() || Some(person) == self.our_person(&circle) {
            return;
        }
        self.note_reached(key, person, known, Some(conn), &circle);
    }

    fn note_reached(
        &mut self,
        key: &DocKey,
        person: PersonId,
        heads: Vec<[u8; 32]>,
        from: Option<ConnId>,
        circle: &CircleId,
    ) {
        let people = self.reached.entry(*key).or_default();
        if people.get(&person) == Some(&heads) {
            return;
        }
        people.insert(person, heads.clone());
        self.notice(Notice::Reached(*key));
        let item = ReachedPerson {
            person: *person.as_bytes(),
            heads,
        };
        for conn in self.own_conns(circle) {
            if Some(conn) != from && self.may_exchange(conn, key) {
                self.send(
                    conn,
                    Frame::Reached {
                        document: key.id,
                        people: vec![item.clone()],
                    },
                );
            }
        }
    }

    /// Another device of our person tells who has what.
    pub(super) fn reached_frame(&mut self, conn: ConnId, id: [u8; 16], people: Vec<ReachedPerson>) {
        let limits = &self.config.limits;
        let is_too_much = people.len() > limits.people_per_frame_max
            || people
                .iter()
                .any(|item| item.heads.len() > limits.heads_max);
        if is_too_much {
            self.close(conn, code::POLICY, "reached-too-big");
            return;
        }
        let key = DocKey {
            space: Space::Circles,
            id,
        };
        let Some(Home::Circle(circle, _)) = self.home_of(&key) else {
            return;
        };
        if !self.own_conns(&circle).contains(&conn) || !self.may_exchange(conn, &key) {
            return;
        }
        let ours = self.our_person(&circle);
        let state = self
            .circles
            .get(&circle)
            .and_then(|held| held.log.as_ref())
            .map(|log| log.state());
        let known: Vec<ReachedPerson> = people
            .into_iter()
            .filter(|item| {
                let person = PersonId::from_bytes(item.person);
                Some(person) != ours && state.is_some_and(|state| state.member(&person).is_some())
            })
            .collect();
        let reached = self.reached.entry(key).or_default();
        let mut is_new = false;
        for item in known {
            let person = PersonId::from_bytes(item.person);
            is_new |= reached
                .insert(person, item.heads.clone())
                .is_none_or(|before| before != item.heads);
        }
        if is_new {
            self.notice(Notice::Reached(key));
        }
    }

    /// Tells another device of our person what we know when it begins with a document.
    pub(super) fn tell_reached(&mut self, conn: ConnId, key: &DocKey) {
        let Some(Home::Circle(circle, _)) = self.home_of(key) else {
            return;
        };
        if !self.own_conns(&circle).contains(&conn) {
            return;
        }
        let people = self.reached.get(key).into_iter().flatten();
        let people: Vec<ReachedPerson> = people
            .map(|(person, heads)| ReachedPerson {
                person: *person.as_bytes(),
                heads: heads.clone(),
            })
            .take(self.config.limits.people_per_frame_max)
            .collect();
        if !people.is_empty() {
            self.send(
                conn,
                Frame::Reached {
                    document: key.id,
                    people,
                },
            );
        }
    }

    /// The person whose device we are in this circle.
    pub(super) fn our_person(&self, circle: &CircleId) -> Option<PersonId> {
        self.circles
            .get(circle)?
            .log
            .as_ref()?
            .state()
            .person_of(&self.device)
    }

    /// Connections behind which a device of our own person stands.
    fn own_conns(&self, circle: &CircleId) -> Vec<ConnId> {
        let Some(ours) = self.our_person(circle) else {
            return Vec::new();
        };
        self.member_conns(circle)
            .into_iter()
            .filter(|conn| self.person_of(*conn, circle) == Some(ours))
            .collect()
    }
}
