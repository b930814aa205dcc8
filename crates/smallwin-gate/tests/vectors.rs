//! The sync messages of `tests/vectors/sync-messages.json`: captured from stock
//! peers, made by Automerge, and hostile ones.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use serde_json::{Value, json};
use smallwin_gate::{SyncShape, SyncVersion, check_sync_message};

const VECTORS: &str = include_str!("../../../tests/vectors/sync-messages.json");

#[test]
fn sync_messages_are_read_as_written_down_g1() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let vectors = vectors.as_array().unwrap();
    assert!(vectors.iter().any(|vector| vector["shape"].is_null()));
    for vector in vectors {
        let shape = check_sync_message(&unhex(vector["hex"].as_str().unwrap()));
        let found = shape.map_or(Value::Null, |shape| describe(&shape));
        assert_eq!(found, vector["shape"], "{}", vector["name"]);
    }
}

fn describe(shape: &SyncShape) -> Value {
    let hashes = |hashes: &[[u8; 32]]| hashes.iter().map(|hash| hex(hash)).collect::<Vec<_>>();
    json!({
        "version": if shape.version == SyncVersion::V1 { 1 } else { 2 },
        "heads": hashes(&shape.heads),
        "need": hashes(&shape.need),
        "have": shape.have.as_ref().map(|have| json!({
            "lastSync": hashes(&have.last_sync),
            "bloom": [have.bloom.start, have.bloom.end],
        })),
        "chunks": shape.chunks.iter().map(|chunk| json!({
            "kind": format!("{:?}", chunk.kind).to_lowercase(),
            "range": [chunk.range.start, chunk.range.end],
        })).collect::<Vec<_>>(),
        "flags": shape.flags.map(|flags| json!({
            "syncReset": flags.sync_reset(),
            "readOnly": flags.read_only(),
            "supportsSyncReset": flags.supports_sync_reset(),
        })),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}
