//! Durable appends per second: the journal store behind its committer against a bare log that only writes
//! and calls `fdatasync`, in groups of 1, 16 and 256 changes, on the same disk.
//!
//! `cargo run --release -p smallwin-storage --example append_bench [-- DIR]`; DIR must be on the disk that
//! is to be measured (default: the current folder). The two take turns, one group each, so that whatever
//! else uses the disk slows both; rates come from the median time of a group.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a measuring program looks at the clock, prints, and may stop at the first failure"
)]

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use smallwin_storage::{
    Batch, Chunk, ChunkHash, ChunkKind, Committer, DocKey, JournalStore, Op, Options,
};

/// Groups of each size.
const TURNS: usize = 400;
/// How long the writers go on at a time, and how often.
const SLICE: Duration = Duration::from_millis(100);
const SLICES: usize = 25;
const DOCUMENTS: u64 = 500;

fn main() {
    let parent = std::env::args().nth(1).unwrap_or_else(|| ".".into());
    let dir = tempfile::tempdir_in(parent).unwrap();
    let store = JournalStore::open(&dir.path().join("store"), Options::default()).unwrap();
    let committer = Committer::start(Box::new(store)).unwrap();
    let mut log = Log::create(&dir.path().join("bare.log"));
    let mut changes = Changes { next: 0 };
    println!("            | bare log | one batch of n    | n writers, one change each");
    println!("          n |     rate |     rate   ratio  |     rate   ratio   per fdatasync");
    for group in [1, 16, 256] {
        let mut times = Vec::new();
        for _ in 0..TURNS {
            let bare = log.append(&changes.take(group));
            times.push([bare, commit(&committer, changes.take(group))]);
        }
        let [bare, batch] = medians(&times);
        let mut slices = Vec::new();
        for _ in 0..SLICES {
            let bare = log.measure(group, &mut changes);
            let (writers, shared) = measure_writers(&committer, group, &mut changes);
            slices.push([writers, writers / bare, shared]);
        }
        let [writers, writers_ratio, shared] = medians(&slices);
        println!(
            "{group:11} | {:8.0} | {:8.0}    {:.2}  | {writers:8.0}    {writers_ratio:.2}   {shared:13.1}",
            group as f64 / bare,
            group as f64 / batch,
            bare / batch,
        );
    }
    committer.close().unwrap();
}

fn medians<const N: usize>(rounds: &[[f64; N]]) -> [f64; N] {
    std::array::from_fn(|column| {
        let mut values: Vec<f64> = rounds
            .iter()
            .filter_map(|round| round.get(column).copied())
            .collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    })
}

/// Changes of 60 to 300 bytes, none twice.
struct Changes {
    next: u64,
}

impl Changes {
    fn take(&mut self, count: usize) -> Vec<(DocKey, Chunk)> {
        (0..count).map(|_| self.next()).collect()
    }

    fn next(&mut self) -> (DocKey, Chunk) {
        self.next += 1;
        let mixed = blake3::hash(&self.next.to_le_bytes());
        let mut doc = [0; 17];
        doc.iter_mut()
            .zip((self.next % DOCUMENTS).to_be_bytes())
            .for_each(|(to, byte)| *to = byte);
        let len = usize::try_from(60 + self.next.wrapping_mul(7919) % 241).unwrap();
        let bytes = mixed.as_bytes().iter().copied().cycle().take(len).collect();
        let hash = ChunkHash::from_bytes(*mixed.as_bytes());
        (
            DocKey::from_bytes(doc),
            Chunk {
                hash,
                kind: ChunkKind::Change,
                epoch: 0,
                bytes,
            },
        )
    }
}

/// What cannot be beaten: the same bytes in one write and one `fdatasync` per group, nothing else.
struct Log {
    file: File,
}

impl Log {
    fn create(path: &Path) -> Self {
        Self {
            file: File::create(path).unwrap(),
        }
    }

    /// Seconds for one group.
    fn append(&mut self, changes: &[(DocKey, Chunk)]) -> f64 {
        let start = Instant::now();
        let mut bytes = Vec::new();
        for (doc, chunk) in changes {
            bytes.extend_from_slice(doc.as_bytes());
            bytes.extend_from_slice(chunk.hash.as_bytes());
            bytes.extend_from_slice(&chunk.bytes);
        }
        self.file.write_all(&bytes).unwrap();
        self.file.sync_data().unwrap();
        start.elapsed().as_secs_f64()
    }

    /// Appends per second over one slice.
    fn measure(&mut self, group: usize, changes: &mut Changes) -> f64 {
        let start = Instant::now();
        let mut appended = 0;
        while start.elapsed() < SLICE {
            self.append(&changes.take(group));
            appended += group;
        }
        appended as f64 / start.elapsed().as_secs_f64()
    }
}

/// Seconds for one batch, through the committer and back.
fn commit(committer: &Committer, changes: Vec<(DocKey, Chunk)>) -> f64 {
    let ops = changes
        .into_iter()
        .map(|(doc, chunk)| Op::PutChunk { doc, chunk })
        .collect();
    let start = Instant::now();
    committer.commit(Batch(ops)).unwrap();
    start.elapsed().as_secs_f64()
}

/// `group` writers, each of which hands in its next change when its last one is durable; one thread plays
/// them all. Returns the rate, and how many changes shared one `fdatasync`.
fn measure_writers(committer: &Committer, group: usize, changes: &mut Changes) -> (f64, f64) {
    let start = Instant::now();
    let (tell, told) = channel();
    for _ in 0..group {
        submit(committer, changes, &tell);
    }
    let first = last(committer);
    let (mut appended, mut waiting) = (0, group);
    while waiting > 0 {
        // All that became durable together is answered together, as a busy node does.
        let first: usize = told.recv().unwrap();
        let done = first + told.try_iter().sum::<usize>();
        appended += done;
        waiting -= done;
        if start.elapsed() < SLICE {
            (0..done).for_each(|_| submit(committer, changes, &tell));
            waiting += done;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let commits = last(committer) - first;
    (appended as f64 / seconds, appended as f64 / commits as f64)
}

fn last(committer: &Committer) -> u64 {
    let (tell, told) = channel();
    committer
        .read(move |store| tell.send(store.last().0).unwrap())
        .unwrap();
    told.recv().unwrap()
}

fn submit(committer: &Committer, changes: &mut Changes, tell: &Sender<usize>) {
    let (doc, chunk) = changes.next();
    let tell = tell.clone();
    let done = move |kept: Result<_, _>| {
        kept.unwrap();
        tell.send(1).unwrap();
    };
    committer
        .submit(Batch(vec![Op::PutChunk { doc, chunk }]), done)
        .unwrap();
}
