//! What passes the gate does not break Automerge (rules G1, G3).
//!
//! Runs a few seconds; `SMALLWIN_FUZZ_SECONDS` makes it longer, `SMALLWIN_FUZZ_SEED`
//! starts elsewhere, `SMALLWIN_FUZZ_KEEP` names a file for the smallest refused change
//! of each kind that breaks Automerge. What broke is printed as bytes and belongs,
//! with its story, into `crafted.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test may panic, and this one looks at the clock to know when to stop"
)]

mod fuzzing;
mod support;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fuzzing::block::{Block, Target};
use fuzzing::dice::Dice;
use fuzzing::run::{Base, Example, Tally, try_one};
use fuzzing::targets::Fate;
use serde_json::json;

#[test]
fn mutated_changes_do_not_break_automerge_g1_g3() {
    let end = Instant::now() + Duration::from_secs(number("SMALLWIN_FUZZ_SECONDS", 4));
    let mut seed = number("SMALLWIN_FUZZ_SEED", 1);
    let keep = std::env::var("SMALLWIN_FUZZ_KEEP").ok();
    let mut tally = Tally {
        examples: keep.as_ref().map(|_| BTreeMap::new()),
        ..Tally::default()
    };
    while Instant::now() < end {
        let mut dice = Dice::seeded(seed);
        let rounds = dice.below(40);
        let mut base = Base::new(seed, rounds);
        for _ in 0..2_000 {
            try_one(&mut dice, &mut base, &mut tally);
            if Instant::now() > end {
                break;
            }
        }
        seed += 1;
    }
    if let (Some(path), Some(examples)) = (keep, tally.examples.take()) {
        keep_examples(&path, &examples);
    }
    println!("{tally:#?}");
    assert!(tally.passed > 50, "the mutator reaches too little");
    assert!(tally.broken.is_empty(), "{:#?}", tally.broken);
}

#[test]
fn mutated_frames_get_an_answer_g1_g2() {
    run("frames", Target::Frame, 1);
}

#[test]
fn mutated_sync_messages_are_safe_to_answer_g1_g2() {
    run("sync messages", Target::Message, 1);
}

#[test]
fn mutated_chunks_keep_their_names_g1() {
    run("chunks", Target::Chunk, 1);
}

/// Automerge may panic on a whole document, where that is caught; what comes out
/// of it passes the same admission as any change.
#[test]
fn mutated_documents_do_no_harm_g1_g2() {
    run("documents", Target::Document, 2);
}

/// Gives mutants of block after block to a target until the time is over.
fn run(name: &str, target: Target, seconds: u64) {
    let end = Instant::now() + Duration::from_secs(number("SMALLWIN_FUZZ_SECONDS", seconds));
    let mut fates: BTreeMap<Fate, u64> = BTreeMap::new();
    let mut slowest = Duration::ZERO;
    let mut seed = number("SMALLWIN_FUZZ_SEED", 1);
    while Instant::now() < end {
        let mut block = Block::new(target, seed);
        for position in 0..100 {
            let start = Instant::now();
            match block.one() {
                Ok(fate) => *fates.entry(fate).or_default() += 1,
                Err(broken) => panic!("block {seed}, input {position}: {broken:?}"),
            }
            slowest = slowest.max(start.elapsed());
        }
        seed += 1;
    }
    println!("{name}: {fates:?}, slowest {slowest:?}");
    assert!(fates.get(&Fate::Passed).is_some_and(|passed| *passed > 10));
}

/// Writes examples in the form of `tests/corpus/changes.json`.
fn keep_examples(path: &str, examples: &BTreeMap<String, Example>) {
    let hex = |bytes: &Vec<u8>| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let listed: Vec<_> = examples
        .iter()
        .map(|(what, example)| {
            json!({
                "breaks": what,
                "base": example.base.iter().map(hex).collect::<Vec<_>>(),
                "change": hex(&example.change),
            })
        })
        .collect();
    std::fs::write(path, serde_json::to_string_pretty(&listed).unwrap()).unwrap();
}

fn number(name: &str, default: u64) -> u64 {
    let value = std::env::var(name).ok();
    value
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}
