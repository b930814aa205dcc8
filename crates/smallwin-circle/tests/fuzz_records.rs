//! Records and snapshot files made worse from a seed: never a panic, never a forgery (rules G2, C3).
//!
//! Runs two seconds; `SMALLWIN_FUZZ_SECONDS` makes it longer, `SMALLWIN_FUZZ_SEED` starts elsewhere.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    missing_docs,
    reason = "a test may panic, and this one looks at the clock to know when to stop"
)]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::Value;
use smallwin_circle::{Log, Record, SnapshotFile};

const RECORDS: &str = include_str!("../../../tests/vectors/circle-snapshot.json");

/// Pieces that JSON parsers stumble over.
const PIECES: &[&str] = &[
    "\"", "\\", "{", "}", "[", "]", ",", ":", "1e999", "-0", "\\ud800", "null", "\"v\":1,", "  ",
    "=", "_", "\u{0}",
];

#[test]
fn mutated_records_and_files_are_no_forgeries_g2_c3() {
    let vectors: Value = serde_json::from_str(RECORDS).unwrap();
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let records: Vec<Vec<u8>> = vectors["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| text(record).into_bytes())
        .collect();
    let file = text(&vectors["file"]).into_bytes();
    let parsed: Vec<_> = records
        .iter()
        .map(|bytes| Record::parse(bytes).unwrap())
        .collect();
    let known: BTreeSet<_> = parsed.iter().map(Record::id).collect();
    let honest = SnapshotFile::verify(&file).unwrap();
    let mut dice = Dice(number("SMALLWIN_FUZZ_SEED", 1));
    let end = Instant::now() + Duration::from_secs(number("SMALLWIN_FUZZ_SECONDS", 2));
    let (mut execs, mut taken) = (0_u64, 0_u64);
    while Instant::now() < end {
        execs += 2;
        let mutant = dice.mutate(&records);
        if let Ok(record) = Record::parse(&mutant) {
            // No key signed anything else.
            assert!(
                known.contains(&record.id()),
                "{}",
                String::from_utf8_lossy(&mutant)
            );
            let mut log = Log::new(parsed[0].clone()).unwrap();
            let _ = log.insert(record);
            taken += 1;
        }
        let mutant = dice.mutate(std::slice::from_ref(&file));
        if let Ok(report) = SnapshotFile::verify(&mutant) {
            assert_eq!(report.title, honest.title);
            taken += 1;
        }
    }
    println!("{execs} mutants, {taken} of them still what was signed");
    assert!(execs > 100);
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed ^ (mixed >> 31)) >> 11) as usize % sides.max(1)
    }

    /// One of the corpus with up to three changes.
    fn mutate(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = corpus[self.below(corpus.len())].clone();
        for _ in 0..self.below(4) {
            let at = self.below(bytes.len());
            match self.below(6) {
                0 => bytes[at] = self.below(256) as u8,
                1 => bytes[at] ^= 1 << self.below(8),
                2 => bytes.truncate(at.max(1)),
                3 => drop(bytes.remove(at)),
                4 => {
                    let piece = PIECES[self.below(PIECES.len())];
                    bytes.splice(at..at, piece.bytes());
                }
                _ => {
                    let other = &corpus[self.below(corpus.len())];
                    let from = self.below(other.len());
                    let piece = &other[from..(from + self.below(60)).min(other.len())];
                    bytes.splice(at..at, piece.iter().copied());
                }
            }
            if bytes.is_empty() {
                bytes.push(b'{');
            }
        }
        bytes
    }
}

fn number(name: &str, default: u64) -> u64 {
    let value = std::env::var(name).ok();
    value
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}
