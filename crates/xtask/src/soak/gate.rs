//! `cargo xtask soak gate`: hostile bytes by the million against everything that reads bytes.
//!
//! The workers (examples of smallwin-gate and smallwin-circle) run as processes of their own with
//! little memory, so that an abort or a hang is seen and counted and not the end of the run. What
//! was done is kept below the target folder: a run that was stopped goes on where it was.

mod progress;
mod worker;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};

use self::{progress::Progress, worker::Worker};
use crate::{
    program::Program,
    stage::{Stages, now},
    tools,
};

/// Inputs of one recorded run.
const INPUTS: u64 = 10_000_000;

/// Time that a worker gets at once; then it is the turn of the target that is furthest behind.
const SLICE: Duration = Duration::from_secs(20);

/// Time that a worker gets at once when there is only a minute for all.
const SHORT_SLICE: Duration = Duration::from_secs(4);

/// What one test run spends here.
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// Goes on until all targets together had so many inputs; `again` begins anew, `minute` does what
/// every test run does.
pub(super) fn run(root: &Path, arguments: &[String]) -> Result<()> {
    if arguments == ["minute"] {
        return short(root, MINUTE);
    }
    let mut inputs = INPUTS;
    let folder = tools::target(root).join("soak-gate");
    for argument in arguments {
        match argument.replace('_', "").parse() {
            Ok(number) => inputs = number,
            Err(_) if argument == "again" => {
                if folder.exists() {
                    fs::remove_dir_all(&folder)?;
                }
            }
            Err(_) => bail!(
                "`soak gate` takes a number of inputs and `again`, or `minute`, not `{argument}`"
            ),
        }
    }
    let mut stages = Stages::default();
    let mut progress = Progress::default();
    stages.run("workers", || {
        progress = open(root, &folder)?;
        coverage(root);
        Ok(())
    })?;
    stages.run("hostile bytes", || {
        let worker = Worker::new(&folder);
        while let Some(target) = progress.next(inputs) {
            let done = worker.run(target, progress.next_block(target), SLICE)?;
            progress.add(target, &done);
            progress.save(&folder)?;
            println!("{}", progress.line());
        }
        println!("{}", progress.table());
        progress.judge()
    })?;
    stages.summary();
    Ok(())
}

/// As many inputs as fit into this time, on all cores; nothing is kept for a later run.
pub(crate) fn short(root: &Path, time: Duration) -> Result<()> {
    let folder = tools::target(root).join("soak-gate-short");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    build(root, &folder, "dev")?;
    let progress = Mutex::new(Progress::begun(root));
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let end = now() + time;
    let turns = || -> Result<()> {
        let worker = Worker::new(&folder);
        while now() < end {
            let mut known = progress.lock().unwrap_or_else(PoisonError::into_inner);
            let Some((target, block)) = known.take_turn() else {
                return Ok(());
            };
            drop(known);
            let left = end.saturating_duration_since(now()).min(SHORT_SLICE);
            let done = worker.run(target, block, left)?;
            let mut known = progress.lock().unwrap_or_else(PoisonError::into_inner);
            known.add(target, &done);
        }
        Ok(())
    };
    thread::scope(|scope| {
        let all: Vec<_> = (0..cores).map(|_| scope.spawn(turns)).collect();
        all.into_iter()
            .try_for_each(|one| one.join().unwrap_or_else(|_| bail!("a task panicked")))
    })?;
    let progress = progress
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    println!("{}", progress.table());
    progress.judge()
}

/// A run that goes on uses the workers with which it began.
fn open(root: &Path, folder: &Path) -> Result<Progress> {
    if let Some(progress) = Progress::load(folder)? {
        println!("goes on from {}", folder.display());
        return Ok(progress);
    }
    build(root, folder, "release")?;
    Ok(Progress::begun(root))
}

/// Builds the workers and puts copies where later builds do not change them.
fn build(root: &Path, folder: &Path, profile: &str) -> Result<()> {
    fs::create_dir_all(folder)?;
    for (package, example) in [
        ("smallwin-gate", worker::BYTES),
        ("smallwin-circle", worker::RECORDS),
    ] {
        let arguments = ["build", "--package", package, "--example", example];
        Program::cargo(root, &[&arguments[..], &["--profile", profile]].concat()).run()?;
        let built = examples(root, profile).join(example);
        fs::copy(&built, folder.join(example))
            .with_context(|| format!("{} cannot be copied", built.display()))?;
    }
    Ok(())
}

fn examples(root: &Path, profile: &str) -> PathBuf {
    let folder = if profile == "dev" { "debug" } else { profile };
    tools::target(root).join(folder).join("examples")
}

/// Says whether the same targets can be run by a fuzzer that sees coverage.
fn coverage(root: &Path) {
    let has = |name: &str, arguments: &[&str], word: &str| {
        let said = Program::new(root, name, arguments).read();
        said.is_ok_and(|said| said.contains(word))
    };
    let nightly = has("rustup", &["toolchain", "list"], "nightly");
    let fuzzer = has("cargo", &["fuzz", "--version"], "cargo-fuzz");
    let folder = root.join("crates/smallwin-gate/fuzz/fuzz_targets");
    let files = folder.read_dir().into_iter().flatten().flatten();
    let mut targets: Vec<String> = files
        .filter_map(|file| Some(file.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    targets.sort();
    println!(
        "coverage-guided: nightly toolchain {}, cargo-fuzz {}; \
         with both, `cargo +nightly fuzz run <target>` in crates/smallwin-gate ({})",
        if nightly { "here" } else { "not here" },
        if fuzzer { "here" } else { "not here" },
        targets.join(", "),
    );
}
