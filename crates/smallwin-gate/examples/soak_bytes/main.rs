//! One worker of `cargo xtask soak gate`: `soak_bytes TARGET FIRST_BLOCK SECONDS STATUS_FILE`.
//!
//! It gives blocks of mutants to one target until the time is over. See `worker.rs` for what it
//! prints and how a hang is seen.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    unreachable_pub,
    dead_code,
    reason = "a measurement may panic, looks at the clock and talks to who started it"
)]

#[path = "../../tests/fuzzing/mod.rs"]
mod fuzzing;
#[path = "../../tests/support/mod.rs"]
mod support;
mod worker;

use std::process::ExitCode;

use fuzzing::block::{Block, Target};
use fuzzing::targets::{Break, Fate, Judged};
use worker::{Orders, Verdict};

fn main() -> ExitCode {
    let orders = Orders::read();
    let target = Target::ALL
        .into_iter()
        .find(|(name, _)| *name == orders.target)
        .expect("a target that the gate has")
        .1;
    worker::run(orders, move |seed| {
        let mut block = Block::new(target, seed);
        move || verdict(block.one())
    })
}

fn verdict(judged: Judged) -> Verdict {
    match judged {
        Ok(Fate::Refused) => Verdict::Refused,
        Ok(Fate::Passed) => Verdict::Passed,
        Ok(Fate::Caught) => Verdict::Caught,
        Err(Break::Panic(story)) => Verdict::Panic(story),
        Err(Break::Save(story)) => Verdict::Save(story),
        Err(Break::Promise(story)) => Verdict::Promise(story),
    }
}
