//! Runs the simulation from the command line: one seed with its story, or many in a row.
#![allow(
    clippy::print_stdout,
    reason = "a program that reports to the person who runs it"
)]

mod soak;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use smallwin_sim::{Counts, Options, Plant, run_many};

/// Runs many engines in a seeded world and checks what they promise.
#[derive(Debug, Parser)]
struct Arguments {
    /// Run one seed.
    #[arg(long, conflicts_with = "seeds", required_unless_present_any = ["seeds", "soak"])]
    seed: Option<u64>,
    /// Run all seeds from A up to, not including, B.
    #[arg(long, value_name = "A..B", value_parser = parse_seeds)]
    seeds: Option<(u64, u64)>,
    /// Virtual minutes of trouble before everything is healed.
    #[arg(long)]
    minutes: Option<u64>,
    /// Busier people, more trouble and almost no room in memory.
    #[arg(long)]
    harsh: bool,
    /// Plant a fault, to see how it is found.
    #[arg(long, value_parser = parse_plant)]
    plant: Option<Plant>,
    /// Print every line of the story.
    #[arg(long)]
    trace: bool,
    /// Go on after a failure.
    #[arg(long)]
    all: bool,
    /// Run worlds, half of them harsh, until so many hours were simulated; goes on where it ended.
    #[arg(long, value_name = "HOURS", requires = "state")]
    soak: Option<u64>,
    /// The file in which a soak writes down how far it came.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Worlds at the same time.
    #[arg(long, default_value_t = 1)]
    threads: usize,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let (Some(hours), Some(file)) = (arguments.soak, &arguments.state) {
        return soak(hours, arguments.threads, file);
    }
    let seeds = arguments
        .seeds
        .or(arguments.seed.map(|seed| (seed, seed + 1)))
        .unwrap_or((0, 1));
    let options = |seed| {
        let usual = Options::of_seed(seed);
        Options {
            minutes: arguments.minutes.unwrap_or(usual.minutes),
            print: arguments.trace,
            harsh: arguments.harsh,
            plant: arguments.plant,
            ..usual
        }
    };
    let mut failed = Vec::new();
    let mut sum = Counts::default();
    run_many(seeds, arguments.threads, options, |outcome| match outcome {
        Ok(report) => {
            println!("seed {}: {}", report.seed, report.counts);
            sum += report.counts;
            true
        }
        Err(mut failure) => {
            failed.push(failure.options.seed);
            if arguments.trace || arguments.all {
                // The story stands above already, or is a replay away.
                failure.lines.clear();
            }
            println!("{failure}");
            arguments.all
        }
    });
    println!("in all: {sum}");
    if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        println!("{} seeds fail: {failed:?}", failed.len());
        ExitCode::FAILURE
    }
}

fn soak(hours: u64, threads: usize, file: &std::path::Path) -> ExitCode {
    let soaked = soak::Soak::read(file).and_then(|mut soak| {
        soak.run(hours, threads, file)?;
        Ok(soak)
    });
    match soaked {
        Ok(soak) => {
            println!("{}", soak.table());
            ExitCode::from(u8::from(!soak.is_good()))
        }
        Err(fault) => {
            println!(
                "{}: {fault}; nothing that was run before is lost",
                file.display()
            );
            ExitCode::FAILURE
        }
    }
}

fn parse_plant(name: &str) -> Result<Plant, String> {
    let found = Plant::ALL.iter().find(|(known, _)| *known == name);
    let names = || Plant::ALL.map(|(known, _)| known).join(", ");
    found
        .map(|(_, plant)| *plant)
        .ok_or_else(|| format!("the faults are: {}", names()))
}

fn parse_seeds(text: &str) -> Result<(u64, u64), String> {
    let parse = |number: &str| number.parse::<u64>().ok();
    text.split_once("..")
        .and_then(|(first, end)| Some((parse(first)?, parse(end)?)))
        .filter(|(first, end)| first < end)
        .ok_or_else(|| "write a range of seeds as 0..200".to_owned())
}
