//! The project's own tasks: `cargo xtask <task>`.
//!
//! `test` is the whole truth and all that `.ci/run` runs; `check` is its fast part for between two edits.
//! A task is a list of stages; a stage prints its name, runs, and prints its time; the first failure stops the task.
//! This crate must not know any other crate of the project: it only starts programs and reads files.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a task talks to the person who started it"
)]

mod bench;
mod check;
mod npm;
mod program;
mod run_two;
mod soak;
mod stage;
mod test;
mod tidy;
mod tools;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, Result, bail};

/// Every task: its name, what it takes, and one line of help.
pub(crate) const TASKS: &[(&str, &str, &str)] = &[
    (
        "test",
        "",
        "everything that must hold: what CI runs; installs what it needs",
    ),
    (
        "check",
        "",
        "the fast part: format, clippy, tidy, unit tests, web types and tests",
    ),
    (
        "tidy",
        "",
        "the rules of layout, purity, size, test hygiene and documentation",
    ),
    (
        "bench",
        "[storage|gate|engine|keystroke|sync]",
        "the figures, each as a ratio to a baseline of the same run; all but sync unless told",
    ),
    (
        "run-two",
        "",
        "two nodes with fresh data, linked to each other, and a page for each",
    ),
    (
        "soak",
        "[MINUTES|sim|storage|gate|honest|websocket]",
        "long runs: simulation seeds and crash rounds (10 minutes unless told); a thousand simulated hours; 2,000 kills and 200 power cuts; ten million hostile inputs; honest traffic against the gate; the Autobahn suite",
    ),
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let task = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    match run(&task, &rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nxtask {task}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: &str, rest: &[String]) -> Result<()> {
    let root = root()?;
    let known = TASKS.iter().find(|(name, ..)| *name == task);
    if known.is_some_and(|(_, takes, _)| takes.is_empty()) && !rest.is_empty() {
        bail!("`{task}` takes no arguments, but got `{}`", rest.join(" "));
    }
    match task {
        "test" => test::run(&root),
        "check" => check::run(&root),
        "tidy" => tidy::run(&root),
        "bench" => bench::run(&root, rest),
        "run-two" => run_two::run(&root),
        "soak" => soak::run(&root, rest),
        "" | "help" | "--help" | "-h" => {
            help();
            Ok(())
        }
        other => {
            help();
            bail!("there is no task `{other}`; the tasks are listed above")
        }
    }
}

fn help() {
    println!("Usage: cargo xtask <task>\n");
    for (name, takes, line) in TASKS {
        println!("  {:<18} {line}", format!("{name} {takes}"));
    }
}

/// The checkout this program was built from.
fn root() -> Result<PathBuf> {
    let crate_dir = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let root = crate_dir
        .ancestors()
        .nth(2)
        .context("the crate stands two levels below the checkout")?;
    Ok(root.to_path_buf())
}
