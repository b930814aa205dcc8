//! From the start of the process to the answered handshake, with many documents stored.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::documents;
use crate::sync::case::{Bench, Case, Figures, quantile};
use crate::sync::process;
use crate::sync::server::Kind;
use crate::typist::Typist;

/// Starts of one run; the median counts.
const STARTS: usize = 5;
const LOOK_AGAIN: Duration = Duration::from_micros(200);
const START_MAX: Duration = Duration::from_secs(60);

pub(super) fn run(bench: &Bench, kind: Kind, count: usize) -> Result<Figures> {
    let mut case = bench.start(kind)?;
    store(&mut case, count)?;
    case.world.net.close_all();
    case.server.stop()?;
    let bytes = process::bytes_below(&case.server.folder);
    let (mut answered, mut opened) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let begin = case.server.start_again()?;
        let open = loop {
            match std::net::TcpStream::connect(("127.0.0.1", case.server.port)) {
                Ok(_) => break begin.elapsed(),
                Err(_) if begin.elapsed() < START_MAX => std::thread::sleep(LOOK_AGAIN),
                Err(error) => return Err(error).context("the port never opened"),
            }
        };
        opened.push(open.as_secs_f64() * 1e3);
        case.server.wait_until_up()?;
        answered.push(begin.elapsed().as_secs_f64() * 1e3);
        case.server.stop()?;
    }
    answered.sort_by(f64::total_cmp);
    opened.sort_by(f64::total_cmp);
    Ok(Figures::from([
        ("exec_to_handshake_ms", quantile(&answered, 0.5)),
        ("exec_to_port_ms", quantile(&opened, 0.5)),
        ("stored_mb", bytes / 1e6),
    ]))
}

/// Stores so many documents of one edit: through the protocol, or as files where each is one and nothing else is kept.
fn store(case: &mut Case, count: usize) -> Result<()> {
    let folder = case.server.folder.clone();
    match case.server.kind {
        Kind::Samod | Kind::AutomergeRepo => (0..count).try_for_each(|number| {
            let seed = *blake3::hash(&number.to_le_bytes()).as_bytes();
            let id = seed.first_chunk::<16>().copied().unwrap_or_default();
            automerge_file(&folder, &id)
        }),
        Kind::YSweet => {
            let (documents, _) = documents::fill(case, 1, false)?;
            let name = documents
                .first()
                .map(|document| case.world.name(*document).to_owned());
            let name = name.context("a document")?;
            case.world.pass(case.server.kind.stored_after())?;
            case.world.net.close_all();
            case.server.stop()?;
            let from = folder.join(&name).join("data.ysweet");
            for number in 1..count {
                let to = folder.join(format!("{name}{number}"));
                fs::create_dir_all(&to)?;
                fs::copy(&from, to.join("data.ysweet"))?;
            }
            case.server.start_again()?;
            case.server.wait_until_up()
        }
        _ => {
            documents::fill(case, count, false)?;
            case.world.pass(case.server.kind.stored_after())?;
            case.server.settle(Duration::from_secs(30));
            Ok(())
        }
    }
}

/// One document as samod and automerge-repo store it.
fn automerge_file(folder: &Path, id: &[u8; 16]) -> Result<()> {
    let name = bs58::encode(id).with_check().into_string();
    let (_, edit) = Typist::start(id);
    let (first, rest) = name.split_at(2);
    let folder = folder.join(first).join(rest).join("incremental");
    fs::create_dir_all(&folder)?;
    let hash: String = edit.hash.iter().map(|byte| format!("{byte:02x}")).collect();
    fs::write(folder.join(hash), edit.bytes)?;
    Ok(())
}
