//! A team writes ten letters a second: what an edit costs per reader, and how long it takes to the last of them.

use anyhow::Result;

use crate::sync::case::{Bench, EDITS_PER_SECOND, Figures, quantile};
use crate::sync::server::Kind;

/// Edits before those that count.
const WARM_SECONDS: f64 = 0.5;

pub(super) fn run(bench: &Bench, kind: Kind, readers: usize) -> Result<Figures> {
    let mut case = bench.start(kind)?;
    let room = case.room(1, readers)?;
    let warm = std::time::Duration::from_secs_f64(WARM_SECONDS);
    case.write_steadily(&room, EDITS_PER_SECOND, warm)?;
    let first = case.world.written(room.document);
    let meter = case.meter();
    let edits = case.write_steadily(&room, EDITS_PER_SECOND, bench.window())?;
    let used = meter.used(&case);
    let latencies = case.world.latencies(room.document, first);
    let mut figures = Figures::from([
        (
            "cpu_us_per_edit_reader",
            used.server_us / (edits * readers) as f64,
        ),
        ("latency_p50_ms", quantile(&latencies, 0.5)),
        ("latency_p99_ms", quantile(&latencies, 0.99)),
        ("latency_max_ms", quantile(&latencies, 1.0)),
    ]);
    used.note(&mut figures);
    Ok(figures)
}
