//! What passes the gate does not break Automerge (rules G1, G3).
//!
//! Runs a few seconds; `SMALLWIN_FUZZ_SECONDS` makes it longer, `SMALLWIN_FUZZ_SEED`
//! starts elsewhere, `SMALLWIN_FUZZ_KEEP` names a file for the smallest refused change
//! of each kind that breaks Automerge. What broke is printed as bytes and belongs,
//! with its story, into `crafted.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test may panic, and this one looks at the clock to know when to stop"
)]

mod fuzzing;
mod support;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fuzzing::dice::Dice;
use fuzzing::run::{Base, Example, Tally, try_one};
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
