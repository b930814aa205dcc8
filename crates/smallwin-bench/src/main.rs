//! Benchmarks that print ratios against a baseline of the same run: `cargo xtask bench`.
//!
//! A figure alone says something about a machine; a ratio says something about this program.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark talks to the person who started it"
)]

mod append;
mod engines;
mod measure;

use std::process::ExitCode;

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    let outcome = match name.as_str() {
        "append" => append::run(),
        "engines" => engines::run(),
        other => Err(anyhow::anyhow!(
            "there is no benchmark `{other}`; there are: append, engines"
        )),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench {name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}
