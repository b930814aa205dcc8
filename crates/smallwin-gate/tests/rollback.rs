//! Taking admissions back, and asking the index about the past.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use automerge::Change;
use rand::{Rng, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use smallwin_gate::{OpIndex, Rules, open_change};
use support::World;

type Hash = [u8; 32];

/// The changes in some order in which each stands behind what it builds on.
fn causal_order(rng: &mut ChaCha8Rng, changes: &[Change]) -> Vec<Change> {
    let mut left = changes.to_vec();
    left.shuffle(rng);
    let (mut order, mut done) = (Vec::new(), BTreeSet::new());
    while !left.is_empty() {
        let ready = |change: &Change| change.deps().iter().all(|dep| done.contains(dep));
        let next = left.iter().position(ready).expect("causal");
        let change = left.remove(next);
        done.insert(change.hash());
        order.push(change);
    }
    order
}

fn admit(index: &mut OpIndex, change: &Change) {
    let open = open_change(change.raw_bytes()).unwrap();
    index.admit(&open, &Rules::default()).unwrap();
}

/// An index that admitted changes and went back equals one that never did (rule G3).
#[test]
fn g3_a_rollback_equals_never_having_admitted() {
    for seed in 0..24 {
        let mut world = World::new(seed, 5);
        world.run(60);
        let changes = world.peers[0].get_changes(&[]);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let order = causal_order(&mut rng, &changes);
        let mut index = OpIndex::new();
        let mut admitted = 0;
        while admitted < order.len() {
            let (mark, before) = (index.mark(), index.clone());
            let more = rng.random_range(1..=(order.len() - admitted).min(40));
            for change in &order[admitted..admitted + more] {
                admit(&mut index, change);
            }
            if rng.random_range(0..3) == 0 {
                admitted += more;
                continue;
            }
            index.rollback(mark);
            assert_eq!(index, before, "seed {seed} after {admitted}");
        }
        assert_eq!(index.changes().len(), order.len());
    }
}

/// What the index says of heads, dependencies and of what came since is what a walk over all
/// changes says.
#[test]
fn heads_deps_and_since_are_those_of_the_whole_history() {
    for seed in 0..12 {
        let mut world = World::new(seed, 5);
        world.run(80);
        let changes = world.peers[0].get_changes(&[]);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let order = causal_order(&mut rng, &changes);
        let mut index = OpIndex::new();
        order.iter().for_each(|change| admit(&mut index, change));
        let index = index.changes();
        let deps: BTreeMap<Hash, Vec<Hash>> = order
            .iter()
            .map(|change| {
                let deps = change.deps().iter().map(|dep| dep.0).collect();
                (change.hash().0, deps)
            })
            .collect();
        let heads: Vec<Hash> = world.peers[0]
            .get_heads()
            .iter()
            .map(|head| head.0)
            .collect();
        assert_eq!(index.heads(), heads);
        for (place, change) in order.iter().enumerate() {
            let hash = change.hash().0;
            assert_eq!(index.position(&hash), Some(place));
            assert_eq!(index.hash_at(place), Some(hash));
            assert_eq!(index.deps(&hash).as_ref(), deps.get(&hash));
            assert_eq!(index.actor_of(&hash), Some(change.actor_id().to_bytes()));
        }
        for _ in 0..30 {
            let count = rng.random_range(0..4);
            let mut from: Vec<Hash> = (0..count)
                .map(|_| order[rng.random_range(0..order.len())].hash().0)
                .collect();
            from.push([9; 32]);
            let mut past = BTreeSet::new();
            let mut left = from.clone();
            while let Some(hash) = left.pop() {
                if past.insert(hash) {
                    left.extend(deps.get(&hash).into_iter().flatten());
                }
            }
            let since: Vec<Hash> = order
                .iter()
                .map(|change| change.hash().0)
                .filter(|hash| !past.contains(hash))
                .collect();
            assert_eq!(index.since(&from), since, "seed {seed}");
        }
        assert_eq!(
            (index.deps(&[9; 32]), index.position(&[9; 32])),
            (None, None)
        );
    }
}
