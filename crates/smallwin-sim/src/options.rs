//! What a run is told, and what it tells.

use std::fmt;

/// One run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Decides everything that chance decides.
    pub seed: u64,
    /// Virtual minutes of work and trouble before everything is healed.
    pub minutes: u64,
    /// Busier people, more trouble and almost no room in memory: for long searches by hand.
    pub harsh: bool,
    /// A fault to plant in the world around the engines, to see that the oracle finds it.
    pub plant: Option<Plant>,
    /// Print every line of the story as it happens.
    pub print: bool,
}

/// A fault of the driver, never of the product: what a careless node could do to its engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// `Kept` is delivered before the disk made anything durable.
    ToldBeforeKept,
    /// Like it, and the oracle looks at nothing but what is lost in the end.
    ToldBeforeKeptUnseen,
    /// Now and then a frame vanishes while its connection lives on.
    LostFrame,
}

/// How a run went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// The hash of every line of the story; equal for equal options (rule S1).
    pub hash: [u8; 32],
    /// What was done.
    pub counts: Counts,
    /// Virtual milliseconds from the first start to the last quiet.
    pub virtual_ms: u64,
}

/// What was done in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Frames sent.
    pub frames: u64,
    /// Changes that their writers were told are kept.
    pub changes: u64,
    /// Records that their authors were told are kept.
    pub records: u64,
    /// Changes sent by people who may not make them.
    pub forged: u64,
    /// Processes that died.
    pub crashes: u64,
    /// Ways cut.
    pub cuts: u64,
    /// Connections lost.
    pub lost_conns: u64,
    /// Disks that failed.
    pub failed_disks: u64,
    /// Members in the end.
    pub members: u64,
}

/// A broken promise, with what is needed to see it again.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The run.
    pub options: Options,
    /// The rule of the specification, or the check, that does not hold.
    pub rule: &'static str,
    /// What was seen.
    pub what: String,
    /// The last lines of the story.
    pub lines: Vec<String>,
}

impl Options {
    /// The usual run of a seed.
    pub fn of_seed(seed: u64) -> Options {
        Options {
            seed,
            minutes: MINUTES,
            harsh: false,
            plant: None,
            print: false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            writeln!(f, "{line}")?;
        }
        writeln!(
            f,
            "seed {} breaks {}: {}",
            self.options.seed, self.rule, self.what
        )?;
        write!(
            f,
            "replay: cargo run -p smallwin-sim -- --seed {} --trace",
            self.options.seed
        )?;
        if self.options.harsh {
            write!(f, " --harsh")?;
        }
        if self.options.minutes != MINUTES {
            write!(f, " --minutes {}", self.options.minutes)?;
        }
        Ok(())
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} frames, {} changes and {} records kept, {} forgeries, {} crashes, {} cuts, {} lost connections, {} failed disks, {} members",
            self.frames,
            self.changes,
            self.records,
            self.forged,
            self.crashes,
            self.cuts,
            self.lost_conns,
            self.failed_disks,
            self.members,
        )
    }
}

/// Long enough for everybody to join under trouble and to write for a while.
const MINUTES: u64 = 2;
