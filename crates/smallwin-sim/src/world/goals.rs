//! What everybody works towards, whatever breaks: a circle, a place in it, all own devices in it.

use smallwin_circle::{
    Body, CircleId, DocumentRef, InviteLink, PersonId, Role, SigningKey, Timestamp, join_message,
};
use smallwin_sync::{ConnId, Local};

use super::{Happening, Phase, World};
use crate::cast::Invite;
use crate::network::SiteId;
use crate::site::Wish;

impl World {
    /// The people behind a site consider what to do: first what they work towards, then, while
    /// there is trouble, anything.
    pub(super) fn think(&mut self, site: SiteId, starts: u64) {
        if !self.site(site).runs(starts) {
            return;
        }
        let after_ms = self
            .chance
            .between(self.pace.think_ms / 4, self.pace.think_ms * 2);
        self.agenda.put(after_ms, Happening::Think(site, starts));
        self.pursue(site);
        if self.phase == Phase::Trouble {
            self.perhaps_turn(site);
        }
        if self.site(site).is_gone {
            return;
        }
        if self.phase == Phase::Trouble
            && self.is_member(site)
            && self.chance.percent(self.pace.act_percent)
        {
            self.act(site);
        }
    }

    /// Whether anybody still has a goal before them.
    pub(super) fn goals_are_open(&self) -> bool {
        let waits = |site: &crate::site::Site| !site.is_gone && !self.is_member(site.id);
        self.circle.is_none() || self.sites.iter().any(waits)
    }

    /// The person's name in the circle: the first device they enter with.
    pub(super) fn person_id(&self, person: usize) -> Option<PersonId> {
        let enters = self.people.get(person)?.enters;
        Some(PersonId::of(&self.sites.get(enters.0)?.device.public()))
    }

    /// The invite that a site presents while it is not a member.
    pub(super) fn invite_of(&self, site: SiteId) -> Option<Invite> {
        let person = self.people.get(self.site(site).person)?;
        person
            .invite
            .filter(|_| person.enters == site && !self.is_member(site))
    }

    /// Whether the site's own log knows it as a member device.
    pub(super) fn is_member(&self, site: SiteId) -> bool {
        let site = self.site(site);
        self.circle
            .and_then(|circle| site.engine()?.log(&circle))
            .is_some_and(|log| log.state().role_of_device(&site.device.public()).is_some())
    }

    fn pursue(&mut self, site: SiteId) {
        let enters = self.people[self.site(site).person].enters == site;
        let Some(circle) = self.circle else {
            if site == self.people[0].enters {
                self.found();
            }
            return;
        };
        if site == self.people[0].enters {
            self.hold_founder_to_it(site, circle);
        }
        if self.is_member(site) {
            if site == self.people[0].enters {
                self.invite_the_next(site);
            }
        } else if enters {
            self.try_to_join(site, circle);
        } else {
            self.follow(site, circle);
        }
        self.pair_with_own_node(site);
    }

    /// Anna founds the circle.
    fn found(&mut self) {
        let site = self.people[0].enters;
        let body = Body::Genesis {
            nonce: smallwin_circle::Nonce::from_bytes(self.chance.bytes()),
            sealing: self.site(site).sealing.public(),
        };
        let genesis = self.record(site, None, body);
        let circle = CircleId::of(genesis.id());
        self.circle = Some(circle);
        self.genesis = Some(genesis.bytes().to_vec());
        let mut named = vec![DocumentRef::case(), DocumentRef::step()];
        for revision in 1..=REVISIONS {
            named.push(DocumentRef::check_in(revision));
            for person in 0..self.people.len() {
                let Some(person) = self.person_id(person) else {
                    continue;
                };
                named.push(DocumentRef::draft_of(revision, &person));
                named.push(DocumentRef::voice_of(revision, &person));
            }
        }
        self.names = named
            .into_iter()
            .map(|document| (document.id(&circle), document))
            .collect();
        self.host_genesis(site);
    }

    fn host_genesis(&mut self, site: SiteId) {
        let Some(genesis) = self.genesis.clone() else {
            return;
        };
        self.ask(
            site,
            Local::HostCircle {
                records: vec![genesis],
            },
            Wish::Other {
                what: "found the circle",
            },
        );
    }

    /// A founder whose process died before the genesis was durable does it again; one whose node
    /// does not hold the circle asks it to.
    fn hold_founder_to_it(&mut self, site: SiteId, circle: CircleId) {
        let state = self.site(site);
        let Some(process) = &state.process else {
            return;
        };
        if process.engine.log(&circle).is_none() {
            if process.waiting.is_empty() {
                self.host_genesis(site);
            }
            return;
        }
        let Some(node) = state.first_device else {
            return;
        };
        let held_there = self
            .site(node)
            .disk
            .durable()
            .records
            .contains(circle.as_bytes());
        let conn = process.ready_dialled().first().copied();
        let now_ms = self.now_ms();
        let asked_lately = process.asked_ms.is_some_and(|at_ms| now_ms < at_ms + 8000);
        if let (false, true, false, Some(conn)) = (held_there, state.paired, asked_lately, conn) {
            self.process_mut(site).asked_ms = Some(now_ms);
            self.ask(
                site,
                Local::Host { conn, circle },
                Wish::Other {
                    what: "ask the node to host",
                },
            );
        }
    }

    fn invite_the_next(&mut self, site: SiteId) {
        if self.process_mut(site).appending {
            return;
        }
        self.take_back_used_invites(site);
        let now_ms = self.now_ms();
        let waits = |person: &crate::cast::Person| {
            let on_its_way = person
                .invited_ms
                .is_some_and(|at_ms| now_ms < at_ms + 10_000);
            let borrows = person.borrows_from.is_some();
            person.role.is_some() && person.invite.is_none() && !on_its_way && !borrows
        };
        let Some(index) = self.people.iter().position(waits) else {
            return;
        };
        let role = self.people[index].role.unwrap_or(Role::Outer);
        let secret: [u8; 16] = self.chance.bytes();
        let Some(invite) = self.invite_key(secret).map(|key| key.public()) else {
            return;
        };
        let expires = Timestamp::from_unix_ms(self.clock(site).0 + 86_400_000);
        self.people[index].invited_ms = Some(now_ms);
        let record = self.record(
            site,
            self.circle,
            Body::Invite {
                invite,
                role,
                expires,
            },
        );
        // It is handed over once its author was told that it is kept, see `appended`.
        self.invites_to_hand.insert(record.id(), (index, secret));
        self.append_signed(site, &record, "invite somebody");
    }

    /// An invite reaches the person it is for, and sometimes somebody else as well.
    pub(super) fn hand_over(&mut self, person: usize, invite: Invite) {
        let borrows = |other: &usize| self.people[*other].borrows_from == Some(person);
        for who in (0..self.people.len())
            .filter(borrows)
            .chain([person])
            .collect::<Vec<_>>()
        {
            self.people[who].invite = Some(invite);
        }
    }

    /// Whoever came too late for an invite, or at the same moment as somebody else, gets a new one.
    fn take_back_used_invites(&mut self, site: SiteId) {
        let Some(log) = self
            .circle
            .and_then(|circle| self.site(site).engine()?.log(&circle))
        else {
            return;
        };
        let state = log.state();
        let in_vain = |index: &usize| {
            let used = self.people[*index]
                .invite
                .and_then(|invite| state.invite(&invite.record));
            let used = used.is_some_and(|invite| !invite.used_by.is_empty());
            used && self
                .person_id(*index)
                .is_some_and(|person| state.role_of(&person).is_none())
        };
        for index in (0..self.people.len()).filter(in_vain).collect::<Vec<_>>() {
            let person = &mut self.people[index];
            (person.invite, person.join, person.borrows_from) = (None, None, None);
            let name = person.name;
            self.tell(site, format_args!("sees that {name} needs another invite"));
        }
    }

    fn invite_key(&self, secret: [u8; 16]) -> Option<SigningKey> {
        let circle = self.circle?;
        Some(
            InviteLink {
                origin: "https://team.example".into(),
                circle,
                secret,
                hints: Vec::new(),
            }
            .invite_key(),
        )
    }

    fn try_to_join(&mut self, site: SiteId, circle: CircleId) {
        let person = self.site(site).person;
        let Some(invite) = self.people[person].invite else {
            return;
        };
        self.present(site, circle, invite.secret);
        let now_ms = self.now_ms();
        let Some(process) = &self.site(site).process else {
            return;
        };
        let asked_lately = process
            .asked_ms
            .is_some_and(|at_ms| now_ms < at_ms + 20_000);
        let Some(log) = process.engine.log(&circle) else {
            return;
        };
        if asked_lately || log.state().invite(&invite.record).is_none() {
            return;
        }
        let record = match self.people[person].join.clone() {
            Some(record) => record,
            None => {
                let state = self.site(site);
                let (author, sealing) = (state.device.public(), state.sealing.public());
                let Some(key) = self.invite_key(invite.secret) else {
                    return;
                };
                let proof = key.sign(&join_message(&circle, &author, &sealing));
                let body = Body::Join {
                    invite: invite.record,
                    proof,
                    sealing,
                };
                self.record(site, Some(circle), body).bytes().to_vec()
            }
        };
        self.people[person].join = Some(record.clone());
        self.process_mut(site).asked_ms = Some(now_ms);
        self.ask(
            site,
            Local::RequestJoin { circle, record },
            Wish::Other {
                what: "ask to join",
            },
        );
    }

    /// Presents the invite on connections that stood before it was handed over.
    fn present(&mut self, site: SiteId, circle: CircleId, secret: [u8; 16]) {
        let process = self.process_mut(site);
        let late: Vec<ConnId> = process
            .ready_dialled()
            .into_iter()
            .filter(|conn| process.presented.insert((*conn, secret)))
            .collect();
        for conn in late {
            self.ask(
                site,
                Local::Present {
                    conn,
                    circle,
                    secret,
                },
                Wish::Other {
                    what: "present the invite",
                },
            );
        }
    }

    /// A second device learns of the circle from its person and takes part by its own key.
    fn follow(&mut self, site: SiteId, circle: CircleId) {
        let paired = self.site(site).paired;
        let process = self.process_mut(site);
        if paired && !process.followed && process.engine.log(&circle).is_none() {
            process.followed = true;
            self.ask(
                site,
                Local::Follow { circle },
                Wish::Other {
                    what: "follow the circle",
                },
            );
        }
    }

    fn pair_with_own_node(&mut self, site: SiteId) {
        let (Some(node), false) = (self.site(site).first_device, self.site(site).paired) else {
            return;
        };
        let now_ms = self.now_ms();
        let process = self.process_mut(site);
        let asked_lately = process.asked_ms.is_some_and(|at_ms| now_ms < at_ms + 5000);
        let Some(conn) = process.ready_dialled().first().copied() else {
            return;
        };
        if asked_lately || self.site(node).process.is_none() {
            return;
        }
        self.process_mut(site).asked_ms = Some(now_ms);
        let secret: [u8; 16] = self.chance.bytes();
        let expires = smallwin_sync::Millis(self.clock(node).0 + 600_000);
        let secret_hash = *blake3::hash(&secret).as_bytes();
        self.ask(
            node,
            Local::Pair {
                secret_hash,
                expires,
            },
            Wish::Other {
                what: "let a browser pair",
            },
        );
        let node_device = self.site(node).device.public();
        let pair = Local::PairWith {
            conn,
            node_device,
            secret: secret.to_vec(),
        };
        self.ask(
            site,
            pair,
            Wish::Other {
                what: "pair with the node",
            },
        );
    }
}

/// Revisions of the check-in that may come to be.
pub(super) const REVISIONS: u32 = 2;
