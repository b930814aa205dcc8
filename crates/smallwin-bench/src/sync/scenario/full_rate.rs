//! How many edits per second reach every reader when the writer never waits for long.
//!
//! At most [`UNDER_WAY`] edits are under way: written, and not yet seen by every reader. Each is a message of its own.

use std::time::Duration;

use anyhow::Result;

use crate::sync::case::{Bench, Figures};
use crate::sync::clock::now;
use crate::sync::server::Kind;

const UNDER_WAY: usize = 256;
const TURN: Duration = Duration::from_millis(5);
const WARM: Duration = Duration::from_millis(300);

pub(super) fn run(bench: &Bench, kind: Kind, readers: usize) -> Result<Figures> {
    let mut case = bench.start(kind)?;
    let room = case.room(1, readers)?;
    let (warm, window) = (WARM, bench.window());
    let mut meter = None;
    let mut first = 0;
    let begin = now();
    while begin.elapsed() < warm + window {
        let complete = case.world.complete(room.document);
        if meter.is_none() && begin.elapsed() >= warm {
            first = complete;
            meter = Some(case.meter());
        }
        for _ in case.world.written(room.document)..complete + UNDER_WAY {
            case.world.write(room.writer, room.document);
        }
        case.world.turn(TURN)?;
    }
    let edits = case.world.complete(room.document).saturating_sub(first) as f64;
    let Some(meter) = meter else {
        return Ok(Figures::new());
    };
    let used = meter.used(&case);
    let mut figures = Figures::from([
        ("edits_per_second", edits / used.seconds),
        (
            "cpu_us_per_edit_reader",
            used.server_us / (edits * readers as f64),
        ),
        ("load_cores", used.load_us / used.seconds / 1e6),
        ("server_cores", used.server_us / used.seconds / 1e6),
    ]);
    used.note(&mut figures);
    Ok(figures)
}
