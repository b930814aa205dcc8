//! The records that were judged, and where to find the facts about keys, people and invites in them.

use std::collections::{BTreeMap, BTreeSet};

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
    /// Why it counts for nothing, judged in its own past; final.
    pub(crate) void: Option<&'static str>,
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
    /// Valid `genesis`, `join` and `link` records by the device they bind to a person.
    pub(crate) bindings: BTreeMap<DeviceKey, Vec<usize>>,
    /// Valid `genesis`, `join` and `grant` records by the person they give a role.
    pub(crate) roles: BTreeMap<PersonId, Vec<usize>>,
    /// Valid `join` records by the invite they use.
    pub(crate) joins: BTreeMap<RecordId, Vec<usize>>,
}

impl Ledger {
    pub(crate) fn new(circle: CircleId) -> Self {
        Self {
            circle,
            entries: Vec::new(),
            places: BTreeMap::new(),
            chains: BTreeMap::new(),
            forks: BTreeMap::new(),
            bindings: BTreeMap::new(),
            roles: BTreeMap::new(),
            joins: BTreeMap::new(),
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
        if entry.void.is_none() {
            self.file(place, &entry.record);
        }
        self.places.insert(entry.rank.1, place);
        self.entries.push(entry);
        place
    }

    fn file(&mut self, place: usize, record: &Record) {
        let author = record.payload().author;
        match &record.payload().body {
            Body::Genesis { .. } => {
                self.bindings.entry(author).or_default().push(place);
                self.roles
                    .entry(PersonId::of(&author))
                    .or_default()
                    .push(place);
            }
            Body::Join { invite, .. } => {
                self.bindings.entry(author).or_default().push(place);
                self.roles
                    .entry(PersonId::of(&author))
                    .or_default()
                    .push(place);
                self.joins.entry(*invite).or_default().push(place);
            }
            Body::Grant { person, .. } => self.roles.entry(*person).or_default().push(place),
            Body::Link { device, .. } => self.bindings.entry(*device).or_default().push(place),
            _ => {}
        }
    }
}
