//! Compaction in steps: what happens between two of them, how long one is, and what is left of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may panic, and the helpers it shares read variables"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use smallwin_storage::conformance::Model;
use smallwin_storage::{
    Batch, Chunk, ChunkHash, ChunkKind, Committer, Disk, DocKey, Examined, Failure, Fault,
    IndexFound, JournalStore, Op, Options, Progress, Store, copy, examine,
};
use tempfile::TempDir;

mod common;
use common::{batch, fast_dir};

const SEED: u64 = 23;
const SEGMENT_BYTES: u64 = 20_000;
const STEP_BYTES: usize = 2_000;
const BATCHES: u64 = 60;

#[test]
fn commits_and_reads_go_on_between_all_steps() {
    let (dir, mut model) = written();
    let mut store = open(dir.path(), Disk::default());
    store.begin_compaction().unwrap();
    let mut n = BATCHES;
    let mut steps = 0;
    while store.tend().unwrap() {
        steps += 1;
        if steps % 2 == 0 && !purges(n + 1) {
            n += 1;
            store.commit(&batch(SEED, n)).unwrap();
            model.commit(&batch(SEED, n));
        }
        model.compare(&store, steps);
    }
    assert!(steps > 30, "it was done in {steps} steps");
    Box::new(store).close().unwrap();
    let store = open(dir.path(), Disk::default());
    assert_eq!(store.rebuilt(), None, "it ended at rest");
    model.compare(&store, 0);
}

/// What is written while it looks at the index lies in segments that are left alone.
#[test]
fn segments_that_are_closed_meanwhile_stay_whole() {
    let dir = fast_dir();
    let mut store = open(dir.path(), Disk::default());
    let mut model = Model::default();
    for n in 0..40 {
        commit(&mut store, &mut model, [put(n, 1), put(n, 2)]);
    }
    store.begin_compaction().unwrap();
    for n in 0..120 {
        // A segment every second time, with new documents and old ones.
        let ops = (0..40).map(|m| put(n % 60, 1000 + n as u32 * 40 + m));
        commit(&mut store, &mut model, ops);
        store.tend().unwrap();
    }
    while store.tend().unwrap() {}
    model.compare(&store, 0);
    drop(store);
    fs::remove_dir_all(dir.path().join("index")).unwrap();
    model.compare(&open(dir.path(), Disk::default()), 1);
}

#[test]
fn it_can_be_stopped_after_any_step_in_any_way() {
    let (dir, model) = written();
    let steps = {
        let copy = copy_of(dir.path());
        let mut store = open(copy.path(), Disk::default());
        store.begin_compaction().unwrap();
        (0..).take_while(|_| store.tend().unwrap()).count()
    };
    let ways: [fn(JournalStore); 3] = [
        |store| Box::new(store).close().unwrap(),
        drop,
        |mut store| {
            store.compact().unwrap();
        },
    ];
    for (way, stop) in ways.iter().enumerate() {
        for after in (0..=steps).step_by(3) {
            let copy = copy_of(dir.path());
            let mut store = open(copy.path(), Disk::default());
            store.begin_compaction().unwrap();
            for _ in 0..after {
                store.tend().unwrap();
            }
            stop(store);
            let store = open(copy.path(), Disk::default());
            model.compare(&store, after);
            let rebuilt = store.rebuilt().filter(|_| way != 1);
            assert_eq!(rebuilt, None, "way {way}, {after}");
            until(|| !left_over(copy.path()));
        }
    }
}

#[test]
fn k5_a_purge_between_two_steps_leaves_nothing() {
    let (dir, _) = written();
    let marked = Chunk {
        bytes: b"the marker".repeat(40),
        ..chunk(1)
    };
    let mut steps = 0;
    loop {
        let copy = copy_of(dir.path());
        let mut store = open(copy.path(), Disk::default());
        let put = Op::PutChunk {
            doc: doc(77),
            chunk: marked.clone(),
        };
        store.commit(&Batch(vec![put])).unwrap();
        store.begin_compaction().unwrap();
        let went_on = (0..steps).all(|_| store.tend().unwrap());
        assert!(holds_marker(copy.path()));
        store
            .commit(&Batch(vec![Op::Purge { doc: doc(77) }]))
            .unwrap();
        assert!(!holds_marker(copy.path()), "after {steps} steps");
        drop(store);
        let store = open(copy.path(), Disk::default());
        assert_eq!(store.load(&doc(77)).unwrap(), []);
        if !went_on {
            return;
        }
        steps += 3;
    }
}

#[test]
fn no_step_and_no_commit_takes_long() {
    let (dir, _) = replaced();
    let before = journal_bytes(dir.path());
    let disk = Disk::failing(Fault::Never, Failure::Device);
    let mut store = open(dir.path(), disk.clone());
    store.begin_compaction().unwrap();
    let (mut tends, mut longest) = (0, (0, 0));
    loop {
        let begin = disk.steps();
        let more = store.tend().unwrap();
        let tended = disk.steps();
        let batch = Batch(vec![put(1, u32::MAX - tends)]);
        store.commit(&batch).unwrap();
        let committed = disk.steps() - tended;
        longest = (longest.0.max(tended - begin), longest.1.max(committed));
        tends += 1;
        if !more {
            break;
        }
    }
    assert!(
        u64::from(tends) * 2 > before / STEP_BYTES as u64,
        "{tends} steps for {before} bytes"
    );
    // A step writes and syncs once; one that swaps a file, and the last one, do some more.
    assert!(longest.0 < 40, "the longest step had {}", longest.0);
    assert!(longest.1 < 20, "the longest commit had {}", longest.1);
}

#[test]
fn small_segments_become_few() {
    let (dir, mut model) = replaced();
    let before = segments(dir.path());
    let mut store = open(dir.path(), Disk::default());
    store.compact().unwrap();
    let after = segments(dir.path());
    assert!(
        before.len() > 10 && after.len() <= 4,
        "{before:?} became {after:?}"
    );
    assert_eq!(after[0], before[0], "the first keeps its name");
    for n in 300..400 {
        commit(&mut store, &mut model, (0..4).map(|doc| put(doc, n)));
    }
    model.compare(&store, 0);
    Box::new(store).close().unwrap();

    let scratch = fast_dir();
    let (found, _) = look_over(dir.path(), scratch.path());
    assert_eq!(
        (found.damage.len(), found.index),
        (0, IndexFound::Equal),
        "gaps in the numbers of the segments are no damage"
    );
    let to = scratch.path().join("copied");
    copy(dir.path(), &to, &Progress::default()).unwrap();
    model.compare(&open(&to, Disk::default()), 0);
    fs::remove_dir_all(dir.path().join("index")).unwrap();
    model.compare(&open(dir.path(), Disk::default()), 0);
}

/// A crash can come after a new file got its name and before those that went into it are removed.
#[test]
fn files_that_went_into_another_one_are_removed_when_it_is_opened() {
    let (dir, model) = replaced();
    let before = copy_of(dir.path());
    let mut store = open(dir.path(), Disk::default());
    store.compact().unwrap();
    drop(store);
    let gone: Vec<PathBuf> = segments(before.path())
        .into_iter()
        .filter(|name| !dir.path().join("journal").join(name).exists())
        .collect();
    assert!(gone.len() > 1, "{gone:?}");
    for name in &gone {
        let of = |dir: &Path| dir.join("journal").join(name);
        fs::copy(of(before.path()), of(dir.path())).unwrap();
    }
    let scratch = fast_dir();
    let (found, looked) = look_over(dir.path(), scratch.path());
    assert_eq!((found.damage.len(), found.lost_end), (0, None));
    model.compare(&looked, 0);
    model.compare(&open(dir.path(), Disk::default()), 0);
    for name in &gone {
        assert!(!dir.path().join("journal").join(name).exists(), "{name:?}");
    }
}

#[test]
fn it_happens_by_itself_while_nobody_writes() {
    let dir = fast_dir();
    let committer = Committer::start(Box::new(open(dir.path(), Disk::default()))).unwrap();
    for n in 0..200 {
        committer.commit(Batch(vec![put(1, n)])).unwrap();
    }
    let full = journal_bytes(dir.path());
    let replace = Op::Replace {
        doc: doc(1),
        covered: (0..200).map(hash).collect(),
        snapshot: chunk(1000),
    };
    committer.commit(Batch(vec![replace])).unwrap();
    until(|| journal_bytes(dir.path()) < full / 5);
    committer.close().unwrap();
}

/// Waits for what another thread does.
fn until(done: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < deadline, "it does not come");
        std::thread::yield_now();
    }
}

fn written() -> (TempDir, Model) {
    let dir = fast_dir();
    let mut store = open(dir.path(), Disk::default());
    let mut model = Model::default();
    for n in 1..=BATCHES {
        store.commit(&batch(SEED, n)).unwrap();
        model.commit(&batch(SEED, n));
    }
    Box::new(store).close().unwrap();
    (dir, model)
}

/// Small chunks in small segments, nearly all of which a snapshot replaced.
fn replaced() -> (TempDir, Model) {
    let dir = fast_dir();
    let mut store = open(dir.path(), Disk::default());
    let mut model = Model::default();
    for n in 0..300 {
        commit(&mut store, &mut model, (0..4).map(|doc| put(doc, n)));
    }
    for doc in 0..4 {
        let replace = Op::Replace {
            doc: self::doc(doc),
            covered: (0..290).map(hash).collect(),
            snapshot: Chunk {
                kind: ChunkKind::Snapshot,
                ..chunk(1000)
            },
        };
        commit(&mut store, &mut model, [replace]);
    }
    Box::new(store).close().unwrap();
    (dir, model)
}

fn commit(store: &mut JournalStore, model: &mut Model, ops: impl IntoIterator<Item = Op>) {
    let batch = Batch(ops.into_iter().collect());
    store.commit(&batch).unwrap();
    model.commit(&batch);
}

fn look_over(dir: &Path, scratch: &Path) -> (Examined, JournalStore) {
    examine(dir, &scratch.join("looked"), &Progress::default()).unwrap()
}

/// A purge ends a compaction early.
fn purges(n: u64) -> bool {
    let batch = batch(SEED, n);
    batch.0.iter().any(|op| matches!(op, Op::Purge { .. }))
}

fn open(dir: &Path, disk: Disk) -> JournalStore {
    let options = Options {
        segment_bytes: SEGMENT_BYTES,
        step_bytes: STEP_BYTES,
        disk,
        ..Options::default()
    };
    JournalStore::open(dir, options).unwrap()
}

/// Whether something half-written or outdated is left.
fn left_over(dir: &Path) -> bool {
    let indexes = fs::read_dir(dir.join("index")).unwrap().count();
    let half_written = |name: &PathBuf| name.extension().is_none_or(|end| end != "seg");
    indexes != 1 || segments(dir).iter().any(half_written)
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut names: Vec<PathBuf> = fs::read_dir(dir.join("journal"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into())
        .collect();
    names.sort();
    names
}

fn journal_bytes(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir.join("journal")).unwrap();
    // A file may go while they are looked at.
    entries
        .filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len()))
        .sum()
}

fn files_under(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_under(&path));
        } else {
            files.push(path);
        }
    }
    files
}

fn copy_of(dir: &Path) -> TempDir {
    let copy = fast_dir();
    for file in files_under(dir) {
        let to = copy.path().join(file.strip_prefix(dir).unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(file, to).unwrap();
    }
    copy
}

fn holds_marker(dir: &Path) -> bool {
    files_under(dir).iter().any(|file| {
        fs::read(file)
            .unwrap()
            .windows(10)
            .any(|window| window == b"the marker")
    })
}

fn doc(n: u8) -> DocKey {
    DocKey::from_bytes([n; 17])
}

fn hash(n: u32) -> ChunkHash {
    let mut hash = [9; 32];
    hash[..4].copy_from_slice(&n.to_be_bytes());
    ChunkHash::from_bytes(hash)
}

fn chunk(n: u32) -> Chunk {
    Chunk {
        hash: hash(n),
        kind: ChunkKind::Change,
        epoch: 0,
        bytes: n.to_be_bytes().repeat(50),
    }
}

fn put(doc: u8, n: u32) -> Op {
    Op::PutChunk {
        doc: self::doc(doc),
        chunk: chunk(n),
    }
}
