//! The same seed is the same run.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use smallwin_sim::{Options, run};

/// S1: same seed, same run, bit for bit, down to every line of the story.
#[test]
fn s1_the_same_seed_gives_the_same_story() {
    for seed in [3, 11] {
        let hash =
            |seed| run(&Options::of_seed(seed)).unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(hash(seed), hash(seed), "seed {seed}");
    }
    let other = |seed| run(&Options::of_seed(seed)).map(|report| report.hash).ok();
    assert_ne!(other(3), other(11));
}
