//! The renderings of `tests/vectors/rendering.json`, which the browser gives as well.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use automerge::{AutoCommit, ChangeHash};
use serde_json::Value;
use smallwin_circle::Kind;
use smallwin_model::render;

const VECTORS: &str = include_str!("../../../tests/vectors/rendering.json");

/// Same changes, same text (rule S1).
#[test]
fn documents_render_as_written_down_s1() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    for vector in vectors.as_array().unwrap() {
        let doc = AutoCommit::load(&unhex(vector["document"].as_str().unwrap())).unwrap();
        let kind = Kind::from_name(vector["kind"].as_str().unwrap()).unwrap();
        let heads: Option<Vec<ChangeHash>> = vector["heads"].as_array().map(|heads| {
            heads
                .iter()
                .map(|head| head.as_str().unwrap().parse().unwrap())
                .collect()
        });
        let rendering = render(&doc, kind, heads.as_deref()).unwrap();
        assert_eq!(
            rendering,
            vector["rendering"].as_str().unwrap(),
            "{}",
            vector["name"]
        );
    }
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}
