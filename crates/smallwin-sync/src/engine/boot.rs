//! Starting from what storage held.

use std::collections::{BTreeMap, BTreeSet};

use smallwin_circle::{Body, Card, CircleId, Log, Manifest, Record, RecordId};

use super::Engine;
use super::circle::Circle;
use super::pair::Pairing;
use crate::planted::Plants;
use crate::{Boot, BootError, Config, Millis, Totals};

impl Engine {
    /// An engine with these keys that knows what storage held.
    ///
    /// Records that do not fit their log are left out: storage may hold what an older version
    /// took, and the rest of the log must not suffer from it.
    ///
    /// # Errors
    /// When a first change in the configuration is no change.
    pub fn new(config: Config, boot: Boot) -> Result<Engine, BootError> {
        let mut first_hashes = BTreeSet::new();
        for (kind, bytes) in &config.first_changes {
            let header =
                smallwin_gate::read_change(bytes).map_err(|fault| BootError::FirstChange {
                    kind: kind.name(),
                    why: fault.to_string(),
                })?;
            first_hashes.insert(header.hash);
        }
        let mut engine = Engine {
            wire_key: config.node_key.public(),
            device: config.device_key.public(),
            config,
            first_hashes,
            now: Millis(0),
            conns: BTreeMap::new(),
            circles: BTreeMap::new(),
            directory: BTreeMap::new(),
            documents: BTreeMap::new(),
            paired: BTreeMap::new(),
            secret: None,
            keeping: BTreeMap::new(),
            next_ticket: 0,
            jobs: BTreeMap::new(),
            next_job: 0,
            compacting: None,
            isolated: BTreeSet::new(),
            unreadable: BTreeMap::new(),
            seen: super::ephemeral::Seen::default(),
            reached: BTreeMap::new(),
            read_only: None,
            totals: Totals::default(),
            accounts: super::account::Accounts::default(),
            open_bytes: boot.open_bytes,
            calls: 0,
            plants: Plants::default(),
            out: Vec::new(),
        };
        for records in boot.circles {
            if let Some(log) = log_of(records) {
                let circle = log.circle();
                engine.circles.insert(circle, Circle::with_log(log));
                engine.index_documents(&circle);
            }
        }
        engine.boot_beside(boot.cards, boot.manifests);
        for (device, row) in boot.paired {
            if let Some(pairing) = Pairing::from_row(device, &row) {
                engine.paired.insert(device, pairing);
            }
        }
        Ok(engine)
    }

    fn boot_beside(&mut self, cards: Vec<Vec<u8>>, manifests: Vec<Vec<u8>>) {
        for card in cards.iter().filter_map(|bytes| Card::parse(bytes).ok()) {
            if let Some(held) = self.circles.get_mut(&card.fields().circle) {
                held.cards.insert(card.fields().person, card);
            }
        }
        for bytes in manifests {
            let circle = Manifest::parse(&bytes).ok().map(|manifest| manifest.circle);
            if let Some(held) = circle.and_then(|circle| self.circles.get_mut(&circle)) {
                held.manifests
                    .insert(*blake3::hash(&bytes).as_bytes(), bytes);
            }
        }
    }
}

/// The log of these records, in whatever order they come.
fn log_of(records: Vec<Vec<u8>>) -> Option<Log> {
    let mut records: Vec<Record> = records
        .iter()
        .filter_map(|bytes| Record::parse(bytes).ok())
        .collect();
    let genesis = records
        .iter()
        .position(|record| matches!(record.payload().body, Body::Genesis { .. }))?;
    let genesis = records.swap_remove(genesis);
    let circle = CircleId::of(genesis.id());
    let mut log = Log::new(genesis).ok()?;
    records.retain(|record| record.payload().circle == Some(circle));
    // Each record goes in when the last one that it names has: the log itself holds back few.
    let mut dependents: BTreeMap<RecordId, Vec<usize>> = BTreeMap::new();
    let mut missing: Vec<usize> = records
        .iter()
        .map(|record| record.payload().deps.len())
        .collect();
    for (place, record) in records.iter().enumerate() {
        for dep in &record.payload().deps {
            dependents.entry(*dep).or_default().push(place);
        }
    }
    let mut ready = vec![circle.genesis()];
    while let Some(id) = ready.pop() {
        for place in dependents.remove(&id).unwrap_or_default() {
            let (Some(left), Some(record)) = (missing.get_mut(place), records.get(place)) else {
                continue;
            };
            *left -= 1;
            if *left == 0 && log.insert(record.clone()).is_ok() {
                ready.push(record.id());
            }
        }
    }
    Some(log)
}
