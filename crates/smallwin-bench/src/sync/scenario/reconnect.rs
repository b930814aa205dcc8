//! A client comes back with a thousand documents that nobody changed: what the server spends on each.

use std::time::Duration;

use anyhow::Result;

use super::documents;
use crate::sync::case::{Bench, Case, Figures, PREPARE_MAX};
use crate::sync::load::world::DocumentNumber;
use crate::sync::server::Kind;

const DOCUMENTS: usize = 1_000;

pub(super) fn run(bench: &Bench, kind: Kind) -> Result<Figures> {
    let mut case = bench.start(kind)?;
    let (documents, _) = documents::fill(&mut case, DOCUMENTS, false)?;
    case.server.settle(Duration::from_secs(15));
    case.world.net.close_all();
    let (warm_us, _, _) = come_back(&mut case, &documents)?;
    case.world.pass(kind.stored_after())?;
    let mut case = case.restart()?;
    case.server.settle(Duration::from_secs(5));
    let (cold_us, cold_s, bytes) = come_back(&mut case, &documents)?;
    Ok(Figures::from([
        ("cpu_us_per_document", warm_us),
        ("cpu_us_per_document_after_restart", cold_us),
        ("seconds_after_restart", cold_s),
        ("bytes_per_document", bytes),
    ]))
}

/// Microseconds and bytes per document, and seconds in all.
fn come_back(case: &mut Case, documents: &[DocumentNumber]) -> Result<(f64, f64, f64)> {
    let any = documents.first().copied().unwrap_or_default();
    let meter = case.meter();
    let conn = case.world.connect(1, any)?.pop().unwrap_or_default();
    let before: Vec<u64> = documents
        .iter()
        .map(|document| case.world.answers(*document))
        .collect();
    for document in documents {
        case.world.join(conn, *document, 1);
    }
    let mut at = 0;
    case.world
        .until("every document is answered", PREPARE_MAX, |world| {
            while let (Some(document), Some(before)) = (documents.get(at), before.get(at)) {
                if world.answers(*document) == *before {
                    return false;
                }
                at += 1;
            }
            true
        })?;
    let used = meter.used(case);
    let count = documents.len() as f64;
    case.world.net.close(conn);
    Ok((used.server_us / count, used.seconds, used.bytes_in / count))
}
