//! One million chunks in ten thousand documents: memory, opening, reading, and the space that comes back.
//!
//! `cargo run --release -p smallwin-storage --example scale_bench [-- DIR [CHUNKS]]`; DIR must be on the disk
//! that is to be measured (default: the current folder). Each step runs in a process of its own, so that
//! its memory is its own.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a measuring program looks at the clock, prints, and may stop at the first failure"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, exit};
use std::time::Instant;

use smallwin_storage::{
    Batch, Chunk, ChunkHash, ChunkKind, DocKey, JournalStore, Op, Options, Seq, Store,
};

const DOCUMENTS: u64 = 10_000;
const GROUP: u64 = 1_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [step, dir, chunks] = &arguments[..]
        && let Some((_, run)) = STEPS.iter().find(|(name, _)| name == step)
    {
        run(Path::new(dir), chunks.parse().unwrap());
        return;
    }
    let parent = arguments.first().map_or(".", String::as_str);
    let chunks = arguments.get(1).map_or("1000000", String::as_str);
    let dir = tempfile::tempdir_in(parent).unwrap();
    for (name, _) in STEPS {
        let status = Command::new(std::env::current_exe().unwrap())
            .args([name, dir.path().to_str().unwrap(), chunks])
            .status()
            .unwrap();
        // The step that ends like a crash says so.
        assert!(
            status.code() == Some(0) || status.code() == Some(77),
            "{name}"
        );
    }
}

type Step = fn(&Path, u64);

const STEPS: [(&str, Step); 9] = [
    ("load", load),
    ("open after a clean stop", open_only),
    ("read", read),
    ("crash with a segment to replay", crash_late),
    ("open after that crash", open_only),
    ("crash inside a checkpoint", crash_in_checkpoint),
    ("open after that crash, index built anew", open_only),
    ("replace 90 % by snapshots", replace),
    ("open after that", open_only),
];

fn load(dir: &Path, chunks: u64) {
    let mut store = open(dir);
    let begin = Instant::now();
    for first in (0..chunks).step_by(GROUP as usize) {
        let ops = (first..first + GROUP).map(put).collect();
        store.commit(&Batch(ops)).unwrap();
    }
    let seconds = begin.elapsed().as_secs_f64();
    say("load", dir, &format!("{:.1} s", seconds));
    let begin = Instant::now();
    Box::new(store).close().unwrap();
    say(
        "close",
        dir,
        &format!("{:.2} s", begin.elapsed().as_secs_f64()),
    );
}

fn open_only(dir: &Path, _chunks: u64) {
    let begin = Instant::now();
    let store = open(dir);
    let seconds = begin.elapsed().as_secs_f64();
    let how = store.rebuilt().map_or("index used", |_| "index built anew");
    say("open", dir, &format!("{seconds:.2} s, {how}"));
    Box::new(store).close().unwrap();
}

fn read(dir: &Path, chunks: u64) {
    let store = open(dir);
    let mut loads: Vec<f64> = (0..1000)
        .map(|n| {
            let begin = Instant::now();
            let chunks = store.load(&doc(n * 7)).unwrap();
            assert!(!chunks.is_empty());
            begin.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    loads.sort_by(f64::total_cmp);
    say(
        "load a document of 100 chunks, median and 99 %",
        dir,
        &format!("{:.2} ms, {:.2} ms", loads[500], loads[990]),
    );
    let begin = Instant::now();
    let (mut cursor, mut found, mut pages) = (Seq::ZERO, 0, 0);
    loop {
        let page = store.since(cursor, 4096).unwrap();
        found += page.entries.len() as u64;
        pages += 1;
        cursor = page.next;
        if page.complete {
            break;
        }
    }
    assert_eq!(found, chunks);
    say(
        "all chunks by `since`",
        dir,
        &format!("{:.1} s in {pages} pages", begin.elapsed().as_secs_f64()),
    );
    Box::new(store).close().unwrap();
}

/// Ends with as much to replay as there can be between two checkpoints, about.
fn crash_late(dir: &Path, chunks: u64) {
    let mut store = open(dir);
    for first in (chunks..chunks + chunks / 5).step_by(GROUP as usize) {
        let ops = (first..first + GROUP).map(put).collect();
        store.commit(&Batch(ops)).unwrap();
    }
    exit(77);
}

/// Leaves what a crash inside a checkpoint leaves: no index to trust.
fn crash_in_checkpoint(dir: &Path, _chunks: u64) {
    fs::remove_file(dir.join("CHECKPOINT")).unwrap();
}

fn replace(dir: &Path, chunks: u64) {
    let chunks = chunks + chunks / 5;
    let mut store = open(dir);
    let begin = Instant::now();
    let per_document = chunks / DOCUMENTS;
    let (mut commits, mut steps) = (Vec::new(), Vec::new());
    let mut more = true;
    for n in 0..DOCUMENTS {
        let commit = Instant::now();
        let covered = (0..per_document * 9 / 10)
            .map(|m| hash(m * DOCUMENTS + n))
            .collect();
        let snapshot = Chunk {
            kind: ChunkKind::Snapshot,
            ..chunk(chunks + n)
        };
        store
            .commit(&Batch(vec![Op::Replace {
                doc: doc(n),
                covered,
                snapshot,
            }]))
            .unwrap();
        commits.push(commit.elapsed().as_secs_f64() * 1000.0);
        more = timed(&mut steps, &mut store);
    }
    while more {
        more = timed(&mut steps, &mut store);
    }
    let seconds = begin.elapsed().as_secs_f64();
    for (what, times) in [("commit", &mut commits), ("step beside them", &mut steps)] {
        times.sort_by(f64::total_cmp);
        let [median, most] = [0.5, 0.99].map(|part| times[(times.len() as f64 * part) as usize]);
        let longest = times.last().copied().unwrap_or_default();
        let what = format!("a {what}: median, 99 %, longest");
        say(
            &what,
            dir,
            &format!("{median:.2}, {most:.1}, {longest:.0} ms"),
        );
    }
    Box::new(store).close().unwrap();
    let store = open(dir);
    let live: u64 = (0..DOCUMENTS)
        .map(|n| {
            let chunks = store.load(&doc(n)).unwrap();
            assert_eq!(
                chunks.len() as u64,
                per_document - per_document * 9 / 10 + 1
            );
            chunks
                .iter()
                .map(|chunk| chunk.bytes.len() as u64 + 53)
                .sum::<u64>()
        })
        .sum();
    let ratio = bytes_of(dir) as f64 / live as f64;
    say(
        "replace 90 % by snapshots",
        dir,
        &format!(
            "{seconds:.1} s; live {} MB with keys, folder {ratio:.2} times that",
            live >> 20
        ),
    );
    Box::new(store).close().unwrap();
}

/// Tends the store once, and says whether more waits.
fn timed(steps: &mut Vec<f64>, store: &mut JournalStore) -> bool {
    let begin = Instant::now();
    let more = store.tend().unwrap();
    steps.push(begin.elapsed().as_secs_f64() * 1000.0);
    more
}

fn say(what: &str, dir: &Path, result: &str) {
    println!(
        "{what:<48} {result:<32} memory {:>4} MB (peak {:>4}), folder {:>5} MB",
        memory_kb("VmRSS:") >> 10,
        memory_kb("VmHWM:") >> 10,
        bytes_of(dir) >> 20
    );
}

fn memory_kb(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(field));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or(0)
}

/// What the files take on the disk.
fn bytes_of(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else {
        return 0;
    };
    entries
        .map(|entry| {
            let path = entry.unwrap().path();
            match fs::metadata(&path) {
                Ok(found) if found.is_dir() => bytes_of(&path),
                #[cfg(unix)]
                Ok(found) => std::os::unix::fs::MetadataExt::blocks(&found) * 512,
                #[cfg(not(unix))]
                Ok(found) => found.len(),
                Err(_) => 0,
            }
        })
        .sum()
}

fn open(dir: &Path) -> JournalStore {
    JournalStore::open(dir, Options::default()).unwrap()
}

fn put(n: u64) -> Op {
    Op::PutChunk {
        doc: doc(n % DOCUMENTS),
        chunk: chunk(n),
    }
}

fn doc(n: u64) -> DocKey {
    let mut key = [0; 17];
    key[1..].copy_from_slice(&blake3::hash(&n.to_le_bytes()).as_bytes()[..16]);
    DocKey::from_bytes(key)
}

fn hash(n: u64) -> ChunkHash {
    ChunkHash::from_bytes(*blake3::hash(&(n + (1 << 40)).to_le_bytes()).as_bytes())
}

/// 60 to 300 bytes.
fn chunk(n: u64) -> Chunk {
    let len = 60 + n.wrapping_mul(7919) % 241;
    let hash = hash(n);
    let bytes = hash
        .as_bytes()
        .iter()
        .copied()
        .cycle()
        .take(len as usize)
        .collect();
    Chunk {
        hash,
        kind: ChunkKind::Change,
        epoch: 0,
        bytes,
    }
}
