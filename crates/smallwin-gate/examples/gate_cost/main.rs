//! What the gate costs beside Automerge, in one run: `cargo run --release --example gate_cost`.
//!
//! For each kind of traffic the time and the instructions (counted by valgrind, where it is) of
//! opening changes (hash and walk), of admitting them, and of what Automerge needs to parse the
//! same changes and to apply them in batches of 64. The figure of the project: beyond opening, the
//! gate costs at most half of applying.
//!
//! `gate_cost count FILE PHASE` runs one phase once; that is how this program counts itself.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement prints times and may panic"
)]

mod count;
mod phase;
mod traffic;

use std::time::{Duration, Instant};

use phase::Phase;
use smallwin_gate::{OpIndex, Rules, open_change};

/// The most that admitting may cost, in what applying costs.
const SHARE_MAX: f64 = 0.5;

/// Runs of which the fastest counts.
const RUNS: usize = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [_, file, phase] = &arguments[..] {
        Phase::of(phase).run(&traffic::read(file));
        return;
    }
    if count::valgrind().is_none() {
        println!("valgrind is not here, so there are no instruction counts, only times\n");
    }
    let mut worst = 0.0_f64;
    for (name, changes) in traffic::all() {
        worst = worst.max(measure(name, &changes));
    }
    let held = if worst <= SHARE_MAX {
        "held"
    } else {
        "NOT held"
    };
    println!(
        "at most {SHARE_MAX:.2} of applying, beyond hash and walk: {held}, the worst is {worst:.2}"
    );
}

/// Prints one kind of traffic; gives admission as a share of applying.
fn measure(name: &str, changes: &[Vec<u8>]) -> f64 {
    let number = changes.len() as f64;
    let bytes = changes.iter().map(Vec::len).sum::<usize>() as f64;
    println!(
        "{name}: {} changes of {:.0} bytes",
        changes.len(),
        bytes / number
    );
    println!(
        "  {:34} {:>9} {:>8} {:>13}",
        "", "µs/change", "MB/s", "instr/change"
    );
    let counts = count::all(changes);
    let row = |what: &str, seconds: f64, phase: usize, without: Option<usize>| {
        let instructions = counts.as_ref().map_or(0.0, |counts| {
            counts[phase] - without.map_or(0.0, |without| counts[without])
        });
        println!(
            "  {what:34} {:>9.2} {:>8.1} {:>13.0}",
            seconds * 1e6 / number,
            bytes / seconds / 1e6,
            instructions / number
        );
        (seconds, instructions)
    };
    let times = Phase::ALL.map(|phase| best(phase, changes));
    row("gate: headers only", times[0], 0, None);
    let open = row("gate: open (hash and walk)", times[1], 1, None);
    let admit = row(
        "gate: admit, beyond that",
        (times[2] - times[1]).max(0.0),
        2,
        Some(1),
    );
    let parse = row("automerge: Change::from_bytes", times[3], 3, None);
    let apply = row(
        "automerge: apply in batches of 64",
        (times[4] - times[3]).max(0.0),
        4,
        Some(3),
    );
    println!(
        "  admit / apply: {:.2} by time; whole gate / (from_bytes + apply): {:.2} by time",
        admit.0 / apply.0,
        (open.0 + admit.0) / (parse.0 + apply.0)
    );
    let counted = counts.is_some();
    if counted {
        println!(
            "  admit / apply: {:.2} by instructions; whole gate / (from_bytes + apply): {:.2} by instructions",
            admit.1 / apply.1,
            (open.1 + admit.1) / (parse.1 + apply.1)
        );
    }
    memory(changes);
    if counted {
        admit.1 / apply.1
    } else {
        admit.0 / apply.0
    }
}

fn best(phase: Phase, changes: &[Vec<u8>]) -> f64 {
    let mut best = Duration::MAX;
    for _ in 0..RUNS {
        let start = Instant::now();
        phase.run(changes);
        best = best.min(start.elapsed());
    }
    best.as_secs_f64()
}

fn memory(changes: &[Vec<u8>]) {
    let mut index = OpIndex::new();
    let mut ops = 0;
    for bytes in changes {
        let change = open_change(bytes).unwrap();
        ops += change.header().op_count;
        index.admit(&change, &Rules::default()).unwrap();
    }
    println!(
        "  {ops} operations are kept in {} runs, {:.2} bytes each\n",
        index.runs(),
        index.op_bytes() as f64 / ops as f64
    );
}
