//! The conformance suite and random histories, over every engine of this crate.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test may panic, and the helpers it shares read variables"
)]

use proptest::prelude::*;
use smallwin_storage::conformance::{self, Fixture, Step};
use smallwin_storage::limits::SEGMENT_BYTES;
use smallwin_storage::{
    Batch, Chunk, ChunkHash, ChunkKind, DocKey, Faulty, JournalStore, Memory, Op, Options, Store,
};
use tempfile::TempDir;

mod common;
use common::fast_dir;

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

/// Small segments, so that short histories roll, seal and checkpoint.
struct Journalled {
    segment_bytes: u64,
    ending: Ending,
    dirs: Vec<TempDir>,
}

/// How a journal store is stopped before it is opened again.
#[derive(Clone, Copy, Debug)]
enum Ending {
    /// Closed in good order.
    Closed,
    /// Dropped: the index lacks what came after the last checkpoint.
    Dropped,
    /// Dropped, and the index is gone.
    WithoutIndex,
    /// Compacted, then dropped.
    Compacted,
    /// Closed in the middle of a compaction.
    Compacting,
}

impl Ending {
    const ALL: [Self; 5] = [
        Self::Closed,
        Self::Dropped,
        Self::WithoutIndex,
        Self::Compacted,
        Self::Compacting,
    ];
}

impl Journalled {
    fn new(segment_bytes: u64, ending: Ending) -> Self {
        Self {
            segment_bytes,
            ending,
            dirs: Vec::new(),
        }
    }

    fn open(&self) -> JournalStore {
        let options = Options {
            segment_bytes: self.segment_bytes,
            // A record at a time, so that much happens between two steps of a compaction.
            step_bytes: 1,
            ..Options::default()
        };
        JournalStore::open(self.dirs.last().unwrap().path(), options).unwrap()
    }
}

impl Fixture for Journalled {
    type Engine = JournalStore;
    fn create(&mut self) -> JournalStore {
        self.dirs.push(fast_dir());
        self.open()
    }
    fn reopen(&mut self, mut store: JournalStore) -> JournalStore {
        match self.ending {
            Ending::Closed => Box::new(store).close().unwrap(),
            Ending::Dropped => drop(store),
            Ending::Compacted => {
                store.compact().unwrap();
                drop(store);
            }
            Ending::Compacting => {
                store.begin_compaction().unwrap();
                for _ in 0..self.dirs.len() % 7 {
                    store.tend().unwrap();
                }
                Box::new(store).close().unwrap();
            }
            Ending::WithoutIndex => {
                drop(store);
                std::fs::remove_dir_all(self.dirs.last().unwrap().path().join("index")).unwrap();
            }
        }
        self.open()
    }
}

#[test]
fn journal_conforms() {
    for ending in Ending::ALL {
        conformance::all(&mut Journalled::new(SEGMENT_BYTES, ending));
        conformance::all(&mut Journalled::new(300, ending));
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

proptest! {
    // Each case opens sled some times.
    #![proptest_config(ProptestConfig { cases: 32, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn journal_follows_the_model(
        steps in history(),
        segment_bytes in prop_oneof![Just(300), Just(5_000), Just(SEGMENT_BYTES)],
        ending in prop::sample::select(Ending::ALL.to_vec()),
    ) {
        conformance::follows_model(&mut Journalled::new(segment_bytes, ending), &steps);
    }
}

fn history() -> impl Strategy<Value = Vec<Step>> {
    let commit = prop::collection::vec(op(), 0..6).prop_map(|ops| Step::Commit(Batch(ops)));
    let step = prop_oneof![6 => commit, 4 => Just(Step::Tend), 1 => Just(Step::Reopen)];
    prop::collection::vec(step, 1..40)
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
