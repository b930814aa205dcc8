//! Benchmarks that print ratios against a baseline of the same run: `cargo xtask bench`.
//!
//! A figure alone says something about a machine; a ratio says something about this program.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark talks to the person who started it"
)]

mod append;
mod engine;
mod engines;
mod measure;
mod typist;
mod wire;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let outcome = match name.as_str() {
        "append" => append::run(),
        "engines" => engines::run(),
        "engine" => engine::command(&rest),
        other => Err(anyhow::anyhow!(
            "there is no benchmark `{other}`; there are: append, engines, engine"
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
