//! One worker process: started with little memory, listened to, and ended when it says nothing.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};

use super::progress::{Counts, Target};

/// The worker for what Automerge gets.
pub(super) const BYTES: &str = "soak_bytes";
/// The worker for records and snapshot files.
pub(super) const RECORDS: &str = "soak_records";

/// Address space of a worker in KiB: the figure for a whole node is 512 MB of memory.
const MEMORY_KIB: u64 = 512 * 1024;

/// Time without a word after which a worker is ended: it watches itself, so this is for one whose
/// watch hangs too. A block of the slowest target takes some seconds.
const SILENCE: Duration = Duration::from_secs(180);

/// What a worker answers when one of its inputs took too long.
const HANG: i32 = 3;
/// What a worker answers when a block could not be made: honest work panicked.
const NO_BLOCK: i32 = 4;

/// Starts workers that stand in one folder.
#[derive(Debug)]
pub(super) struct Worker {
    folder: PathBuf,
}

/// What came of one run of a worker.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// Sums of its blocks.
    pub(super) counts: Counts,
    /// The block with which to go on.
    pub(super) next_block: u64,
    /// What was broken, one line each.
    pub(super) findings: Vec<String>,
}

impl Worker {
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// Runs blocks of a target from `first` on for some time, or until one ends the process.
    pub(super) fn run(&self, target: &Target, first: u64, time: Duration) -> Result<Done> {
        let program = self.folder.join(target.worker);
        let status = self.folder.join(format!("{}.status", target.name));
        let mut child = Command::new("sh")
            .args(["-c", "ulimit -v \"$1\" && shift && exec \"$@\"", "sh"])
            .arg(MEMORY_KIB.to_string())
            .arg(&program)
            .args([target.name, &first.to_string()])
            .arg(time.as_secs().max(1).to_string())
            .arg(&status)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} could not be started", program.display()))?;
        let output = child.stdout.take().context("the worker's output")?;
        let (said, lines) = channel();
        let reader = thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if said.send(line).is_err() {
                    return;
                }
            }
        });
        let mut done = Done {
            next_block: first,
            ..Done::default()
        };
        let silent = loop {
            match lines.recv_timeout(SILENCE) {
                Ok(line) => done.hear(target, &line)?,
                Err(RecvTimeoutError::Disconnected) => break false,
                Err(RecvTimeoutError::Timeout) => break true,
            }
        };
        if silent {
            child.kill().context("a silent worker cannot be ended")?;
        }
        let ended = child.wait().context("waiting for a worker")?;
        drop(reader.join());
        if ended.success() {
            return Ok(done);
        }
        let what = match ended.code() {
            _ if silent => "hang",
            Some(HANG) => "hang",
            Some(NO_BLOCK) => "promise",
            Some(code) if code < 128 => {
                bail!("the worker for {} did not start: {ended}", target.name)
            }
            _ => "abort",
        };
        done.lost(target, &status, what, &ended.to_string())?;
        Ok(done)
    }
}

impl Done {
    fn hear(&mut self, target: &Target, line: &str) -> Result<()> {
        if let Some(finding) = line.strip_prefix("finding ") {
            self.findings.push(format!("{} {finding}", target.name));
        } else if let Some(rest) = line.strip_prefix("block ") {
            let (block, counts) = rest.split_once(' ').context("a block without counts")?;
            self.next_block = block.parse::<u64>()? + 1;
            self.counts.add(&Counts::read(counts)?);
        }
        Ok(())
    }

    /// Counts the input that ended the process and leaves the rest of its block.
    fn lost(&mut self, target: &Target, status: &Path, what: &str, ended: &str) -> Result<()> {
        let place = fs::read(status).context("the worker's status")?;
        let number = |at: usize| {
            let bytes = place.get(at..at + 8)?;
            Some(u64::from_le_bytes(bytes.try_into().ok()?))
        };
        let (block, position) = number(0).zip(number(8)).unwrap_or((self.next_block, 0));
        self.next_block = self.next_block.max(block) + 1;
        self.counts.lost(what, position + 1);
        self.findings
            .push(format!("{} {what} {block} {position} {ended}", target.name));
        Ok(())
    }
}
