//! Two hundred worlds: nothing acknowledged is lost, all come to the same, and then it is quiet.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test may panic and tell why"
)]

use std::sync::Mutex;

use smallwin_sim::{Counts, Failure, Options, run};

const SEEDS: u64 = 200;
/// As many as the machines have on which the tests usually run.
const THREADS: u64 = 2;

/// K1, C3, S1, V1 and the quiet afterwards; see the checks in `world/look.rs` and `world/listen.rs`.
#[test]
fn k1_c3_s1_v1_two_hundred_worlds_come_to_a_good_end() {
    let failures: Mutex<Vec<Box<Failure>>> = Mutex::new(Vec::new());
    let total = Mutex::new(Counts::default());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (failures, total) = (&failures, &total);
            scope.spawn(move || {
                for seed in (thread..SEEDS).step_by(THREADS as usize) {
                    match run(&Options::of_seed(seed)) {
                        Ok(report) => *total.lock().unwrap() += report.counts,
                        Err(failure) => failures.lock().unwrap().push(failure),
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().unwrap();
    failures.sort_by_key(|failure| failure.options.seed);
    let seeds: Vec<u64> = failures
        .iter()
        .map(|failure| failure.options.seed)
        .collect();
    if let Some(first) = failures.first() {
        panic!("{first}\n{} of {SEEDS} seeds fail: {seeds:?}", seeds.len());
    }
    // A world in which nothing happens proves nothing.
    let total = total.into_inner().unwrap();
    println!("{SEEDS} seeds: {total}");
    assert!(
        total.changes > 40 * SEEDS && total.records > 5 * SEEDS,
        "{total}"
    );
    assert!(
        total.crashes > 3 * SEEDS && total.cuts > 3 * SEEDS && total.lost_conns > 2 * SEEDS,
        "{total}"
    );
    assert!(
        total.forged > SEEDS / 4 && total.failed_disks > SEEDS / 8,
        "{total}"
    );
}
