//! Durable group-committed appends against a bare log that does nothing but write and `fdatasync`.
//!
//! Both have the same writers, the same bytes, and the same rule: a writer goes on when its bytes are on disk, and all
//! that waits shares one sync. What the store adds is its frame with a checksum, its index, and atomic batches.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::Path,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

use anyhow::{Context, Result, bail};
use smallwin_storage::{
    Batch, Chunk, ChunkHash, ChunkKind, Committer, DocKey, JournalStore, Op, Options,
};

use crate::measure::{Comparison, compare};

/// What one keystroke's change and its frontier take, roughly.
const BYTES: usize = 300;
/// Appends of each writer per round.
const APPENDS: usize = 200;
/// Writers at once: one that is alone, a team, and a busy server.
const WRITERS: [usize; 3] = [1, 8, 64];

/// Prints one line per number of writers.
pub(crate) fn run() -> Result<()> {
    println!("durable appends of {BYTES} bytes; a writer waits until its own are on disk");
    for writers in WRITERS {
        let Comparison {
            ours,
            baseline,
            ratio,
        } = appends(writers)?;
        println!(
            "  {writers:>3} writers: ours {ours:>7.0}/s, bare fdatasync log {baseline:>7.0}/s, ratio {ratio:.2}"
        );
    }
    Ok(())
}

fn appends(writers: usize) -> Result<Comparison> {
    let folder = tempfile::tempdir().context("a temporary folder")?;
    let store = JournalStore::open(&folder.path().join("store"), Options::default())?;
    let committer = Committer::start(Box::new(store))?;
    let bare = BareLog::open(&folder.path().join("bare.log"))?;
    let mut round = 0_u64;
    let comparison = compare(
        writers * APPENDS,
        || {
            round += 1;
            let base = round * 1_000_000_000;
            all(writers, |writer| {
                let committer = committer.clone();
                move |number| {
                    let change = change(base + writer * 1_000_000 + number);
                    committer
                        .commit(change)
                        .map(drop)
                        .map_err(anyhow::Error::from)
                }
            })
        },
        || {
            all(writers, |_| {
                let bare = bare.clone();
                move |_| bare.append(vec![7; BYTES])
            })
        },
    )?;
    committer.close()?;
    Ok(comparison)
}

/// Lets this many writers do their appends at once, and waits for all.
fn all<W>(writers: usize, make: impl Fn(u64) -> W) -> Result<()>
where
    W: FnMut(u64) -> Result<()> + Send + 'static,
{
    let threads: Vec<_> = (0..writers as u64)
        .map(|writer| {
            let mut append = make(writer);
            thread::spawn(move || (0..APPENDS as u64).try_for_each(&mut append))
        })
        .collect();
    for thread in threads {
        match thread.join() {
            Ok(outcome) => outcome?,
            Err(_) => bail!("a writer panicked"),
        }
    }
    Ok(())
}

fn change(number: u64) -> Batch {
    let mut hash = [0; 32];
    let (head, _) = hash.split_at_mut(8);
    head.copy_from_slice(&number.to_be_bytes());
    let chunk = Chunk {
        hash: ChunkHash::from_bytes(hash),
        kind: ChunkKind::Change,
        epoch: 0,
        bytes: vec![7; BYTES],
    };
    Batch(vec![Op::PutChunk {
        doc: DocKey::from_bytes([1; 17]),
        chunk,
    }])
}

/// A log that does nothing but write and sync; all that waits while a sync runs shares the next one.
#[derive(Clone)]
struct BareLog {
    file: Arc<Mutex<Waiting>>,
    jobs: mpsc::Sender<()>,
}

type Waiting = Vec<(Vec<u8>, mpsc::SyncSender<bool>)>;

impl BareLog {
    fn open(path: &Path) -> Result<BareLog> {
        let file = OpenOptions::new()
            .create_new(true)
            .append(true)
            .open(path)?;
        let (jobs, woken) = mpsc::channel();
        let waiting = Arc::new(Mutex::new(Waiting::new()));
        let taken = Arc::clone(&waiting);
        thread::spawn(move || write_groups(file, &taken, &woken));
        Ok(BareLog {
            file: waiting,
            jobs,
        })
    }

    fn append(&self, bytes: Vec<u8>) -> Result<()> {
        let (done, answer) = mpsc::sync_channel(1);
        self.file
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((bytes, done));
        self.jobs.send(()).context("the bare log's thread ended")?;
        match answer.recv() {
            Ok(true) => Ok(()),
            _ => bail!("the bare log could not write"),
        }
    }
}

fn write_groups(mut file: File, waiting: &Mutex<Waiting>, woken: &mpsc::Receiver<()>) {
    while woken.recv().is_ok() {
        let group = std::mem::take(&mut *waiting.lock().unwrap_or_else(PoisonError::into_inner));
        if group.is_empty() {
            continue;
        }
        let bytes: Vec<u8> = group
            .iter()
            .flat_map(|(bytes, _)| bytes.iter().copied())
            .collect();
        let kept = file
            .write_all(&bytes)
            .and_then(|()| file.sync_data())
            .is_ok();
        for (_, done) in group {
            // A writer that is gone needs no answer.
            let _ = done.send(kept);
        }
    }
}
