//! Makes records and snapshot files worse, from a seed, also in the name of members who lie.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "a test may panic, and not every test uses all of it"
)]

mod dice;
mod json;

use std::collections::BTreeSet;

pub use dice::Dice;
use json::{canonical, resign, resign_file, worse};
use serde_json::Value;
use smallwin_circle::{Log, Record, RecordId, SnapshotFile};

use crate::support::{World, steps};

const SNAPSHOT: &str = include_str!("../../../../tests/vectors/circle-snapshot.json");

/// A promise that was broken, with its story.
#[derive(Debug)]
pub enum Break {
    /// What was taken cannot be read back to the same.
    Save(String),
    Promise(String),
}

/// Whether the bytes were taken.
pub type Judged = Result<bool, Break>;

/// A circle with a history, and mutants of its records.
#[derive(Debug)]
pub struct Records {
    dice: Dice,
    genesis: Record,
    logs: Vec<Log>,
    records: Vec<Vec<u8>>,
    known: BTreeSet<RecordId>,
}

impl Records {
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let count = 10 + dice.below(60);
        let world = World::run(seed as u8, &steps(seed as u32, count));
        let records = world.records.iter();
        Self {
            dice,
            genesis: world.records[0].clone(),
            records: records.map(|record| record.bytes().to_vec()).collect(),
            known: world.records.iter().map(Record::id).collect(),
            logs: world.logs,
        }
    }

    /// Makes the next mutant and gives it to one of the devices.
    pub fn one(&mut self) -> Judged {
        let dice = &mut self.dice;
        let is_signed_anew = dice.below(3) > 0;
        let bytes = if is_signed_anew {
            let at = dice.below(self.records.len());
            let mut record: Value = serde_json::from_slice(&self.records[at]).unwrap();
            resign(dice, &mut record);
            canonical(&record)
        } else {
            dice.mutate(&self.records)
        };
        let Ok(record) = Record::parse(&bytes) else {
            return Ok(false);
        };
        let id = record.id();
        if record.bytes() != bytes {
            return promise("a record comes back in other bytes", &bytes);
        }
        // No key signed anything else.
        if !is_signed_anew && !self.known.contains(&id) {
            return promise("a forgery", &bytes);
        }
        let at = dice.below(self.logs.len());
        let mut log = self.logs[at].clone();
        if log.insert(record).is_err() {
            return Ok(false);
        }
        log.verdict(&id);
        let mut read = Log::new(self.genesis.clone()).unwrap();
        let parses = dice.below(8) == 0;
        for record in log.records().skip(1) {
            let record = if parses {
                Record::parse(record.bytes()).ok()
            } else {
                Some(record.clone())
            };
            if record.is_none_or(|record| read.insert(record).is_err()) {
                return save("a log takes what it cannot read back", &bytes);
            }
        }
        if (read.heads(), read.state()) != (log.heads(), log.state()) {
            return save("a log that is read back is another", &bytes);
        }
        Ok(true)
    }
}

/// A snapshot file and its mutants.
#[derive(Debug)]
pub struct Files {
    dice: Dice,
    file: Vec<u8>,
    title: String,
}

impl Files {
    pub fn new(seed: u64) -> Self {
        let vectors: Value = serde_json::from_str(SNAPSHOT).unwrap();
        let file = vectors["file"].as_str().unwrap().as_bytes().to_vec();
        Self {
            dice: Dice(seed),
            title: SnapshotFile::verify(&file).unwrap().title,
            file,
        }
    }

    /// Makes the next mutant and verifies it.
    pub fn one(&mut self) -> Judged {
        let dice = &mut self.dice;
        let what = dice.below(4);
        let bytes = if what == 0 {
            dice.mutate(std::slice::from_ref(&self.file))
        } else {
            let mut file: Value = serde_json::from_slice(&self.file).unwrap();
            if what == 1 {
                worse(dice, &mut file);
            } else {
                resign_file(dice, &mut file);
            }
            canonical(&file)
        };
        let Ok(report) = SnapshotFile::verify(&bytes) else {
            return Ok(false);
        };
        if what < 2 && report.title != self.title {
            return promise("a forgery", &bytes);
        }
        let again = SnapshotFile::verify(&bytes).ok();
        if again.map(|again| again.manifest) != Some(report.manifest) {
            return save("a second look sees something else", &bytes);
        }
        Ok(true)
    }
}

fn promise(what: &str, bytes: &[u8]) -> Judged {
    Err(Break::Promise(story(what, bytes)))
}

fn save(what: &str, bytes: &[u8]) -> Judged {
    Err(Break::Save(story(what, bytes)))
}

fn story(what: &str, bytes: &[u8]) -> String {
    format!("{what}: {}", String::from_utf8_lossy(bytes))
}
