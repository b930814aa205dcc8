//! Runs the simulation from the command line: one seed with its story, or many in a row.
#![allow(
    clippy::print_stdout,
    reason = "a program that reports to the person who runs it"
)]

use std::process::ExitCode;

use clap::Parser;
use smallwin_sim::{Options, run};

/// Runs many engines in a seeded world and checks what they promise.
#[derive(Debug, Parser)]
struct Arguments {
    /// Run one seed.
    #[arg(long, conflicts_with = "seeds", required_unless_present = "seeds")]
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
    /// Print every line of the story.
    #[arg(long)]
    trace: bool,
    /// Go on after a failure.
    #[arg(long)]
    all: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (first, end) = arguments
        .seeds
        .or(arguments.seed.map(|seed| (seed, seed + 1)))
        .unwrap_or((0, 1));
    let mut failures = 0;
    for seed in first..end {
        let mut options = Options::of_seed(seed);
        options.minutes = arguments.minutes.unwrap_or(options.minutes);
        options.print = arguments.trace;
        options.harsh = arguments.harsh;
        match run(&options) {
            Ok(report) => println!("seed {seed}: {}", report.counts),
            Err(mut failure) => {
                failures += 1;
                if arguments.trace || arguments.all {
                    // The story stands above already, or is a replay away.
                    failure.lines.clear();
                }
                println!("{failure}");
                if !arguments.all {
                    break;
                }
            }
        }
    }
    if failures == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn parse_seeds(text: &str) -> Result<(u64, u64), String> {
    let parse = |number: &str| number.parse::<u64>().ok();
    text.split_once("..")
        .and_then(|(first, end)| Some((parse(first)?, parse(end)?)))
        .filter(|(first, end)| first < end)
        .ok_or_else(|| "write a range of seeds as 0..200".to_owned())
}
