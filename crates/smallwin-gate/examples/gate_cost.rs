//! What the gate costs beside Automerge, in one run: `cargo run --example gate_cost`.
//!
//! Prints µs per change and MB/s, and both as a share of what Automerge needs to
//! read the same changes (`Change::from_bytes`) and to apply them, in batches of
//! 64 and one by one.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement prints times and may panic"
)]

use std::time::{Duration, Instant};

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, AutoCommit, Automerge, Change, ObjId, ObjType, ROOT, ReadDoc};
use smallwin_gate::{ChangeIndex, OpIndex, Rules, open_change, read_change};

fn main() {
    println!("{:34} {:>8} {:>9} {:>8}", "", "µs/change", "MB/s", "bytes");
    measure("typing, 8 actors that merge", &typing(8, 4_000));
    measure("typing, 1 actor", &typing(1, 4_000));
    measure("pages pasted, 20 changes", &pages());
}

/// Takes the best of five runs of everything.
fn measure(name: &str, changes: &[Vec<u8>]) {
    let count = changes.len() as f64;
    let bytes = changes.iter().map(Vec::len).sum::<usize>() as f64;
    println!("{name}: {} changes", changes.len());
    let row = |what: &str, seconds: f64| {
        let (each, speed) = (seconds * 1e6 / count, bytes / seconds / 1e6);
        println!(
            "  {what:32} {each:>8.2} {speed:>9.1} {:>8.0}",
            bytes / count
        );
        seconds
    };
    let rules = Rules::default();
    let headers = row(
        "gate: headers only",
        best(|| {
            let mut index = ChangeIndex::new();
            for bytes in changes {
                index.admit(&read_change(bytes).unwrap(), &rules).unwrap();
            }
        }),
    );
    let opening = row(
        "gate: open (hash and walk)",
        best(|| {
            for bytes in changes {
                open_change(bytes).unwrap();
            }
        }),
    );
    let whole = row(
        "gate: open and admit",
        best(|| {
            let mut index = OpIndex::new();
            for bytes in changes {
                index.admit(&open_change(bytes).unwrap(), &rules).unwrap();
            }
        }),
    );
    let parsing = row(
        "automerge: Change::from_bytes",
        best(|| {
            for bytes in changes {
                Change::from_bytes(bytes.clone()).unwrap();
            }
        }),
    );
    let parsed: Vec<_> = changes
        .iter()
        .map(|bytes| Change::from_bytes(bytes.clone()).unwrap())
        .collect();
    let batches = row(
        "automerge: apply in batches of 64",
        best(|| {
            let mut doc = Automerge::new();
            for batch in parsed.chunks(64) {
                doc.apply_changes(batch.iter().cloned()).unwrap();
            }
        }),
    );
    let mut index = OpIndex::new();
    for bytes in changes {
        index.admit(&open_change(bytes).unwrap(), &rules).unwrap();
    }
    println!(
        "  gate / from_bytes {:.2}, gate / (from_bytes + apply) {:.2}",
        whole / parsing,
        whole / (parsing + batches)
    );
    println!(
        "  beyond hash and walk {:.2} of apply; headers only {:.2} of from_bytes",
        (whole - opening) / batches,
        headers / parsing
    );
    let ops: u64 = changes
        .iter()
        .map(|bytes| read_change(bytes).unwrap().op_count)
        .sum();
    let before = resident_bytes();
    let copies = vec![index.clone(); 40];
    let all = resident_bytes().saturating_sub(before) as f64 / copies.len() as f64;
    println!(
        "  {ops} operations in {} runs; operations {:.2} B each, all {:.0} B per change\n",
        index.runs(),
        index.op_bytes() as f64 / ops as f64,
        all / count
    );
}

/// Memory of this process; 0 where the system does not say.
fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0) * 4_096
}

fn best(mut run: impl FnMut()) -> f64 {
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        run();
        best = best.min(start.elapsed());
    }
    best.as_secs_f64()
}

/// Actors that type, mark and delete in one text and merge now and then.
fn typing(actors: u8, count: usize) -> Vec<Vec<u8>> {
    let mut first = AutoCommit::new().with_actor(actor(0));
    first.put_object(ROOT, "text", ObjType::Text).unwrap();
    commit(&mut first);
    let mut peers: Vec<_> = (1..=actors)
        .map(|number| first.fork().with_actor(actor(number)))
        .collect();
    let text: ObjId = first.get(ROOT, "text").unwrap().unwrap().1;
    let mut dice = 7_u64;
    for round in 0..count {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let roll = (dice >> 33) as usize;
        let at = roll % peers.len();
        let length = peers[at].length(&text);
        let place = if roll.is_multiple_of(5) {
            roll % (length + 1)
        } else {
            length
        };
        let deletions = isize::from(roll.is_multiple_of(11) && place < length);
        peers[at].splice_text(&text, place, deletions, "a").unwrap();
        commit(&mut peers[at]);
        if round % 16 == 0 {
            let mut other = peers[roll % 7 % peers.len()].clone();
            peers[at].merge(&mut other).unwrap();
        }
    }
    for number in 1..peers.len() {
        let mut other = peers[number].clone();
        peers[0].merge(&mut other).unwrap();
    }
    raw(&mut peers[0])
}

fn pages() -> Vec<Vec<u8>> {
    let mut doc = AutoCommit::new().with_actor(actor(1));
    let text = doc.put_object(ROOT, "text", ObjType::Text).unwrap();
    for _ in 0..20 {
        let length = doc.length(&text);
        let page = "Een langere zin over de eerste dagen thuis. ".repeat(80);
        doc.splice_text(&text, length, 0, &page).unwrap();
        commit(&mut doc);
    }
    raw(&mut doc)
}

fn raw(doc: &mut AutoCommit) -> Vec<Vec<u8>> {
    let changes = doc.get_changes(&[]).into_iter();
    changes.map(|change| change.raw_bytes().to_vec()).collect()
}

fn commit(doc: &mut AutoCommit) {
    doc.commit_with(CommitOptions::default().with_time(0));
}

fn actor(number: u8) -> ActorId {
    ActorId::from(&[number; 40][..])
}
