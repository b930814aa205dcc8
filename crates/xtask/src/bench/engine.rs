//! The engine's hot path without sockets: time, and instructions that a noisy machine does not change.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};

use super::optimised;
use crate::{program::Program, stage::Stages, tools};

/// History of the counted document.
const HISTORY: u64 = 2_000;
const READERS: [u64; 2] = [1, 50];
/// Counted edits; the start alone is counted too, and taken off.
const EDITS: u64 = 20;
/// What was counted before, one line for each number of readers.
const RECORDED: &str = "crates/smallwin-bench/instructions.txt";
/// More than this share above what was recorded is a regression.
const GROWTH_PERCENT_MAX: u64 = 5;

/// Prints times, and instructions where valgrind is there; `--record` makes these the ones to hold.
pub(super) fn run(root: &Path, stages: &mut Stages, rest: &[String]) -> Result<()> {
    let record = match rest {
        [] => false,
        [word] if word == "--record" => true,
        _ => bail!("`bench engine` takes nothing, or --record"),
    };
    stages.run(
        "engine: an edit in, frames out, no socket and no disk",
        || optimised(root, "smallwin-bench", &["--", "engine"]),
    )?;
    stages.run("engine: instructions of the hot path", || {
        instructions(root, record)
    })
}

/// The instructions alone.
pub(super) fn count(root: &Path, stages: &mut Stages) -> Result<()> {
    stages.run("engine: instructions of the hot path", || {
        instructions(root, false)
    })
}

fn instructions(root: &Path, record: bool) -> Result<()> {
    if tools::find(&["valgrind"]).is_none() {
        println!("valgrind is not on this machine: no instructions are counted");
        return Ok(());
    }
    let mut counted = Vec::new();
    for readers in READERS {
        let begin = collected(root, readers, 0)?;
        let all = collected(root, readers, EDITS)?;
        counted.push((readers, all.saturating_sub(begin) / EDITS));
    }
    let recorded = recorded(root);
    let mut grown = Vec::new();
    for (readers, each) in &counted {
        let before = recorded.iter().find(|(known, _)| known == readers);
        let shown = before.map_or("nothing recorded".to_owned(), |(_, before)| {
            format!("recorded {before}")
        });
        println!(
            "{readers:>4} readers, history {HISTORY}: {each:>10} instructions per edit, {:>9} per edit and reader, {shown}",
            each / readers
        );
        if before.is_some_and(|(_, before)| each * 100 > before * (100 + GROWTH_PERCENT_MAX)) {
            grown.push(readers.to_string());
        }
    }
    let lines: String = counted
        .iter()
        .map(|(readers, each)| format!("{readers} {each}\n"))
        .collect();
    let bench = root.join("target/bench");
    fs::create_dir_all(&bench)?;
    fs::write(bench.join("instructions.txt"), &lines)?;
    if record {
        fs::write(root.join(RECORDED), lines)?;
    } else if !grown.is_empty() {
        bail!(
            "the hot path takes over {GROWTH_PERCENT_MAX} % more instructions than {RECORDED} says, with {} readers; \
             when that is meant, `cargo xtask bench engine --record`",
            grown.join(" and ")
        );
    }
    Ok(())
}

fn recorded(root: &Path) -> Vec<(u64, u64)> {
    let text = fs::read_to_string(root.join(RECORDED)).unwrap_or_default();
    text.lines()
        .filter_map(|line| {
            let (readers, each) = line.split_once(' ')?;
            Some((readers.parse().ok()?, each.parse().ok()?))
        })
        .collect()
}

fn collected(root: &Path, readers: u64, edits: u64) -> Result<u64> {
    let program = root.join("target/release/smallwin-bench");
    let program = program.to_string_lossy();
    let (history, readers, edits) = (HISTORY.to_string(), readers.to_string(), edits.to_string());
    let arguments = [
        "--tool=callgrind",
        "--callgrind-out-file=/dev/null",
        &program,
        "engine",
        "count",
        &history,
        &readers,
        &edits,
    ];
    let said = Program::new(root, "valgrind", &arguments).read_errors()?;
    said.lines()
        .find_map(|line| line.split("Collected :").nth(1)?.trim().parse().ok())
        .context("callgrind says how many instructions it collected")
}
