//! What keeps a store in order: copies, a look over, repair, space that comes back, a disk that fills up.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may panic, and the helpers it shares read variables"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use smallwin_storage::conformance::Model;
use smallwin_storage::{
    Batch, Chunk, ChunkHash, ChunkKind, Disk, DocKey, Health, IndexFound, JournalStore, Memory, Op,
    Options, Progress, Seq, Store, StoreError, copy, examine, repair,
};
use tempfile::TempDir;

mod common;
use common::{Dice, batch, fast_dir};

const SEED: u64 = 11;
const SEGMENT_BYTES: u64 = 30_000;

#[test]
fn a_copy_of_a_store_in_use_is_what_was_kept_at_one_moment() {
    let dir = fast_dir();
    let store_dir = dir.path().join("store");
    let mut store = open(&store_dir);
    store.commit(&batch(SEED, 1)).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Also when a copy is not what it should be.
        let _stopped = Stop(&stop);
        scope.spawn(|| {
            for n in 2.. {
                store.commit(&batch(SEED, n)).unwrap();
                if n % 50 == 0 {
                    store.begin_compaction().unwrap();
                }
                store.tend().unwrap();
                if stop.load(Ordering::SeqCst) {
                    return;
                }
            }
        });
        let mut before = Seq::ZERO;
        for round in 0..12 {
            let to = dir.path().join(format!("copy{round}"));
            let Ok(copied) = copy(&store_dir, &to, &Progress::default()) else {
                // The writer rewrote segments faster than they could be read; it says so.
                continue;
            };
            assert!(copied.last >= before, "copies move on");
            before = copied.last;
            model(copied.last.0).compare(&open(&to), round);
        }
        assert!(before > Seq::ZERO, "some copies were made");
    });
}

struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn a_sound_store_is_found_sound_and_left_alone() {
    for closed in [true, false] {
        let (dir, memory) = written(50, closed);
        let before = contents(dir.path());
        let scratch = fast_dir();
        let (found, store) = look_over(dir.path(), scratch.path());
        assert_eq!(contents(dir.path()), before, "nothing was changed");
        assert_eq!((found.damage.len(), found.last), (0, Seq(50)));
        assert_eq!(found.index, IndexFound::Equal, "closed: {closed}");
        for doc in memory.documents().unwrap() {
            assert_eq!(store.load(&doc).unwrap(), memory.load(&doc).unwrap());
        }
    }
}

#[test]
fn an_index_that_differs_is_found() {
    let (dir, _) = written(50, true);
    for file in files_under(&dir.path().join("index")) {
        let mut bytes = fs::read(&file).unwrap();
        let len = bytes.len();
        bytes[len / 4..len / 2].fill(0);
        fs::write(&file, bytes).unwrap();
    }
    let scratch = fast_dir();
    let (found, _) = look_over(dir.path(), scratch.path());
    assert!(
        matches!(found.index, IndexFound::Differs(_)),
        "{:?}",
        found.index
    );
}

#[test]
fn a_store_in_use_can_be_looked_over() {
    let dir = fast_dir();
    let mut store = open(dir.path());
    store.commit(&batch(SEED, 1)).unwrap();
    let scratch = fast_dir();
    let (found, _) = look_over(dir.path(), scratch.path());
    assert_eq!((found.last, found.damage.len()), (Seq(1), 0));
    assert_eq!(found.index, IndexFound::InUse);
}

#[test]
fn k4_a_repaired_store_lost_what_was_damaged_and_nothing_else() {
    let (sound, memory) = written(60, true);
    let mut dice = Dice(SEED);
    let mut lost_some = 0;
    for round in 0..60 {
        let copy = copy_of(sound.path());
        let journal = files_under(&copy.path().join("journal"));
        let file = &journal[dice.below(journal.len() as u64) as usize];
        let what = damage(file, &mut dice);
        let context = format!("round {round}: {what} in {}", file.display());
        let scratch = fast_dir();
        let (found, looked) = look_over(copy.path(), scratch.path());
        drop(looked);
        let repaired = repair(copy.path(), &Progress::default()).unwrap();
        assert_eq!(repaired, found.damage, "{context}: the same is found");
        let mut store = open(copy.path());
        let lost = repaired
            .iter()
            .map(|damage| damage.commits)
            .chain(found.lost_end)
            .collect::<Vec<_>>();
        let is_lost = |seq: Seq| {
            lost.iter()
                .any(|(first, last)| (*first..=*last).contains(&seq))
        };
        lost_some += u64::from(lost.iter().any(|(first, last)| first <= last));
        let kept = entries(&store);
        let mut expected = entries(&memory);
        expected.retain(|(seq, ..)| !is_lost(*seq));
        // What a lost commit had replaced or purged may be back; what was never lost is there.
        assert!(
            expected.iter().all(|entry| kept.contains(entry)),
            "{context}"
        );
        let every: BTreeSet<_> = (1..=60).flat_map(put_by).collect();
        assert!(
            kept.iter()
                .all(|(_, doc, hash)| every.contains(&(*doc, *hash))),
            "{context}: nothing is made up"
        );
        store.commit(&batch(SEED, 999)).unwrap();
    }
    assert!(lost_some > 30, "the damage cost something: {lost_some}");
}

#[test]
fn space_comes_back_by_itself() {
    let dir = fast_dir();
    let mut store = open(dir.path());
    let mut memory = Memory::new();
    for n in 0..400_u32 {
        let ops = (0..10).map(|doc| put(doc, n, 100)).collect();
        commit_both(&mut store, &mut memory, &Batch(ops));
    }
    let full = journal_bytes(dir.path());
    for doc in 0..10 {
        let covered = (0..390).map(hash).collect();
        let snapshot = Chunk {
            kind: ChunkKind::Snapshot,
            ..chunk(1000, 200)
        };
        let replace = Op::Replace {
            doc: self::doc(doc),
            covered,
            snapshot,
        };
        commit_both(&mut store, &mut memory, &Batch(vec![replace]));
    }
    for n in 0..2000_u32 {
        let counter = Op::Put {
            table: 1,
            key: b"counter".to_vec(),
            value: n.to_le_bytes().to_vec(),
        };
        commit_both(&mut store, &mut memory, &Batch(vec![counter]));
    }
    let live: usize = memory
        .documents()
        .unwrap()
        .iter()
        .flat_map(|doc| memory.load(doc).unwrap())
        .map(|chunk| chunk.bytes.len() + 60)
        .sum();
    let left = journal_bytes(dir.path());
    assert!(
        left < 2 * live as u64 + SEGMENT_BYTES && left < full / 5,
        "of {full} bytes {left} are left for {live}"
    );
    for _ in 0..2 {
        assert_eq!(entries(&store), entries(&memory));
        assert_eq!(
            store.get(1, b"counter").unwrap(),
            memory.get(1, b"counter").unwrap()
        );
        drop(store);
        fs::remove_dir_all(dir.path().join("index")).unwrap();
        store = open(dir.path());
    }
}

#[test]
fn k5_a_purge_takes_what_a_repair_set_aside() {
    let (dir, _) = written(60, true);
    let first = &files_under(&dir.path().join("journal"))[0];
    let mut bytes = fs::read(first).unwrap();
    bytes[200] ^= 1;
    fs::write(first, bytes).unwrap();
    repair(dir.path(), &Progress::default()).unwrap();
    assert!(dir.path().join("damaged").exists());
    let mut store = open(dir.path());
    store
        .commit(&Batch(vec![Op::Purge { doc: doc(1) }]))
        .unwrap();
    assert!(!dir.path().join("damaged").exists());
}

#[test]
fn a_repair_that_was_interrupted_is_undone() {
    let (dir, memory) = written(30, true);
    fs::rename(dir.path().join("journal"), dir.path().join("damaged")).unwrap();
    fs::remove_file(dir.path().join("CHECKPOINT")).unwrap();
    assert_eq!(entries(&open(dir.path())), entries(&memory));
}

#[test]
fn b1_a_nearly_full_disk_is_refused_aloud_and_read_on() {
    let dir = fast_dir();
    let mut store = open(dir.path());
    store.commit(&batch(SEED, 1)).unwrap();
    Box::new(store).close().unwrap();
    let options = || Options {
        disk: Disk::with_free_bytes(10 << 20),
        ..Options::default()
    };
    let mut store = JournalStore::open(dir.path(), options()).unwrap();
    assert!(matches!(store.health(), Health::ReadOnly { why } if why.contains("10 MB")));
    let refused = store.commit(&batch(SEED, 2)).unwrap_err();
    assert!(matches!(refused, StoreError::ReadOnly { .. }), "{refused}");
    assert_eq!(
        store.get(3, b"counter").unwrap(),
        Some(1_u64.to_be_bytes().to_vec())
    );
    drop(store);
    assert_eq!(
        open(dir.path()).last(),
        Seq(1),
        "with room again, all is there"
    );
}

fn commit_both(store: &mut JournalStore, memory: &mut Memory, batch: &Batch) {
    assert_eq!(store.commit(batch).unwrap(), memory.commit(batch).unwrap());
    store.tend().unwrap();
}

fn look_over(dir: &Path, scratch: &Path) -> (smallwin_storage::Examined, JournalStore) {
    examine(dir, &scratch.join("scratch"), &Progress::default()).unwrap()
}

/// Every kept chunk, by its commit.
fn entries(store: &dyn Store) -> Vec<(Seq, DocKey, ChunkHash)> {
    let mut entries = Vec::new();
    let mut cursor = Seq::ZERO;
    loop {
        let page = store.since(cursor, 50).unwrap();
        let found = page.entries.iter();
        entries.extend(found.map(|entry| (entry.seq, entry.doc, entry.chunk.hash)));
        cursor = page.next;
        if page.complete {
            return entries;
        }
    }
}

/// The chunks that a batch puts.
fn put_by(n: u64) -> Vec<(DocKey, ChunkHash)> {
    let of = |op: &Op| match op {
        Op::PutChunk { doc, chunk }
        | Op::Replace {
            doc,
            snapshot: chunk,
            ..
        } => Some((*doc, chunk.hash)),
        _ => None,
    };
    batch(SEED, n).0.iter().filter_map(of).collect()
}

fn damage(file: &Path, dice: &mut Dice) -> String {
    let mut bytes = fs::read(file).unwrap();
    let at = dice.below(bytes.len() as u64) as usize;
    let what = match dice.below(4) {
        0 => {
            bytes[at] ^= 1 << dice.below(8);
            format!("a flipped bit at {at}")
        }
        1 => {
            let end = bytes.len().min(at + 4096);
            bytes[at..end].fill(0);
            format!("zeros at {at}")
        }
        2 => {
            bytes.truncate(at);
            format!("cut at {at}")
        }
        _ => {
            fs::remove_file(file).unwrap();
            return "removed".into();
        }
    };
    fs::write(file, bytes).unwrap();
    what
}

fn written(n: u64, closed: bool) -> (TempDir, Memory) {
    let dir = fast_dir();
    let mut store = open(dir.path());
    let mut memory = Memory::new();
    for n in 1..=n {
        commit_both(&mut store, &mut memory, &batch(SEED, n));
    }
    if closed {
        Box::new(store).close().unwrap();
    }
    (dir, memory)
}

fn model(n: u64) -> Model {
    let mut model = Model::default();
    (1..=n).for_each(|n| {
        model.commit(&batch(SEED, n));
    });
    model
}

fn open(dir: &Path) -> JournalStore {
    let options = Options {
        segment_bytes: SEGMENT_BYTES,
        ..Options::default()
    };
    JournalStore::open(dir, options).unwrap()
}

/// All files but the lock, which says who looks.
fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    files_under(dir)
        .into_iter()
        .filter(|file| !file.ends_with("LOCK"))
        .map(|file| (file.clone(), fs::read(file).unwrap()))
        .collect()
}

fn journal_bytes(dir: &Path) -> u64 {
    let files = files_under(&dir.join("journal"));
    files
        .iter()
        .map(|file| fs::metadata(file).unwrap().len())
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
    files.sort();
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

fn doc(n: u8) -> DocKey {
    DocKey::from_bytes([n; 17])
}

fn hash(n: u32) -> ChunkHash {
    let mut hash = [7; 32];
    hash[..4].copy_from_slice(&n.to_be_bytes());
    ChunkHash::from_bytes(hash)
}

fn chunk(n: u32, bytes: usize) -> Chunk {
    Chunk {
        hash: hash(n),
        kind: ChunkKind::Change,
        epoch: 0,
        bytes: vec![3; bytes],
    }
}

fn put(doc: u8, n: u32, bytes: usize) -> Op {
    Op::PutChunk {
        doc: self::doc(doc),
        chunk: chunk(n, bytes),
    }
}
