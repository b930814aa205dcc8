//! Many documents with a writer and a reader each: what an edit costs, and what a document costs that nobody touches.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::sync::case::{Bench, Case, Figures, PREPARE_MAX};
use crate::sync::clock::now;
use crate::sync::load::net::Conn;
use crate::sync::load::world::DocumentNumber;
use crate::sync::process;
use crate::sync::server::Kind;

/// Edits that are written and not yet seen, over all documents.
const UNDER_WAY: usize = 200;
/// A stride that meets every document before any twice.
const STRIDE: usize = 7_919;
const TURN: Duration = Duration::from_millis(5);
/// Sockets on each side where one carries many documents.
const CONNS: usize = 4;
/// Documents whose answers are waited for together.
const AT_ONCE: usize = 250;

pub(super) fn run(bench: &Bench, kind: Kind, count: usize) -> Result<Figures> {
    let mut case = bench.start(kind)?;
    let empty = process::memory_bytes(case.server.pid());
    let begin = now();
    let (documents, writers) = fill(&mut case, count, true)?;
    let filled = begin.elapsed();
    case.server.settle(Duration::from_secs(10));
    let idle = process::memory_bytes(case.server.pid());
    let meter = case.meter();
    let edits = write_round(bench, &mut case, &documents, &writers)?;
    let used = meter.used(&case);
    case.world.net.close_all();
    std::thread::sleep(Duration::from_secs(1));
    case.server.settle(Duration::from_secs(10));
    let left = process::memory_bytes(case.server.pid());
    Ok(Figures::from([
        ("cpu_us_per_edit", used.server_us / edits as f64),
        (
            "memory_kib_per_document",
            (idle - empty) / 1024.0 / count as f64,
        ),
        (
            "memory_kib_per_document_alone",
            (left - empty) / 1024.0 / count as f64,
        ),
        ("filled_s", filled.as_secs_f64()),
    ]))
}

/// Writes round the documents as fast as the edits are seen; returns how many were.
fn write_round(
    bench: &Bench,
    case: &mut Case,
    documents: &[DocumentNumber],
    writers: &[Conn],
) -> Result<usize> {
    let mut under_way: VecDeque<(DocumentNumber, usize)> = VecDeque::new();
    let (begin, mut edits) = (now(), 0);
    while begin.elapsed() < bench.window() {
        while under_way.len() < UNDER_WAY.min(documents.len()) {
            let at = edits * STRIDE % documents.len();
            let document = *documents.get(at).context("a document")?;
            case.world
                .write(*writers.get(at).context("a writer")?, document);
            under_way.push_back((document, case.world.written(document)));
            edits += 1;
        }
        case.world.turn(TURN)?;
        while let Some((document, written)) = under_way.front().copied()
            && case.world.complete(document) >= written
        {
            under_way.pop_front();
        }
    }
    case.world
        .until("every edit is seen", PREPARE_MAX, |world| {
            under_way
                .iter()
                .all(|(document, written)| world.complete(*document) >= *written)
        })?;
    Ok(edits)
}

/// Makes the first documents of a load, so many, of one edit each; with `readers`, somebody reads each. Returns them and the writer of each.
pub(super) fn fill(
    case: &mut Case,
    count: usize,
    readers: bool,
) -> Result<(Vec<DocumentNumber>, Vec<Conn>)> {
    let documents: Vec<DocumentNumber> = (0..count).map(|_| case.world.document()).collect();
    let shared = case.world.documents_per_conn_max() > 1;
    let (mut writing, mut reading) = (Vec::new(), Vec::new());
    if shared {
        let any = *documents.first().context("a document")?;
        writing = case.world.connect(CONNS, any)?;
        if readers {
            reading = case.world.connect(CONNS, any)?;
        }
    }
    let mut writers = Vec::with_capacity(count);
    let mut pairs: Vec<(DocumentNumber, Conn)> = Vec::new();
    let early = case.server.kind.is_relay();
    for group in documents.chunks(AT_ONCE) {
        for document in group {
            if !shared {
                writing = case.world.connect(1, *document)?;
                if readers {
                    reading = case.world.connect(1, *document)?;
                }
            }
            writers.push(*writing.get(*document % writing.len()).context("a writer")?);
            if readers {
                let reader = reading.get(*document % reading.len());
                pairs.push((*document, *reader.context("a reader")?));
            }
        }
        if early {
            join(case, &pairs);
            // Who is not known to the relay yet would miss what is written.
            case.world
                .until("the readers are known", PREPARE_MAX, |world| {
                    pairs
                        .iter()
                        .all(|(document, _)| world.answers(*document) > 0)
                })?;
        }
        for document in group {
            let writer = *writers.get(*document).context("a writer")?;
            case.world.upload(writer, *document, 1);
        }
        if !case.server.kind.is_yjs() {
            case.world
                .until("the server has the documents", PREPARE_MAX, |world| {
                    group.iter().all(|document| world.confirmed(*document) >= 1)
                })?;
        }
        if !early {
            join(case, &pairs);
        }
        case.world
            .until("the readers have the documents", PREPARE_MAX, |world| {
                pairs
                    .iter()
                    .all(|(document, _)| world.complete(*document) >= 1)
            })?;
        pairs.clear();
    }
    Ok((documents, writers))
}

fn join(case: &mut Case, pairs: &[(DocumentNumber, Conn)]) {
    for (document, reader) in pairs {
        case.world.join(*reader, *document, 0);
    }
}
