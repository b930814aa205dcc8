//! Damage on the disk: found, named or healed, never answered with silence.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may panic, and the helpers it shares read variables"
)]

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use smallwin_storage::{
    Batch, Chunk, ChunkHash, ChunkKind, DocKey, JournalStore, Memory, Op, OpenError, Options, Rows,
    Seq, Store, StoreError,
};
use tempfile::TempDir;

mod common;
use common::{Dice, batch, fast_dir};

const SEED: u64 = 7;

/// Small, so that a short history has several segments.
const SEGMENT_BYTES: u64 = 30_000;

#[test]
fn k4_every_damage_is_named_or_healed() {
    let (dir, memory) = written(60);
    let (compacted, _) = written(60);
    let mut store = open(compacted.path()).unwrap();
    store.compact().unwrap();
    Box::new(store).close().unwrap();
    let mut dice = Dice(SEED);
    let (mut refused, mut named, mut healed) = (0, 0, 0);
    for round in 0..200 {
        let copy = copy_of(if round % 4 == 0 { &compacted } else { &dir }.path());
        let files = files_under(copy.path());
        let file = &files[dice.below(files.len() as u64) as usize];
        let what = damage(file, &mut dice);
        let context = format!("round {round}: {what} in {}", file.display());
        match open(copy.path()) {
            Err(
                OpenError::Corrupted { .. } | OpenError::TailLost { .. } | OpenError::TooNew { .. },
            ) => {
                refused += 1;
            }
            Err(other) => panic!("{context}: {other}"),
            Ok(store) if answers_truly(&store, &memory, &context) => healed += 1,
            Ok(_) => named += 1,
        }
    }
    println!("200 damages: {refused} refused, {named} named when read, {healed} healed");
    assert!(
        refused > 0 && named > 0 && healed > 0,
        "{refused} refused, {named} named, {healed} healed"
    );
}

#[test]
fn a_flipped_bit_in_the_last_segment_is_refused_by_place() {
    let (dir, _) = written_wide(8);
    let last = segments(dir.path()).pop().unwrap();
    let at = 64 + 32 + 10;
    flip(&last, at);
    match open(dir.path()).unwrap_err() {
        OpenError::Corrupted { file, offset, .. } => {
            assert_eq!(file, last);
            assert!(
                offset <= at as u64,
                "the record that holds byte {at} begins at {offset}"
            );
        }
        other => panic!("{other}"),
    }
    let before = fs::read(&last).unwrap();
    open(dir.path()).unwrap_err();
    assert_eq!(fs::read(&last).unwrap(), before, "refusing changes nothing");
}

#[test]
fn a_flipped_bit_in_an_older_segment_is_named_when_it_is_read() {
    let (dir, store) = one_chunk_in_an_older_segment();
    Box::new(store).close().unwrap();
    let first = &segments(dir.path())[0];
    let bytes = fs::read(first).unwrap();
    let at = bytes
        .windows(6)
        .position(|window| window == b"marker")
        .unwrap();
    flip(first, at + 2);
    let store = open(dir.path()).unwrap();
    match store.load(&doc(1)).unwrap_err() {
        StoreError::Corrupted { file, offset, .. } => {
            assert_eq!((&file, offset), (first, at as u64));
        }
        other => panic!("{other}"),
    }
    assert_eq!(
        store.load(&doc(2)).unwrap().len(),
        1,
        "other documents are fine"
    );
    drop(store);
    fs::remove_dir_all(dir.path().join("index")).unwrap();
    let error = open(dir.path()).unwrap_err();
    assert!(
        matches!(error, OpenError::Corrupted { ref file, .. } if file == first),
        "{error}"
    );
}

#[test]
fn a_torn_end_is_cut_wherever_it_tears() {
    let (dir, memory) = written_wide(8);
    let last = segments(dir.path()).pop().unwrap();
    let before = without_reserve(fs::read(&last).unwrap()).len();
    let mut store = open_wide(dir.path()).unwrap();
    store.commit(&batch(SEED, 9)).unwrap();
    drop(store);
    assert_eq!(
        segments(dir.path()).last(),
        Some(&last),
        "the batch is small"
    );
    let bytes = without_reserve(fs::read(&last).unwrap());
    let tears = (before..bytes.len()).step_by(97);
    for keep in tears {
        for tail in [&[][..], &[0; 5000], &[0xaa; 50]] {
            let torn = [&bytes[..keep], tail].concat();
            fs::write(&last, torn).unwrap();
            let mut store = open_wide(dir.path()).unwrap();
            assert_eq!(store.last(), Seq(8), "torn at {keep}");
            assert!(answers_truly(&store, &memory, "torn"));
            assert_eq!(
                store.commit(&batch(SEED, 9)).unwrap(),
                Seq(9),
                "writing goes on"
            );
        }
    }
}

#[test]
fn a_lost_end_is_refused() {
    let (dir, _) = written(40);
    let files = segments(dir.path());
    let last = files.last().unwrap();
    let bytes = fs::read(last).unwrap();
    for keep in [bytes.len() - 1, bytes.len() / 2, 64, 10, 0] {
        fs::write(last, &bytes[..keep]).unwrap();
        let error = open(dir.path()).unwrap_err();
        let typed = matches!(
            error,
            OpenError::TailLost { .. } | OpenError::Corrupted { .. }
        );
        assert!(typed, "cut to {keep}: {error}");
    }
    fs::remove_file(last).unwrap();
    assert!(matches!(
        open(dir.path()).unwrap_err(),
        OpenError::TailLost { expected: 40, .. }
    ));
    fs::write(last, &bytes).unwrap();
    assert_eq!(
        open(dir.path()).unwrap().last(),
        Seq(40),
        "put back, all is well"
    );
    fs::remove_file(&files[1]).unwrap();
    let error = open(dir.path()).unwrap_err();
    assert!(
        matches!(error, OpenError::Corrupted { ref file, .. } if *file == files[1]),
        "{error}"
    );
    fs::remove_dir_all(dir.path().join("journal")).unwrap();
    assert!(matches!(
        open(dir.path()).unwrap_err(),
        OpenError::TailLost { expected: 40, .. }
    ));
}

#[test]
fn a_destroyed_index_is_built_anew() {
    let (dir, memory) = written(40);
    assert_eq!(
        open(dir.path()).unwrap().rebuilt(),
        None,
        "a sound one is used"
    );
    let index = dir.path().join("index");
    let destroy: [fn(&Path); 4] = [
        |index| fs::remove_dir_all(index).unwrap(),
        |index| {
            files_under(index)
                .iter()
                .for_each(|file| fs::write(file, b"garbage").unwrap())
        },
        |index| {
            files_under(index)
                .iter()
                .for_each(|file| fs::write(file, b"").unwrap())
        },
        |index| {
            fs::remove_dir_all(index).unwrap();
            fs::write(index, b"not even a folder").unwrap();
        },
    ];
    for destroy in destroy {
        Box::new(open(dir.path()).unwrap()).close().unwrap();
        destroy(&index);
        let store = open(dir.path()).unwrap();
        assert!(store.rebuilt().is_some());
        assert!(answers_truly(&store, &memory, "rebuilt"));
        assert!(
            !dir.path().join("index.aside").exists(),
            "nothing is left behind"
        );
    }
    fs::remove_file(dir.path().join("CHECKPOINT")).unwrap();
    assert!(answers_truly(
        &open(dir.path()).unwrap(),
        &memory,
        "without a checkpoint"
    ));
}

#[test]
fn a_second_opening_says_who_has_it() {
    let (dir, store) = one_chunk_in_an_older_segment();
    let error = open(dir.path()).unwrap_err();
    assert!(matches!(error, OpenError::Locked { pid: Some(pid), .. } if pid == std::process::id()));
    drop(store);
    open(dir.path()).unwrap();
}

#[test]
fn a_newer_format_is_refused_as_such() {
    let (dir, store) = one_chunk_in_an_older_segment();
    drop(store);
    let first = &segments(dir.path())[0];
    let mut bytes = fs::read(first).unwrap();
    bytes[8] = 9;
    let check = blake3::hash(&bytes[..48]);
    bytes[48..64].copy_from_slice(&check.as_bytes()[..16]);
    fs::write(first, bytes).unwrap();
    assert!(matches!(
        open(dir.path()).unwrap_err(),
        OpenError::TooNew { version: 9, .. }
    ));
}

#[test]
fn k5_a_purged_document_is_nowhere_in_the_folder() {
    let (dir, mut store) = one_chunk_in_an_older_segment();
    let snapshot = Chunk {
        kind: ChunkKind::Snapshot,
        ..chunk(3, b"the marker, covered")
    };
    let covered = vec![hash(1)];
    store
        .commit(&Batch(vec![Op::Replace {
            doc: doc(1),
            covered,
            snapshot,
        }]))
        .unwrap();
    store
        .commit(&put(
            1,
            chunk(4, &[b"marker ".repeat(5000), vec![1]].concat()),
        ))
        .unwrap();
    assert!(holds_marker(dir.path()));
    let others = store.load(&doc(2)).unwrap();
    store
        .commit(&Batch(vec![Op::Purge { doc: doc(1) }]))
        .unwrap();
    assert!(!holds_marker(dir.path()), "while it is open");
    store.commit(&put(1, chunk(1, b"begun anew"))).unwrap();
    for _ in 0..2 {
        assert_eq!(store.load(&doc(2)).unwrap(), others);
        assert_eq!(store.load(&doc(1)).unwrap(), [chunk(1, b"begun anew")]);
        drop(store);
        fs::remove_dir_all(dir.path().join("index")).unwrap();
        store = open(dir.path()).unwrap();
        assert!(!holds_marker(dir.path()));
    }
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_enter() {
    use std::os::unix::fs::PermissionsExt;
    let parent = fast_dir();
    let dir = parent.path().join("data").join("store");
    drop(open(&dir).unwrap());
    for dir in [&dir, &dir.join("journal")] {
        assert_eq!(
            fs::metadata(dir).unwrap().permissions().mode() & 0o777,
            0o700
        );
    }
    let segment = &segments(&dir)[0];
    assert_eq!(
        fs::metadata(segment).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

/// A closed store with the first `n` batches, and what it must answer.
fn written(n: u64) -> (TempDir, Memory) {
    let dir = fast_dir();
    let mut store = open(dir.path()).unwrap();
    for n in 1..=n {
        store.commit(&batch(SEED, n)).unwrap();
    }
    Box::new(store).close().unwrap();
    (dir, memory(n))
}

/// As [`written`], all in one segment, and not closed.
fn written_wide(n: u64) -> (TempDir, Memory) {
    let dir = fast_dir();
    let mut store = open_wide(dir.path()).unwrap();
    for n in 1..=n {
        store.commit(&batch(SEED, n)).unwrap();
    }
    (dir, memory(n))
}

fn memory(n: u64) -> Memory {
    let mut memory = Memory::new();
    for n in 1..=n {
        memory.commit(&batch(SEED, n)).unwrap();
    }
    memory
}

/// Document 1 has one chunk with the word marker, in the first segment; document 2 one in the last.
fn one_chunk_in_an_older_segment() -> (TempDir, JournalStore) {
    let dir = fast_dir();
    let options = Options {
        segment_bytes: 100,
        ..Options::default()
    };
    let mut store = JournalStore::open(dir.path(), options).unwrap();
    store.commit(&put(1, chunk(1, b"marker"))).unwrap();
    store.commit(&put(2, chunk(1, b"another"))).unwrap();
    assert_eq!(segments(dir.path()).len(), 2);
    (dir, store)
}

/// Whether every answer could be given; one that is given must be right.
fn answers_truly(store: &dyn Store, memory: &Memory, context: &str) -> bool {
    let mut all = true;
    let mut judge = |right: Result<bool, StoreError>| match right {
        Ok(right) => assert!(right, "{context}: a wrong answer"),
        Err(StoreError::Corrupted { .. }) => all = false,
        Err(other) => panic!("{context}: {other}"),
    };
    judge(Ok(store.last() == memory.last()));
    judge(
        store
            .documents()
            .map(|documents| documents == memory.documents().unwrap()),
    );
    for doc in memory.documents().unwrap() {
        judge(
            store
                .load(&doc)
                .map(|chunks| chunks == memory.load(&doc).unwrap()),
        );
    }
    for table in 0..4 {
        judge(rows(store, table).map(|found| found == rows(memory, table).unwrap()));
    }
    judge(
        store
            .since(Seq::ZERO, 10_000)
            .map(|page| page == memory.since(Seq::ZERO, 10_000).unwrap()),
    );
    all
}

fn rows(store: &dyn Store, table: u8) -> Result<Rows, StoreError> {
    let mut rows = Rows::new();
    store.scan(table, &[], &mut |key, value| {
        rows.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    })?;
    Ok(rows)
}

/// Damages a file in one of three ways and says which.
fn damage(file: &Path, dice: &mut Dice) -> String {
    let mut bytes = fs::read(file).unwrap();
    let len = bytes.len() as u64;
    if len == 0 {
        return "nothing".into();
    }
    let at = dice.below(len) as usize;
    let what = match dice.below(3) {
        0 => {
            bytes[at] ^= 1 << dice.below(8);
            format!("a flipped bit at {at}")
        }
        1 => {
            let page = at / 4096 * 4096;
            let end = bytes.len().min(page + 4096);
            bytes[page..end].fill(0);
            format!("a zeroed page at {page}")
        }
        _ => {
            bytes.truncate(at);
            format!("cut at {at}")
        }
    };
    fs::write(file, bytes).unwrap();
    what
}

fn flip(file: &Path, at: usize) {
    let mut bytes = fs::read(file).unwrap();
    bytes[at] ^= 4;
    fs::write(file, bytes).unwrap();
}

fn open(dir: &Path) -> Result<JournalStore, OpenError> {
    JournalStore::open(
        dir,
        Options {
            segment_bytes: SEGMENT_BYTES,
            ..Options::default()
        },
    )
}

fn open_wide(dir: &Path) -> Result<JournalStore, OpenError> {
    JournalStore::open(dir, Options::default())
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    files_under(&dir.join("journal"))
}

/// Cuts the zeros that were written ahead.
fn without_reserve(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.iter().rposition(|byte| *byte != 0);
    bytes.truncate(end.map_or(0, |end| end + 1));
    bytes
}

fn files_under(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_under(&path))
        } else {
            files.push(path)
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

fn holds_marker(dir: &Path) -> bool {
    files_under(dir).iter().any(|file| {
        fs::read(file)
            .unwrap()
            .windows(6)
            .any(|window| window == b"marker")
    })
}

fn doc(n: u8) -> DocKey {
    DocKey::from_bytes([n; 17])
}

fn hash(n: u8) -> ChunkHash {
    ChunkHash::from_bytes([n; 32])
}

fn chunk(n: u8, bytes: &[u8]) -> Chunk {
    Chunk {
        hash: hash(n),
        kind: ChunkKind::Change,
        epoch: 0,
        bytes: bytes.to_vec(),
    }
}

fn put(n: u8, chunk: Chunk) -> Batch {
    Batch(vec![Op::PutChunk { doc: doc(n), chunk }])
}
