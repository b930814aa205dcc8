//! The engine's hot path without sockets: time, and instructions that a noisy machine does not change.

use std::path::Path;

use anyhow::{Context, Result};

use super::optimised;
use crate::{program::Program, stage::Stages, tools};

/// History and readers of the counted document.
const HISTORY: &str = "2000";
const READERS: [u64; 2] = [1, 50];
/// Counted edits; the start alone is counted too, and taken off.
const EDITS: u64 = 20;

/// Prints times, and instructions where valgrind is there.
pub(super) fn run(root: &Path, stages: &mut Stages) -> Result<()> {
    stages.run(
        "engine: an edit in, frames out, no socket and no disk",
        || optimised(root, "smallwin-bench", &["--", "engine"]),
    )?;
    stages.run("engine: instructions of the hot path", || {
        instructions(root)
    })
}

fn instructions(root: &Path) -> Result<()> {
    if tools::find(&["valgrind"]).is_none() {
        println!("valgrind is not on this machine: no instructions are counted");
        return Ok(());
    }
    for readers in READERS {
        let begin = count(root, readers, 0)?;
        let all = count(root, readers, EDITS)?;
        let each = all.saturating_sub(begin) / EDITS;
        println!(
            "{readers:>4} readers, history {HISTORY}: {each:>10} instructions per edit, {:>9} per edit and reader",
            each / readers
        );
    }
    Ok(())
}

fn count(root: &Path, readers: u64, edits: u64) -> Result<u64> {
    let program = root.join("target/release/smallwin-bench");
    let program = program.to_string_lossy();
    let (readers, edits) = (readers.to_string(), edits.to_string());
    let arguments = [
        "--tool=callgrind",
        "--callgrind-out-file=/dev/null",
        &program,
        "engine",
        "count",
        HISTORY,
        &readers,
        &edits,
    ];
    let said = Program::new(root, "valgrind", &arguments).read_errors()?;
    said.lines()
        .find_map(|line| line.split("Collected :").nth(1)?.trim().parse().ok())
        .context("callgrind says how many instructions it collected")
}
