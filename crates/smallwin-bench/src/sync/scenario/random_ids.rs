//! Somebody asks for twenty thousand documents that do not exist: what the server keeps, and what others notice.

use std::time::Duration;

use anyhow::Result;

use crate::sync::case::{Bench, EDITS_PER_SECOND, Figures, quantile};
use crate::sync::clock::now;
use crate::sync::process;
use crate::sync::server::Kind;

const REQUESTS: usize = 20_000;
const TURN: Duration = Duration::from_millis(5);

pub(super) fn run(bench: &Bench, kind: Kind) -> Result<Figures> {
    let limit = bench.choose(Duration::from_secs(10), Duration::from_secs(60));
    let mut case = bench.start(kind)?;
    let room = case.room(1, 1)?;
    case.write_steadily(&room, EDITS_PER_SECOND, bench.window())?;
    let before = case.world.latencies(room.document, 2);
    let first = case.world.written(room.document);
    let asked: Vec<usize> = (0..REQUESTS).map(|_| case.world.document()).collect();
    let stranger = case
        .world
        .connect(1, room.document)?
        .pop()
        .unwrap_or_default();
    let memory = process::memory_bytes(case.server.pid());
    let meter = case.meter();
    for document in &asked {
        case.world.join(stranger, *document, 0);
    }
    let pause = Duration::from_secs(1) / EDITS_PER_SECOND;
    let (begin, mut written, mut at) = (now(), 0, 0);
    let is_over = |at: usize, elapsed: Duration| at == REQUESTS && elapsed >= bench.window();
    while !is_over(at, begin.elapsed()) && begin.elapsed() < limit {
        if begin.elapsed() >= pause * written {
            case.world.write(room.writer, room.document);
            written += 1;
        }
        case.world.turn(TURN)?;
        while asked
            .get(at)
            .is_some_and(|document| case.world.answers(*document) > 0)
        {
            at += 1;
        }
    }
    let used = meter.used(&case);
    let answered = asked
        .iter()
        .filter(|document| case.world.answers(**document) > 0)
        .count();
    let all = case.world.written(room.document);
    // An edit that nobody saw by the end took at least this long.
    let unseen = all.saturating_sub(case.world.complete(room.document));
    let mut during = case.world.latencies(room.document, first);
    during.extend(std::iter::repeat_n(limit.as_secs_f64() * 1e3, unseen));
    let is_closed = !case.world.net.is_open(stranger);
    case.world.net.close(stranger);
    case.world.pass(Duration::from_secs(1))?;
    Ok(Figures::from([
        (
            "memory_growth_mb",
            (process::memory_bytes(case.server.pid()) - memory) / 1e6,
        ),
        ("cpu_s", used.server_us / 1e6),
        ("answered", answered as f64),
        ("stranger_closed", f64::from(u8::from(is_closed))),
        ("others_p99_before_ms", quantile(&before, 0.99)),
        ("others_p99_during_ms", quantile(&during, 0.99)),
    ]))
}
