//! `cargo xtask soak`: the random parts of the tests, for as long as somebody wants.

pub(crate) mod gate;
mod honest;
mod sim;
mod websocket;

use std::{path::Path, time::Duration};

use anyhow::{Context, Result};

use crate::{
    stage::{Stages, now},
    test,
};

/// How long it runs when no number is given.
const MINUTES: u64 = 10;

/// Seeds of one round; crash rounds follow each.
const SEEDS: u64 = 2_000;

/// Crash rounds between two rounds of seeds.
const CRASH_ROUNDS: &str = "200";

/// Kills and power cuts of `soak storage`.
const STORAGE_KILLS: &str = "2000";
const STORAGE_POWER_CUTS: &str = "200";

/// Runs simulation seeds and crash rounds in turn until the time is over; seeds never repeat in one run.
/// With `sim` it simulates a thousand hours, with `storage` it kills and cuts the power so many times instead, with `gate` it gives hostile
/// bytes to everything that reads bytes, with `honest` honest traffic to the gate, with `websocket` it runs the Autobahn suite.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<()> {
    match arguments.first().map(String::as_str) {
        Some("storage") => return storage(root),
        Some("gate") => return gate::run(root, arguments.get(1..).unwrap_or_default()),
        Some("honest") => return honest::run(root),
        Some("sim") => return sim::run(root, arguments.get(1).map(String::as_str)),
        Some("websocket") => return websocket::run(root),
        _ => {}
    }
    let minutes = match arguments.first() {
        Some(text) => text
            .parse()
            .with_context(|| format!("`{text}` is not a number of minutes"))?,
        None => MINUTES,
    };
    let begin = now();
    let time = Duration::from_secs(60 * minutes);
    let mut stages = Stages::default();
    let mut first = 0;
    while begin.elapsed() < time {
        stages.run(&format!("seeds {first} to {}", first + SEEDS - 1), || {
            test::simulate(root, first, SEEDS)
        })?;
        stages.run("crash rounds", || test::crash(root, CRASH_ROUNDS))?;
        first += SEEDS;
    }
    stages.summary();
    Ok(())
}

fn storage(root: &Path) -> Result<()> {
    let mut stages = Stages::default();
    stages.run("kills", || test::crash(root, STORAGE_KILLS))?;
    stages.run("power cuts", || test::power(root, STORAGE_POWER_CUTS))?;
    stages.summary();
    Ok(())
}
