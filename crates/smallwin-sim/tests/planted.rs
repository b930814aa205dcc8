//! An oracle that finds nothing proves nothing: careless drivers must be caught.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use smallwin_sim::{Failure, Options, Plant, run};

/// The seeds of the big test.
const SEEDS: u64 = 200;

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
fn a_lost_frame_is_caught() {
    first_failure(Plant::LostGap, |_| true);
}

fn first_failure(plant: Plant, fits: impl Fn(&Failure) -> bool) -> Box<Failure> {
    let planted = |seed| Options {
        plant: Some(plant),
        ..Options::of_seed(seed)
    };
    (0..SEEDS)
        .find_map(|seed| run(&planted(seed)).err().filter(|failure| fits(failure)))
        .unwrap_or_else(|| panic!("{plant:?} was not caught in {SEEDS} seeds"))
}
