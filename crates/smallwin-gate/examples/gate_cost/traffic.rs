//! The traffic that is measured, as raw changes in causal order.

use std::io::Read;
use std::path::Path;

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, AutoCommit, ObjId, ObjType, ROOT, ReadDoc};
use flate2::read::GzDecoder;
use serde_json::Value;

/// Every kind with its name.
pub(crate) fn all() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    vec![
        ("typing, 8 actors that merge", typing(8, 4_000)),
        ("typing, 1 actor", typing(1, 4_000)),
        ("a paper, its first 10,000 edits", trace(PAPER, 10_000)),
        ("source code, 10,000 edits with pastes", trace(CODE, 10_000)),
        ("pages pasted, 20 changes", pages()),
    ]
}

const PAPER: &[u8] = include_bytes!("../../../../tests/traces/automerge-paper.json.gz");
const CODE: &[u8] = include_bytes!("../../../../tests/traces/sveltecomponent.json.gz");

/// Writes changes, each behind its length.
pub(crate) fn write(file: &Path, changes: &[Vec<u8>]) {
    let mut all = Vec::new();
    for bytes in changes {
        all.extend((bytes.len() as u32).to_le_bytes());
        all.extend(bytes);
    }
    std::fs::write(file, all).unwrap();
}

/// Reads what [`write`] wrote.
pub(crate) fn read(file: &str) -> Vec<Vec<u8>> {
    let all = std::fs::read(file).unwrap();
    let (mut rest, mut changes) = (&all[..], Vec::new());
    while let Some((length, more)) = rest.split_first_chunk() {
        let (bytes, more) = more.split_at(u32::from_le_bytes(*length) as usize);
        changes.push(bytes.to_vec());
        rest = more;
    }
    changes
}

/// Actors that type and delete in one text and merge now and then.
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

/// The beginning of a recorded session of one writer, a change for each transaction.
fn trace(packed: &[u8], count: usize) -> Vec<Vec<u8>> {
    let mut json = String::new();
    GzDecoder::new(packed).read_to_string(&mut json).unwrap();
    let trace: Value = serde_json::from_str(&json).unwrap();
    let mut doc = AutoCommit::new().with_actor(actor(1));
    let text = doc.put_object(ROOT, "text", ObjType::Text).unwrap();
    for transaction in trace["txns"].as_array().unwrap().iter().take(count) {
        for patch in transaction["patches"].as_array().unwrap() {
            let number = |at: usize| patch[at].as_u64().unwrap() as usize;
            let insert = patch[2].as_str().unwrap();
            doc.splice_text(&text, number(0), number(1) as isize, insert)
                .unwrap();
        }
        commit(&mut doc);
    }
    raw(&mut doc)
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
