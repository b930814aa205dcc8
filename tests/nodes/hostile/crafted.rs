//! Changes with good signatures and a good checksum that no honest program makes (P9, P10).

use smallwin_circle::Kind;
use smallwin_tests::crafted::raw::{RawChange, RawOp};

/// One change of somebody who saw the first change of a check-in only, and what is wrong with it.
pub(crate) struct Crafted {
    pub(crate) name: &'static str,
    pub(crate) change: RawChange,
}

/// The text `q1` in the first change of a check-in, its block marker, and the name of its schema.
const TEXT: u64 = 2;
const MARKER: i64 = 3;
const SCHEMA: u64 = 1;

/// All of them, by this actor.
pub(crate) fn crafted(actor: &[u8; 40]) -> Vec<Crafted> {
    let first = smallwin_model::first_change(Kind::CheckIn).expect("a check-in has one");
    let first = RawChange::read(first).expect("it can be taken apart");
    let seen = hash(&first.write());
    let after = first.ops.len() as u64 + 1;
    let with = |ops: Vec<RawOp>| {
        let mut change = RawChange {
            deps: vec![seen],
            actor: actor.to_vec(),
            seq: 1,
            start_op: after,
            time: 0,
            message: Vec::new(),
            others: vec![first.actor.clone()],
            ops,
            extra: Vec::new(),
        };
        change.drop_unused_actors();
        change
    };
    let plain = || with(vec![entry("m")]);
    let marks = |begin: i64, end: i64| {
        let begin = RawOp {
            action: 7,
            mark: Some(b"strong".to_vec()),
            value_kind: 2,
            value: Vec::new(),
            ..letter(TEXT, begin)
        };
        let end = RawOp {
            mark: None,
            value_kind: 0,
            key_counter: Some(end),
            ..begin.clone()
        };
        with(vec![begin, end])
    };
    let case = |name, change| Crafted { name, change };
    vec![
        case(
            "a second change without a first",
            RawChange { seq: 2, ..plain() },
        ),
        case("a gap in the numbers", RawChange { seq: 7, ..plain() }),
        case(
            "number 2^52",
            RawChange {
                seq: 1 << 52,
                ..plain()
            },
        ),
        case(
            "counters used twice",
            RawChange {
                start_op: 2,
                ..plain()
            },
        ),
        case(
            "counters left out",
            RawChange {
                start_op: after + 9,
                ..plain()
            },
        ),
        case("an operation in no object", with(vec![entry_of(900, "m")])),
        case("an operation in a value", with(vec![entry_of(SCHEMA, "m")])),
        case(
            "an object made later",
            with(vec![own_object(after + 1), entry("n")]),
        ),
        case("an element of no object", with(vec![letter(TEXT, 900)])),
        case("an element of another object", with(vec![letter(TEXT, 1)])),
        case("a name in a text", with(vec![entry_of(TEXT, "m")])),
        case(
            "an insertion into a map",
            with(vec![RawOp {
                insert: true,
                ..entry("m")
            }]),
        ),
        case(
            "a predecessor at another key",
            with(vec![RawOp {
                preds: vec![(1, 1)],
                ..entry("m")
            }]),
        ),
        case(
            "a predecessor that is not there",
            with(vec![RawOp {
                preds: vec![(1, 900)],
                ..entry("schema")
            }]),
        ),
        case(
            "a predecessor named twice",
            with(vec![RawOp {
                preds: vec![(1, 1), (1, 1)],
                ..entry("schema")
            }]),
        ),
        case("a deletion of nothing", with(vec![delete(entry("schema"))])),
        case("a mark that ends before it begins", marks(MARKER, MARKER)),
        case(
            "a table",
            with(vec![
                table(),
                RawOp {
                    obj_actor: Some(0),
                    obj_counter: Some(after),
                    ..entry("k")
                },
            ]),
        ),
        case(
            "an increment of 2^62",
            with(vec![RawOp {
                action: 5,
                ..number("schema", 1 << 62)
            }]),
        ),
        case(
            "an author behind it",
            RawChange {
                extra: vec![9; 600],
                ..plain()
            },
        ),
        case(
            "a message of a kilobyte",
            RawChange {
                message: vec![b'x'; 1_000],
                ..plain()
            },
        ),
        case(
            "the year 2^53",
            RawChange {
                time: 1 << 53,
                ..plain()
            },
        ),
        case(
            "the last of all years",
            RawChange {
                time: i64::MAX,
                ..plain()
            },
        ),
    ]
}

/// A change of the year 1601: before all time that programs mean, and harmless.
pub(crate) fn long_ago(actor: &[u8; 40]) -> RawChange {
    let [first, ..] = &crafted(actor)[..] else {
        unreachable!("there are some")
    };
    RawChange {
        seq: 1,
        time: -11_644_473_600,
        ..first.change.clone()
    }
}

/// An honest change of this actor, under this name.
pub(crate) fn honest(actor: &[u8; 40], name: &str) -> RawChange {
    RawChange {
        time: 0,
        ops: vec![entry(name)],
        ..long_ago(actor)
    }
}

/// The hash of a change: SHA-256 of all behind its checksum.
pub(crate) fn hash(change: &[u8]) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    Sha256::digest(&change[8..]).into()
}

fn entry(name: &str) -> RawOp {
    RawOp {
        key: Some(name.as_bytes().to_vec()),
        action: 1,
        value_kind: 4,
        value: vec![1],
        ..RawOp::default()
    }
}

fn number(name: &str, value: i64) -> RawOp {
    let mut bytes = Vec::new();
    smallwin_tests::crafted::bytes::write_signed(&mut bytes, value);
    RawOp {
        value: bytes,
        preds: vec![(1, 1)],
        ..entry(name)
    }
}

fn entry_of(object: u64, name: &str) -> RawOp {
    RawOp {
        obj_actor: Some(1),
        obj_counter: Some(object),
        ..entry(name)
    }
}

fn own_object(counter: u64) -> RawOp {
    RawOp {
        obj_actor: Some(0),
        obj_counter: Some(counter),
        ..entry("m")
    }
}

fn letter(object: u64, after: i64) -> RawOp {
    RawOp {
        key: None,
        key_actor: Some(1),
        key_counter: Some(after),
        insert: true,
        value_kind: 6,
        value: b"x".to_vec(),
        ..entry_of(object, "")
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

fn table() -> RawOp {
    RawOp {
        action: 6,
        value_kind: 0,
        value: Vec::new(),
        ..entry("m")
    }
}
