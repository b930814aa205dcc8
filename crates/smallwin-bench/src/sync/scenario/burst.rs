//! Five thousand edits as fast as the socket takes them: what arrives, and what memory that takes.

use std::time::Duration;

use anyhow::Result;

use crate::sync::case::{Bench, Figures};
use crate::sync::clock::now;
use crate::sync::process;
use crate::sync::server::Kind;

const EDITS: usize = 5_000;
const READERS: usize = 50;
/// Edits between two looks at what came in.
const AT_ONCE: usize = 50;
const TURN: Duration = Duration::from_millis(5);
/// A burst that brings nothing for this long has ended.
const SILENCE: Duration = Duration::from_secs(4);

pub(super) fn run(bench: &Bench, kind: Kind) -> Result<Figures> {
    let limit = bench.choose(Duration::from_secs(25), Duration::from_secs(180));
    let mut case = bench.start(kind)?;
    let room = case.room(1, READERS)?;
    let before = case.world.delivered(room.document);
    let memory = process::memory_bytes(case.server.pid());
    let begin = now();
    for edit in 0..EDITS {
        case.world.write(room.writer, room.document);
        if edit % AT_ONCE == 0 {
            case.world.turn(Duration::ZERO)?;
        }
    }
    let all = (EDITS * READERS) as u64;
    let (mut arrived, mut last) = (0, now());
    while arrived < all && last.elapsed() < SILENCE && begin.elapsed() < limit {
        case.world.turn(TURN)?;
        // Some servers send a letter twice; it arrived once.
        let delivered = (case.world.delivered(room.document) - before).min(all);
        if delivered > arrived {
            (arrived, last) = (delivered, now());
        }
    }
    let peak = process::memory_peak_bytes(case.server.pid());
    Ok(Figures::from([
        ("delivered_percent", 100.0 * arrived as f64 / all as f64),
        ("seconds", last.duration_since(begin).as_secs_f64()),
        ("memory_peak_mb", peak / 1e6),
        ("memory_growth_mb", (peak - memory) / 1e6),
    ]))
}
