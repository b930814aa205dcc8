//! From a seed to a report or a failure, for one seed or many.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::oracle::Violation;
use crate::world::World;
use crate::{Failure, Options, Report};

/// Runs one world.
///
/// # Errors
/// The first promise that was broken, with the story that led to it.
pub fn run(options: &Options) -> Result<Report, Box<Failure>> {
    let mut world = World::new(options.clone());
    match world.live() {
        Ok(()) => Ok(Report {
            seed: options.seed,
            hash: world.trace.hash(),
            counts: world.counts,
        }),
        Err(Violation { rule, what }) => Err(Box::new(Failure {
            options: options.clone(),
            rule,
            what,
            cast: world.cast(),
            lines: world.trace.into_lines(),
        })),
    }
}

/// Runs the worlds of the seeds `first..end` on so many threads, and hands each outcome over as
/// it comes; false from `took` ends it after the worlds that have begun. A world runs in one
/// thread, so how many there are changes nothing but the order of outcomes.
pub fn run_many(
    (first, end): (u64, u64),
    threads: usize,
    options: impl Fn(u64) -> Options + Sync,
    took: impl FnMut(Result<Report, Box<Failure>>) -> bool + Send,
) {
    let (next, ended, took) = (
        AtomicU64::new(first),
        AtomicBool::new(false),
        Mutex::new(took),
    );
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let outcome = run(&options(seed));
                    let mut took = took.lock().expect("no thread panicked with it");
                    if !took(outcome) {
                        ended.store(true, Ordering::Relaxed);
                    }
                }
            });
        }
    });
}
