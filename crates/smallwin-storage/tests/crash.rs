//! Kills a process at random moments while it writes, opens or compacts, and finds every acknowledged batch
//! again (rule K1).
//!
//! `SMALLWIN_CRASH_ROUNDS` sets the number of rounds (100), `SMALLWIN_CRASH_SEED` the seed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test may panic, its child speaks through its output, and both are told what to do by variables"
)]

use std::io::{BufRead, Write};
use std::path::Path;

use smallwin_storage::{JournalStore, Options, Store};

mod common;
use common::process::{acknowledgement, kill, number, start};
use common::{Dice, batch};
use smallwin_storage::conformance::Model;

/// A store is carried on through this many crashes, then a new one begins.
const ROUNDS_PER_STORE: u64 = 10;

/// Small, so that crashes also hit the change of segments and the checkpoint.
const SEGMENT_BYTES: u64 = 60_000;

/// Small, so that a compaction goes on while some batches are written.
const STEP_BYTES: usize = 10_000;

/// This test, as the child is told to run it.
const TEST: &str = "k1_every_acknowledged_batch_survives_a_kill";

#[test]
fn k1_every_acknowledged_batch_survives_a_kill() {
    if let Some((dir, seed)) = common::process::child() {
        return write_until_killed(&dir, seed);
    }
    let seed = number("SMALLWIN_CRASH_SEED", u64::from(std::process::id()));
    let rounds = number("SMALLWIN_CRASH_ROUNDS", 100);
    let mut dice = Dice(seed);
    let mut dir = tempfile::tempdir().unwrap();
    let mut model = Model::default();
    let (mut store_seed, mut acknowledged) = (seed, 0);
    let (mut in_open, mut in_compaction, mut rebuilt) = (0, 0, 0);
    for round in 0..rounds {
        if round % ROUNDS_PER_STORE == 0 {
            dir = tempfile::tempdir().unwrap();
            (store_seed, acknowledged) = (seed.wrapping_add(round), 0);
            model = Model::default();
        }
        if dice.below(8) == 0 {
            in_open += 1;
            if dice.below(3) == 0 {
                // Then opening means to build the index anew.
                let _ = std::fs::remove_dir_all(dir.path().join("index"));
            }
            let wrote = kill_while_opening(dir.path(), store_seed, dice.below(30_000));
            acknowledged = wrote.max(acknowledged);
        } else if dice.below(3) == 0 {
            in_compaction += 1;
            let after = dice.below(60_000);
            acknowledged = kill_while_compacting(dir.path(), store_seed, after).max(acknowledged);
        } else {
            let batches = dice.below(30);
            let more = dice.below(2_000);
            acknowledged =
                kill_while_writing(dir.path(), store_seed, batches, more).max(acknowledged);
        }
        let store = open(dir.path());
        rebuilt += u64::from(store.rebuilt().is_some());
        let found = store.last().0;
        let context =
            format!("seed {seed}, round {round}: acknowledged {acknowledged}, found {found}");
        assert!(
            found == acknowledged || found == acknowledged + 1,
            "{context}"
        );
        for n in model.last().0 + 1..=found {
            model.commit(&batch(store_seed, n));
        }
        model.compare(&store, round as usize);
        acknowledged = found;
        if dice.below(2) == 0 {
            Box::new(store).close().unwrap();
        }
    }
    println!(
        "{rounds} rounds, {in_open} killed while opening, {in_compaction} while compacting, \
        index built anew {rebuilt} times, seed {seed}"
    );
}

/// Starts the child, waits until it acknowledged some batches and a moment more, kills it, and returns the
/// last batch it acknowledged.
fn kill_while_writing(dir: &Path, seed: u64, batches: u64, more: u64) -> u64 {
    let (mut child, mut output) = start(TEST, dir, seed);
    let mut acknowledged = 0;
    let mut line = String::new();
    for _ in 0..=batches {
        line.clear();
        if output.read_line(&mut line).unwrap() == 0 {
            panic!("the child ended by itself: {:?}", child.wait());
        }
        acknowledged = acknowledgement(&line).unwrap_or(acknowledged);
    }
    spin(more);
    kill(child, output).max(acknowledged)
}

/// Kills the child a moment after it began to open the store; it may have come to write a little.
fn kill_while_opening(dir: &Path, seed: u64, after: u64) -> u64 {
    kill_after_word("opening", dir, seed, after)
}

/// Kills the child a moment after it began to compact.
fn kill_while_compacting(dir: &Path, seed: u64, after: u64) -> u64 {
    kill_after_word("compacting", dir, seed, after)
}

fn kill_after_word(word: &str, dir: &Path, seed: u64, after: u64) -> u64 {
    let (child, mut output) = start(TEST, dir, seed);
    // It says so just before it begins, or ends because it cannot.
    let mut lines = String::new();
    while !lines.contains(word) && output.read_line(&mut lines).unwrap() > 0 {}
    spin(after);
    let told = lines.lines().filter_map(acknowledgement).next_back();
    kill(child, output).max(told.unwrap_or(0))
}

/// The child: opens the store and writes until it is killed, one acknowledgement per line.
fn write_until_killed(dir: &Path, seed: u64) {
    let mut stdout = std::io::stdout();
    writeln!(stdout, "opening").unwrap();
    stdout.flush().unwrap();
    let mut store = open(dir);
    writeln!(stdout, "ack {}", store.last()).unwrap();
    for n in store.last().0 + 1.. {
        let seq = store.commit(&batch(seed, n)).unwrap();
        assert_eq!(seq.0, n);
        writeln!(stdout, "ack {n}").unwrap();
        stdout.flush().unwrap();
        if n % 11 == 0 {
            // It compacts by itself too, when enough was replaced; this is for more of it.
            writeln!(stdout, "compacting").unwrap();
            stdout.flush().unwrap();
            store.begin_compaction().unwrap();
        }
        if n % 30 == 0 {
            store.compact().unwrap();
        }
        store.tend().unwrap();
    }
}

fn open(dir: &Path) -> JournalStore {
    JournalStore::open(
        dir,
        Options {
            segment_bytes: SEGMENT_BYTES,
            step_bytes: STEP_BYTES,
            ..Options::default()
        },
    )
    .unwrap()
}

/// Lets a random moment pass, in turns of a loop: only that it differs matters, not how long it is.
fn spin(turns: u64) {
    for turn in 0..turns * 20 {
        std::hint::black_box(turn);
    }
}
