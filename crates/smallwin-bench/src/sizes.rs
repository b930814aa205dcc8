//! What a store of two hundred thousand changes takes: memory, opening, reading a document, and the space that comes
//! back after nine of ten documents are deleted. Each step is a process of its own, so that its memory is its own.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::engines::{Change, DOCUMENTS, NAMES, document, median, open, seconds};

const CHANGES: u64 = 200_000;
const GROUP: u64 = 1_000;
/// Of this many documents one is left.
const KEPT_OF: u64 = 10;
/// Documents that are read to learn how long one takes.
const READS: u64 = 200;

/// `sizes` prints the table; `sizes STEP ENGINE FOLDER` is one step of it, in its own process.
pub(crate) fn command(arguments: &[String]) -> Result<()> {
    match arguments {
        [] => table(),
        [step, name, folder] => {
            println!("{}", run(step, name, Path::new(folder))?);
            Ok(())
        }
        _ => bail!("sizes takes nothing, or a step, an engine and a folder"),
    }
}

fn table() -> Result<()> {
    println!(
        "{CHANGES} changes of 60 to 300 bytes in {DOCUMENTS} documents, written in groups of {GROUP}"
    );
    println!(
        "{:<6} {:>8} {:>11} {:>8} {:>11} {:>12} {:>9} {:>8} {:>12}",
        "",
        "write s",
        "peak RSS MB",
        "open ms",
        "RSS MB then",
        "document ms",
        "folder MB",
        "purge s",
        "folder then"
    );
    for name in NAMES {
        let folder = tempfile::tempdir_in(".")?;
        let path = folder.path().join(name);
        let step = |step: &str| -> Result<Vec<f64>> {
            let output = Command::new(std::env::current_exe()?)
                .args(["sizes", step, name])
                .arg(&path)
                .output()?;
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            if !output.status.success() {
                bail!(
                    "{name}, {step}: {}",
                    String::from_utf8_lossy(&output.stderr)
                );
            }
            text.split_whitespace()
                .map(|word| word.parse().context("a number"))
                .collect()
        };
        let write = step("write")?;
        let full = bytes_below(folder.path());
        let read = step("read")?;
        let purge = step("purge")?;
        let left = bytes_below(folder.path());
        let figure = |of: &[f64], at: usize| of.get(at).copied().unwrap_or(f64::NAN);
        println!(
            "{name:<6} {:>8.1} {:>11.0} {:>8.1} {:>11.0} {:>12.3} {:>9.1} {:>8.1} {:>12.1}",
            figure(&write, 0),
            figure(&write, 1),
            figure(&read, 0),
            figure(&read, 1),
            figure(&read, 2),
            full / 1e6,
            figure(&purge, 0),
            left / 1e6,
        );
    }
    println!(
        "redb was asked to compact when it was closed; ours and sled did what they do by themselves"
    );
    Ok(())
}

fn run(step: &str, name: &str, path: &Path) -> Result<String> {
    match step {
        "write" => {
            let mut engine = open(name, path)?;
            let time = seconds(|| {
                for first in (0..CHANGES).step_by(GROUP as usize) {
                    engine.commit((first..first + GROUP).map(Change::number).collect())?;
                }
                Ok(())
            })?;
            let peak = memory_mb("VmHWM:");
            engine.close()?;
            Ok(format!("{time} {peak}"))
        }
        "read" => {
            let mut engine = None;
            let opening = seconds(|| {
                engine = Some(open(name, path)?);
                Ok(())
            })?;
            let engine = engine.context("an open engine")?;
            let memory = memory_mb("VmRSS:");
            let mut times = Vec::new();
            for n in 0..READS {
                let doc = document(n * 7919 % DOCUMENTS);
                times.push(seconds(|| {
                    let found = engine.scan(doc)? as u64;
                    anyhow::ensure!(found == CHANGES / DOCUMENTS, "{found} changes were read");
                    Ok(())
                })?);
            }
            Ok(format!(
                "{} {memory} {}",
                opening * 1e3,
                median(times) * 1e3
            ))
        }
        _ => {
            let mut engine = open(name, path)?;
            let time = seconds(|| {
                (0..DOCUMENTS)
                    .filter(|n| n % KEPT_OF != 0)
                    .try_for_each(|n| engine.purge(document(n)))
            })?;
            engine.close()?;
            Ok(format!("{time}"))
        }
    }
}

fn memory_mb(field: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(field));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok())
        .unwrap_or(0.0)
        / 1024.0
}

/// Bytes that the files take on the disk.
fn bytes_below(folder: &Path) -> f64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0.0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(found) if found.is_dir() => bytes_below(&entry.path()),
            #[cfg(unix)]
            Ok(found) => (std::os::unix::fs::MetadataExt::blocks(&found) * 512) as f64,
            #[cfg(not(unix))]
            Ok(found) => found.len() as f64,
            Err(_) => 0.0,
        })
        .sum()
}
