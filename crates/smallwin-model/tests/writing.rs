//! Writing from Markdown gives that text, with few edits, and keeps what others write.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use automerge::{ActorId, AutoCommit, Automerge, Change, ROOT, ReadDoc};
use proptest::prelude::*;
use serde_json::Value;
use smallwin_circle::Kind;
use smallwin_model::{
    append, example::Example, first_change, parse_markdown, read, render, render_text, write,
};

#[test]
fn writes_only_what_differs() {
    let mut doc = check_in(1);
    let first = "Een lange zin over de eerste dagen thuis, die blijft staan.\n\nNog een alinea.";
    write(&mut doc, "q1", first).unwrap();
    doc.commit();
    write(
        &mut doc,
        "q1",
        "Een lange zin over de eerste **tien** dagen thuis, die blijft staan.\n\nNog een alinea.",
    )
    .unwrap();
    doc.commit();
    let change = doc.get_last_local_change().unwrap();
    // Five letters and the two ends of a mark.
    assert_eq!(change.len(), 7);
    write(&mut doc, "q1", first).unwrap();
    append(&mut doc, "q1", "En *nog* een.").unwrap();
    assert_eq!(text(&doc, "q1"), format!("{first}\n\nEn *nog* een."));
    assert!(write(&mut doc, "q9", "a").is_err());
}

/// A text behind a marked one does not take its marks.
#[test]
fn appended_text_is_not_marked() {
    let mut doc = check_in(1);
    append(&mut doc, "q1", "**vet**").unwrap();
    append(&mut doc, "q1", "gewoon").unwrap();
    assert_eq!(text(&doc, "q1"), "**vet**\n\ngewoon");
}

/// A text without a leading block marker gets one when it is written (rule F2).
#[test]
fn a_text_without_marker_gets_one_f2() {
    let mut doc = check_in(1);
    let (_, id) = doc.get(ROOT, "q1").unwrap().unwrap();
    automerge::transaction::Transactable::splice_text(&mut doc, &id, 0, 1, "los").unwrap();
    assert_eq!(doc.text(&id).unwrap(), "los");
    write(&mut doc, "q1", "los en vast").unwrap();
    assert_eq!(doc.text(&id).unwrap(), "\u{fffc}los en vast");
}

#[test]
fn renders_a_document_at_its_heads() {
    let mut doc = check_in(1);
    let empty = render(&doc, Kind::CheckIn, None).unwrap();
    assert!(
        empty.starts_with("## q1\n\n\n\n## q2\n\n\n\n") && empty.ends_with("## q8\n\n\n"),
        "{empty:?}"
    );
    append(&mut doc, "q2", "antwoord").unwrap();
    doc.commit();
    let heads = doc.get_heads();
    let then = render(&doc, Kind::CheckIn, None).unwrap();
    write(&mut doc, "q2", "ander antwoord").unwrap();
    doc.commit();
    assert_eq!(render(&doc, Kind::CheckIn, Some(&heads)).unwrap(), then);
    assert_ne!(render(&doc, Kind::CheckIn, None).unwrap(), then);
    assert!(render(&doc, Kind::CheckIn, Some(&[automerge::ChangeHash([7; 32])])).is_err());
    assert!(render(&doc, Kind::Report, None).is_err());
}

/// Scenario S1: one appends while the other replaces words in the same answer.
#[test]
fn scenario_s1_keeps_both_edits() {
    let scenario = scenario("S1");
    let (append_step, replace_step) = (&scenario["steps"][0], &scenario["steps"][1]);
    let shared = Example::load().unwrap().check_in_texts()["q1"].to_owned();
    let (mut noor, mut samira) = two_with(&shared);
    write(
        &mut noor,
        "q1",
        &format!("{shared}{}", append_step["text"].as_str().unwrap()),
    )
    .unwrap();
    let replaced = shared.replace(
        replace_step["find"].as_str().unwrap(),
        replace_step["text"].as_str().unwrap(),
    );
    write(&mut samira, "q1", &replaced).unwrap();
    meet(&mut noor, &mut samira);
    assert_eq!(
        text(&noor, "q1"),
        scenario["expected"]["q1.shared"].as_str().unwrap()
    );
}

/// Scenario S2: two type behind the same word; each sentence stays whole.
#[test]
fn scenario_s2_keeps_sentences_whole() {
    let scenario = scenario("S2");
    let given = "Ik merkte dat ik mijn brief ging verdedigen.";
    let typed = |step: usize| scenario["steps"][step]["text"].as_str().unwrap().to_owned();
    let (mut anke, mut teun) = two_with(given);
    write(&mut anke, "q1", &format!("{given}{}", typed(0))).unwrap();
    write(&mut teun, "q1", &format!("{given}{}", typed(1))).unwrap();
    meet(&mut anke, &mut teun);
    let either = [
        format!("{given}{}{}", typed(0), typed(1)),
        format!("{given}{}{}", typed(1), typed(0)),
    ];
    assert!(either.contains(&text(&anke, "q1")), "{}", text(&anke, "q1"));
}

#[test]
fn the_example_goes_in_and_out() {
    let mut doc = check_in(1);
    let example = Example::load().unwrap();
    for (question, answer) in example.check_in_texts() {
        append(&mut doc, question, answer).unwrap();
        assert_eq!(text(&doc, question), answer);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever stood there, after writing the text reads as what was written.
    #[test]
    fn what_is_written_is_read(versions in prop::collection::vec(markdown(), 1..5)) {
        let mut doc = check_in(1);
        for version in versions {
            write(&mut doc, "q1", &version).unwrap();
            doc.commit();
            let view = read(&doc, Kind::CheckIn).unwrap();
            prop_assert_eq!(&view.texts["q1"], &parse_markdown(&version));
            prop_assert_eq!(render_text(&view.texts["q1"]), render_text(&parse_markdown(&version)));
        }
    }
}

fn markdown() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z ]{0,6}",
        Just("\n\n".to_owned()),
        Just("\n".to_owned()),
        Just(" **".to_owned()),
        Just("** ".to_owned()),
        Just("*".to_owned()),
        Just("***".to_owned()),
        Just("👩\u{200d}⚕️".to_owned()),
        Just("e\u{301}".to_owned()),
    ];
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

fn check_in(actor: u8) -> AutoCommit {
    let mut start = Automerge::new();
    start
        .apply_changes([Change::from_bytes(first_change(Kind::CheckIn).unwrap().to_vec()).unwrap()])
        .unwrap();
    AutoCommit::load(&start.save())
        .unwrap()
        .with_actor(ActorId::from(&[actor; 40][..]))
}

fn two_with(shared: &str) -> (AutoCommit, AutoCommit) {
    let mut left = check_in(1);
    append(&mut left, "q1", shared).unwrap();
    left.commit();
    let right = left.fork().with_actor(ActorId::from(&[2; 40][..]));
    (left, right)
}

fn meet(left: &mut AutoCommit, right: &mut AutoCommit) {
    left.merge(right).unwrap();
    right.merge(left).unwrap();
    assert_eq!(text(left, "q1"), text(right, "q1"));
}

fn text(doc: &AutoCommit, name: &str) -> String {
    render_text(&read(doc, Kind::CheckIn).unwrap().texts[name])
}

fn scenario(id: &str) -> Value {
    let scenarios: Value =
        serde_json::from_str(include_str!("../data/domain-scenarios.json")).unwrap();
    let found = scenarios["scenarios"]
        .as_array()
        .unwrap()
        .iter()
        .find(|scenario| scenario["id"] == id);
    found.unwrap().clone()
}
