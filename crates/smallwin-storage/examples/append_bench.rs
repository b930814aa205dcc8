//! Durable appends per second: the journal store behind its committer against a bare log that only writes
//! and calls `fdatasync`, in groups of 1, 16 and 256, in alternating rounds on the same disk.
//!
//! `cargo run --release -p smallwin-storage --example append_bench [-- DIR]`; DIR must be on the disk that
//! is to be measured (default: the current folder). Prints one line per group with medians and the ratio.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measuring program prints, and may stop at the first failure"
)]

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use smallwin_storage::{
    Batch, Chunk, ChunkHash, ChunkKind, Committer, DocKey, JournalStore, Op, Options,
};

const ROUNDS: usize = 9;
const ROUND: Duration = Duration::from_millis(700);
const DOCUMENTS: u64 = 500;

fn main() {
    let parent = std::env::args().nth(1).unwrap_or_else(|| ".".into());
    let dir = tempfile::tempdir_in(parent).unwrap();
    let store = JournalStore::open(&dir.path().join("store"), Options::default()).unwrap();
    let committer = Committer::start(Box::new(store)).unwrap();
    let mut log = Log::create(&dir.path().join("bare.log"));
    let mut changes = Changes { next: 0 };
    println!(
        "group   bare log/s   journal store/s   ratio (medians of {ROUNDS} alternating rounds)"
    );
    for group in [1, 16, 256] {
        let mut rates = Vec::new();
        for _ in 0..ROUNDS {
            let bare = log.measure(group, &mut changes);
            let ours = measure(&committer, group, &mut changes);
            rates.push((bare, ours, ours / bare));
        }
        let median = |of: fn(&(f64, f64, f64)) -> f64| {
            let mut values: Vec<f64> = rates.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or_default()
        };
        println!(
            "{group:5}   {:10.0}   {:15.0}   {:.2}",
            median(|rate| rate.0),
            median(|rate| rate.1),
            median(|rate| rate.2)
        );
    }
    committer.close().unwrap();
}

/// Changes of 60 to 300 bytes, none twice.
struct Changes {
    next: u64,
}

impl Changes {
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

    fn measure(&mut self, group: usize, changes: &mut Changes) -> f64 {
        let start = Instant::now();
        let mut appended = 0;
        while start.elapsed() < ROUND {
            let mut bytes = Vec::new();
            for _ in 0..group {
                let (doc, chunk) = changes.next();
                bytes.extend_from_slice(doc.as_bytes());
                bytes.extend_from_slice(chunk.hash.as_bytes());
                bytes.extend_from_slice(&chunk.bytes);
            }
            self.file.write_all(&bytes).unwrap();
            self.file.sync_data().unwrap();
            appended += group;
        }
        appended as f64 / start.elapsed().as_secs_f64()
    }
}

/// `group` writers, each of which hands in its next change when its last one is durable.
fn measure(committer: &Committer, group: usize, changes: &mut Changes) -> f64 {
    let start = Instant::now();
    let (tell, told) = channel();
    for _ in 0..group {
        submit(committer, changes, &tell);
    }
    let first_seq = last(committer);
    let (mut appended, mut waiting) = (0, group);
    while waiting > 0 {
        // All that became durable together is answered together, as a busy node does.
        let first: usize = told.recv().unwrap();
        let done = first + told.try_iter().sum::<usize>();
        appended += done;
        waiting -= done;
        if start.elapsed() < ROUND {
            (0..done).for_each(|_| submit(committer, changes, &tell));
            waiting += done;
        }
    }
    let t = start.elapsed().as_secs_f64();
    eprintln!(
        "per commit {}",
        appended as f64 / (last(committer) - first_seq) as f64
    );
    appended as f64 / t
}
fn last(c: &Committer) -> u64 {
    let (t, r) = channel();
    c.read(move |s| t.send(s.last().0).unwrap()).unwrap();
    r.recv().unwrap()
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
