//! What one more change costs in a document that has a long history.

use std::time::Duration;

use anyhow::Result;

use crate::sync::case::{Bench, EDITS_PER_SECOND, Figures, PREPARE_MAX, quantile};
use crate::sync::clock::now;
use crate::sync::server::Kind;

const READERS: usize = 100;
/// Changes that are made however long they take.
const EDITS_MIN: usize = 3;

pub(super) fn run(bench: &Bench, kind: Kind, history: usize) -> Result<Figures> {
    let mut case = bench.start(kind)?;
    let room = case.room(history, READERS)?;
    case.server.settle(Duration::from_secs(10));
    case.world
        .write_and_see(room.writer, room.document, PREPARE_MAX)?;
    let first = case.world.written(room.document);
    let pause = Duration::from_secs(1) / EDITS_PER_SECOND;
    let meter = case.meter();
    let begin = now();
    let mut edits = 0;
    while edits < EDITS_MIN || begin.elapsed() < bench.window() {
        let written = now();
        case.world
            .write_and_see(room.writer, room.document, PREPARE_MAX)?;
        edits += 1;
        case.world.pass(pause.saturating_sub(written.elapsed()))?;
    }
    // What it does behind the last edit belongs to it.
    case.world.pass(pause)?;
    let used = meter.used(&case);
    let latencies = case.world.latencies(room.document, first);
    Ok(Figures::from([
        ("cpu_ms_per_change", used.server_us / 1e3 / edits as f64),
        ("latency_p50_ms", quantile(&latencies, 0.5)),
        ("latency_max_ms", quantile(&latencies, 1.0)),
    ]))
}
