//! What a run is told, and what it tells.

use std::fmt;

use smallwin_sync::Planted;

use crate::counts::Counts;

/// One run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Decides everything that chance decides.
    pub seed: u64,
    /// Virtual minutes of work and trouble before everything is healed.
    pub minutes: u64,
    /// Busier people, more trouble and almost no room in memory: for long searches by hand.
    pub harsh: bool,
    /// A fault to plant, to see that the oracle finds it.
    pub plant: Option<Plant>,
    /// Print every line of the story as it happens.
    pub print: bool,
}

/// A fault that somebody could build in; each must be found by some seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// The driver delivers `Kept` before the disk made anything durable.
    ToldBeforeKept,
    /// Like it, and the oracle looks at nothing but what is lost in the end.
    ToldBeforeKeptUnseen,
    /// Now and then the driver loses a frame while its connection lives on: a gap nobody knows of.
    LostGap,
    /// A fault of the engine itself.
    Engine(Planted),
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
    /// Who takes part, and how.
    pub cast: String,
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

impl Plant {
    /// Every fault with its name on the command line.
    pub const ALL: [(&'static str, Plant); 6] = [
        ("told-before-kept", Plant::ToldBeforeKept),
        ("told-before-kept-unseen", Plant::ToldBeforeKeptUnseen),
        ("lost-gap", Plant::LostGap),
        ("skipped-chunk", Plant::Engine(Planted::SkippedChunk)),
        (
            "wrong-last-sent-heads",
            Plant::Engine(Planted::WrongLastSentHeads),
        ),
        (
            "forgotten-deduplication",
            Plant::Engine(Planted::ForgottenDeduplication),
        ),
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        Plant::ALL
            .iter()
            .find(|(_, plant)| *plant == self)
            .map_or("", |(name, _)| name)
    }
}

impl Failure {
    /// The command that shows the same failure with every line that led to it.
    pub fn replay(&self) -> String {
        let options = &self.options;
        let mut command = format!(
            "cargo run -p smallwin-sim -- --seed {} --trace",
            options.seed
        );
        if options.harsh {
            command.push_str(" --harsh");
        }
        if options.minutes != MINUTES {
            command.push_str(&format!(" --minutes {}", options.minutes));
        }
        if let Some(plant) = options.plant {
            command.push_str(&format!(" --plant {}", plant.name()));
        }
        command
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.lines.is_empty() {
            writeln!(f, "{LEGEND}\n{}\n", self.cast)?;
        }
        for line in &self.lines {
            writeln!(f, "{line}")?;
        }
        let seed = self.options.seed;
        writeln!(f, "\nseed {seed} breaks `{}`: {}", self.rule, self.what)?;
        write!(f, "replay: {}", self.replay())
    }
}

/// How to read a story.
const LEGEND: &str = "\
The last lines of the story: minute:second, who, and what they do, see or say.
`→ 12 sync step: at 5f0c41aa, 1 changes` is a frame of the sync protocol sent on end 12 of a
connection (its other end is 13; the even end dialled): the sender claims the heads 5f0c41aa.
Changes and records go by the first four bytes of their hash. `keeps 3 writes as 7` asks the disk,
`has kept 7` is its answer. `oracle` speaks when a promise is broken.";

/// Long enough for everybody to join under trouble and to write for a while.
const MINUTES: u64 = 5;
