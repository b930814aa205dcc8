//! What a run came to so far, kept between two runs.

use std::{collections::BTreeMap, fmt::Write, fs, path::Path};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::worker::{BYTES, Done, RECORDS};
use crate::program::Program;

/// Where bytes enter, and how many of a hundred inputs go there.
#[derive(Debug)]
pub(super) struct Target {
    /// Its name for the worker.
    pub(super) name: &'static str,
    /// Its name for a reader.
    title: &'static str,
    /// The program that mutates for it.
    pub(super) worker: &'static str,
    share: u64,
}

/// All targets; the shares follow what one input costs and how much there is to get wrong.
pub(super) const TARGETS: &[Target; 7] = &[
    target("frame", "CBOR frame", BYTES, 20),
    target("message", "sync message", BYTES, 18),
    target("change", "change, by operations", BYTES, 20),
    target("chunk", "change chunk, by bytes", BYTES, 22),
    target("document", "document chunk", BYTES, 10),
    target("record", "log record", RECORDS, 6),
    target("snapshot", "snapshot file", RECORDS, 4),
];

const fn target(
    name: &'static str,
    title: &'static str,
    worker: &'static str,
    share: u64,
) -> Target {
    Target {
        name,
        title,
        worker,
        share,
    }
}

/// What is counted, in the words of the workers; `hangs` and `aborts` are counted here.
const SUMS: &[&str] = &[
    "inputs", "refused", "passed", "caught", "panics", "hangs", "aborts", "saves", "promises",
];

/// What must be zero.
const ZEROS: &[&str] = &["panics", "hangs", "aborts", "saves", "promises"];

/// The largest of what was seen.
const PEAKS: &[&str] = &["slowest_us", "peak_kb"];

/// Findings of a run that are kept; more of them say nothing new.
const FINDINGS_MAX: usize = 200;

/// Counts by their names.
#[derive(Debug, Default, Clone)]
pub(super) struct Counts(BTreeMap<String, u64>);

/// The counts of all targets, and where each goes on.
#[derive(Debug, Default)]
pub(super) struct Progress {
    begun: String,
    counts: BTreeMap<String, Counts>,
    blocks: BTreeMap<String, u64>,
    findings: Vec<String>,
}

impl Counts {
    /// Reads `name number name number …`.
    pub(super) fn read(text: &str) -> Result<Self> {
        let words: Vec<&str> = text.split(' ').collect();
        let pairs = words.chunks_exact(2).map(|pair| match pair {
            [name, number] => Ok(((*name).to_owned(), number.parse()?)),
            _ => bail!("`{text}` are no counts"),
        });
        Ok(Self(pairs.collect::<Result<_>>()?))
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (name, number) in &other.0 {
            let sum = self.0.entry(name.clone()).or_default();
            *sum = if PEAKS.contains(&name.as_str()) {
                (*sum).max(*number)
            } else {
                *sum + number
            };
        }
    }

    /// Counts the inputs of a block that one of them ended, by a `hang` or an `abort`.
    pub(super) fn lost(&mut self, what: &str, inputs: u64) {
        self.add(&Self(BTreeMap::from([
            ("inputs".to_owned(), inputs),
            (format!("{what}s"), 1),
        ])));
    }

    fn get(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }
}

impl Progress {
    /// A run that begins now: it names the last commit to the code that it is about.
    pub(super) fn begun(root: &Path) -> Self {
        let read = |name: &str, arguments: &[&str]| {
            let said = Program::new(root, name, arguments).read();
            said.map(|said| said.trim().to_owned()).unwrap_or_default()
        };
        let crates = ["--", "crates/smallwin-gate", "crates/smallwin-circle"];
        let with = |arguments: &[&'static str]| [arguments, &crates].concat();
        let commit = read("git", &with(&["log", "-1", "--format=%h"]));
        let changed = !read("git", &with(&["status", "--porcelain"])).is_empty();
        let changed = if changed { " with changes" } else { "" };
        let compiler = read("rustc", &["--version"]);
        Self {
            begun: format!("commit {commit}{changed}, {compiler}"),
            ..Self::default()
        }
    }

    pub(super) fn load(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(FILE);
        if !path.is_file() {
            return Ok(None);
        }
        let kept: Value = serde_json::from_str(&fs::read_to_string(&path)?)
            .with_context(|| format!("{} is damaged: begin with `again`", path.display()))?;
        let word = |at: &str| kept.pointer(at).and_then(Value::as_str).unwrap_or_default();
        let number = |at: &str| kept.pointer(at).and_then(Value::as_u64).unwrap_or(0);
        let mut progress = Self {
            begun: word("/begun").to_owned(),
            ..Self::default()
        };
        for target in TARGETS {
            let at = |name: &str| number(&format!("/targets/{}/{name}", target.name));
            let names = SUMS.iter().chain(PEAKS);
            let counts = names.map(|name| ((*name).to_owned(), at(name)));
            let name = target.name.to_owned();
            progress
                .counts
                .insert(name.clone(), Counts(counts.collect()));
            progress.blocks.insert(name, at("next_block"));
        }
        let findings = kept.get("findings").and_then(Value::as_array);
        progress.findings = findings
            .into_iter()
            .flatten()
            .filter_map(|finding| Some(finding.as_str()?.to_owned()))
            .collect();
        Ok(Some(progress))
    }

    /// Writes it beside and renames, so that a stop in between costs nothing.
    pub(super) fn save(&self, folder: &Path) -> Result<()> {
        let mut targets = serde_json::Map::new();
        for target in TARGETS {
            let names = SUMS.iter().chain(PEAKS);
            let mut counts: serde_json::Map<String, Value> = names
                .map(|name| ((*name).to_owned(), self.of(target, name).into()))
                .collect();
            counts.insert("next_block".to_owned(), self.next_block(target).into());
            targets.insert(target.name.to_owned(), counts.into());
        }
        let kept = json!({"begun": self.begun, "targets": targets, "findings": self.findings});
        let beside = folder.join("progress.new");
        fs::write(&beside, serde_json::to_string_pretty(&kept)?)?;
        fs::rename(&beside, folder.join(FILE)).context("the progress cannot be kept")
    }

    /// The target that is furthest behind its share of `inputs`, while one is.
    pub(super) fn next(&self, inputs: u64) -> Option<&'static Target> {
        let behind = TARGETS
            .iter()
            .filter(|target| self.of(target, "inputs") < inputs * target.share / 100);
        behind.min_by_key(|target| self.of(target, "inputs") * 100 / target.share)
    }

    /// The target that had the fewest turns, and its block; the next turn begins elsewhere.
    pub(super) fn take_turn(&mut self) -> Option<(&'static Target, u64)> {
        let target = TARGETS
            .iter()
            .min_by_key(|target| self.blocks.get(target.name).copied().unwrap_or(0))?;
        let block = self.next_block(target);
        let after = block + TURN_BLOCKS;
        self.blocks.insert(target.name.to_owned(), after);
        Some((target, block))
    }

    pub(super) fn next_block(&self, target: &Target) -> u64 {
        self.blocks.get(target.name).copied().unwrap_or(0)
    }

    pub(super) fn add(&mut self, target: &Target, done: &Done) {
        let counts = self.counts.entry(target.name.to_owned()).or_default();
        counts.add(&done.counts);
        let block = self.blocks.entry(target.name.to_owned()).or_default();
        *block = (*block).max(done.next_block);
        for finding in &done.findings {
            println!("FOUND {}", finding.chars().take(2_000).collect::<String>());
            if self.findings.len() < FINDINGS_MAX {
                self.findings.push(finding.clone());
            }
        }
    }

    /// One line for who watches.
    pub(super) fn line(&self) -> String {
        let all: u64 = TARGETS.iter().map(|target| self.of(target, "inputs")).sum();
        format!("{all} inputs, {} findings", self.findings.len())
    }

    /// The table for a reader, in Markdown.
    pub(super) fn table(&self) -> String {
        let mut text = format!("{}\n\n| target |", self.begun);
        for title in SUMS {
            let _ = write!(text, " {title} |");
        }
        text.push_str(" slowest ms, by the clock | peak MB |\n|---|");
        text.push_str(&"---|".repeat(SUMS.len() + PEAKS.len()));
        let mut all = Counts::default();
        for target in TARGETS {
            if let Some(counts) = self.counts.get(target.name) {
                all.add(counts);
                row(&mut text, target.title, counts);
            }
        }
        row(&mut text, "all", &all);
        text
    }

    /// Fails when a zero is none.
    pub(super) fn judge(&self) -> Result<()> {
        let broken: u64 = TARGETS
            .iter()
            .flat_map(|target| ZEROS.iter().map(|name| self.of(target, name)))
            .sum();
        if broken > 0 {
            bail!(
                "{broken} promises were broken; each is `TARGET KIND BLOCK POSITION`, and comes again \
                 with `soak_bytes TARGET BLOCK 1 FILE` (an example of smallwin-gate)"
            );
        }
        Ok(())
    }

    fn of(&self, target: &Target, name: &str) -> u64 {
        self.counts
            .get(target.name)
            .map_or(0, |counts| counts.get(name))
    }
}

/// Blocks between the beginnings of two turns: more than one turn can do.
const TURN_BLOCKS: u64 = 1_000_000;

/// Where the progress is kept.
const FILE: &str = "progress.json";

fn row(text: &mut String, title: &str, counts: &Counts) {
    let _ = write!(text, "\n| {title} |");
    for name in SUMS {
        let _ = write!(text, " {} |", counts.get(name));
    }
    let milliseconds = counts.get("slowest_us") / 1_000;
    let _ = write!(
        text,
        " {milliseconds} | {} |",
        counts.get("peak_kb") / 1_024
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_a_hundred_and_the_one_behind_is_next() {
        assert_eq!(TARGETS.iter().map(|target| target.share).sum::<u64>(), 100);
        let mut progress = Progress::default();
        let mut turns = 0;
        while let Some(target) = progress.next(20_000) {
            let done = Done {
                counts: Counts::read("inputs 1000 slowest_us 5").unwrap_or_default(),
                next_block: progress.next_block(target) + 1,
                findings: Vec::new(),
            };
            progress.add(target, &done);
            turns += 1;
        }
        assert!((20..=26).contains(&turns));
        assert!(progress.judge().is_ok());
        let Some(first) = TARGETS.first() else { return };
        let mut done = Done::default();
        done.counts.lost("abort", 17);
        progress.add(first, &done);
        assert!(progress.judge().is_err());
        assert!(progress.table().contains("| 1 |"));
    }
}
