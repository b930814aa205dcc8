//! Headers held against the index, one rule at a time.

use super::*;
use crate::ChunkKind;
use crate::rules::ACTOR_BYTES;

const ANNA: u8 = 1;
const BRAM: u8 = 2;

fn change(hash: u8, actor: u8, seq: u64, start_op: u64, deps: &[u8]) -> ChangeHeader {
    ChangeHeader {
        hash: [hash; 32],
        kind: ChunkKind::Change,
        actor: vec![actor; ACTOR_BYTES],
        seq,
        start_op,
        op_count: 2,
        deps: deps.iter().map(|dep| [*dep; 32]).collect(),
        time: 0,
        message_len: 0,
        extra_len: 0,
    }
}

/// Two changes of Anna, one of Bram beside her second.
fn index(rules: &Rules) -> ChangeIndex {
    let mut index = ChangeIndex::new();
    assert_eq!(index.admit(&change(1, ANNA, 1, 1, &[]), rules), Ok(()));
    assert_eq!(index.admit(&change(2, ANNA, 2, 3, &[1]), rules), Ok(()));
    assert_eq!(index.admit(&change(3, BRAM, 1, 3, &[1]), rules), Ok(()));
    index
}

#[test]
fn refuses_what_breaks_automerge_g3() {
    let rules = Rules::default();
    let check = |change: ChangeHeader, expected| {
        let mut index = index(&rules);
        assert_eq!(index.admit(&change, &rules), expected);
        assert_eq!(index.len(), if expected.is_ok() { 4 } else { 3 });
    };
    check(change(9, ANNA, 3, 5, &[2, 3]), Ok(()));
    check(
        change(9, ANNA, 3, 5, &[8]),
        Err(Refused::MissingDeps(vec![[8; 32]])),
    );
    check(change(9, ANNA, 3, 5, &[3]), Err(Refused::Predecessor));
    check(
        change(9, ANNA, 4, 5, &[2]),
        Err(Refused::Seq {
            found: 4,
            expected: 3,
        }),
    );
    check(
        change(9, ANNA, 3, 4, &[2]),
        Err(Refused::StartOp {
            found: 4,
            expected: 5,
        }),
    );
    check(
        change(9, ANNA, 3, 9, &[2]),
        Err(Refused::StartOp {
            found: 9,
            expected: 5,
        }),
    );
    check(
        change(9, ANNA, 2, 5, &[2]),
        Err(Refused::Equivocation {
            seq: 2,
            admitted: [2; 32],
        }),
    );
    check(
        ChangeHeader {
            extra_len: 1,
            ..change(9, ANNA, 3, 5, &[2])
        },
        Err(Refused::ExtraBytes),
    );
    check(
        ChangeHeader {
            time: -1,
            ..change(9, ANNA, 3, 5, &[2])
        },
        Err(Refused::Time),
    );
    check(
        ChangeHeader {
            message_len: 257,
            ..change(9, ANNA, 3, 5, &[2])
        },
        Err(Refused::Message),
    );
    check(
        ChangeHeader {
            actor: vec![7; 16],
            ..change(9, ANNA, 1, 5, &[2])
        },
        Err(Refused::Actor),
    );
}

#[test]
fn an_orphan_does_not_take_the_place_of_the_genuine_change_g3() {
    let rules = Rules::default();
    let mut index = index(&rules);
    let orphan = change(8, ANNA, 3, 5, &[77]);
    assert_eq!(
        index.admit(&orphan, &rules),
        Err(Refused::MissingDeps(vec![[77; 32]]))
    );
    assert_eq!(index.admit(&change(9, ANNA, 3, 5, &[2]), &rules), Ok(()));
}

#[test]
fn the_open_space_takes_a_farther_predecessor() {
    let rules = Rules {
        space: Space::Open,
        ..Rules::default()
    };
    let mut index = index(&rules);
    assert_eq!(index.admit(&change(4, BRAM, 2, 5, &[2, 3]), &rules), Ok(()));
    assert_eq!(index.admit(&change(5, ANNA, 3, 9, &[4]), &rules), Ok(()));
    assert_eq!(
        index.admit(&change(6, BRAM, 3, 9, &[2]), &rules),
        Err(Refused::Predecessor)
    );
}

#[test]
fn a_first_change_passes_by_its_hash_f1() {
    let odd = ChangeHeader {
        actor: vec![0; 3],
        ..change(7, ANNA, 1, 1, &[])
    };
    let rules = Rules {
        first_changes: BTreeSet::from([[7; 32]]),
        ..Rules::default()
    };
    assert_eq!(ChangeIndex::new().admit(&odd, &rules), Ok(()));
    assert_eq!(
        ChangeIndex::new().admit(&odd, &Rules::default()),
        Err(Refused::Actor)
    );
}
