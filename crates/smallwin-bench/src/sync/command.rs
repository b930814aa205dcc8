//! Runs the rows for the servers in turn, and writes what came out as JSON.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use super::case::Bench;
use super::clock::now;
use super::report;
use super::scenario::{ROWS, Row};
use super::server::{Kind, Programs};

const HELP: &str = "sync takes [--full] [--rounds N] [--only ROW,…] [--servers NAME,…] \
    --program FILE --y-sweet FILE --peers FOLDER --out FOLDER";

/// What a run was asked for.
struct Wish {
    is_quick: bool,
    rounds: usize,
    only: Vec<String>,
    servers: Vec<String>,
    programs: Programs,
    out: PathBuf,
}

/// Runs the comparison.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let wish = Wish::read(arguments)?;
    fs::create_dir_all(&wish.out)?;
    let bench = Bench {
        programs: wish.programs.clone(),
        folder: wish.out.clone(),
        is_quick: wish.is_quick,
        runs: AtomicU64::new(0),
    };
    let rows: Vec<&Row> = ROWS.iter().filter(|row| wish.wants_row(row)).collect();
    let mut missing = Map::new();
    let mut kinds = Vec::new();
    for kind in Kind::ALL {
        if !wish.servers.is_empty() && !wish.servers.iter().any(|name| name == kind.name()) {
            continue;
        }
        match wish.programs.missing(kind) {
            Some(why) => {
                println!("{} is left out: {why}", kind.name());
                missing.insert(kind.name().to_owned(), json!(why));
            }
            None => kinds.push(kind),
        }
    }
    let mut found = Found::default();
    let begin = now();
    for round in 1..=wish.rounds {
        for row in &rows {
            for kind in kinds.iter().filter(|kind| row.fits(**kind)) {
                let started = now();
                match row.run(&bench, *kind) {
                    Ok(figures) => {
                        let shown: Vec<String> = figures
                            .iter()
                            .map(|(name, figure)| format!("{name} {}", report::short(*figure)))
                            .collect();
                        println!(
                            "{round}/{} {:<16} {:<15} {:>5.1} s  {}",
                            wish.rounds,
                            row.name,
                            kind.name(),
                            started.elapsed().as_secs_f64(),
                            shown.join(", ")
                        );
                        for (name, figure) in figures {
                            found.add(row.name, *kind, name, figure);
                        }
                    }
                    Err(error) => {
                        println!(
                            "{round}/{} {:<16} {:<15} FAILED after {:.1} s: {error:#}",
                            wish.rounds,
                            row.name,
                            kind.name(),
                            started.elapsed().as_secs_f64()
                        );
                        found.fail(row.name, *kind, &format!("{error:#}"));
                    }
                }
                // What is known stays known when the run is broken off.
                let result = json!({
                    "quick": wish.is_quick,
                    "rounds": wish.rounds,
                    "seconds": begin.elapsed().as_secs_f64(),
                    "arguments": arguments.join(" "),
                    "machine": report::machine(),
                    "left_out": missing,
                    "rows": found.json(),
                });
                fs::write(
                    wish.out.join(wish.file()),
                    serde_json::to_vec_pretty(&result)?,
                )?;
            }
        }
    }
    println!("in all {:.0} s", begin.elapsed().as_secs_f64());
    Ok(())
}

impl Wish {
    fn read(arguments: &[String]) -> Result<Wish> {
        let mut wish = Wish {
            is_quick: true,
            rounds: 0,
            only: Vec::new(),
            servers: Vec::new(),
            programs: Programs {
                bench: std::env::current_exe()?,
                ours: PathBuf::new(),
                y_sweet: PathBuf::new(),
                peers: PathBuf::new(),
            },
            out: PathBuf::from("target/bench"),
        };
        let mut arguments = arguments.iter();
        while let Some(name) = arguments.next() {
            if name == "--full" || name == "--quick" {
                wish.is_quick = name == "--quick";
                continue;
            }
            let value = arguments.next().context(HELP)?;
            let list = || value.split(',').map(str::to_owned).collect();
            match name.as_str() {
                "--rounds" => wish.rounds = value.parse().context(HELP)?,
                "--only" => wish.only = list(),
                "--servers" => wish.servers = list(),
                "--program" => wish.programs.ours = fs::canonicalize(value)?,
                "--y-sweet" => wish.programs.y_sweet = PathBuf::from(value),
                "--peers" => wish.programs.peers = fs::canonicalize(value)?,
                "--out" => wish.out = PathBuf::from(value),
                _ => bail!(HELP),
            }
        }
        if wish.rounds == 0 {
            wish.rounds = if wish.is_quick { 1 } else { 3 };
        }
        fs::create_dir_all(&wish.out)?;
        wish.out = fs::canonicalize(&wish.out)?;
        for name in &wish.only {
            if !ROWS.iter().any(|row| row.name.starts_with(name.as_str())) {
                let known: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
                bail!("there is no row `{name}`; there are {}", known.join(", "));
            }
        }
        for name in &wish.servers {
            if !Kind::ALL.iter().any(|kind| kind.name() == name) {
                let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
                bail!(
                    "there is no server `{name}`; there are {}",
                    known.join(", ")
                );
            }
        }
        Ok(wish)
    }

    /// Where the figures go: a part of the table must not be taken for the whole.
    fn file(&self) -> &'static str {
        if self.only.is_empty() && self.servers.is_empty() {
            "sync.json"
        } else {
            "sync-part.json"
        }
    }

    /// A row is named by itself or by the begin of its name; the long ones of a quick run only by themselves.
    fn wants_row(&self, row: &Row) -> bool {
        let exactly = self.only.iter().any(|name| name == row.name);
        let begins = self.only.is_empty()
            || self
                .only
                .iter()
                .any(|name| row.name.starts_with(name.as_str()));
        exactly || (begins && !(self.is_quick && row.is_long))
    }
}

/// Figures of all rounds.
#[derive(Default)]
struct Found {
    figures: BTreeMap<(&'static str, Kind), BTreeMap<&'static str, Vec<f64>>>,
    failures: BTreeMap<(&'static str, Kind), String>,
}

impl Found {
    fn add(&mut self, row: &'static str, kind: Kind, name: &'static str, figure: f64) {
        let figures = self.figures.entry((row, kind)).or_default();
        figures.entry(name).or_default().push(figure);
    }

    fn fail(&mut self, row: &'static str, kind: Kind, why: &str) {
        self.failures.insert((row, kind), why.to_owned());
    }

    /// Row, server, figure: the median and every round.
    fn json(&self) -> Value {
        let mut rows = Map::new();
        for ((row, kind), figures) in &self.figures {
            let mut shown = Map::new();
            for (name, rounds) in figures {
                let mut ascending = rounds.clone();
                ascending.sort_by(f64::total_cmp);
                let median = ascending.get(ascending.len() / 2);
                shown.insert(
                    (*name).to_owned(),
                    json!({ "median": median, "rounds": rounds }),
                );
            }
            put(&mut rows, row, *kind, "figures", Value::Object(shown));
        }
        for ((row, kind), why) in &self.failures {
            put(&mut rows, row, *kind, "failed", json!(why));
        }
        Value::Object(rows)
    }
}

fn put(rows: &mut Map<String, Value>, row: &str, kind: Kind, name: &str, value: Value) {
    let row = rows.entry(row).or_insert_with(|| json!({}));
    if let Some(row) = row.as_object_mut() {
        let server = row.entry(kind.name()).or_insert_with(|| json!({}));
        if let Some(server) = server.as_object_mut() {
            server.insert(name.to_owned(), value);
        }
    }
}
