//! The conformance suite: one text of tests that defines what a [`Store`] is.
//!
//! Every engine runs it from its own tests: make a [`Fixture`] and call [`all`]. For random histories
//! (a property test) feed [`follows_model`] with [`Step`]s. A failed promise panics with what differed, as
//! an assertion in a test does; nothing here is for use outside tests.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "this is test code that engines outside the crate can call too"
)]

use std::ops::ControlFlow;

use crate::limits::{BATCH_BYTES_MAX, ROW_KEY_BYTES_MAX};
use crate::{
    Batch, Chunk, ChunkHash, ChunkKind, DocKey, Entry, Health, Op, Seq, Store, StoreError,
};

/// How the suite gets at an engine.
pub trait Fixture {
    /// The engine.
    type Engine: Store;

    /// A new, empty store, apart from all earlier ones.
    fn create(&mut self) -> Self::Engine;

    /// Stops the store and opens it again, in whatever way the engine should survive; an engine that
    /// keeps nothing gives back the same one.
    fn reopen(&mut self, store: Self::Engine) -> Self::Engine;
}

/// One step of a history.
#[derive(Clone, Debug)]
pub enum Step {
    /// Commit these operations.
    Commit(Batch),
    /// Let the store do a piece of what can wait.
    Tend,
    /// Stop and open again.
    Reopen,
}

/// Runs all fixed cases.
///
/// # Panics
/// When the engine breaks a promise.
pub fn all<F: Fixture>(fixture: &mut F) {
    let cases: [fn(&mut F); 10] = [
        an_empty_store_has_nothing,
        a_chunk_is_kept_once,
        equivocating_chunks_both_fit,
        a_snapshot_replaces_what_it_covers,
        purging_takes_the_document_and_nothing_else,
        rows_are_set_scanned_and_removed,
        large_values_are_kept,
        pages_end_at_commits,
        what_waits_comes_to_an_end_and_changes_nothing,
        too_large_changes_nothing,
    ];
    for case in cases {
        case(fixture);
    }
}

/// Plays a history on an engine and on a plain model and compares all that can be read, after each step.
///
/// # Panics
/// When the engine and the model differ.
pub fn follows_model<F: Fixture>(fixture: &mut F, steps: &[Step]) {
    let mut model = Model::default();
    let mut store = fixture.create();
    for (at, step) in steps.iter().enumerate() {
        match step {
            Step::Commit(batch) => {
                let expected = model.commit(batch);
                let seq = store.commit(batch).expect("a commit");
                assert_eq!(seq, expected, "number of the commit in step {at}");
            }
            Step::Tend => {
                store.tend().expect("tending");
            }
            Step::Reopen => store = fixture.reopen(store),
        }
        model.compare(&store, at);
    }
    Box::new(store).close().expect("closing");
}

/// What a store should hold, written in the plainest way: two lists in the order of the commits.
#[derive(Clone, Debug, Default)]
pub struct Model {
    last: u64,
    chunks: Vec<Entry>,
    rows: Vec<(u8, Vec<u8>, Vec<u8>)>,
    seen: Vec<DocKey>,
}

impl Model {
    /// Applies a batch and returns its number.
    pub fn commit(&mut self, batch: &Batch) -> Seq {
        let drops = |op: &Op| matches!(op, Op::Replace { .. } | Op::Purge { .. });
        let known =
            |op: &Op| matches!(op, Op::PutChunk { doc, chunk } if self.has(doc, &chunk.hash));
        if batch.0.iter().any(drops) || !batch.0.iter().all(known) {
            self.last += 1;
            for op in &batch.0 {
                self.apply(op);
            }
        }
        Seq(self.last)
    }

    /// The last commit's number.
    #[must_use]
    pub fn last(&self) -> Seq {
        Seq(self.last)
    }

    /// Compares all that can be read from `store`; `at` names the step in the message.
    ///
    /// # Panics
    /// When they differ.
    pub fn compare(&self, store: &dyn Store, at: usize) {
        assert_eq!(store.last(), Seq(self.last), "last commit after step {at}");
        assert_eq!(store.health(), Health::Writable, "health after step {at}");
        let mut documents: Vec<DocKey> = self.chunks.iter().map(|entry| entry.doc).collect();
        documents.sort();
        documents.dedup();
        assert_eq!(
            store.documents().unwrap(),
            documents,
            "documents after step {at}"
        );
        for doc in &self.seen {
            assert_eq!(
                store.load(doc).unwrap(),
                self.load(doc),
                "chunks of {doc:?} after step {at}"
            );
        }
        for table in 0..4 {
            assert_eq!(
                rows(store, table, &[]),
                self.scan(table),
                "table {table} after step {at}"
            );
        }
        for (table, key, value) in &self.rows {
            assert_eq!(
                store.get(*table, key).unwrap().as_ref(),
                Some(value),
                "row after step {at}"
            );
        }
        for cursor in [0, self.last / 2, self.last] {
            let after: Vec<Entry> = self
                .chunks
                .iter()
                .filter(|entry| entry.seq.0 > cursor)
                .cloned()
                .collect();
            assert_eq!(
                walk(store, Seq(cursor), 3),
                after,
                "since {cursor} after step {at}"
            );
        }
    }

    /// A document's chunks, as [`Store::load`] must give them.
    #[must_use]
    pub fn load(&self, doc: &DocKey) -> Vec<Chunk> {
        let of = |kind| {
            self.chunks
                .iter()
                .filter(move |entry| entry.doc == *doc && entry.chunk.kind == kind)
                .map(|entry| entry.chunk.clone())
        };
        of(ChunkKind::Snapshot)
            .chain(of(ChunkKind::Change))
            .collect()
    }

    fn has(&self, doc: &DocKey, hash: &ChunkHash) -> bool {
        self.chunks
            .iter()
            .any(|entry| entry.doc == *doc && entry.chunk.hash == *hash)
    }

    fn apply(&mut self, op: &Op) {
        match op {
            Op::PutChunk { doc, chunk } => self.put(doc, chunk),
            Op::Replace {
                doc,
                covered,
                snapshot,
            } => {
                self.chunks
                    .retain(|entry| entry.doc != *doc || !covered.contains(&entry.chunk.hash));
                self.put(doc, snapshot);
            }
            Op::Purge { doc } => self.chunks.retain(|entry| entry.doc != *doc),
            Op::Put { table, key, value } => {
                self.rows.retain(|(of, at, _)| (of, at) != (table, key));
                self.rows.push((*table, key.clone(), value.clone()));
            }
            Op::Delete { table, key } => self.rows.retain(|(of, at, _)| (of, at) != (table, key)),
        }
    }

    fn put(&mut self, doc: &DocKey, chunk: &Chunk) {
        if !self.seen.contains(doc) {
            self.seen.push(*doc);
        }
        if !self.has(doc, &chunk.hash) {
            self.chunks.push(Entry {
                seq: Seq(self.last),
                doc: *doc,
                chunk: chunk.clone(),
            });
        }
    }

    fn scan(&self, table: u8) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut rows: Vec<_> = self
            .rows
            .iter()
            .filter(|(of, ..)| *of == table)
            .map(|(_, key, value)| (key.clone(), value.clone()))
            .collect();
        rows.sort();
        rows
    }
}

fn an_empty_store_has_nothing(fixture: &mut impl Fixture) {
    let mut store = fixture.create();
    for _ in 0..2 {
        assert_eq!(store.last(), Seq::ZERO);
        assert_eq!(store.documents().unwrap(), []);
        assert_eq!(store.load(&doc(1)).unwrap(), []);
        assert_eq!(store.get(0, b"key").unwrap(), None);
        assert_eq!(rows(&store, 0, &[]), []);
        assert_eq!(walk(&store, Seq::ZERO, 10), []);
        assert_eq!(
            store.commit(&Batch::default()).unwrap(),
            Seq::ZERO,
            "nothing to commit"
        );
        store = fixture.reopen(store);
    }
}

fn a_chunk_is_kept_once(fixture: &mut impl Fixture) {
    let mut store = fixture.create();
    let first = change(1, b"first");
    assert_eq!(store.commit(&put(1, &first)).unwrap(), Seq(1));
    assert_eq!(
        store.commit(&put(1, &first)).unwrap(),
        Seq(1),
        "known: nothing was written"
    );
    assert_eq!(
        store.commit(&put(1, &change(1, b"other bytes"))).unwrap(),
        Seq(1),
        "the first stays"
    );
    let mut store = fixture.reopen(store);
    assert_eq!(store.commit(&put(1, &first)).unwrap(), Seq(1));
    assert_eq!(store.load(&doc(1)).unwrap(), std::slice::from_ref(&first));
    assert_eq!(
        store.commit(&put(2, &first)).unwrap(),
        Seq(2),
        "another document's key is another key"
    );
    let twice = Batch([put(3, &first).0, put(3, &first).0].concat());
    assert_eq!(store.commit(&twice).unwrap(), Seq(3));
    assert_eq!(store.load(&doc(3)).unwrap(), [first]);
}

fn equivocating_chunks_both_fit(fixture: &mut impl Fixture) {
    let mut store = fixture.create();
    let (one, other) = (change(1, b"seq 5, one way"), change(2, b"seq 5, another"));
    store.commit(&put(1, &one)).unwrap();
    store.commit(&put(1, &other)).unwrap();
    let store = fixture.reopen(store);
    assert_eq!(store.load(&doc(1)).unwrap(), [one, other]);
}

/// K3, the store's half: what a snapshot covers goes with the batch that brings the snapshot, and nothing else goes.
fn a_snapshot_replaces_what_it_covers(fixture: &mut impl Fixture) {
    let mut store = fixture.create();
    let changes: Vec<Chunk> = (1..=5).map(|n| change(n, &[n; 100])).collect();
    for chunk in &changes {
        store.commit(&put(1, chunk)).unwrap();
    }
    let snapshot = snapshot(9, b"all of it");
    let covered = (1..=3).chain([77]).map(hash).collect();
    let replace = Op::Replace {
        doc: doc(1),
        covered,
        snapshot: snapshot.clone(),
    };
    store.commit(&Batch(vec![replace])).unwrap();
    for _ in 0..2 {
        let expected = [snapshot.clone(), changes[3].clone(), changes[4].clone()];
        assert_eq!(
            store.load(&doc(1)).unwrap(),
            expected,
            "the snapshot comes first"
        );
        let after: Vec<Seq> = walk(&store, Seq::ZERO, 10)
            .iter()
            .map(|entry| entry.seq)
            .collect();
        assert_eq!(
            after,
            [Seq(4), Seq(5), Seq(6)],
            "covered chunks are gone from the history too"
        );
        store = fixture.reopen(store);
    }
}

fn purging_takes_the_document_and_nothing_else(fixture: &mut impl Fixture) {
    let mut store = fixture.create();
    let kept = change(1, b"stays");
    store.commit(&put(1, &change(1, b"goes"))).unwrap();
    store.commit(&put(2, &kept)).unwrap();
    store
        .commit(&Batch(vec![set(0, b"row", b"stays")]))
        .unwrap();
    store
        .commit(&Batch(vec![Op::Purge { doc: doc(1) }]))
        .unwrap();
    for _ in 0..2 {
        assert_eq!(store.load(&doc(1)).unwrap(), []);
        assert_eq!(store.documents().unwrap(), [doc(2)]);
        assert_eq!(store.load(&doc(2)).unwrap(), std::slice::from_ref(&kept));
        assert_eq!(store.get(0, b"row").unwrap(), Some(b"stays".to_vec()));
        store = fixture.reopen(store);
    }
    let again = change(1, b"begins anew");
    store.commit(&put(1, &again)).unwrap();
    assert_eq!(fixture.reopen(store).load(&doc(1)).unwrap(), [again]);
}

fn rows_are_set_scanned_and_removed(fixture: &mut impl Fixture) {
    let mut store = fixture.create();
    let sets = [
        set(1, b"a", b"1"),
        set(1, b"ab", b"2"),
        set(1, b"abc", b""),
        set(1, b"b", b"4"),
    ];
    store.commit(&Batch(sets.to_vec())).unwrap();
    store
        .commit(&Batch(vec![
            set(2, b"ab", b"of another table"),
            set(1, b"", b"empty key"),
        ]))
        .unwrap();
    store
        .commit(&Batch(vec![
            set(1, &[255, 255], b"last"),
            set(1, b"a", b"new"),
        ]))
        .unwrap();
    let gone = |key: &[u8]| Op::Delete {
        table: 1,
        key: key.to_vec(),
    };
    store
        .commit(&Batch(vec![
            gone(b"b"),
            gone(b"never there"),
            set(1, b"c", b"5"),
        ]))
        .unwrap();
    for _ in 0..2 {
        let row = |key: &[u8], value: &[u8]| (key.to_vec(), value.to_vec());
        let with_a = [row(b"a", b"new"), row(b"ab", b"2"), row(b"abc", b"")];
        assert_eq!(rows(&store, 1, b"a"), with_a);
        assert_eq!(rows(&store, 1, &[255]), [row(&[255, 255], b"last")]);
        assert_eq!(rows(&store, 1, &[]).len(), 6);
        assert_eq!(store.get(1, b"b").unwrap(), None);
        assert_eq!(store.get(1, b"").unwrap(), Some(b"empty key".to_vec()));
        let mut visits = 0;
        let mut once = |_: &[u8], _: &[u8]| {
            visits += 1;
            ControlFlow::Break(())
        };
        store.scan(1, &[], &mut once).unwrap();
        assert_eq!(visits, 1, "the visitor's word ends a scan");
        store = fixture.reopen(store);
    }
}

fn large_values_are_kept(fixture: &mut impl Fixture) {
    let mut store = fixture.create();
    let large: Vec<u8> = (0..300_000_u32)
        .map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1])
        .collect();
    let chunk = Chunk {
        epoch: 7,
        ..snapshot(1, &large)
    };
    store.commit(&put(1, &chunk)).unwrap();
    for bytes in [4095, 4096, 4097, 300_000] {
        store
            .commit(&Batch(vec![set(1, b"large", &large[..bytes])]))
            .unwrap();
        assert_eq!(store.get(1, b"large").unwrap().unwrap(), large[..bytes]);
    }
    let store = fixture.reopen(store);
    assert_eq!(store.load(&doc(1)).unwrap(), [chunk]);
    assert_eq!(rows(&store, 1, b"l"), [(b"large".to_vec(), large)]);
}

fn pages_end_at_commits(fixture: &mut impl Fixture) {
    let mut store = fixture.create();
    for n in 0..4 {
        let ops = (0..3).flat_map(|m| put(m, &change(n, &[n, m])).0).collect();
        store.commit(&Batch(ops)).unwrap();
    }
    store
        .commit(&Batch(vec![set(0, b"row", b"a commit without chunks")]))
        .unwrap();
    let store = fixture.reopen(store);
    let page = store.since(Seq(1), 4).unwrap();
    assert_eq!(
        (page.entries.len(), page.next, page.complete),
        (6, Seq(3), false)
    );
    let page = store.since(page.next, 4).unwrap();
    assert_eq!(
        (page.entries.len(), page.next, page.complete),
        (3, Seq(5), true)
    );
    assert_eq!(store.since(Seq(5), 4).unwrap().next, Seq(5));
    assert_eq!(walk(&store, Seq::ZERO, 1).len(), 12);
}

fn what_waits_comes_to_an_end_and_changes_nothing(fixture: &mut impl Fixture) {
    const PIECES_MAX: usize = 10_000;
    let mut store = fixture.create();
    let mut model = Model::default();
    let replace = Op::Replace {
        doc: doc(1),
        covered: (0..50).map(hash).collect(),
        snapshot: snapshot(99, b"all of it"),
    };
    let batches = (0..60)
        .map(|n| put(1, &change(n, &[n; 200])))
        .chain([Batch(vec![replace])]);
    for batch in batches {
        store.commit(&batch).unwrap();
        model.commit(&batch);
    }
    let pieces = (0..PIECES_MAX).take_while(|_| store.tend().unwrap());
    assert!(pieces.count() < PIECES_MAX, "it never ends");
    model.compare(&store, 0);
    model.compare(&fixture.reopen(store), 1);
}

fn too_large_changes_nothing(fixture: &mut impl Fixture) {
    let mut store = fixture.create();
    let large = Batch(vec![
        set(0, b"ok", b"ok"),
        set(0, b"large", &vec![1; BATCH_BYTES_MAX]),
    ]);
    assert!(matches!(
        store.commit(&large),
        Err(StoreError::TooLarge { .. })
    ));
    let long_key = Batch(vec![set(0, &[1; ROW_KEY_BYTES_MAX + 1], b"")]);
    assert!(matches!(
        store.commit(&long_key),
        Err(StoreError::TooLarge { .. })
    ));
    assert_eq!(rows(&store, 0, &[]), []);
    assert_eq!(store.health(), Health::Writable);
    assert_eq!(
        store.commit(&Batch(vec![set(0, b"ok", b"ok")])).unwrap(),
        Seq(1)
    );
}

fn doc(n: u8) -> DocKey {
    DocKey::from_bytes([n; 17])
}

fn hash(n: u8) -> ChunkHash {
    ChunkHash::from_bytes([n; 32])
}

fn change(n: u8, bytes: &[u8]) -> Chunk {
    Chunk {
        hash: hash(n),
        kind: ChunkKind::Change,
        epoch: 0,
        bytes: bytes.to_vec(),
    }
}

fn snapshot(n: u8, bytes: &[u8]) -> Chunk {
    Chunk {
        kind: ChunkKind::Snapshot,
        ..change(n, bytes)
    }
}

fn put(n: u8, chunk: &Chunk) -> Batch {
    Batch(vec![Op::PutChunk {
        doc: doc(n),
        chunk: chunk.clone(),
    }])
}

fn set(table: u8, key: &[u8], value: &[u8]) -> Op {
    Op::Put {
        table,
        key: key.to_vec(),
        value: value.to_vec(),
    }
}

fn rows(store: &dyn Store, table: u8, prefix: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rows = Vec::new();
    let mut visit = |key: &[u8], value: &[u8]| {
        rows.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    };
    store.scan(table, prefix, &mut visit).unwrap();
    rows
}

/// All entries after `cursor`, page by page.
fn walk(store: &dyn Store, mut cursor: Seq, limit: usize) -> Vec<Entry> {
    let mut entries = Vec::new();
    loop {
        let page = store.since(cursor, limit).unwrap();
        entries.extend(page.entries);
        if page.complete {
            assert_eq!(
                page.next,
                store.last(),
                "a complete page ends at the last commit"
            );
            return entries;
        }
        assert!(page.next > cursor, "a page moves on");
        cursor = page.next;
    }
}
