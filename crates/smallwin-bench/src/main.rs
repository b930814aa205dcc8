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
mod sizes;
mod sync;
mod typist;
mod wire;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let outcome = match name.as_str() {
        "append" => append::run(),
        "engines" => engines::run(),
        "sizes" => sizes::command(&rest),
        "engine" => engine::command(&rest),
        "sync" => sync::command::run(&rest),
        "report" => sync::page::command(&rest),
        "relay" => with_port(&rest).and_then(sync::peer::relay::serve),
        "samod" => with_port(&rest).and_then(|port| {
            let folder = rest.get(1).map(String::as_str).unwrap_or(".");
            sync::peer::samod::serve(port, Path::new(folder))
        }),
        other => Err(anyhow::anyhow!(
            "there is no benchmark `{other}`; there are: append, engines, sizes, engine, sync, report, relay, samod"
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

fn with_port(arguments: &[String]) -> Result<u16> {
    let port = arguments.first().context("which port?")?;
    port.parse().context("a port is a number")
}
