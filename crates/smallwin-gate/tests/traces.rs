//! The editing traces of `tests/traces` are honest traffic, and none of it is refused (rule G1).
//!
//! Each transaction becomes one change. Replays the first 1,000 of each trace;
//! `SMALLWIN_HONEST_TRACES` says how many instead.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test may panic, and this one may be asked for more"
)]

mod support;

use std::io::Read;

use automerge::sync::{State, SyncDoc};
use automerge::transaction::{CommitOptions, Transactable};
use automerge::{AutoCommit, Automerge, Change, ObjId, ObjType, ROOT, ReadDoc};
use flate2::read::GzDecoder;
use serde_json::Value;
use smallwin_gate::{
    Budget, OpIndex, Rules, check_document_chunk, check_document_chunk_within, check_sync_message,
    open_change,
};
use support::actor;

#[test]
fn a_paper_passes_g1() {
    check(
        "automerge-paper",
        include_bytes!("../../../tests/traces/automerge-paper.json.gz"),
    );
}

#[test]
fn a_blog_post_passes_g1() {
    check(
        "seph-blog1",
        include_bytes!("../../../tests/traces/seph-blog1.json.gz"),
    );
}

#[test]
fn source_code_passes_g1() {
    check(
        "sveltecomponent",
        include_bytes!("../../../tests/traces/sveltecomponent.json.gz"),
    );
}

#[test]
fn two_friends_pass_g1() {
    check(
        "friendsforever",
        include_bytes!("../../../tests/traces/friendsforever.json.gz"),
    );
}

#[test]
fn two_clowns_pass_g1() {
    check(
        "clownschool",
        include_bytes!("../../../tests/traces/clownschool.json.gz"),
    );
}

/// Every change passes alone, the whole document passes as an upload and as the answer to an
/// empty peer, and what comes out of it passes again.
fn check(name: &str, packed: &[u8]) {
    let mut text = String::new();
    GzDecoder::new(packed).read_to_string(&mut text).unwrap();
    let trace: Value = serde_json::from_str(&text).unwrap();
    let transactions = trace["txns"].as_array().unwrap();
    let wanted = std::env::var("SMALLWIN_HONEST_TRACES").ok();
    let wanted = wanted.map_or(1_000, |wanted| wanted.parse().unwrap());
    let part = &transactions[..transactions.len().min(wanted)];
    let mut replay = Replay::new();
    for (at, transaction) in part.iter().enumerate() {
        replay.play(at, transaction);
    }
    let mut whole = replay.whole();
    if part.len() == transactions.len() {
        let (_, text) = whole.get(ROOT, "text").unwrap().unwrap();
        assert_eq!(
            whole.text(&text).unwrap(),
            trace["endContent"].as_str().unwrap()
        );
    }
    let changes = whole.get_changes(&[]);
    admit(&changes);
    for bytes in [whole.save(), whole.save_nocompress()] {
        let shape = check_document_chunk(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(shape.changes, changes.len() as u64);
    }
    let uploaded = Automerge::load(&whole.save()).unwrap();
    admit(&uploaded.get_changes(&[]));
    let messages = first_sync(&mut whole);
    println!(
        "{name}: {} changes, twice, and a first sync in {messages} messages: none refused",
        changes.len()
    );
}

fn admit(changes: &[Change]) {
    let (mut index, rules) = (OpIndex::new(), Rules::default());
    for change in changes {
        let open = open_change(change.raw_bytes()).unwrap();
        index
            .admit(&open, &rules)
            .unwrap_or_else(|refused| panic!("{refused}: {:?}", change.decode()));
    }
}

/// Syncs to an empty peer through the gate; gives the number of messages.
fn first_sync(from: &mut AutoCommit) -> usize {
    let (mut to, mut messages) = (AutoCommit::new(), 0);
    let (mut from_state, mut to_state) = (State::new(), State::new());
    loop {
        let message = from.sync().generate_sync_message(&mut from_state);
        let answer = to.sync().generate_sync_message(&mut to_state);
        if message.is_none() && answer.is_none() {
            assert_eq!(from.get_heads(), to.get_heads());
            return messages;
        }
        if let Some(message) = message {
            let bytes = message.clone().encode();
            let mut budget = Budget::frame();
            for chunk in check_sync_message(&bytes).unwrap().chunks {
                check_document_chunk_within(&bytes[chunk.range], &mut budget).unwrap();
            }
            to.sync()
                .receive_sync_message(&mut to_state, message)
                .unwrap();
            messages += 1;
        }
        if let Some(answer) = answer {
            check_sync_message(&answer.clone().encode()).unwrap();
            from.sync()
                .receive_sync_message(&mut from_state, answer)
                .unwrap();
            messages += 1;
        }
    }
}

/// One document per writer, which sees of the others what the trace says it saw.
struct Replay {
    text: ObjId,
    writers: Vec<AutoCommit>,
    /// Of each transaction: its change, its writer, and the transactions before it.
    done: Vec<(Change, usize, Vec<usize>)>,
    /// Of each writer: which transactions it has.
    seen: Vec<Vec<bool>>,
    first: AutoCommit,
}

impl Replay {
    fn new() -> Self {
        let mut first = AutoCommit::new().with_actor(actor(0));
        let text = first.put_object(ROOT, "text", ObjType::Text).unwrap();
        commit(&mut first);
        Self {
            text,
            writers: Vec::new(),
            done: Vec::new(),
            seen: Vec::new(),
            first,
        }
    }

    fn play(&mut self, at: usize, transaction: &Value) {
        let writer = transaction["agent"].as_u64().unwrap_or(0) as usize;
        while self.writers.len() <= writer {
            let number = self.writers.len() as u8 + 1;
            self.writers
                .push(self.first.fork().with_actor(actor(number)));
            self.seen.push(Vec::new());
        }
        let parents = match transaction["parents"].as_array() {
            Some(parents) => parents
                .iter()
                .map(|parent| parent.as_u64().unwrap() as usize)
                .collect(),
            // A trace of one writer: each builds on the one before.
            None => Vec::new(),
        };
        self.hear(writer, &parents);
        let doc = &mut self.writers[writer];
        for patch in transaction["patches"].as_array().unwrap() {
            let number = |at: usize| patch[at].as_u64().unwrap() as usize;
            let insert = patch[2].as_str().unwrap();
            doc.splice_text(&self.text, number(0), number(1) as isize, insert)
                .unwrap();
        }
        commit(doc);
        let change = doc.get_last_local_change().unwrap();
        self.done.push((change, writer, parents));
        self.mark(writer, at);
    }

    /// Gives a writer everything below some transactions.
    fn hear(&mut self, writer: usize, parents: &[usize]) {
        let (mut left, mut missing) = (parents.to_vec(), Vec::new());
        while let Some(at) = left.pop() {
            if self.seen[writer].get(at) != Some(&true) && self.done[at].1 != writer {
                self.mark(writer, at);
                missing.push(at);
                left.extend(&self.done[at].2);
            }
        }
        if missing.is_empty() {
            return;
        }
        missing.sort_unstable();
        let changes = missing.into_iter().map(|at| self.done[at].0.clone());
        self.writers[writer].apply_changes(changes).unwrap();
    }

    fn mark(&mut self, writer: usize, at: usize) {
        let seen = &mut self.seen[writer];
        seen.resize(seen.len().max(at + 1), false);
        seen[at] = true;
    }

    fn whole(&mut self) -> AutoCommit {
        let mut whole = self.first.fork();
        for writer in &mut self.writers {
            whole.merge(writer).unwrap();
        }
        whole
    }
}

fn commit(doc: &mut AutoCommit) {
    let done = doc.commit_with(CommitOptions::default().with_time(0));
    // The last transaction of a trace may be empty.
    if done.is_none() {
        doc.empty_change(CommitOptions::default().with_time(0));
    }
}
