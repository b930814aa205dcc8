//! A child that writes until it is ended: this same test program, told by variables to be the child.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

const CHILD_DIR: &str = "SMALLWIN_CRASH_CHILD_DIR";
const CHILD_SEED: &str = "SMALLWIN_CRASH_CHILD_SEED";

/// Where to write and with which seed, when this process is a child.
pub(crate) fn child() -> Option<(PathBuf, u64)> {
    let dir = std::env::var(CHILD_DIR).ok()?;
    Some((PathBuf::from(dir), number(CHILD_SEED, 0)))
}

/// Starts the child's part of a test.
pub(crate) fn start(test: &str, dir: &Path, seed: u64) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(CHILD_DIR, dir)
        .env(CHILD_SEED, seed.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    (child, output)
}

/// Kills the child and returns the last acknowledgement that it still got out, or 0.
pub(crate) fn kill(mut child: Child, output: BufReader<ChildStdout>) -> u64 {
    child.kill().unwrap();
    child.wait().unwrap();
    output
        .lines()
        .filter_map(|line| acknowledgement(&line.unwrap()))
        .last()
        .unwrap_or(0)
}

/// The number of the batch that a line acknowledges.
pub(crate) fn acknowledgement(line: &str) -> Option<u64> {
    let (_, number) = line.split_once("ack ")?;
    number.trim().parse().ok()
}

/// A number that a variable sets.
pub(crate) fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().expect("a number"))
}
