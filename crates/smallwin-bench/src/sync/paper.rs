//! The `automerge-paper` trace as a document, one change for each keystroke: 260,000 of them.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use automerge::transaction::Transactable;
use automerge::{ActorId, AutoCommit, ObjType, ROOT};
use flate2::read::GzDecoder;
use serde_json::Value;

/// The trace, from the crate's folder.
const TRACE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../tests/traces/automerge-paper.json.gz"
);

/// The saved document and its heads; made once, then read from `folder`.
pub(crate) fn automerge(folder: &Path) -> Result<(Vec<u8>, Vec<u8>)> {
    let file = folder.join("paper.automerge");
    if !file.is_file() {
        let mut document = AutoCommit::new().with_actor(ActorId::from([3; 16]));
        let text = document.put_object(ROOT, "text", ObjType::Text)?;
        document.commit();
        let trace: Value = serde_json::from_reader(GzDecoder::new(File::open(TRACE)?))?;
        let steps = trace.get("txns").and_then(Value::as_array);
        for step in steps.context("a trace has txns")? {
            let patches = step.get("patches").and_then(Value::as_array);
            for patch in patches.context("a step has patches")? {
                let (at, deleted, inserted): (usize, isize, String) =
                    serde_json::from_value(patch.clone())?;
                document.splice_text(&text, at, deleted, &inserted)?;
            }
            document.commit();
        }
        fs::write(&file, document.save())?;
    }
    let bytes = fs::read(&file)?;
    let mut document = AutoCommit::load(&bytes)?;
    let heads = document
        .get_heads()
        .iter()
        .flat_map(|head| head.0)
        .collect();
    Ok((bytes, heads))
}

/// The same keystrokes as one update of Yjs, made by Yjs.
pub(crate) fn yjs(folder: &Path, peers: &Path) -> Result<Vec<u8>> {
    let file = folder.join("paper.yjs");
    if !file.is_file() {
        let status = Command::new("node")
            .args(["paper.mjs", TRACE])
            .arg(&file)
            .current_dir(peers)
            .status()?;
        if !status.success() {
            bail!("Yjs could not make the document: {status}");
        }
    }
    fs::read(&file).context("Yjs made a file")
}
