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

use automerge::sync::{State, SyncDoc};
use fuzzing::bytes::{fix_checksum, mutate};
use fuzzing::dice::Dice;
use fuzzing::run::{Base, Example, Tally, try_one};
use fuzzing::targets::{Fate, chunk, document, frame, sync_message};
use serde_json::{Value, json};
use support::World;

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
    let corpus = [
        &b"\xb9\x00\x02\x64type\x64sync\x64data\x43abc"[..],
        b"\xa3\x64type\x64join\x68senderId\x61a\x78\x19supportedProtocolVersions\x81\x611",
        b"\xa2\x64type\x6esmallwin/beside\x65cards\x82\x43abc\x40",
    ];
    run("frames", 1, corpus.map(<[u8]>::to_vec).to_vec(), frame);
}

#[test]
fn mutated_sync_messages_are_safe_to_answer_g1_g2() {
    let vectors: Value =
        serde_json::from_str(include_str!("../../../tests/vectors/sync-messages.json")).unwrap();
    let hex = vectors
        .as_array()
        .unwrap()
        .iter()
        .map(|vector| &vector["hex"]);
    let mut corpus: Vec<_> = hex.map(|hex| unhex(hex.as_str().unwrap())).collect();
    let mut world = World::new(3, 3);
    world.run(30);
    for peer in &mut world.peers {
        let mut state = State::new();
        corpus.extend(
            peer.sync()
                .generate_sync_message(&mut state)
                .map(|message| message.encode()),
        );
    }
    run("sync messages", 1, corpus, sync_message);
}

#[test]
fn mutated_chunks_keep_their_names_g1() {
    let mut world = World::new(4, 3);
    world.run(40);
    let changes = world.peers[0].get_changes(&[]).into_iter();
    let both =
        changes.flat_map(|mut change| [change.raw_bytes().to_vec(), change.bytes().into_owned()]);
    run("chunks", 1, both.collect(), chunk);
}

/// Automerge may panic on a whole document, where that is caught; what comes out
/// of it passes the same admission as any change.
#[test]
fn mutated_documents_do_no_harm_g1_g2() {
    let mut corpus = Vec::new();
    for seed in 0..6 {
        let mut world = World::new(seed, 3);
        world.run(6 + seed as usize * 6);
        corpus.extend([world.peers[0].save(), world.peers[0].save_nocompress()]);
    }
    run("documents", 2, corpus, document);
}

/// Gives mutants of a corpus to a target until the time is over.
fn run(name: &str, seconds: u64, corpus: Vec<Vec<u8>>, target: fn(&[u8]) -> Fate) {
    let end = Instant::now() + Duration::from_secs(number("SMALLWIN_FUZZ_SECONDS", seconds));
    let mut dice = Dice::seeded(number("SMALLWIN_FUZZ_SEED", 1));
    let mut fates: BTreeMap<Fate, u64> = BTreeMap::new();
    let mut slowest = (Duration::ZERO, Vec::new());
    while Instant::now() < end {
        let mut bytes = dice.pick(&corpus).unwrap().clone();
        for _ in 0..dice.below(4) {
            mutate(&mut dice, &mut bytes);
        }
        fix_checksum(&mut bytes);
        let start = Instant::now();
        *fates.entry(target(&bytes)).or_default() += 1;
        if start.elapsed() > slowest.0 {
            slowest = (start.elapsed(), bytes);
        }
    }
    println!(
        "{name}: {fates:?}, slowest {:?} for {} bytes",
        slowest.0,
        slowest.1.len()
    );
    assert!(fates.get(&Fate::Passed).is_some_and(|passed| *passed > 10));
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
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
