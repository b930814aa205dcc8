//! The same seed is the same run.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use smallwin_sim::{Options, run};

/// S1: same seed, same run, bit for bit, down to every line of the story.
#[test]
fn s1_the_same_seed_gives_the_same_story() {
    let hash = |options: &Options| {
        let report = run(options).unwrap_or_else(|failure| panic!("{failure}"));
        report.hash
    };
    let (usual, harsh) = (Options::of_seed(3), harsh(11));
    let first = [hash(&usual), hash(&harsh)];
    assert_eq!(first, [hash(&usual), hash(&harsh)]);
    assert_ne!(first[0], first[1]);
}

fn harsh(seed: u64) -> Options {
    Options {
        harsh: true,
        minutes: 2,
        ..Options::of_seed(seed)
    }
}
