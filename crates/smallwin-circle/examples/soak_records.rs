//! The worker of `cargo xtask soak gate` for records and snapshot files.
//!
//! `soak_records TARGET FIRST_BLOCK SECONDS STATUS_FILE`, as the gate's worker does it for the bytes
//! that Automerge gets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stdout,
    dead_code,
    unreachable_pub,
    reason = "a measurement may panic, looks at the clock and talks to who started it"
)]

#[path = "../tests/fuzzing/mod.rs"]
mod fuzzing;
#[path = "../tests/support/mod.rs"]
mod support;
#[path = "../../smallwin-gate/examples/soak_bytes/worker.rs"]
mod worker;

use std::process::ExitCode;

use fuzzing::{Break, Files, Judged, Records};
use worker::{Orders, Verdict};

fn main() -> ExitCode {
    let orders = Orders::read();
    match orders.target.as_str() {
        "record" => worker::run(orders, |seed| {
            let mut records = Records::new(seed);
            move || verdict(records.one())
        }),
        "snapshot" => worker::run(orders, |seed| {
            let mut files = Files::new(seed);
            move || verdict(files.one())
        }),
        other => panic!("there is no target {other}"),
    }
}

fn verdict(judged: Judged) -> Verdict {
    match judged {
        Ok(true) => Verdict::Passed,
        Ok(false) => Verdict::Refused,
        Err(Break::Save(story)) => Verdict::Save(story),
        Err(Break::Promise(story)) => Verdict::Promise(story),
    }
}
