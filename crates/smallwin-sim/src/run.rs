//! One run, from a seed to a report or a failure.

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
            virtual_ms: world.now_ms(),
        }),
        Err(Violation { rule, what }) => Err(Box::new(Failure {
            options: options.clone(),
            rule,
            what,
            lines: world.trace.into_lines(),
        })),
    }
}
