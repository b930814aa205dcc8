//! The conformance suite and random histories, over every engine of this crate.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use proptest::prelude::*;
use smallwin_storage::conformance::{self, Fixture, Step};
use smallwin_storage::{Batch, Chunk, ChunkHash, ChunkKind, DocKey, Faulty, Memory, Op};

struct InMemory;

impl Fixture for InMemory {
    type Engine = Memory;
    fn create(&mut self) -> Memory {
        Memory::new()
    }
    fn reopen(&mut self, store: Memory) -> Memory {
        store
    }
}

struct OnAFaultyDisk;

impl Fixture for OnAFaultyDisk {
    type Engine = Faulty;
    fn create(&mut self) -> Faulty {
        Faulty::new()
    }
    fn reopen(&mut self, mut store: Faulty) -> Faulty {
        store.crash(0);
        store
    }
}

#[test]
fn memory_conforms() {
    conformance::all(&mut InMemory);
}

#[test]
fn faulty_conforms() {
    conformance::all(&mut OnAFaultyDisk);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn memory_follows_the_model(steps in history()) {
        conformance::follows_model(&mut InMemory, &steps);
    }

    #[test]
    fn faulty_follows_the_model(steps in history()) {
        conformance::follows_model(&mut OnAFaultyDisk, &steps);
    }
}

fn history() -> impl Strategy<Value = Vec<Step>> {
    let commit = prop::collection::vec(op(), 0..6).prop_map(|ops| Step::Commit(Batch(ops)));
    prop::collection::vec(prop_oneof![6 => commit, 1 => Just(Step::Reopen)], 1..25)
}

fn op() -> impl Strategy<Value = Op> {
    let key = prop::collection::vec(prop::sample::select(vec![0_u8, 1, 255]), 0..3);
    prop_oneof![
        6 => (doc(), chunk()).prop_map(|(doc, chunk)| Op::PutChunk { doc, chunk }),
        3 => (0..3_u8, key.clone(), bytes()).prop_map(|(table, key, value)| Op::Put { table, key, value }),
        1 => (0..3_u8, key).prop_map(|(table, key)| Op::Delete { table, key }),
        1 => (doc(), prop::collection::vec(hash(), 0..8), chunk()).prop_map(|(doc, covered, snapshot)| {
            Op::Replace { doc, covered, snapshot: Chunk { kind: ChunkKind::Snapshot, ..snapshot } }
        }),
        1 => doc().prop_map(|doc| Op::Purge { doc }),
    ]
}

fn doc() -> impl Strategy<Value = DocKey> {
    (0..3_u8).prop_map(|n| DocKey::from_bytes([n; 17]))
}

fn hash() -> impl Strategy<Value = ChunkHash> {
    (0..80_u8).prop_map(|n| ChunkHash::from_bytes([n; 32]))
}

fn chunk() -> impl Strategy<Value = Chunk> {
    (hash(), bytes(), 0..2_u32).prop_map(|(hash, bytes, epoch)| Chunk {
        hash,
        kind: ChunkKind::Change,
        epoch,
        bytes,
    })
}

/// Mostly small; now and then more than fits beside the index.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let small = prop::collection::vec(any::<u8>(), 0..40);
    let large = (4000..9000_usize, any::<u8>()).prop_map(|(len, byte)| vec![byte; len]);
    prop_oneof![8 => small, 1 => large]
}
