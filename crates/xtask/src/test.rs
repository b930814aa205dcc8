//! `cargo xtask test`: the whole truth. What it needs it installs, or names and stops.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::{check, npm, program::Program, soak, stage::Stages, tools};

/// How often a writing process is killed in each test run.
const CRASH_ROUNDS: &str = "100";

/// Runs every stage and stops at the first failure.
pub(crate) fn run(root: &Path) -> Result<()> {
    let mut stages = Stages::default();
    let mut chromium = PathBuf::new();
    stages.run("tools", || {
        tools::require_build_tools(root)?;
        chromium = tools::chromium(root)?;
        println!("browser: {}", chromium.display());
        Ok(())
    })?;
    stages.run("packages", || {
        npm::install(&root.join("web"))?;
        npm::install(&root.join("tests"))
    })?;
    check::fast(root, &mut stages)?;
    let mut binary = PathBuf::new();
    stages.run("the program, with the web client", || {
        binary = build(root)?;
        Ok(())
    })?;
    stages.run("simulation: three hundred worlds", || {
        Program::cargo(root, &["test", "--package", "smallwin-sim", "--quiet"]).run()
    })?;
    stages.run("crash: kills at random moments", || {
        crash(root, CRASH_ROUNDS)
    })?;
    stages.run("hostile bytes: a minute of them", || {
        soak::gate::short(root, soak::gate::MINUTE)
    })?;
    stages.run("nodes: processes, sockets, command line", || {
        Program::cargo(root, &["test", "--package", "smallwin-tests", "--quiet"])
            .with("SMALLWIN_TEST_PROGRAM", &binary)
            .run()
    })?;
    stages.run("browser: pages, people, stock peers", || {
        browser(root, &binary, &chromium)
    })?;
    stages.summary();
    Ok(())
}

/// Builds the program for tests and says where it stands.
pub(crate) fn build(root: &Path) -> Result<PathBuf> {
    build_with(root, "dev")
}

/// Builds the program with a profile of cargo and says where it stands.
pub(crate) fn build_with(root: &Path, profile: &str) -> Result<PathBuf> {
    Program::cargo(
        root,
        &["build", "--package", "smallwin-cli", "--profile", profile],
    )
    .run()?;
    let target = tools::target(root);
    let folder = if profile == "dev" { "debug" } else { profile };
    let binary = target
        .join(folder)
        .join(format!("smallwin{}", std::env::consts::EXE_SUFFIX));
    if !binary.is_file() {
        bail!(
            "cargo built the program, yet {} is not there",
            binary.display()
        );
    }
    Ok(binary)
}

/// Runs this many seeds of the simulation, from `first` on.
pub(crate) fn simulate(root: &Path, first: u64, seeds: u64) -> Result<()> {
    let range = format!("{first}..{}", first + seeds);
    let arguments = [
        "run",
        "--quiet",
        "--package",
        "smallwin-sim",
        "--",
        "--seeds",
        &range,
    ];
    Program::cargo(root, &arguments).run()
}

/// Kills a writing process this many times and looks for every acknowledged change.
pub(crate) fn crash(root: &Path, rounds: &str) -> Result<()> {
    Program::cargo(
        root,
        &[
            "test",
            "--quiet",
            "--package",
            "smallwin-storage",
            "--test",
            "crash",
            "--",
            "--nocapture",
        ],
    )
    .with("SMALLWIN_CRASH_ROUNDS", rounds)
    .run()
}

/// Cuts the power under a writing process this many times, where root and loop mounts allow it.
pub(crate) fn power(root: &Path, rounds: &str) -> Result<()> {
    Program::cargo(
        root,
        &[
            "test",
            "--quiet",
            "--package",
            "smallwin-storage",
            "--test",
            "power",
            "--",
            "--nocapture",
        ],
    )
    .with("SMALLWIN_POWER_ROUNDS", rounds)
    .run()
}

fn browser(root: &Path, binary: &Path, chromium: &Path) -> Result<()> {
    let tests = root.join("tests");
    let folder = tests.join("browser");
    let mut specs: Vec<String> = fs::read_dir(&folder)
        .with_context(|| format!("{} cannot be read", folder.display()))?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".spec.mjs"))
        .map(|name| format!("browser/{name}"))
        .collect();
    specs.sort();
    if specs.is_empty() {
        bail!("{} holds no *.spec.mjs", folder.display());
    }
    let mut arguments = vec!["--test", "--test-concurrency=1", "--test-reporter=spec"];
    arguments.extend(specs.iter().map(String::as_str));
    Program::new(&tests, "node", &arguments)
        .with("SMALLWIN_TEST_PROGRAM", binary)
        .with("SMALLWIN_TEST_CHROMIUM", chromium)
        .run()
}
