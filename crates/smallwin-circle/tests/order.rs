//! Rules C1 and S1: the state is a function of the set of records, not of the order they came in.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test may panic"
)]

mod support;

use std::collections::BTreeSet;

use proptest::prelude::*;
use smallwin_circle::{Log, Record, RecordId};
use support::{Step, World, log_of};

fn histories() -> impl Strategy<Value = Vec<Step>> {
    // Device 0 begins by inviting; a history without members is soon told.
    prop::collection::vec(any::<Step>(), 10..70).prop_map(|mut steps| {
        let start = [
            (0, 5, 0, 1),
            (0, 5, 0, 0),
            (1, 0, 0, 1),
            (1, 7, 0, 0),
            (0, 0, 1, 1),
            (2, 19, 0, 1),
            (2, 7, 0, 0),
        ];
        steps.splice(0..0, start);
        steps
    })
}

fn shuffled(records: &[Record], keys: &[u32]) -> Vec<Record> {
    let mut order: Vec<(u32, usize)> = keys
        .iter()
        .copied()
        .cycle()
        .take(records.len())
        .enumerate()
        .map(|(i, k)| (k.wrapping_mul(i as u32 + 1), i))
        .collect();
    order.sort_unstable();
    order.into_iter().map(|(_, i)| records[i].clone()).collect()
}

fn assert_same(a: &Log, b: &Log) -> Result<(), TestCaseError> {
    prop_assert_eq!(a.heads(), b.heads());
    prop_assert_eq!(a.len(), b.len());
    prop_assert_eq!(a.state(), b.state());
    for id in a.ids() {
        prop_assert_eq!(a.verdict(&id), b.verdict(&id));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn c1_any_order_gives_the_same_state(steps in histories(), keys in prop::collection::vec(any::<u32>(), 64)) {
        let world = World::run(1, &steps);
        let (genesis, rest) = world.records.split_first().unwrap();
        let made = log_of(genesis, rest);
        prop_assert_eq!(made.len(), world.records.len());
        let mixed = log_of(genesis, &shuffled(rest, &keys));
        prop_assert_eq!(mixed.pending(), (0, 0));
        assert_same(&made, &mixed)?;
        let backwards = log_of(genesis, rest.iter().rev());
        assert_same(&made, &backwards)?;
    }

    #[test]
    fn s1_the_state_that_grew_is_the_state_computed_at_once(steps in histories()) {
        let world = World::run(2, &steps);
        for log in &world.logs {
            prop_assert_eq!(log.state(), &log.state_at(&log.heads()));
        }
    }

    #[test]
    fn c1_a_device_that_saw_less_agrees_about_what_it_saw(steps in histories()) {
        let world = World::run(3, &steps);
        let (genesis, rest) = world.records.split_first().unwrap();
        let all = log_of(genesis, rest);
        for log in &world.logs {
            prop_assert_eq!(log.state(), &all.state_at(&log.heads()));
            let missing: BTreeSet<RecordId> = all.missing_for(&log.heads()).iter().map(|record| record.id()).collect();
            let lacking: BTreeSet<RecordId> = all.ids().filter(|id| !log.contains(id)).collect();
            prop_assert_eq!(missing, lacking);
            let mut caught_up = log.clone();
            for record in all.not_in(&log.ids().collect()) {
                caught_up.insert(record.clone()).unwrap();
            }
            assert_same(&all, &caught_up)?;
        }
    }
}

/// The random histories are worth something only when they reach what they are to test.
#[test]
fn histories_reach_every_kind_and_verdict() {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for seed in 0..100 {
        let mut steps = support::steps(seed, 60);
        steps.splice(
            0..0,
            [
                (0, 5, 0, 1),
                (0, 5, 0, 0),
                (1, 19, 0, 1),
                (1, 7, 0, 0),
                (0, 0, 1, 1),
                (2, 19, 0, 1),
                (2, 7, 0, 0),
            ],
        );
        let world = World::run(4, &steps);
        let (genesis, rest) = world.records.split_first().unwrap();
        let log = log_of(genesis, rest);
        for record in log.records() {
            let verdict = format!("{:?}", log.verdict(&record.id()));
            seen.insert(format!("{} {verdict}", record.payload().body.kind()));
            seen.insert(verdict);
        }
    }
    for expected in [
        "Contested",
        r#"Void("its author had made two records under one number")"#,
        r#"Void("its author made two records under one number")"#,
        r#"Void("its author is not a facilitator")"#,
        r#"Void("the invite was used")"#,
        r#"Void("the invite's proof does not fit")"#,
        r#"Void("its author takes part already")"#,
        r#"Void("the device takes part already")"#,
        r#"Void("the person has that role or a higher one")"#,
        r#"Void("its kind is unknown")"#,
        "genesis Valid",
        "invite Valid",
        "join Valid",
        "grant Valid",
        "link Valid",
        "doc Valid",
        "share Valid",
        "snapshot Valid",
        "cosign Valid",
        "statement Valid",
    ] {
        assert!(
            seen.contains(expected),
            "no history reaches {expected}; they reach {seen:#?}"
        );
    }
}
