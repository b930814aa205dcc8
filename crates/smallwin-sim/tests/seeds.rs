//! Three hundred worlds: nothing acknowledged is lost, all come to the same, and then it is quiet.
#![allow(clippy::print_stdout, reason = "a test may tell what happened")]

use smallwin_sim::{Counts, Failure, Options, run_many};

const SEEDS: u64 = 300;

/// As many as the machines have on which the tests usually run.
const THREADS: usize = 2;

/// K1, C3, S1, V1 and the quiet afterwards; see the checks in `world/look.rs` and `world/listen.rs`.
#[test]
fn k1_c3_s1_v1_three_hundred_worlds_come_to_a_good_end() {
    let mut failures: Vec<Box<Failure>> = Vec::new();
    let mut total = Counts::default();
    run_many((0, SEEDS), THREADS, Options::of_seed, |outcome| {
        match outcome {
            Ok(report) => total += report.counts,
            Err(failure) => failures.push(failure),
        }
        true
    });
    failures.sort_by_key(|failure| failure.options.seed);
    let seeds = failures.iter().map(|failure| failure.options.seed);
    let seeds: Vec<u64> = seeds.collect();
    if let Some(first) = failures.first() {
        panic!("{first}\n{} of {SEEDS} seeds fail: {seeds:?}", seeds.len());
    }
    println!("{total}");
    assert!(total.virtual_ms > SEEDS * 5 * 60_000, "{total}");
    // A world in which nothing happens proves nothing.
    let enough = [
        total.changes > 100 * SEEDS,
        total.stock_changes > 20 * SEEDS,
        total.presence > 20 * SEEDS,
        total.records > 5 * SEEDS,
        total.crashes > 5 * SEEDS,
        total.cuts > 5 * SEEDS,
        total.lost_conns > 3 * SEEDS,
        total.slow_ways > SEEDS / 2,
        total.slow_readers > SEEDS,
        total.failed_disks > SEEDS / 4,
        total.full_disks > SEEDS / 4,
        total.slow_disks > SEEDS / 4,
        total.lying_disks > SEEDS / 4,
        total.lied_away > 0,
        total.clock_jumps > SEEDS / 2,
        total.forged > SEEDS,
        total.rogue_frames > 20 * SEEDS,
    ];
    assert!(enough.iter().all(|is_enough| *is_enough), "{total}");
}
