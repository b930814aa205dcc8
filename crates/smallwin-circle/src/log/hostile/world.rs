//! Who takes part in the hostile histories, and what they do.

use std::collections::BTreeMap;

use crate::document::{DocumentRef, Zone};
use crate::ids::{ChangeHash, ManifestHash, Nonce, PersonId, RecordId};
use crate::keys::{DeviceKey, Signature, SigningKey};
use crate::log::{Log, Verdict};
use crate::messages::{join_message, link_message};
use crate::record::{Body, Payload, Pin, Record, Stance};
use crate::role::Role;
use crate::sealing::SealingKey;
use crate::timestamp::Timestamp;

/// The devices; 6 is linked to person 0 and 7 to person 2, and 8 to 11 are strangers at first.
pub(super) const DEVICES: u8 = 12;
/// The logs between which records travel only when they meet.
pub(super) const PARTS: usize = 3;

pub(super) struct Cast {
    pub(super) keys: Vec<DeviceKey>,
    pub(super) base: Log,
    /// Invites that are open in the base, with the key that proves them.
    pub(super) invites: Vec<(RecordId, SigningKey)>,
    pub(super) proofs: BTreeMap<(u8, RecordId), Body>,
    /// The base as the author of each of its records knew it.
    pub(super) tips: BTreeMap<RecordId, Log>,
}

pub(super) fn secret(n: u8) -> SigningKey {
    SigningKey::from_seed([n + 1; 32])
}

pub(super) fn sealing(n: u8) -> crate::sealing::SealingPublic {
    SealingKey::from_seed([n + 101; 32]).public()
}

pub(super) fn payload(log: &Log, author: DeviceKey, body: Body) -> Payload {
    let (seq, prev, deps) = log.next(&author);
    let claimed = Timestamp::from_unix_s(1_795_000_000);
    let circle = Some(log.circle());
    Payload {
        author,
        body,
        circle,
        claimed,
        deps,
        prev,
        seq,
    }
}

impl Cast {
    pub(super) fn new() -> Self {
        let keys: Vec<DeviceKey> = (0..DEVICES).map(|n| secret(n).public()).collect();
        let genesis = Payload {
            author: keys[0],
            body: Body::Genesis {
                nonce: Nonce::from_bytes([1; 16]),
                sealing: sealing(0),
            },
            circle: None,
            claimed: Timestamp::from_unix_s(1_795_000_000),
            deps: Vec::new(),
            prev: None,
            seq: 0,
        };
        let base = Log::new(Record::unsigned(genesis, None)).unwrap();
        let mut cast = Self {
            keys,
            base,
            invites: Vec::new(),
            proofs: BTreeMap::new(),
            tips: BTreeMap::new(),
        };
        for (n, role) in [
            (1, Role::Facilitator),
            (2, Role::Inner),
            (3, Role::Owner),
            (4, Role::Inner),
            (5, Role::Outer),
        ] {
            let invite = cast.invite(n, role, false);
            let join = cast.join_body(n, invite, &secret(50 + n));
            let join = Record::unsigned(
                payload(&cast.base, cast.keys[n as usize], join),
                Some(cast.keys[0]),
            );
            cast.base.insert(join).unwrap();
        }
        for (author, device) in [(0, 6), (2, 7)] {
            let (author, key) = (cast.keys[author as usize], secret(device));
            let consent = key.sign(&link_message(&author, &key.public()));
            let (device, sealing) = (key.public(), sealing(device));
            cast.say(
                author,
                Body::Link {
                    device,
                    consent,
                    sealing,
                },
            );
        }
        // Two vouches: 3 and 4 by the second voter. Person 2 stays without one.
        for join in 3..=4_u8 {
            let join = cast.base.ledger.facts.roles[&PersonId::of(&cast.keys[join as usize])][0];
            let join = cast.base.ledger.entries[join].rank.1;
            cast.say(cast.keys[1], Body::Confirm { join });
        }
        for (n, role, is_offer) in [
            (20, Role::Inner, false),
            (21, Role::Facilitator, true),
            (22, Role::Facilitator, false),
        ] {
            let id = cast.invite(n, role, is_offer);
            cast.invites.push((id, secret(50 + n)));
        }
        for id in cast.base.ids().collect::<Vec<_>>() {
            let log = cast.at(&cast.base, &id);
            cast.tips.insert(id, log);
        }
        for n in 8..DEVICES {
            for (id, key) in cast.invites.clone() {
                let body = cast.join_body(n, id, &key);
                cast.proofs.insert((n, id), body);
            }
        }
        cast
    }

    /// The log as somebody holds it who has seen this record and nothing else.
    pub(super) fn at(&self, log: &Log, tip: &RecordId) -> Log {
        if let Some(old) = self.tips.get(tip) {
            return old.clone();
        }
        let closure = log.closure(&[*tip]);
        let is_later = closure.len() > self.base.len();
        let mut records = closure.into_iter().cloned();
        let mut old = if is_later {
            self.base.clone()
        } else {
            Log::new(records.next().unwrap()).unwrap()
        };
        records.for_each(|record| drop(old.insert(record)));
        old
    }

    pub(super) fn say(&mut self, author: DeviceKey, body: Body) -> RecordId {
        let record = Record::unsigned(payload(&self.base, author, body), None);
        let id = record.id();
        self.base.insert(record).unwrap();
        assert_eq!(self.base.verdict(&id), Verdict::Valid);
        id
    }

    pub(super) fn body(&self, dice: &mut Dice, log: &Log, n: u8) -> Option<Body> {
        let state = log.state();
        let people: Vec<PersonId> = state.members().map(|m| m.person).collect();
        let person = dice.of(&people)?;
        let own = state.person_of(&self.keys[n as usize]);
        let devices: Vec<DeviceKey> = self
            .keys
            .iter()
            .copied()
            .filter(|key| log.state().owner_of(key) == Some(person))
            .collect();
        let ids: Vec<RecordId> = log.records().map(Record::id).collect();
        let newer: Vec<RecordId> = ids.iter().rev().take(10).copied().collect();
        let revoke = |person, device: Option<DeviceKey>, role, approvals| {
            let branches: Vec<RecordId> = device
                .into_iter()
                .chain(devices.iter().copied())
                .filter_map(|key| log.branches(&key).first().copied())
                .take(1)
                .collect();
            Some(Body::Revoke {
                person,
                device,
                role,
                branches,
                pins: Vec::new(),
                approvals,
            })
        };
        let value = serde_json::Value::from(dice.below(1_000_000));
        match dice.below(24) {
            0..=3 => revoke(person, None, None, Vec::new()),
            4 => {
                let device = dice.of(&devices);
                revoke(person, device, None, Vec::new())
            }
            5 => {
                let own = own?;
                let device = self.keys.iter().copied().find(|key| {
                    *key != self.keys[n as usize] && state.owner_of(key) == Some(own)
                })?;
                Some(Body::Revoke {
                    person: own,
                    device: Some(device),
                    role: None,
                    branches: log.branches(&device).into_iter().take(1).collect(),
                    pins: Vec::new(),
                    approvals: Vec::new(),
                })
            }
            6 => revoke(person, None, Some(Role::Outer), Vec::new()),
            7 => Some(Body::Leave {
                pins: vec![Pin {
                    document: DocumentRef::case().id(&log.circle()),
                    heads: vec![ChangeHash::from_bytes([n; 32])],
                }],
            }),
            8 | 9 => Some(Body::Grant {
                person,
                role: Role::ALL[1 + dice.below(3)],
            }),
            10 => Some(Body::Withdraw {
                record: dice.of(&[self.invites[0].0, self.invites[1].0, newer[0]])?,
            }),
            11 | 12 => Some(Body::Confirm {
                join: dice.of(&newer)?,
            }),
            13 => Some(Body::Doc {
                document: DocumentRef::report(value.to_string()),
            }),
            14 => Some(Body::Share {
                source: DocumentRef::draft(&own?),
                heads: vec![ChangeHash::from_bytes([n; 32])],
                target: DocumentRef::voice(&own?),
            }),
            15 => Some(Body::Commit {
                round: dice.of(&newer)?,
                stance: Stance::Agree,
                reason: None,
            }),
            16 => Some(Body::Decide {
                about: "round".to_owned(),
                outcome: "go".to_owned(),
                reason: None,
            }),
            17 => Some(Body::Retire {
                document: DocumentRef::report("1"),
                successor: None,
                reason: None,
            }),
            18 => {
                let key = secret(n);
                let other = secret(8 + dice.below(4) as u8);
                let consent = other.sign(&link_message(&key.public(), &other.public()));
                Some(Body::Link {
                    device: other.public(),
                    consent,
                    sealing: sealing(n),
                })
            }
            19 => Some(Body::Adopt {
                document: dice.of(&[DocumentRef::case, DocumentRef::step])?(),
                heads: vec![ChangeHash::from_bytes([n; 32])],
            }),
            20 => Some(Body::Zone {
                relay: secret(40).public(),
                zones: [Zone::Core, Zone::Own, Zone::Together]
                    .into_iter()
                    .skip(dice.below(3))
                    .collect(),
            }),
            21 => Some(Body::Acknowledge {
                record: dice.of(&newer)?,
            }),
            22 => Some(Body::Snapshot {
                manifest: ManifestHash::from_bytes([n; 32]),
                signature: Signature::from_bytes([n; 64]),
                prev: None,
            }),
            _ => Some(Body::Statement {
                about: "a".to_owned(),
                value,
            }),
        }
    }

    pub(super) fn invite(&mut self, n: u8, role: Role, is_offer: bool) -> RecordId {
        let (invite, expires) = (
            secret(50 + n).public(),
            Timestamp::from_unix_s(1_795_000_000),
        );
        let body = if is_offer {
            Body::Offer {
                invite,
                role,
                expires,
            }
        } else {
            Body::Invite {
                invite,
                role,
                expires,
            }
        };
        self.say(self.keys[0], body)
    }

    pub(super) fn join_body(&self, n: u8, invite: RecordId, key: &SigningKey) -> Body {
        let (author, sealing) = (self.keys[n as usize], sealing(n));
        let proof = key.sign(&join_message(&self.base.circle(), &author, &sealing));
        Body::Join {
            invite,
            proof,
            sealing,
        }
    }
}

pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as usize % sides.max(1)
    }

    pub(super) fn is(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(super) fn of<T: Copy>(&mut self, items: &[T]) -> Option<T> {
        items.get(self.below(items.len())).copied()
    }
}

pub(super) struct World<'c> {
    pub(super) cast: &'c Cast,
    pub(super) dice: Dice,
    pub(super) logs: Vec<Log>,
    pub(super) made: Vec<Record>,
}

impl<'c> World<'c> {
    pub(super) fn run(cast: &'c Cast, seed: u64) -> Self {
        let mut world = Self {
            cast,
            dice: Dice(seed.wrapping_mul(0x2545_f491_4f6c_dd1d)),
            logs: vec![cast.base.clone(); PARTS],
            made: Vec::new(),
        };
        for _ in 0..4 + world.dice.below(9) {
            world.step();
        }
        world
    }

    pub(super) fn step(&mut self) {
        let part = self.dice.below(PARTS);
        match self.dice.below(10) {
            0 | 1 => {
                let from = self.dice.below(PARTS);
                self.meet(part, from);
            }
            2 | 3 => self.campaign(part),
            4 => self.join(part),
            _ => {
                let n = self.someone(part);
                let body = self.cast.body(&mut self.dice, &self.logs[part], n);
                if let Some(body) = body {
                    self.make(part, n, body, None);
                }
            }
        }
    }

    pub(super) fn meet(&mut self, to: usize, from: usize) {
        let missing: Vec<Record> = self.logs[from]
            .missing_for(&self.logs[to].heads())
            .into_iter()
            .cloned()
            .collect();
        for record in missing {
            let _ = self.logs[to].insert(record);
        }
    }

    /// Devices mostly stay in their own part, so most of them do not equivocate.
    pub(super) fn someone(&mut self, part: usize) -> u8 {
        let n = self.dice.below(DEVICES as usize);
        if self.dice.is(95) {
            (n - n % PARTS + part) as u8 % DEVICES
        } else {
            n as u8
        }
    }

    pub(super) fn make(
        &mut self,
        part: usize,
        n: u8,
        body: Body,
        accepter: Option<u8>,
    ) -> Option<RecordId> {
        let key = self.cast.keys[n as usize];
        let accepter = accepter.map(|n| self.cast.keys[n as usize]);
        let record = Record::unsigned(payload(&self.logs[part], key, body), accepter);
        let id = record.id();
        if self.made.iter().any(|made| made.id() == id) {
            return None;
        }
        self.logs[part].insert(record.clone()).ok()?;
        self.made.push(record);
        Some(id)
    }

    pub(super) fn join(&mut self, part: usize) {
        let n = 8 + self.dice.below(DEVICES as usize - 8) as u8;
        let (invite, _) = &self.cast.invites[self.dice.below(self.cast.invites.len())];
        let body = self.cast.proofs[&(n, *invite)].clone();
        let accepter = self.dice.below(8) as u8;
        self.make(part, n, body, Some(accepter));
    }

    /// Several people vote, and one of them makes the statement.
    pub(super) fn campaign(&mut self, part: usize) {
        let to = self.someone(part);
        let Some(person) = self.person(part) else {
            return;
        };
        let (is_promotion, is_lowering) = (self.dice.is(30), self.dice.is(20));
        let role = if is_promotion {
            Some(Role::Facilitator)
        } else {
            is_lowering.then_some(Role::Inner)
        };
        let to_key = self.cast.keys[to as usize];
        for n in 0..8 {
            if n != to && n % 3 == self.dice.below(4) as u8 % 3 || self.dice.is(60) {
                let body = Body::Approve {
                    person,
                    role,
                    device: None,
                    to: to_key,
                };
                self.make(part, n, body, None);
            }
        }
        let approvals = self.logs[part].approvals(&person, role, None, &to_key);
        let body = if is_promotion {
            Body::Promote { person, approvals }
        } else {
            Body::Revoke {
                person,
                device: None,
                role,
                branches: Vec::new(),
                pins: Vec::new(),
                approvals,
            }
        };
        if self.dice.is(85) {
            self.make(part, to, body, None);
        }
    }

    pub(super) fn person(&mut self, part: usize) -> Option<PersonId> {
        let people: Vec<PersonId> = self.logs[part]
            .state()
            .members()
            .map(|m| m.person)
            .collect();
        self.dice.of(&people)
    }

    pub(super) fn all(&self) -> Log {
        let mut log = self.cast.base.clone();
        for record in &self.made {
            log.insert(record.clone()).unwrap();
        }
        log
    }

    pub(super) fn shuffled(&mut self) -> Log {
        let mut order: Vec<Record> = self.made.clone();
        for at in (1..order.len()).rev() {
            let other = self.dice.below(at + 1);
            order.swap(at, other);
        }
        let mut log = self.cast.base.clone();
        for record in order {
            log.insert(record).unwrap();
        }
        log
    }
}
