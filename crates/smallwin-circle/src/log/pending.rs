//! Records that wait for a record they name.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::ids::RecordId;
use crate::limits::{PENDING_BYTES_MAX, PENDING_MAX};
use crate::record::Record;

/// BLAKE3 of a record's bytes: two joins that differ in their accepter only both wait.
type Name = [u8; 32];

/// A bounded waiting room. When it is full, who waited longest leaves: records that never fit must not
/// keep out those that will, and a peer sends again what is still missing.
#[derive(Debug, Clone, Default)]
pub(super) struct Pending {
    waiting: BTreeMap<Name, Record>,
    by_missing: BTreeMap<RecordId, BTreeSet<Name>>,
    order: VecDeque<Name>,
    bytes: usize,
}

impl Pending {
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Lets a record wait for `missing`.
    pub(super) fn add(&mut self, record: Record, missing: RecordId) {
        let name = *blake3::hash(record.bytes()).as_bytes();
        let bytes = record.bytes().len();
        self.by_missing.entry(missing).or_default().insert(name);
        if self.waiting.insert(name, record).is_none() {
            self.bytes += bytes;
            self.order.push_back(name);
        }
        while self.waiting.len() > PENDING_MAX || self.bytes > PENDING_BYTES_MAX {
            let Some(oldest) = self.order.pop_front() else {
                return;
            };
            self.remove(&oldest);
        }
    }

    /// Takes out the records that waited for this one.
    pub(super) fn take(&mut self, arrived: &RecordId) -> Vec<Record> {
        let names = self.by_missing.remove(arrived).unwrap_or_default();
        let records: Vec<Record> = names.iter().filter_map(|name| self.remove(name)).collect();
        if !records.is_empty() {
            self.order.retain(|name| self.waiting.contains_key(name));
        }
        records
    }

    fn remove(&mut self, name: &Name) -> Option<Record> {
        let record = self.waiting.remove(name)?;
        self.bytes -= record.bytes().len();
        let left_by = |names: &mut BTreeSet<Name>| {
            names.remove(name);
            !names.is_empty()
        };
        // A record waits under one missing id at a time, which is among those it names.
        for id in &record.payload().deps {
            if let Some(names) = self.by_missing.get_mut(id)
                && !left_by(names)
            {
                self.by_missing.remove(id);
            }
        }
        Some(record)
    }
}
