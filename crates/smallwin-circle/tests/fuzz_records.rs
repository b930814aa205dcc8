//! Records and snapshot files made worse from a seed: never a panic, never a forgery (rules G2, C3).
//!
//! Runs a second each; `SMALLWIN_FUZZ_SECONDS` makes it longer, `SMALLWIN_FUZZ_SEED` starts elsewhere.
#![allow(
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stdout,
    missing_docs,
    reason = "a test may panic, and this one looks at the clock to know when to stop"
)]

mod fuzzing;
mod support;

use std::time::{Duration, Instant};

use fuzzing::{Files, Judged, Records};

#[test]
fn mutated_records_are_no_forgeries_g2_c3() {
    run("records", |seed| {
        let mut records = Records::new(seed);
        move || records.one()
    });
}

#[test]
fn mutated_snapshot_files_are_no_forgeries_g2_c3() {
    run("snapshot files", |seed| {
        let mut files = Files::new(seed);
        move || files.one()
    });
}

fn run<I: FnMut() -> Judged>(name: &str, block: impl Fn(u64) -> I) {
    let end = Instant::now() + Duration::from_secs(number("SMALLWIN_FUZZ_SECONDS", 1));
    let (mut seed, mut taken, mut refused) = (number("SMALLWIN_FUZZ_SEED", 1), 0_u64, 0_u64);
    while Instant::now() < end {
        let mut one = block(seed);
        for position in 0..50 {
            match one() {
                Ok(true) => taken += 1,
                Ok(false) => refused += 1,
                Err(broken) => panic!("block {seed}, input {position}: {broken:?}"),
            }
        }
        seed += 1;
    }
    println!("{name}: {taken} taken, {refused} refused");
    assert!(taken > 0 && refused > 50);
}

fn number(name: &str, default: u64) -> u64 {
    let value = std::env::var(name).ok();
    value
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}
