//! `cargo xtask soak sim`: a thousand simulated hours. It goes on where it ended.

use std::path::Path;

use anyhow::{Context, Result};

use crate::{program::Program, stage::Stages, tools};

/// Simulated hours in total, unless told otherwise.
const HOURS: &str = "1000";

/// Runs worlds until there were so many simulated hours, and prints the table for
/// `docs/reliability.md`.
pub(super) fn run(root: &Path, hours: Option<&str>) -> Result<()> {
    let hours = hours.unwrap_or(HOURS);
    hours
        .parse::<u64>()
        .with_context(|| format!("`{hours}` is not a number of hours"))?;
    let file = tools::target(root).join("soak-sim.json");
    println!("how far it came stands in {}", file.display());
    let (file, threads) = (file.to_string_lossy().into_owned(), threads());
    let arguments = [
        "run",
        "--quiet",
        "--release",
        "--package",
        "smallwin-sim",
        "--",
        "--soak",
        hours,
        "--state",
        &file,
        "--threads",
        &threads,
    ];
    let mut stages = Stages::default();
    stages.run("simulated hours", || Program::cargo(root, &arguments).run())?;
    stages.summary();
    Ok(())
}

fn threads() -> String {
    std::thread::available_parallelism()
        .map_or(1, std::num::NonZero::get)
        .to_string()
}
