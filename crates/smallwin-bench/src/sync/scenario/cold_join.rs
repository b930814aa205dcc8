//! Fifty people open a document of 260,000 changes right after the server was started.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::sync::case::{Bench, Figures, PREPARE_MAX};
use crate::sync::paper;
use crate::sync::process;
use crate::sync::server::Kind;

const READERS: usize = 50;
/// Ours compacts behind; whatever a server does there may end first.
const SETTLED_MAX: Duration = Duration::from_secs(60);

pub(super) fn run(bench: &Bench, kind: Kind) -> Result<Figures> {
    let (bytes, heads) = match kind.is_yjs() {
        true => (
            paper::yjs(&bench.folder, &bench.programs.peers)?,
            Vec::new(),
        ),
        false => paper::automerge(&bench.folder)?,
    };
    let size = bytes.len() as f64;
    let mut case = bench.start(kind)?;
    let document = case.world.document();
    case.world.whole(document, bytes.clone(), heads.clone());
    let writer = case.world.connect(1, document)?.pop().context("a socket")?;
    case.world.upload(writer, document, 1);
    if !kind.is_yjs() {
        case.world
            .until("the server has the document", PREPARE_MAX, |world| {
                world.confirmed(document) >= 1
            })?;
    }
    case.world.pass(kind.stored_after())?;
    case.server.settle(SETTLED_MAX);
    let mut case = case.restart()?;
    case.world.whole(document, bytes, heads);
    let readers = case.world.connect(READERS, document)?;
    let meter = case.meter();
    for reader in readers {
        case.world.join(reader, document, 0);
    }
    case.world
        .until("every reader has the document", PREPARE_MAX, |world| {
            world.complete(document) >= 1
        })?;
    let used = meter.used(&case);
    Ok(Figures::from([
        ("last_s", used.seconds),
        ("cpu_s", used.server_us / 1e6),
        (
            "memory_peak_mb",
            process::memory_peak_bytes(case.server.pid()) / 1e6,
        ),
        ("kb_per_joiner", used.bytes_in / READERS as f64 / 1e3),
        ("document_kb", size / 1e3),
    ]))
}
