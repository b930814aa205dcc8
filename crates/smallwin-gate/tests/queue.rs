//! Changes in any order, from several peers, end in the same index (rules G3, S1).

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod support;

use proptest::prelude::*;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use smallwin_gate::{OpIndex, Orphans, Refused, Rules, open_change};
use support::World;

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_ends_the_same_g3_s1(seed in any::<u64>(), order in any::<u64>()) {
        let mut world = World::new(seed, 3);
        world.run(30);
        let changes: Vec<_> = world.peers[0].get_changes(&[]).into_iter()
            .map(|change| change.raw_bytes().to_vec()).collect();
        let mut shuffled = changes.clone();
        shuffled.shuffle(&mut ChaCha8Rng::seed_from_u64(order));
        let (index, orphans) = deliver(&shuffled);
        let (straight, _) = deliver(&changes);
        prop_assert_eq!(index.changes().len(), changes.len());
        prop_assert_eq!((index.runs(), index.op_bytes()), (straight.runs(), straight.op_bytes()));
        prop_assert!(orphans.is_empty() && orphans.bytes() == 0);
    }

    /// One change is lost for good: all that builds on it is dropped and nothing is left.
    #[test]
    fn what_builds_on_a_refused_change_goes_g3(seed in any::<u64>(), lost in any::<prop::sample::Index>()) {
        let mut world = World::new(seed, 3);
        world.run(30);
        let mut changes: Vec<_> = world.peers[0].get_changes(&[]).into_iter()
            .map(|change| change.raw_bytes().to_vec()).collect();
        let lost = changes.remove(lost.index(changes.len()));
        let lost = open_change(&lost).unwrap().header().hash;
        let (index, mut orphans) = deliver(&changes);
        let missing: Vec<_> = orphans.missing().copied().collect();
        prop_assert!(missing.iter().all(|hash| *hash == lost));
        let waiting = orphans.len();
        prop_assert_eq!(orphans.refused(&lost).len(), waiting);
        prop_assert_eq!(index.changes().len() + waiting, changes.len());
        prop_assert!(orphans.is_empty() && orphans.bytes() == 0);
    }
}

/// Admits what can be admitted, as a device does; peers take turns.
fn deliver(changes: &[Vec<u8>]) -> (OpIndex, Orphans<usize>) {
    let (mut index, mut orphans) = (OpIndex::new(), Orphans::new());
    for (at, bytes) in changes.iter().enumerate() {
        let mut left = vec![(at % 3, bytes.clone())];
        while let Some((peer, bytes)) = left.pop() {
            let change = open_change(&bytes).unwrap();
            let hash = change.header().hash;
            match index.admit(&change, &Rules::default()) {
                Ok(()) => {
                    let released = orphans.admitted(&hash).into_iter();
                    left.extend(released.map(|one| (one.peer, one.bytes)));
                }
                Err(Refused::MissingDeps(missing)) => {
                    orphans.park(peer, hash, bytes.clone(), &missing).unwrap();
                }
                Err(refused) => panic!("{refused}"),
            }
        }
    }
    (index, orphans)
}
