//! What passes the gate does not break Automerge (rules G1, G3).
//!
//! Runs a few seconds; `SMALLWIN_FUZZ_SECONDS` makes it longer, `SMALLWIN_FUZZ_SEED`
//! starts elsewhere. What broke is printed as bytes and belongs into `crafted.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test may panic, and this one looks at the clock to know when to stop"
)]

mod fuzzing;
mod support;

use std::time::{Duration, Instant};

use fuzzing::dice::Dice;
use fuzzing::run::{Base, Tally, try_one};

#[test]
fn mutated_changes_do_not_break_automerge_g1_g3() {
    let end = Instant::now() + Duration::from_secs(number("SMALLWIN_FUZZ_SECONDS", 4));
    let mut seed = number("SMALLWIN_FUZZ_SEED", 1);
    let mut tally = Tally::default();
    while Instant::now() < end {
        let mut dice = Dice::seeded(seed);
        let rounds = 4 + dice.below(40);
        let mut base = Base::new(seed, rounds);
        for _ in 0..2_000 {
            try_one(&mut dice, &mut base, &mut tally);
            if Instant::now() > end {
                break;
            }
        }
        seed += 1;
    }
    println!("{tally:#?}");
    assert!(tally.passed > 50, "the mutator reaches too little");
    assert!(tally.broken.is_empty(), "{:#?}", tally.broken);
}

fn number(name: &str, default: u64) -> u64 {
    let value = std::env::var(name).ok();
    value
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}
