//! An oracle that finds nothing proves nothing: every fault that somebody could build in must be
//! caught by some seed.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use smallwin_sim::{Failure, Options, Plant, Planted, run_many};

/// Fewer than the big test has.
const SEEDS: u64 = 100;

/// K1: a driver that says `Kept` before the disk made anything durable is caught by the first
/// frame or acknowledgement that rests on it.
#[test]
fn k1_told_before_kept_is_caught() {
    let failure = first_failure(Plant::ToldBeforeKept, |_| true);
    assert_eq!(failure.rule, "K1", "{failure}");
}

/// K1: the same driver, and an oracle that does not compare words with disks until one crashes.
/// Other promises may break first: an invite or a pairing that is lost keeps people out.
#[test]
fn k1_told_before_kept_loses_what_was_acknowledged() {
    first_failure(Plant::ToldBeforeKeptUnseen, |failure| {
        failure.what.contains("acknowledged and is lost")
    });
}

/// A driver that drops a frame and keeps the connection leaves a gap that shows in the end.
#[test]
fn a_lost_gap_is_caught() {
    first_failure(Plant::LostGap, |_| true);
}

/// K1: a change that is left out of the batch that should make it durable.
#[test]
fn k1_a_skipped_chunk_is_caught() {
    let failure = first_failure(Plant::Engine(Planted::SkippedChunk), |_| true);
    assert_eq!(failure.rule, "K1", "{failure}");
}

/// S1: whoever takes heads for sent that were not leaves a peer without its answer.
#[test]
fn s1_wrong_last_sent_heads_are_caught() {
    first_failure(Plant::Engine(Planted::WrongLastSentHeads), |failure| {
        [
            "settled",
            "S1",
            "convergence",
            "nothing acknowledged is lost",
        ]
        .contains(&failure.rule)
    });
}

/// Stock clients echo presence; a node that forgot what it passed on sends it round and round.
#[test]
fn forgotten_deduplication_is_caught() {
    let planted = Plant::Engine(Planted::ForgottenDeduplication);
    let failure = first_failure(planted, |_| true);
    assert_eq!(failure.rule, "presence once", "{failure}");
}

/// A failure tells how to see it again, and what led to it.
#[test]
fn a_failure_can_be_replayed() {
    let failure = first_failure(Plant::ToldBeforeKept, |_| true);
    let told = failure.to_string();
    let seed = failure.options.seed;
    let command = format!(
        "cargo run -p smallwin-sim -- --seed {seed} --trace --minutes 3 --plant told-before-kept"
    );
    assert!(told.ends_with(&command), "{told}");
    assert!(told.contains("oracle") && told.contains("keeps"), "{told}");
}

fn first_failure(plant: Plant, fits: impl Fn(&Failure) -> bool + Sync) -> Box<Failure> {
    let planted = |seed| Options {
        plant: Some(plant),
        minutes: 3,
        ..Options::of_seed(seed)
    };
    let mut found = None;
    run_many((0, SEEDS), 1, planted, |outcome| {
        found = outcome.err().filter(|failure| fits(failure));
        found.is_none()
    });
    found.unwrap_or_else(|| panic!("{plant:?} was not caught in {SEEDS} seeds"))
}
