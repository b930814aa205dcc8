//! Random histories by devices that lie: they part and meet, remove one another, vote, equivocate,
//! back-date and use invites twice (rules C1, C2, R1 to R8, S1).
//!
//! The seeds are fixed; a failure names its seed.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::collections::BTreeMap;

use super::*;
use crate::document::{DocumentRef, Zone};
use crate::ids::{ChangeHash, ManifestHash, Nonce};
use crate::keys::{Signature, SigningKey};
use crate::may::{Action, may};
use crate::messages::{join_message, link_message};
use crate::record::{Payload, Pin, Stance};
use crate::sealing::SealingKey;
use crate::timestamp::Timestamp;

/// How many histories a run tries.
const HISTORIES: u64 = 20_000;
/// The devices; 6 is linked to person 0 and 7 to person 2, and 8 to 11 are strangers at first.
const DEVICES: u8 = 12;
/// The logs between which records travel only when they meet.
const PARTS: usize = 3;

struct Cast {
    keys: Vec<DeviceKey>,
    base: Log,
    /// Invites that are open in the base, with the key that proves them.
    invites: Vec<(RecordId, SigningKey)>,
    proofs: BTreeMap<(u8, RecordId), Body>,
    /// The base as the author of each of its records knew it.
    tips: BTreeMap<RecordId, Log>,
}

fn secret(n: u8) -> SigningKey {
    SigningKey::from_seed([n + 1; 32])
}

fn sealing(n: u8) -> crate::sealing::SealingPublic {
    SealingKey::from_seed([n + 101; 32]).public()
}

fn payload(log: &Log, author: DeviceKey, body: Body) -> Payload {
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
    fn new() -> Self {
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
    fn at(&self, log: &Log, tip: &RecordId) -> Log {
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

    fn say(&mut self, author: DeviceKey, body: Body) -> RecordId {
        let record = Record::unsigned(payload(&self.base, author, body), None);
        let id = record.id();
        self.base.insert(record).unwrap();
        assert_eq!(self.base.verdict(&id), Verdict::Valid);
        id
    }

    fn body(&self, dice: &mut Dice, log: &Log, n: u8) -> Option<Body> {
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

    fn invite(&mut self, n: u8, role: Role, is_offer: bool) -> RecordId {
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

    fn join_body(&self, n: u8, invite: RecordId, key: &SigningKey) -> Body {
        let (author, sealing) = (self.keys[n as usize], sealing(n));
        let proof = key.sign(&join_message(&self.base.circle(), &author, &sealing));
        Body::Join {
            invite,
            proof,
            sealing,
        }
    }
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as usize % sides.max(1)
    }

    fn is(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn of<T: Copy>(&mut self, items: &[T]) -> Option<T> {
        items.get(self.below(items.len())).copied()
    }
}

struct World<'c> {
    cast: &'c Cast,
    dice: Dice,
    logs: Vec<Log>,
    made: Vec<Record>,
}

impl<'c> World<'c> {
    fn run(cast: &'c Cast, seed: u64) -> Self {
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

    fn step(&mut self) {
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

    fn meet(&mut self, to: usize, from: usize) {
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
    fn someone(&mut self, part: usize) -> u8 {
        let n = self.dice.below(DEVICES as usize);
        if self.dice.is(95) {
            (n - n % PARTS + part) as u8 % DEVICES
        } else {
            n as u8
        }
    }

    fn make(&mut self, part: usize, n: u8, body: Body, accepter: Option<u8>) -> Option<RecordId> {
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

    fn join(&mut self, part: usize) {
        let n = 8 + self.dice.below(DEVICES as usize - 8) as u8;
        let (invite, _) = &self.cast.invites[self.dice.below(self.cast.invites.len())];
        let body = self.cast.proofs[&(n, *invite)].clone();
        let accepter = self.dice.below(8) as u8;
        self.make(part, n, body, Some(accepter));
    }

    /// Several people vote, and one of them makes the statement.
    fn campaign(&mut self, part: usize) {
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

    fn person(&mut self, part: usize) -> Option<PersonId> {
        let people: Vec<PersonId> = self.logs[part]
            .state()
            .members()
            .map(|m| m.person)
            .collect();
        self.dice.of(&people)
    }

    fn all(&self) -> Log {
        let mut log = self.cast.base.clone();
        for record in &self.made {
            log.insert(record.clone()).unwrap();
        }
        log
    }

    fn shuffled(&mut self) -> Log {
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

/// What a run must have met to be worth something.
#[derive(Debug, Default)]
struct Seen {
    removed: u64,
    quorums: u64,
    cut: u64,
    frozen: u64,
    back_dated: u64,
    mutual: u64,
    leaderless: u64,
    promoted: u64,
    forked: u64,
}

#[test]
fn c1_c2_r1_r8_s1_hostile_histories_even() {
    run((0..HISTORIES).step_by(2));
}

#[test]
fn c1_c2_r1_r8_s1_hostile_histories_odd() {
    run((1..HISTORIES).step_by(2));
}

fn run(seeds: impl Iterator<Item = u64>) {
    let cast = Cast::new();
    let mut seen = Seen::default();
    for seed in seeds {
        let mut world = World::run(&cast, seed);
        let log = world.all();
        same_in_every_order(&mut world, &log, seed);
        same_from_scratch(&log, seed);
        facilitators_fall_by_a_quorum_only(&log, seed, &mut seen);
        nothing_is_back_dated(&mut world, &log, seed, &mut seen);
        there_is_a_way(&cast, &log, seed, &mut seen);
    }
    for (what, count) in [
        ("removals", seen.removed),
        ("quorums", seen.quorums),
        ("cuts", seen.cut),
        ("frozen devices", seen.frozen),
        ("back-dated records", seen.back_dated),
        ("leaderless circles", seen.leaderless),
        ("promotions out of that", seen.promoted),
        ("forks", seen.forked),
    ] {
        assert!(count > 4, "too few {what}: {seen:?}");
    }
    assert!(seen.mutual * 20 < seen.back_dated, "{seen:?}");
}

/// C1: the order of arrival does not matter.
fn same_in_every_order(world: &mut World<'_>, log: &Log, seed: u64) {
    let other = world.shuffled();
    assert_eq!(log.len(), other.len(), "seed {seed}");
    assert_eq!(log.state(), other.state(), "seed {seed}");
    for id in log.ids() {
        assert_eq!(log.verdict(&id), other.verdict(&id), "seed {seed}");
    }
    for part in world.logs.iter().skip(seed as usize % PARTS).take(1) {
        same_from_scratch(part, seed);
        assert_eq!(part.state(), &log.state_at(&part.heads()), "seed {seed}");
    }
}

/// S1: what grew record by record is what is computed at once.
fn same_from_scratch(log: &Log, seed: u64) {
    let cuts = Cuts::of(&log.ledger, None);
    assert_eq!(log.cuts, cuts, "seed {seed}");
    let view = View::all(&log.ledger, &cuts);
    let state = State::of(&view, 0..log.len());
    assert_eq!(log.state(), &state, "seed {seed}");
}

/// R1, R2: no single person ends the role of a facilitator who was one in the base.
fn facilitators_fall_by_a_quorum_only(log: &Log, seed: u64, seen: &mut Seen) {
    let view = View::all(&log.ledger, &log.cuts);
    seen.cut += u64::from(log.cuts != Cuts::default());
    seen.frozen += u64::from(
        log.ledger
            .chains
            .keys()
            .any(|key| view.frozen_from(key).is_some()),
    );
    for member in log.state().members() {
        let Some(id) = member.removed else { continue };
        seen.removed += 1;
        let (_, entry) = log.ledger.find(&id).unwrap();
        let is_own = entry.person == Some(member.person);
        seen.quorums += u64::from(entry.judgement.by_quorum);
        let was = View::at(&log.ledger, &entry.past, &log.cuts).role_of(&member.person);
        assert!(
            is_own || entry.judgement.by_quorum || was < Some(Role::Facilitator),
            "seed {seed}: {member:?}"
        );
    }
}

/// C2: a removed device goes on from its last record as if it had seen nothing since.
fn nothing_is_back_dated(world: &mut World<'_>, log: &Log, seed: u64, seen: &mut Seen) {
    let view = View::all(&log.ledger, &log.cuts);
    for n in 0..DEVICES {
        let key = world.cast.keys[n as usize];
        if !view.is_removed_device(&key) {
            continue;
        }
        let Some(tip) = log
            .ledger
            .chains
            .get(&key)
            .and_then(|chain| chain.last_key_value())
            .map(|(_, places)| places[0])
        else {
            continue;
        };
        let tip = log.ledger.entries[tip].rank.1;
        let old = world.cast.at(log, &tip);
        if old.state().role_of_device(&key).is_none() {
            continue;
        }
        let accepts = world.dice.is(15);
        let record = if accepts {
            let joiner = 8 + world.dice.below(4) as u8;
            let (invite, _) = &world.cast.invites[world.dice.below(world.cast.invites.len())];
            let body = world.cast.proofs[&(joiner, *invite)].clone();
            Record::unsigned(
                payload(&old, world.cast.keys[joiner as usize], body),
                Some(key),
            )
        } else {
            let Some(body) = world.cast.body(&mut world.dice, &old, n) else {
                continue;
            };
            Record::unsigned(payload(&old, key, body), None)
        };
        if log.contains(&record.id()) {
            continue;
        }
        let id = record.id();
        let mut later = log.clone();
        let Ok(_) = later.insert(record.clone()) else {
            continue;
        };
        // A join beside a join of the joiner makes no difference to who accepted it.
        if accepts && log.ledger.chains.contains_key(&record.payload().author) {
            continue;
        }
        seen.back_dated += 1;
        if later.state() == log.state() {
            continue;
        }
        // Who removes the very one who removed them, or who that one rests on: both go (R5).
        let place = later.ledger.find(&id).unwrap().0;
        let person = later.ledger.entries[place].person;
        let removers = later.ledger.facts.removals_of[&person.unwrap()].clone();
        let alone = Cuts::by(&later.ledger, place);
        let is_mutual = removers.iter().any(|remover| alone.contains(remover));
        assert!(
            is_mutual,
            "seed {seed}:\n{}",
            told(&later, world.cast.base.len())
        );
        seen.mutual += 1;
    }
}

/// The records after the base, to understand a failure.
fn told(log: &Log, from: usize) -> String {
    let entries = log.ledger.entries.iter().enumerate().skip(from - 1);
    let line = |(at, entry): (usize, &Entry)| {
        let seen: Vec<usize> = entry
            .past
            .places()
            .filter(|place| *place >= from - 1)
            .collect();
        let verdict = log.verdict(&entry.record.id());
        let payload = entry.record.payload();
        format!(
            "{at} {:?} {verdict:?} after {seen:?}: {:?}\n",
            payload.author, payload.body
        )
    };
    entries.map(line).collect()
}

/// R8: without a facilitator a quorum makes one, and where no quorum can be, a fork goes on.
fn there_is_a_way(cast: &Cast, log: &Log, seed: u64, seen: &mut Seen) {
    if log.state().has_facilitator() {
        return;
    }
    seen.leaderless += 1;
    let view = View::all(&log.ledger, &log.cuts);
    let is_working = |person: &PersonId| {
        let devices = log
            .state()
            .member(person)
            .map(|m| m.devices.clone())
            .unwrap_or_default();
        devices
            .into_iter()
            .find(|device| view.frozen_from(device).is_none())
    };
    let candidates: Vec<PersonId> = log
        .state()
        .members()
        .filter(|m| m.role.is_some() && !m.devices.is_empty())
        .map(|m| m.person)
        .collect();
    for person in candidates {
        let quorum = log.state().quorum(&person);
        let working: Vec<DeviceKey> = quorum.voters.iter().filter_map(is_working).collect();
        if working.len() < quorum.needed {
            continue;
        }
        let mut log = log.clone();
        let to = working[0];
        for author in &working[1..quorum.needed] {
            let body = Body::Approve {
                person,
                role: Some(Role::Facilitator),
                device: None,
                to,
            };
            log.insert(Record::unsigned(payload(&log, *author, body), None))
                .unwrap();
        }
        let approvals = log.approvals(&person, Some(Role::Facilitator), None, &to);
        let record = Record::unsigned(payload(&log, to, Body::Promote { person, approvals }), None);
        let id = record.id();
        log.insert(record).unwrap();
        assert_eq!(log.verdict(&id), Verdict::Valid, "seed {seed}");
        assert!(log.state().has_facilitator(), "seed {seed}");
        seen.promoted += 1;
        return;
    }
    let genesis = Payload {
        author: cast.keys[2],
        body: Body::Genesis {
            nonce: Nonce::from_bytes([2; 16]),
            sealing: sealing(2),
        },
        circle: None,
        claimed: Timestamp::from_unix_s(1_795_000_000),
        deps: Vec::new(),
        prev: None,
        seq: 0,
    };
    let mut fork = Log::new(Record::unsigned(genesis, None)).unwrap();
    let heads: Vec<RecordId> = log.heads().into_iter().take(DEPS_MAX).collect();
    let body = Body::Fork {
        parent: log.circle(),
        heads,
    };
    fork.insert(Record::unsigned(payload(&fork, cast.keys[2], body), None))
        .unwrap();
    assert_eq!(
        fork.state().parent().map(|fork| fork.parent),
        Some(log.circle()),
        "seed {seed}"
    );
    assert!(fork.state().has_facilitator());
    seen.forked += 1;
}

/// The same histories, signed, for the TypeScript twin: it must judge every record and describe every
/// state alike. Blessed as the other vectors are.
#[test]
fn c1_the_twin_judges_hostile_histories_alike() {
    let cast = Cast::new();
    let text = |record: &Record| String::from_utf8(cast.signed(record).bytes().to_vec()).unwrap();
    let histories: Vec<serde_json::Value> = (0..120)
        .map(|seed| {
            let world = World::run(&cast, 1_000_000 + seed);
            let log = world.all();
            let verdicts: Vec<String> = world.made.iter().map(|record| match log.verdict(&record.id()) {
                Verdict::Valid => "valid".to_owned(),
                Verdict::Contested => "contested".to_owned(),
                Verdict::Void(reason) => format!("void: {reason}"),
            }).collect();
            let state = hash(&describe(&cast, log.state()));
            let part = &world.logs[1];
            let seen = serde_json::json!({"heads": part.heads(), "state": hash(&describe(&cast, part.state()))});
            let records: Vec<String> = world.made.iter().map(text).collect();
            serde_json::json!({"records": records, "verdicts": verdicts, "state": state, "part": seen})
        })
        .collect();
    let base: Vec<String> = cast.base.records().map(text).collect();
    let devices: Vec<DeviceKey> = cast.asked();
    let value = serde_json::json!({
        "base": base, "devices": devices, "baseState": describe(&cast, cast.base.state()), "histories": histories,
    });
    let path = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/vectors/circle-hostile.json");
    let written = serde_json::to_string(&value).unwrap() + "\n";
    #[allow(clippy::disallowed_methods, reason = "the one switch of the vectors")]
    let blessed = std::env::var_os("SMALLWIN_BLESS").is_some();
    if blessed {
        std::fs::write(&path, &written).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == written,
        "{} is not what this version writes",
        path.display()
    );
}

impl Cast {
    fn asked(&self) -> Vec<DeviceKey> {
        self.keys
            .iter()
            .copied()
            .chain([secret(40).public()])
            .collect()
    }

    fn signed(&self, record: &Record) -> Record {
        let by = |key: &DeviceKey| {
            secret(self.keys.iter().position(|other| other == key).unwrap() as u8)
        };
        let signed = Record::sign(record.payload(), &by(&record.payload().author)).unwrap();
        let signed = record
            .accepter()
            .map_or(signed.clone(), |key| signed.countersign(&by(key)).unwrap());
        assert_eq!(signed.id(), record.id());
        signed
    }
}

fn hash(value: &serde_json::Value) -> String {
    crate::b64u::encode(blake3::hash(&crate::jcs::to_bytes(value)).as_bytes())
}

fn describe(cast: &Cast, state: &State) -> serde_json::Value {
    let json = |value: Vec<serde_json::Value>| serde_json::Value::from(value);
    let members = state.members().map(|m| {
        serde_json::json!([
            m.person,
            m.role,
            m.devices,
            m.contested,
            m.unconfirmed,
            m.vouched,
            m.removed
        ])
    });
    let invites = state
        .invites()
        .map(|i| serde_json::json!([i.record, i.role, i.used_by, i.confirm]));
    let snapshots = state
        .snapshots()
        .iter()
        .map(|s| serde_json::json!([s.record, s.withdrawn, s.acknowledged]));
    let documents = state.documents();
    let may_do = |device: &DeviceKey| {
        let answers = |action| -> Vec<&str> {
            documents
                .iter()
                .map(|document| {
                    may(state, device, action, document)
                        .err()
                        .map_or("ok", crate::may::Refusal::code)
                })
                .collect()
        };
        serde_json::json!([
            device,
            state.owner_of(device),
            answers(Action::Read),
            answers(Action::Write)
        ])
    };
    let asked = cast.asked();
    let pins = state
        .documents_by_id()
        .map(|(id, _)| serde_json::json!(state.pins(id).collect::<Vec<_>>()));
    let retired = state
        .retired()
        .iter()
        .map(|r| serde_json::json!([r.record, r.document, r.erased]));
    let voters = state.quorum(&PersonId::of(&cast.keys[0]));
    serde_json::json!({
        "members": json(members.collect()),
        "invites": json(invites.collect()),
        "shares": json(state.shares().iter().map(|s| s.record.to_string().into()).collect()),
        "snapshots": json(snapshots.collect()),
        "statements": json(state.statements().iter().map(|s| s.record.to_string().into()).collect()),
        "decisions": json(state.decisions().iter().map(|s| s.record.to_string().into()).collect()),
        "commits": json(state.commits().iter().map(|s| s.record.to_string().into()).collect()),
        "documents": json(state.documents_by_id().map(|(id, _)| id.to_string().into()).collect()),
        "pins": json(pins.collect()),
        "retired": json(retired.collect()),
        "zones": json(state.relay_zones(&secret(40).public()).map(|zone| zone.name().into()).collect()),
        "voters": serde_json::json!([voters.voters, voters.needed]),
        "hasFacilitator": state.has_facilitator(),
        "may": json(asked.iter().map(may_do).collect()),
    })
}
