//! A disk that fails at each single step: what was acknowledged stays, the rest is refused aloud.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test may panic, and the helpers it shares read variables"
)]

use std::path::Path;

use smallwin_storage::conformance::Model;
use smallwin_storage::{
    Batch, Disk, DocKey, Failure, Fault, Health, JournalStore, Op, OpenError, Options, Store,
    StoreError,
};

mod common;
use common::{batch, fast_dir};

const SEED: u64 = 3;
const BATCHES: u64 = 9;

#[test]
fn k1_a_fault_at_any_step_loses_nothing_acknowledged() {
    let steps = {
        let dir = fast_dir();
        let disk = Disk::failing(Fault::Never, Failure::Device);
        assert_eq!(work(dir.path(), &disk), Some(BATCHES));
        disk.steps()
    };
    assert!(
        steps > 50,
        "the work makes, seals, erases and checkpoints: {steps} steps"
    );
    let (mut faults, mut broken) = (0, 0);
    let ways = [Failure::Device, Failure::Full, Failure::Short];
    let once = (0..steps).flat_map(|step| ways.map(|failure| (Fault::Once(step), failure)));
    let from = (0..steps)
        .step_by(4)
        .map(|step| (Fault::From(step), Failure::Full));
    for (fault, failure) in once.chain(from) {
        faults += 1;
        let dir = fast_dir();
        let Some(acknowledged) = work(dir.path(), &Disk::failing(fault, failure)) else {
            continue;
        };
        broken += u64::from(acknowledged < BATCHES);
        let store = open(dir.path(), Disk::default()).unwrap();
        let found = store.last().0;
        assert!(
            (acknowledged..=acknowledged + 1).contains(&found),
            "{fault:?} {failure:?}: {found}"
        );
        model(found).compare(&store, 0);
    }
    println!("{faults} faults at {steps} steps, {broken} of them while writing");
    assert!(
        broken > steps / 2,
        "most faults hit a commit: {broken} of {steps}"
    );
}

/// Writes until something fails, checks that the store says so and goes on to read, and returns the last
/// batch that was acknowledged; `None` when the store did not even open.
fn work(dir: &Path, disk: &Disk) -> Option<u64> {
    let mut store = match open(dir, disk.clone()) {
        Ok(store) => store,
        Err(OpenError::Io { .. }) => return None,
        Err(other) => panic!("{other}"),
    };
    for n in 1..=BATCHES {
        let mut kept = n - 1;
        let done = store.commit(&work_batch(n)).and_then(|_| {
            kept = n;
            // Compaction happens by itself too; here it has its turn among all others: in steps between
            // commits, cut short by the purge, and at once.
            if n == 2 || n == 7 {
                store.begin_compaction()?;
            } else if n == 6 {
                store.compact()?;
            }
            (0..4).try_for_each(|_| store.tend().map(|_| ()))
        });
        let Err(error) = done else {
            continue;
        };
        assert!(
            matches!(error, StoreError::Io { .. } | StoreError::ReadOnly { .. }),
            "{error}"
        );
        assert!(matches!(store.health(), Health::ReadOnly { .. }));
        let again = store.commit(&work_batch(n + 1));
        assert!(
            matches!(again, Err(StoreError::ReadOnly { .. })),
            "never tried again"
        );
        assert!(store.documents().is_ok(), "reads go on");
        // A purge whose record was kept and whose erasure failed is there already.
        assert!((n - 1..=n).contains(&store.last().0));
        let expected = model(store.last().0);
        for doc in (0..6).map(|n| DocKey::from_bytes([n; 17])) {
            assert_eq!(
                store.load(&doc).unwrap(),
                expected.load(&doc),
                "reads are right"
            );
        }
        return Some(kept);
    }
    // Closing may fail; everything is safe all the same.
    let _ = Box::new(store).close();
    Some(BATCHES)
}

fn work_batch(n: u64) -> Batch {
    let mut batch = batch(SEED, n);
    if n == 5 {
        batch.0.push(Op::Purge {
            doc: DocKey::from_bytes([1; 17]),
        });
    }
    batch
}

fn model(n: u64) -> Model {
    let mut model = Model::default();
    for n in 1..=n {
        model.commit(&work_batch(n));
    }
    model
}

fn open(dir: &Path, disk: Disk) -> Result<JournalStore, OpenError> {
    JournalStore::open(
        &dir.join("store"),
        Options {
            segment_bytes: 3000,
            step_bytes: 1500,
            disk,
            ..Options::default()
        },
    )
}
