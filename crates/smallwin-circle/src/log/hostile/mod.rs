//! Random histories by devices that lie: they part and meet, remove one another, vote, equivocate,
//! back-date and use invites twice (rules C1, C2, R1 to R8, S1).
//!
//! The seeds are fixed; a failure names its seed.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod twin;
mod world;

use self::world::{Cast, DEVICES, PARTS, World, payload, sealing};
use super::*;
use crate::ids::Nonce;
use crate::record::Payload;
use crate::timestamp::Timestamp;

/// How many histories a run tries.
const HISTORIES: u64 = 20_000;
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
