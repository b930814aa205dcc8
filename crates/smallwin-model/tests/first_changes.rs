//! The first changes are constant bytes (rule F1) and open every text with a block marker (rule F2).

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, AutoCommit, Automerge, Change, ObjType, ROOT, ReadDoc};
use serde_json::Value;
use smallwin_circle::Kind;
use smallwin_model::{RESERVED_ACTOR, first_change, first_changes, read, text_names};

const VECTORS: &str = include_str!("../../../tests/vectors/first-changes.json");

#[test]
fn first_changes_are_the_committed_bytes_f1() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    assert_eq!(vectors.as_object().unwrap().len(), first_changes().len());
    for (kind, bytes) in first_changes() {
        let vector = &vectors[kind.name()];
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(vector["hex"], hex);
        let change = Change::from_bytes(bytes.clone()).unwrap();
        assert_eq!(vector["hash"], change.hash().to_string());
        assert_eq!(make_first_change(kind), bytes, "{kind}");
        assert_eq!(
            (change.seq(), change.start_op().get(), change.timestamp()),
            (1, 1, 0)
        );
        assert_eq!((change.message(), change.deps().len()), (None, 0));
    }
}

#[test]
fn each_text_opens_with_a_paragraph_f2() {
    for (kind, bytes) in first_changes() {
        let mut doc = Automerge::new();
        doc.apply_changes([Change::from_bytes(bytes).unwrap()])
            .unwrap();
        assert_eq!(
            doc.get(ROOT, "schema")
                .unwrap()
                .unwrap()
                .0
                .as_str()
                .unwrap(),
            format!("{kind}@1")
        );
        let view = read(&doc, kind).unwrap();
        assert_eq!(view.texts.len(), text_names(kind).len());
        for text in view.texts.values() {
            assert_eq!(text.blocks.len(), 1);
            assert_eq!(
                (text.blocks[0].kind.as_str(), text.is_empty()),
                ("paragraph", true)
            );
        }
    }
    assert_eq!(first_change(Kind::Report), None);
}

/// Two devices that start apart and write, then meet, keep both texts.
#[test]
fn devices_that_start_apart_keep_both_texts_f1() {
    let mut start = Automerge::new();
    start
        .apply_changes([Change::from_bytes(first_change(Kind::Voice).unwrap().to_vec()).unwrap()])
        .unwrap();
    let bytes = start.save();
    let device = |number: u8, words: &str| {
        let mut doc = AutoCommit::load(&bytes)
            .unwrap()
            .with_actor(ActorId::from(&[number; 40][..]));
        smallwin_model::append(&mut doc, "q1", words).unwrap();
        doc.commit();
        doc
    };
    let (mut laptop, mut phone) = (device(1, "van de laptop"), device(2, "van de telefoon"));
    laptop.merge(&mut phone).unwrap();
    let rendered = smallwin_model::render(&laptop, Kind::Voice, None).unwrap();
    assert!(
        rendered.contains("van de laptop") && rendered.contains("van de telefoon"),
        "{rendered}"
    );
}

/// Makes a first change anew, by the specification.
fn make_first_change(kind: Kind) -> Vec<u8> {
    let mut doc = AutoCommit::new().with_actor(ActorId::from(&RESERVED_ACTOR[..]));
    doc.put(ROOT, "schema", format!("{kind}@1")).unwrap();
    for name in text_names(kind) {
        let text = doc.put_object(ROOT, *name, ObjType::Text).unwrap();
        let block = doc.split_block(&text, 0).unwrap();
        doc.put_object(&block, "attrs", ObjType::Map).unwrap();
        doc.put(&block, "isEmbed", false).unwrap();
        doc.put_object(&block, "parents", ObjType::List).unwrap();
        doc.put(&block, "type", "paragraph").unwrap();
    }
    doc.commit_with(CommitOptions::default().with_time(0));
    doc.get_last_local_change().unwrap().raw_bytes().to_vec()
}
