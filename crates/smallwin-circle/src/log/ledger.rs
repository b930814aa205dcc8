//! The records that were judged, and where to find the facts about keys, people and invites in them.

use std::collections::{BTreeMap, BTreeSet};

use super::judge::Judgement;
use super::past::Past;
use crate::ids::{CircleId, PersonId, RecordId};
use crate::keys::DeviceKey;
use crate::record::{Body, Record};

/// Where a record stands in the order that all devices agree on: how many records are between it and
/// the genesis record at most, then its id.
pub(crate) type Rank = (u32, RecordId);

/// A record in the ledger.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) record: Record,
    pub(crate) past: Past,
    pub(crate) rank: Rank,
    /// The author's person in the record's own past, or the one who enters with it.
    pub(crate) person: Option<PersonId>,
    /// The person whose device accepted this join, in the join's own past.
    pub(crate) accepter: Option<PersonId>,
    /// What it is worth, judged in its own past; final.
    pub(crate) judgement: Judgement,
}

/// Grow-only: a record comes after every record in its past, and its judgement never changes.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    pub(crate) circle: CircleId,
    pub(crate) entries: Vec<Entry>,
    pub(crate) places: BTreeMap<RecordId, usize>,
    /// The records of each author by number; several under one number are an equivocation.
    pub(crate) chains: BTreeMap<DeviceKey, BTreeMap<u64, Vec<usize>>>,
    /// The numbers under which an author made several records.
    pub(crate) forks: BTreeMap<DeviceKey, BTreeSet<u64>>,
    /// The facts in the records that are valid in their own past.
    pub(crate) facts: Facts,
}

/// Where the valid records stand that say something about a key, a person or a record.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    /// `genesis`, `join` and `link` by the device they bind to a person.
    pub(crate) bindings: BTreeMap<DeviceKey, Vec<usize>>,
    /// The devices that were ever bound to a person.
    pub(crate) devices: BTreeMap<PersonId, BTreeSet<DeviceKey>>,
    /// `genesis`, `join`, `grant`, `promote`, some `confirm` and `revoke` by the person they give a role.
    pub(crate) roles: BTreeMap<PersonId, Vec<usize>>,
    /// `join` by the invite they use.
    pub(crate) joins: BTreeMap<RecordId, Vec<usize>>,
    /// `join` by the person whose device accepted them.
    pub(crate) accepted: BTreeMap<PersonId, Vec<usize>>,
    /// `confirm` by the join they name.
    pub(crate) confirms: BTreeMap<RecordId, Vec<usize>>,
    /// What lets a person have a vote: `genesis`, and `join`, `confirm` and `grant` that vouch.
    pub(crate) vouchers: BTreeMap<PersonId, Vec<usize>>,
    /// `revoke`, `leave` and `withdraw`.
    pub(crate) removals: Vec<usize>,
    /// `revoke` and `leave` by the person they are about.
    pub(crate) removals_of: BTreeMap<PersonId, Vec<usize>>,
    /// `withdraw` by what they take back.
    pub(crate) withdrawals: BTreeMap<RecordId, Vec<usize>>,
    /// `promote` and `revoke` of a quorum, by the person they are about.
    pub(crate) quorums: BTreeMap<PersonId, Vec<usize>>,
    /// `zone` by the relay they are about.
    pub(crate) relays: BTreeMap<DeviceKey, Vec<usize>>,
    /// Every valid record by its author's person.
    pub(crate) by_person: BTreeMap<PersonId, Vec<usize>>,
}

impl Ledger {
    pub(crate) fn new(circle: CircleId) -> Self {
        Self {
            circle,
            entries: Vec::new(),
            places: BTreeMap::new(),
            chains: BTreeMap::new(),
            forks: BTreeMap::new(),
            facts: Facts::default(),
        }
    }

    pub(crate) fn entry(&self, place: usize) -> Option<&Entry> {
        self.entries.get(place)
    }

    pub(crate) fn find(&self, id: &RecordId) -> Option<(usize, &Entry)> {
        let place = *self.places.get(id)?;
        Some((place, self.entries.get(place)?))
    }

    /// The past of a record with these dependencies, all of which must be in the ledger, and its depth.
    pub(crate) fn past_of(&self, deps: &[RecordId]) -> (Past, u32) {
        let mut past = Past::default();
        let mut depth = 0;
        for (place, entry) in deps.iter().filter_map(|id| self.find(id)) {
            past.join(&entry.past);
            past.add(place);
            depth = depth.max(entry.rank.0 + 1);
        }
        (past, depth)
    }

    /// Takes a judged record in and files the facts in it.
    pub(crate) fn push(&mut self, entry: Entry) -> usize {
        let place = self.entries.len();
        let payload = entry.record.payload();
        let under_number = self
            .chains
            .entry(payload.author)
            .or_default()
            .entry(payload.seq)
            .or_default();
        under_number.push(place);
        if under_number.len() > 1 {
            self.forks
                .entry(payload.author)
                .or_default()
                .insert(payload.seq);
        }
        if entry.judgement.void.is_none() {
            self.facts.file(place, &entry);
            self.file_vouch(place, &entry);
        }
        self.places.insert(entry.rank.1, place);
        self.entries.push(entry);
        place
    }

    /// Files what the record says of a person that only the ledger can name.
    fn file_vouch(&mut self, place: usize, entry: &Entry) {
        let author = PersonId::of(&entry.record.payload().author);
        let (subject, is_confirm) = match &entry.record.payload().body {
            Body::Genesis { .. } | Body::Join { .. } => (Some(author), false),
            Body::Grant { person, .. } => (Some(*person), false),
            Body::Confirm { join } => {
                let join = self.find(join);
                let person = join.map(|(_, join)| PersonId::of(&join.record.payload().author));
                (person, true)
            }
            _ => (None, false),
        };
        let Some(person) = subject else { return };
        if entry.judgement.vouches {
            self.facts.vouchers.entry(person).or_default().push(place);
        }
        if is_confirm && entry.judgement.gives.is_some() {
            self.facts.roles.entry(person).or_default().push(place);
        }
    }
}

impl Facts {
    fn file(&mut self, place: usize, entry: &Entry) {
        let author = entry.record.payload().author;
        if let Some(person) = entry.person {
            self.by_person.entry(person).or_default().push(place);
        }
        match &entry.record.payload().body {
            Body::Genesis { .. } => self.enter(place, &author),
            Body::Join { invite, .. } => {
                self.enter(place, &author);
                self.joins.entry(*invite).or_default().push(place);
                if let Some(accepter) = entry.accepter {
                    self.accepted.entry(accepter).or_default().push(place);
                }
            }
            Body::Grant { person, .. } => self.roles.entry(*person).or_default().push(place),
            Body::Promote { person, .. } => {
                self.roles.entry(*person).or_default().push(place);
                self.quorums.entry(*person).or_default().push(place);
            }
            Body::Link { device, .. } => {
                if let Some(person) = entry.person {
                    self.bind(place, device, person);
                }
            }
            Body::Confirm { join } => self.confirms.entry(*join).or_default().push(place),
            Body::Revoke { person, role, .. } => {
                if role.is_some() {
                    self.roles.entry(*person).or_default().push(place);
                }
                if entry.judgement.by_quorum {
                    self.quorums.entry(*person).or_default().push(place);
                }
                self.remove(place, *person);
            }
            Body::Leave { .. } => {
                if let Some(person) = entry.person {
                    self.remove(place, person);
                }
            }
            Body::Withdraw { record } => {
                self.withdrawals.entry(*record).or_default().push(place);
                self.removals.push(place);
            }
            Body::Zone { relay, .. } => self.relays.entry(*relay).or_default().push(place),
            _ => {}
        }
    }

    fn enter(&mut self, place: usize, device: &DeviceKey) {
        let person = PersonId::of(device);
        self.bind(place, device, person);
        self.roles.entry(person).or_default().push(place);
    }

    fn bind(&mut self, place: usize, device: &DeviceKey, person: PersonId) {
        self.bindings.entry(*device).or_default().push(place);
        self.devices.entry(person).or_default().insert(*device);
    }

    fn remove(&mut self, place: usize, person: PersonId) {
        self.removals_of.entry(person).or_default().push(place);
        self.removals.push(place);
    }
}
