//! Changes that are made to break Automerge 0.12, one by one (rules G1, G3).
//!
//! Each test says what Automerge alone does with the change, and that the gate
//! refuses it and why. When a newer Automerge does better, the first half fails
//! and says so.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod fuzzing;
mod support;

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{AutoCommit, Automerge, Change, ObjType, ROOT, ReadDoc, ScalarValue};
use fuzzing::apply::{Outcome, apply, quietly};
use fuzzing::raw::{RawChange, RawOp};
use serde_json::Value;
use smallwin_gate::{GateError, OpFault, OpIndex, Refused, Rules, Space, open_change};
use support::actor;

/// What Automerge does with a change that nobody held back.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Alone {
    Panics,
    /// Takes it, and its save cannot be read back.
    Poisons,
    Refuses,
    /// Takes it without harm.
    Takes,
}

/// Anna's document: in the root a text `text` (1) with `a`, `b`, `c` (2 to 4), `n` (5),
/// `map` (6) with `k` (7), `list` (8) with one element (9), `counter` (10).
/// Bram saw only that. Anna then put `late` (11), which Bram did not see.
struct Scene {
    doc: Automerge,
    index: OpIndex,
    anna: RawChange,
    late: RawChange,
    seen: [u8; 32],
}

fn scene() -> Scene {
    let mut doc = AutoCommit::new().with_actor(actor(1));
    let text = doc.put_object(ROOT, "text", ObjType::Text).unwrap();
    doc.splice_text(&text, 0, 0, "abc").unwrap();
    doc.put(ROOT, "n", 1).unwrap();
    let map = doc.put_object(ROOT, "map", ObjType::Map).unwrap();
    doc.put(&map, "k", 1).unwrap();
    let list = doc.put_object(ROOT, "list", ObjType::List).unwrap();
    doc.insert(&list, 0, 1).unwrap();
    doc.put(ROOT, "counter", ScalarValue::counter(0)).unwrap();
    doc.commit_with(CommitOptions::default().with_time(0));
    doc.put(ROOT, "late", 1).unwrap();
    doc.commit_with(CommitOptions::default().with_time(0));
    let mut index = OpIndex::new();
    let changes = doc.get_changes(&[]);
    for change in &changes {
        let open = open_change(change.raw_bytes()).unwrap();
        index.admit(&open, &Rules::default()).unwrap();
    }
    Scene {
        index,
        anna: RawChange::read(changes[0].raw_bytes()).unwrap(),
        late: RawChange::read(changes[1].raw_bytes()).unwrap(),
        seen: changes[0].hash().0,
        doc: Automerge::load(&doc.save()).unwrap(),
    }
}

impl Scene {
    /// A first change of Bram on what he saw of Anna, with these operations.
    fn bram(&self, ops: Vec<RawOp>) -> RawChange {
        let mut change = RawChange {
            deps: vec![self.seen],
            actor: actor(2).to_bytes().to_vec(),
            seq: 1,
            start_op: 11,
            time: 0,
            message: Vec::new(),
            others: vec![self.anna.actor.clone()],
            ops,
            extra: Vec::new(),
        };
        change.drop_unused_actors();
        change
    }

    /// A further change of Anna on her last, which puts one value.
    fn anna(&self) -> RawChange {
        RawChange {
            deps: vec![self.late_hash()],
            seq: 3,
            start_op: 12,
            ops: vec![entry("m")],
            ..self.late.clone()
        }
    }

    fn late_hash(&self) -> [u8; 32] {
        open_change(&self.late.write()).unwrap().header().hash
    }

    fn alone(&self, bytes: &[u8]) -> Alone {
        match apply(&self.doc, bytes) {
            Outcome::Panic(_) => Alone::Panics,
            Outcome::Poison(_) => Alone::Poisons,
            Outcome::Error(_) => Alone::Refuses,
            Outcome::Fine(_) => Alone::Takes,
        }
    }

    fn gate(&self, bytes: &[u8]) -> Result<(), Refused> {
        let change = open_change(bytes).unwrap();
        self.index.clone().admit(&change, &Rules::default())
    }

    fn admit(&mut self, change: &RawChange) -> Result<(), Refused> {
        let bytes = change.write();
        self.index
            .admit(&open_change(&bytes).unwrap(), &Rules::default())
    }

    /// Holds what both say about a change against what is expected.
    fn check(&self, change: &RawChange, alone: Alone, refused: Refused) {
        let bytes = change.write();
        assert_eq!(self.gate(&bytes), Err(refused));
        assert_eq!(self.alone(&bytes), alone);
    }

    fn check_op(&self, ops: Vec<RawOp>, alone: Alone, fault: OpFault) {
        let position = ops.len() as u64 - 1;
        self.check(&self.bram(ops), alone, Refused::Op { position, fault });
    }
}

/// Puts 1 under a name of the root.
fn entry(name: &str) -> RawOp {
    RawOp {
        key: Some(name.as_bytes().to_vec()),
        action: 1,
        value_kind: 4,
        value: vec![1],
        ..RawOp::default()
    }
}

/// The same in an object of Anna.
fn entry_of(object: u64, name: &str) -> RawOp {
    RawOp {
        obj_actor: Some(1),
        obj_counter: Some(object),
        ..entry(name)
    }
}

/// Inserts a letter into an object of Anna, behind one of her elements.
fn letter(object: u64, after: i64) -> RawOp {
    RawOp {
        key: None,
        key_actor: (after > 0).then_some(1),
        key_counter: Some(after),
        insert: true,
        value_kind: 6,
        value: b"x".to_vec(),
        ..entry_of(object, "")
    }
}

/// Replaces an element of Anna.
fn update(object: u64, element: i64, pred: i64) -> RawOp {
    RawOp {
        insert: false,
        preds: vec![(1, pred)],
        ..letter(object, element)
    }
}

fn delete(op: RawOp) -> RawOp {
    RawOp {
        action: 3,
        value_kind: 0,
        value: Vec::new(),
        ..op
    }
}

/// The honest forms of all of these pass, so that the tests below show the one fault.
#[test]
fn honest_forms_pass() {
    let scene = scene();
    let ops = vec![
        entry("m"),
        entry_of(6, "m"),
        letter(1, 0),
        letter(1, 3),
        update(1, 2, 2),
        delete(update(1, 3, 3)),
        delete(update(8, 9, 9)),
        RawOp {
            preds: vec![(1, 5)],
            ..entry("n")
        },
    ];
    let bytes = scene.bram(ops).write();
    assert_eq!(scene.gate(&bytes), Ok(()));
    assert_eq!(scene.alone(&bytes), Alone::Takes);
    let bytes = scene.anna().write();
    assert_eq!(scene.gate(&bytes), Ok(()));
    assert_eq!(scene.alone(&bytes), Alone::Takes);
}

#[test]
fn a_change_beside_its_own_predecessor_g3() {
    let scene = scene();
    let change = RawChange {
        deps: vec![scene.seen],
        start_op: 11,
        ..scene.anna()
    };
    scene.check(&change, Alone::Poisons, Refused::Predecessor);
}

#[test]
fn a_second_change_without_a_first_g3() {
    let scene = scene();
    let change = RawChange {
        seq: 2,
        ..scene.bram(vec![entry("m")])
    };
    let refused = Refused::Seq {
        found: 2,
        expected: 1,
    };
    scene.check(&change, Alone::Panics, refused);
}

#[test]
fn a_gap_in_the_numbers_g3() {
    let scene = scene();
    let change = RawChange {
        seq: 7,
        ..scene.anna()
    };
    let refused = Refused::Seq {
        found: 7,
        expected: 3,
    };
    scene.check(&change, Alone::Panics, refused);
}

/// Automerge keeps an author's name behind the columns of an actor's first change only.
#[test]
fn an_author_after_the_first_change_g1() {
    let scene = scene();
    let change = RawChange {
        extra: vec![0, 3, b'e', b'v', b'e'],
        ..scene.anna()
    };
    assert_eq!(scene.gate(&change.write()), Err(Refused::ExtraBytes));
    let footers = (0..4).map(|kind| RawChange {
        extra: vec![kind, 3, b'e', b'v', b'e'],
        ..scene.anna()
    });
    let mut panics = footers.filter(|change| scene.alone(&change.write()) == Alone::Panics);
    assert!(panics.next().is_some(), "no footer makes Automerge panic");
}

#[test]
fn operation_counters_used_twice_g3() {
    let scene = scene();
    let change = RawChange {
        start_op: 5,
        ..scene.anna()
    };
    let refused = Refused::StartOp {
        found: 5,
        expected: 12,
    };
    scene.check(&change, Alone::Poisons, refused);
}

/// Found by the mutator: in the open space a change may leave counters out. When
/// it has no operations at all, the save counts the left out ones as its own and
/// lacks them.
#[test]
fn room_below_an_empty_change_g3() {
    let scene = scene();
    let with_room = |ops| RawChange {
        start_op: 20,
        ..scene.bram(ops)
    };
    let rules = Rules {
        space: Space::Open,
        ..Rules::default()
    };
    let verdict = |bytes: &[u8]| scene.index.check(&open_change(bytes).unwrap(), &rules);
    let empty = with_room(Vec::new()).write();
    let refused = Refused::StartOp {
        found: 20,
        expected: 11,
    };
    assert_eq!(scene.alone(&empty), Alone::Poisons);
    assert_eq!(verdict(&empty), Err(refused));
    let filled = with_room(vec![entry("m")]).write();
    assert_eq!(scene.alone(&filled), Alone::Takes);
    assert_eq!(verdict(&filled), Ok(()));
}

/// Found by the mutator: the sum of a counter overflows when somebody reads it. A
/// build that checks arithmetic panics, another one goes on from the other end.
#[test]
fn increments_that_overflow_a_counter_g1() {
    let more = |bytes: Vec<u8>| RawOp {
        action: 5,
        value: bytes,
        preds: vec![(1, 10)],
        ..entry("counter")
    };
    // 2^62, twice.
    let half = vec![0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0xc0, 0];
    let scene = scene();
    let bytes = scene.bram(vec![more(half.clone()), more(half)]).write();
    let (position, fault) = (0, OpFault::Value);
    let refused = Refused::Op { position, fault };
    assert_eq!(scene.gate(&bytes), Err(refused));
    let read = match apply(&scene.doc, &bytes) {
        Outcome::Fine(doc) => quietly(|| drop(doc.get(ROOT, "counter").unwrap())),
        Outcome::Panic(place) | Outcome::Poison(place) => Err(place),
        Outcome::Error(error) => panic!("{error}"),
    };
    assert_eq!(read.is_err(), cfg!(debug_assertions), "{read:?}");
    // 2^32 is the most that passes.
    let most = |last| more(vec![0x80, 0x80, 0x80, 0x80, last]);
    let passes = |op| scene.gate(&scene.bram(vec![op]).write()).is_ok();
    assert!(passes(most(0x10)) && !passes(most(0x11)));
}

#[test]
fn an_operation_counter_beyond_32_bits_g1() {
    let scene = scene();
    let change = RawChange {
        start_op: u64::from(u32::MAX),
        ops: vec![entry("m"), entry("m2"), entry("m3")],
        ..scene.anna()
    };
    let bytes = change.write();
    assert!(matches!(open_change(&bytes), Err(GateError::Limit { .. })));
    assert!(matches!(
        scene.alone(&bytes),
        Alone::Panics | Alone::Poisons
    ));
}

#[test]
fn an_operation_in_no_object_g3() {
    scene().check_op(vec![entry_of(77, "m")], Alone::Panics, OpFault::Object);
}

#[test]
fn an_operation_in_a_plain_value_g3() {
    scene().check_op(vec![entry_of(5, "m")], Alone::Panics, OpFault::NotAnObject);
}

/// Operation 11 of Bram would be in the object that it makes itself.
#[test]
fn an_operation_in_an_object_made_later_g3() {
    let own = RawOp {
        obj_actor: Some(0),
        obj_counter: Some(12),
        ..entry("m")
    };
    scene().check_op(vec![own], Alone::Panics, OpFault::Object);
}

#[test]
fn an_element_of_another_object_g3() {
    scene().check_op(vec![letter(1, 9)], Alone::Panics, OpFault::Element);
    scene().check_op(vec![letter(8, 3)], Alone::Panics, OpFault::Element);
    scene().check_op(vec![letter(1, 77)], Alone::Panics, OpFault::Element);
    scene().check_op(vec![letter(1, 5)], Alone::Panics, OpFault::Element);
}

#[test]
fn a_predecessor_at_another_key_g3() {
    let other = RawOp {
        preds: vec![(1, 5)],
        ..entry("m")
    };
    scene().check_op(vec![other], Alone::Poisons, OpFault::PredPlace);
    let elsewhere = RawOp {
        preds: vec![(1, 5)],
        ..entry_of(6, "n")
    };
    scene().check_op(vec![elsewhere], Alone::Poisons, OpFault::PredPlace);
}

#[test]
fn a_predecessor_at_another_element_g3() {
    scene().check_op(vec![update(1, 3, 2)], Alone::Poisons, OpFault::PredPlace);
}

/// Automerge has the operation, but on the author's past it does not stand.
#[test]
fn a_predecessor_that_the_author_did_not_see_g3() {
    let unseen = RawOp {
        preds: vec![(1, 11)],
        ..entry("late")
    };
    let scene = scene();
    let change = scene.bram(vec![unseen]);
    let (position, fault) = (0, OpFault::Pred);
    assert_eq!(
        scene.gate(&change.write()),
        Err(Refused::Op { position, fault })
    );
    // A device that did not get Anna's late change yet breaks on it.
    let mut behind = Automerge::new();
    let anna = Change::from_bytes(scene.anna.write()).unwrap();
    behind.apply_changes([anna]).unwrap();
    assert!(matches!(
        apply(&behind, &change.write()),
        Outcome::Panic(_) | Outcome::Poison(_)
    ));
}

#[test]
fn a_predecessor_that_does_not_exist_g3() {
    let missing = RawOp {
        preds: vec![(1, 900)],
        ..entry("n")
    };
    scene().check_op(vec![missing], Alone::Poisons, OpFault::Pred);
}

#[test]
fn a_name_in_a_text_g3() {
    scene().check_op(vec![entry_of(1, "m")], Alone::Poisons, OpFault::Key);
}

#[test]
fn an_element_in_a_map_g3() {
    let change = scene().bram(vec![update(6, 7, 7)]);
    let (position, fault) = (0, OpFault::Key);
    let refused = Refused::Op { position, fault };
    assert_eq!(scene().gate(&change.write()), Err(refused));
}

#[test]
fn an_insertion_into_a_map_g3() {
    let insertion = RawOp {
        insert: true,
        ..entry("m")
    };
    scene().check_op(vec![insertion], Alone::Panics, OpFault::Insert);
}

/// A deletion is saved only as a note at what it deletes.
#[test]
fn a_deletion_of_nothing_g1() {
    let nothing = delete(entry("n"));
    scene().check_op(vec![nothing], Alone::Poisons, OpFault::PredMissing);
}

/// Harmless as it stands, but Automerge never writes it: it would only be a way
/// to make much of few bytes.
#[test]
fn a_predecessor_named_twice() {
    let twice = RawOp {
        preds: vec![(1, 5), (1, 5)],
        ..entry("n")
    };
    scene().check_op(vec![twice], Alone::Takes, OpFault::PredOrder);
}

/// A save has the values of marks only.
#[test]
fn a_mark_name_without_a_mark_g1() {
    let named = RawOp {
        mark: Some(b"strong".to_vec()),
        ..entry("m")
    };
    let scene = scene();
    let change = scene.bram(vec![named]);
    assert!(matches!(
        scene.gate(&change.write()),
        Err(Refused::Op {
            fault: OpFault::Mark,
            ..
        })
    ));
}

/// Both behind the same letter, the end is read first.
#[test]
fn a_mark_that_ends_before_it_begins_g1() {
    let begin = RawOp {
        action: 7,
        mark: Some(b"strong".to_vec()),
        value_kind: 2,
        value: Vec::new(),
        ..letter(1, 3)
    };
    let end = |after| RawOp {
        mark: None,
        value_kind: 0,
        key_counter: Some(after),
        ..begin.clone()
    };
    scene().check_op(vec![begin.clone(), end(3)], Alone::Poisons, OpFault::Mark);
    scene().check_op(vec![begin.clone(), end(2)], Alone::Poisons, OpFault::Mark);
    let scene = scene();
    let bytes = scene.bram(vec![begin.clone(), end(4)]).write();
    assert_eq!(scene.gate(&bytes), Ok(()));
    assert_eq!(scene.alone(&bytes), Alone::Takes);
}

/// Each mark over a text of many runs takes as many steps; a change may take only so many (rule G2).
#[test]
fn many_marks_over_many_runs_g2() {
    let mut scene = scene();
    // Counters and letters in turn, each behind the one before: four thousand runs.
    let own = |op: RawOp, after: u64| RawOp {
        key_actor: Some(if after == 4 { 1 } else { 0 }),
        key_counter: Some(after as i64),
        ..op
    };
    let row = (0..4_000_u64).map(|at| {
        let after = if at == 0 { 4 } else { 10 + at };
        let op = own(letter(1, 4), after);
        match at % 2 {
            0 => op,
            _ => RawOp {
                value_kind: 8,
                value: vec![0],
                ..op
            },
        }
    });
    let text = scene.bram(row.collect());
    assert_eq!(scene.admit(&text), Ok(()));
    let marks = |count: u64| {
        let pairs = (0..count).flat_map(|_| {
            let begin = RawOp {
                action: 7,
                mark: Some(b"em".to_vec()),
                value_kind: 2,
                value: Vec::new(),
                ..own(letter(1, 4), 11)
            };
            let end = RawOp {
                mark: None,
                value_kind: 0,
                ..own(begin.clone(), 4_010)
            };
            [begin, end]
        });
        RawChange {
            deps: vec![open_change(&text.write()).unwrap().header().hash],
            seq: 2,
            start_op: 4_011,
            ..scene.bram(pairs.collect())
        }
    };
    let (few, many) = (marks(20), marks(400));
    assert_eq!(scene.gate(&few.write()), Ok(()));
    let refused = scene.gate(&many.write());
    let is_limit = |fault: &OpFault| matches!(fault, OpFault::MarkSteps { .. });
    assert!(matches!(refused, Err(Refused::Op { fault, .. }) if is_limit(&fault)));
}

/// The same values in two runs instead of one give another hash when the save is read.
#[test]
fn runs_in_another_form_g1() {
    let scene = scene();
    let change = scene.bram(vec![entry("m"), entry("m2"), entry("m3"), entry("m4")]);
    let mut cuts = 0;
    let bytes = change.write_with(
        || {
            cuts += 1;
            cuts == 1
        },
        |_| {},
    );
    assert_ne!(bytes, change.write());
    assert!(matches!(
        scene.gate(&bytes),
        Err(Refused::Op {
            fault: OpFault::Form(_),
            ..
        })
    ));
    assert_eq!(scene.alone(&bytes), Alone::Poisons);
}

#[test]
fn a_number_longer_than_needed_g1() {
    let long = RawOp {
        value: vec![0x81, 0],
        ..entry("m")
    };
    let scene = scene();
    let bytes = scene.bram(vec![long]).write();
    assert!(matches!(scene.gate(&bytes), Err(Refused::Op { .. })));
    assert_ne!(scene.alone(&bytes), Alone::Takes);
}

#[test]
fn an_actor_that_nothing_names_g1() {
    let scene = scene();
    let mut change = scene.bram(vec![entry("m")]);
    change.others.push(scene.anna.actor.clone());
    let (position, fault) = (1, OpFault::Actors);
    scene.check(&change, Alone::Poisons, Refused::Op { position, fault });
}

#[test]
fn an_unknown_actor_g3() {
    let mut change = scene().bram(vec![entry("m")]);
    change.others.push(vec![9; 40]);
    change.ops[0].preds = vec![(1, 3)];
    let (position, fault) = (0, OpFault::Pred);
    scene().check(&change, Alone::Panics, Refused::Op { position, fault });
}

/// Tables exist since the first Automerge; the Rust one keeps them but panics on their entries.
#[test]
fn an_entry_of_a_table_g1() {
    let table = RawOp {
        action: 6,
        value_kind: 0,
        value: Vec::new(),
        ..entry("m")
    };
    let inside = RawOp {
        obj_actor: Some(0),
        obj_counter: Some(11),
        ..entry("k")
    };
    scene().check_op(vec![table, inside], Alone::Panics, OpFault::NotAnObject);
}

/// Automerge drops the whole batch in which one actor contradicts itself, honest changes too.
#[test]
fn equivocation_takes_nobody_along_g3() {
    let scene = scene();
    let other = RawChange {
        ops: vec![entry("other")],
        ..scene.late.clone()
    };
    let refused = Refused::Equivocation {
        seq: 2,
        admitted: scene.late_hash(),
    };
    scene.check(&other, Alone::Refuses, refused);
    let honest = Change::from_bytes(scene.bram(vec![entry("m")]).write()).unwrap();
    let mut doc = scene.doc.clone();
    let batch = [honest.clone(), Change::from_bytes(other.write()).unwrap()];
    assert!(doc.apply_changes(batch).is_err());
    assert!(doc.get_change_by_hash(&honest.hash()).is_none());
}

/// Automerge lets a change that waits for ever keep out the genuine one with its number.
#[test]
fn a_waiting_change_does_not_keep_out_the_genuine_one_g3() {
    let scene = scene();
    let genuine = scene.anna();
    let orphan = RawChange {
        deps: vec![[7; 32]],
        ops: vec![entry("orphan")],
        ..genuine.clone()
    };
    let mut doc = scene.doc.clone();
    let poison = Change::from_bytes(orphan.write()).unwrap();
    doc.apply_changes([poison]).unwrap();
    let change = Change::from_bytes(genuine.write()).unwrap();
    assert!(doc.apply_changes([change]).is_err());
    let mut index = scene.index.clone();
    let rules = Rules::default();
    let waiting = index.admit(&open_change(&orphan.write()).unwrap(), &rules);
    assert_eq!(waiting, Err(Refused::MissingDeps(vec![[7; 32]])));
    let admitted = index.admit(&open_change(&genuine.write()).unwrap(), &rules);
    assert_eq!(admitted, Ok(()));
}

/// Found by the mutator: the smallest change for each place where Automerge
/// panics, and for each way in which its save cannot be read back.
#[test]
fn found_changes_are_refused_g1_g3() {
    let found: Value = serde_json::from_str(include_str!("corpus/changes.json")).unwrap();
    let found = found.as_array().unwrap();
    assert!(found.len() > 15);
    for example in found {
        let what = example["breaks"].as_str().unwrap();
        let change = unhex(example["change"].as_str().unwrap());
        let (mut doc, mut index) = (Automerge::new(), OpIndex::new());
        for bytes in example["base"].as_array().unwrap() {
            let bytes = unhex(bytes.as_str().unwrap());
            let open = open_change(&bytes).unwrap();
            index.admit(&open, &Rules::default()).unwrap();
            doc.apply_changes([Change::from_bytes(bytes).unwrap()])
                .unwrap();
        }
        let alone = apply(&doc, &change);
        assert!(
            matches!(alone, Outcome::Panic(_) | Outcome::Poison(_)),
            "{what}: {alone:?}"
        );
        let refused = match open_change(&change) {
            Ok(open) => index.admit(&open, &Rules::default()).is_err(),
            Err(_) => true,
        };
        assert!(refused, "{what} passes");
    }
}

/// A copy and `catch_unwind` keep the document out of it all.
#[test]
fn a_panic_on_a_copy_leaves_the_document_g1() {
    let scene = scene();
    let before = scene.doc.get_heads();
    let bytes = scene.bram(vec![entry_of(77, "m")]).write();
    assert_eq!(scene.alone(&bytes), Alone::Panics);
    assert_eq!(scene.doc.get_heads(), before);
    assert!(
        quietly(|| Automerge::load(&scene.doc.save()))
            .unwrap()
            .is_ok()
    );
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}
