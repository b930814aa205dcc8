//! Worlds by the thousand hours, with a file that knows how far it came.

use std::path::Path;
use std::{fs, io};

use serde_json::{Map, Value, json};
use smallwin_sim::{Counts, Failure, Options, Report, run, run_many};

/// What was run so far.
#[derive(Debug)]
pub(crate) struct Soak {
    next_seed: u64,
    counts: Counts,
    replayed: u64,
    lost: u64,
    diverged: u64,
    late: u64,
    failures: Vec<String>,
}

impl Soak {
    /// What the file says, or a beginning.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub(crate) fn read(file: &Path) -> io::Result<Soak> {
        let state: Value = match file.exists() {
            true => serde_json::from_slice(&fs::read(file)?)?,
            false => json!({}),
        };
        let number_in = |place: &Value, name: &str| place.get(name).and_then(Value::as_u64);
        let number = |name: &str| number_in(&state, name).unwrap_or_default();
        let counts = state.get("counts").unwrap_or(&Value::Null);
        let failures = state.get("failures").and_then(Value::as_array);
        Ok(Soak {
            next_seed: number("next seed").max(FIRST_SEED),
            counts: Counts::from_all(|name| number_in(counts, name)),
            replayed: number("replayed"),
            lost: number("lost"),
            diverged: number("diverged"),
            late: number("late"),
            failures: failures
                .into_iter()
                .flatten()
                .filter_map(|line| Some(line.as_str()?.to_owned()))
                .collect(),
        })
    }

    /// Runs worlds until there are so many simulated hours, and writes down how far it came after
    /// each hundred of them.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn run(&mut self, hours: u64, threads: usize, file: &Path) -> io::Result<()> {
        while self.counts.virtual_ms < hours * HOUR_MS {
            let (first, end) = (self.next_seed, self.next_seed + BATCH);
            let mut outcomes = Vec::new();
            run_many((first, end), threads, options, |outcome| {
                outcomes.push(outcome);
                true
            });
            for outcome in outcomes {
                match outcome {
                    Ok(report) => self.good_end(&report),
                    Err(failure) => self.bad_end(&failure),
                }
            }
            self.next_seed = end;
            self.write(file)?;
            println!(
                "{:.1} of {hours} simulated hours, {} worlds, {} failures",
                self.counts.virtual_ms as f64 / HOUR_MS as f64,
                self.counts.worlds,
                self.failures.len()
            );
        }
        Ok(())
    }

    /// Whether every world came to a good end.
    pub(crate) fn is_good(&self) -> bool {
        self.failures.is_empty()
    }

    fn good_end(&mut self, report: &Report) {
        self.counts += report.counts;
        if report.seed.is_multiple_of(REPLAY_EVERY) {
            self.replayed += 1;
            let again = run(&options(report.seed)).ok().map(|again| again.hash);
            if again != Some(report.hash) {
                let line = format!("seed {} is not the same run twice", report.seed);
                self.failures.push(line);
            }
        }
    }

    fn bad_end(&mut self, failure: &Failure) {
        match failure.rule {
            "K1" | "nothing acknowledged is lost" => self.lost += 1,
            "S1" | "C1" => self.diverged += 1,
            "convergence" | "quiet" => self.late += 1,
            _ => {}
        }
        let line = format!("{}: {}; {}", failure.rule, failure.what, failure.replay());
        println!("{line}");
        self.failures.push(line);
    }

    fn write(&self, file: &Path) -> io::Result<()> {
        let counts = self.counts.all().into_iter();
        let counts: Map<String, Value> = counts
            .map(|(name, count)| (name.to_owned(), json!(count)))
            .collect();
        let state = json!({
            "next seed": self.next_seed,
            "counts": counts,
            "replayed": self.replayed,
            "lost": self.lost,
            "diverged": self.diverged,
            "late": self.late,
            "failures": self.failures,
        });
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        let fresh = file.with_extension("new");
        fs::write(&fresh, serde_json::to_vec_pretty(&state)?)?;
        fs::rename(fresh, file)
    }

    /// The table for `docs/reliability.md`.
    pub(crate) fn table(&self) -> String {
        let counts = self.counts;
        let rows = [
            ("worlds", counts.worlds.to_string()),
            (
                "simulated hours",
                format!("{:.0}", counts.virtual_ms as f64 / HOUR_MS as f64),
            ),
            (
                "worlds run twice, each the same bit for bit",
                self.replayed.to_string(),
            ),
            ("crashes", counts.crashes.to_string()),
            (
                "ways cut; connections lost",
                format!("{}; {}", counts.cuts, counts.lost_conns),
            ),
            (
                "disks failed; full; slow; lying",
                format!(
                    "{}; {}; {}; {}",
                    counts.failed_disks, counts.full_disks, counts.slow_disks, counts.lying_disks
                ),
            ),
            (
                "slow ways; slow readers; clocks set by an hour",
                format!(
                    "{}; {}; {}",
                    counts.slow_ways, counts.slow_readers, counts.clock_jumps
                ),
            ),
            (
                "forged changes; frames of rogues",
                format!("{}; {}", counts.forged, counts.rogue_frames),
            ),
            (
                "changes acknowledged to their writers; records",
                format!("{}; {}", counts.changes, counts.records),
            ),
            (
                "changes of stock peers; presence messages",
                format!("{}; {}", counts.stock_changes, counts.presence),
            ),
            ("acknowledged and lost", self.lost.to_string()),
            (
                "acknowledged by a lying disk and lost with it",
                counts.lied_away.to_string(),
            ),
            ("diverged", self.diverged.to_string()),
            (
                "slowest convergence after trouble and news end",
                format!("{:.1} s", counts.converged_ms as f64 / 1000.0),
            ),
            ("later than 30 s, or never quiet", self.late.to_string()),
            (
                "worlds with any other broken promise",
                self.others().to_string(),
            ),
        ];
        let mut table = "| | |\n|---|---|\n".to_owned();
        for (name, value) in rows {
            table.push_str(&format!("| {name} | {value} |\n"));
        }
        table
    }

    fn others(&self) -> u64 {
        (self.failures.len() as u64).saturating_sub(self.lost + self.diverged + self.late)
    }
}

/// Every second world is a harsh one.
fn options(seed: u64) -> Options {
    Options {
        harsh: seed % 2 == 1,
        ..Options::of_seed(seed)
    }
}

/// Not the seeds of the tests.
const FIRST_SEED: u64 = 1_000_000;

/// Worlds between two looks at the file.
const BATCH: u64 = 100;

/// Every so many worlds one is run again, to be the same.
const REPLAY_EVERY: u64 = 50;

const HOUR_MS: u64 = 3_600_000;
