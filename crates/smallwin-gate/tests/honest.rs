//! Honest traffic is never refused.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test may panic, and this one may be asked for more"
)]

mod support;

use automerge::sync::{State, SyncDoc};
use automerge::transaction::{CommitOptions, Transactable};
use automerge::{AutoCommit, Automerge, Change, ObjType, ROOT, ReadDoc};
use serde_json::Value;
use smallwin_gate::{
    Budget, ChangeIndex, ChunkKind, OpIndex, Rules, Space, check_document_chunk,
    check_document_chunk_within, check_sync_message, open_change, raw_change, read_change,
    read_change_within,
};
use support::{World, actor};

/// Each change of random histories passes raw and deflated, with the facts that
/// Automerge reads in it, and is admitted in causal order (rules G1, G3).
#[test]
fn histories_pass_g1() {
    let mut changes_seen = 0;
    for seed in 0..12 {
        let mut world = World::new(seed, 4);
        world.run(120);
        let mut index = ChangeIndex::new();
        let mut ops = OpIndex::new();
        for mut change in world.peers[0].get_changes(&[]) {
            let deflated = change.bytes().into_owned();
            let raw = change.raw_bytes();
            let header =
                read_change(raw).unwrap_or_else(|error| panic!("seed {seed}: {error}: {change:?}"));
            assert_eq!(header.hash, change.hash().0);
            assert_eq!(header.actor, change.actor_id().to_bytes());
            assert_eq!(
                (header.seq, header.start_op),
                (change.seq(), change.start_op().get())
            );
            assert_eq!(
                (header.op_count, header.max_op()),
                (change.len() as u64, change.max_op())
            );
            assert_eq!(header.deps.len(), change.deps().len());
            assert_eq!((header.time, header.extra_len), (change.timestamp(), 0));
            assert_eq!(read_change(&deflated).unwrap().hash, header.hash);
            assert_eq!(raw_change(&deflated).unwrap(), raw);
            index
                .admit(&header, &Rules::default())
                .unwrap_or_else(|refused| panic!("seed {seed}: {refused}"));
            assert_eq!(index.last_seq(&header.actor), header.seq);
            ops.admit(&open_change(raw).unwrap(), &Rules::default())
                .unwrap_or_else(|refused| panic!("seed {seed}: {refused}: {:?}", change.decode()));
            changes_seen += 1;
        }
        assert_documents_pass(&mut world.peers[0]);
    }
    assert!(
        changes_seen > 700,
        "{changes_seen} changes are too few to say anything"
    );
}

fn assert_documents_pass(doc: &mut AutoCommit) {
    for bytes in [doc.save(), doc.save_nocompress()] {
        let shape = check_document_chunk(&bytes).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(shape.changes, doc.get_changes(&[]).len() as u64);
        assert_eq!(shape.heads.len(), doc.get_heads().len());
    }
}

/// Whole conversations pass, also the first one of an empty peer, whose answer
/// is a document chunk (rule G1).
#[test]
fn conversations_pass_g1() {
    let mut documents_seen = 0;
    for seed in 0..12 {
        let mut world = World::new(seed, 3);
        world.run(60);
        let mut full = world.peers[0].clone();
        documents_seen += converse(&mut full, &mut AutoCommit::new());
        documents_seen += converse(&mut full, &mut world.peers[1].clone());
        documents_seen += converse(&mut world.peers[1].clone(), &mut world.peers[2].clone());
        // Both know each other's state, and one more change goes across.
        let (mut left, mut right) = (full.clone(), full.clone().with_actor(actor(99)));
        right.put(ROOT, "late", seed as i64).unwrap();
        documents_seen += converse(&mut left, &mut right);
    }
    assert!(documents_seen > 0, "no conversation sent a document chunk");
}

/// Lets two peers sync through the gate; gives how many document chunks went across.
fn converse(left: &mut AutoCommit, right: &mut AutoCommit) -> usize {
    let (mut left_state, mut right_state) = (State::new(), State::new());
    let mut documents = 0;
    for _ in 0..20 {
        let to_right = left.sync().generate_sync_message(&mut left_state);
        let to_left = right.sync().generate_sync_message(&mut right_state);
        if to_right.is_none() && to_left.is_none() {
            assert_eq!(left.get_heads(), right.get_heads());
            return documents;
        }
        if let Some(message) = to_right {
            documents += pass(&message.clone().encode());
            right
                .sync()
                .receive_sync_message(&mut right_state, message)
                .unwrap();
        }
        if let Some(message) = to_left {
            documents += pass(&message.clone().encode());
            left.sync()
                .receive_sync_message(&mut left_state, message)
                .unwrap();
        }
    }
    panic!("no end to the conversation");
}

fn pass(bytes: &[u8]) -> usize {
    let shape = check_sync_message(bytes).unwrap_or_else(|error| panic!("{error}"));
    let decoded = automerge::sync::Message::decode(bytes).unwrap();
    let hashes =
        |found: &[automerge::ChangeHash]| found.iter().map(|hash| hash.0).collect::<Vec<_>>();
    assert_eq!(
        (shape.heads, shape.need),
        (hashes(&decoded.heads), hashes(&decoded.need))
    );
    assert_eq!(shape.have.is_some(), decoded.have.len() == 1);
    let mut budget = Budget::frame();
    let mut documents = 0;
    for chunk in shape.chunks {
        let chunk_bytes = &bytes[chunk.range];
        if chunk.kind == ChunkKind::Document {
            check_document_chunk_within(chunk_bytes, &mut budget).unwrap();
            documents += 1;
        } else {
            read_change_within(chunk_bytes, &mut budget).unwrap();
        }
    }
    documents
}

/// A long text typed letter by letter, then deleted in one act: few bytes, many operations.
#[test]
fn a_long_text_passes() {
    let mut doc = AutoCommit::new().with_actor(actor(1));
    let text = doc.put_object(ROOT, "text", ObjType::Text).unwrap();
    for at in 0..3_000 {
        doc.splice_text(&text, at, 0, "a").unwrap();
        doc.commit_with(CommitOptions::default().with_time(0));
    }
    doc.splice_text(&text, 3_000, 0, &"b".repeat(100_000))
        .unwrap();
    doc.commit_with(CommitOptions::default().with_time(0));
    assert_documents_pass(&mut doc);
    doc.splice_text(&text, 0, 103_000, "").unwrap();
    doc.commit_with(CommitOptions::default().with_time(0));
    assert_documents_pass(&mut doc);
    let deletion = doc.get_last_local_change().unwrap();
    assert!(deletion.raw_bytes().len() < 1_000);
    assert_eq!(read_change(deletion.raw_bytes()).unwrap().op_count, 103_000);
    let mut index = ChangeIndex::new();
    for change in doc.get_changes(&[]) {
        index
            .admit(&read_change(change.raw_bytes()).unwrap(), &Rules::default())
            .unwrap();
    }
}

/// The empty answer of a stock server and an empty document pass.
#[test]
fn empty_documents_pass() {
    let shape = check_document_chunk(&AutoCommit::new().save()).unwrap();
    assert_eq!((shape.ops, shape.changes, shape.heads), (0, 0, Vec::new()));
}

/// Many changes of eight actors, admitted by their operations, with their whole documents and
/// the first sync of an empty peer; `SMALLWIN_HONEST_CHANGES` says how many (rules G1, G3).
#[test]
fn eight_actors_pass_g3() {
    let wanted = std::env::var("SMALLWIN_HONEST_CHANGES").ok();
    let wanted = wanted.map_or(1_500, |wanted| wanted.parse::<usize>().unwrap());
    let (mut seen, mut ops_seen, mut seed) = (0, 0, 500);
    let rules = Rules::default();
    while seen < wanted {
        let mut world = World::new(seed, 8);
        world.run(400);
        let whole = &mut world.peers[0];
        let changes = whole.get_changes(&[]);
        seen += changes.len();
        ops_seen += admit(&changes, &rules, seed);
        assert_documents_pass(whole);
        let uploaded = Automerge::load(&whole.save()).unwrap();
        admit(&uploaded.get_changes(&[]), &rules, seed);
        converse(&mut whole.clone(), &mut AutoCommit::new());
        seed += 1;
    }
    println!("{seen} changes with {ops_seen} operations, none refused");
}

/// Admits changes in causal order; gives the number of their operations.
fn admit(changes: &[Change], rules: &Rules, seed: u64) -> u64 {
    let (mut index, mut ops) = (OpIndex::new(), 0);
    for change in changes {
        let open = open_change(change.raw_bytes()).unwrap();
        index
            .admit(&open, rules)
            .unwrap_or_else(|refused| panic!("seed {seed}: {refused}: {:?}", change.decode()));
        ops += open.header().op_count;
    }
    ops
}

/// The constant first changes pass by their hashes, and work goes on from them (rule F1).
#[test]
fn first_changes_pass_f1() {
    let vectors: Value =
        serde_json::from_str(include_str!("../../../tests/vectors/first-changes.json")).unwrap();
    let mut seen = 0;
    for kind in vectors.as_object().unwrap().values() {
        let bytes = unhex(kind["hex"].as_str().unwrap());
        let change = open_change(&bytes).unwrap();
        let rules = Rules {
            first_changes: [change.header().hash].into(),
            ..Rules::default()
        };
        let mut index = OpIndex::new();
        index.admit(&change, &rules).unwrap();
        let mut doc = AutoCommit::load(&bytes).unwrap().with_actor(actor(5));
        for text in doc.keys(ROOT).collect::<Vec<_>>() {
            if let Some((value, text)) = doc.get(ROOT, text).unwrap()
                && value.is_object()
            {
                doc.splice_text(&text, 1, 0, "zorg").unwrap();
                doc.split_block(&text, 3).unwrap();
            }
        }
        doc.commit_with(CommitOptions::default().with_time(1));
        let work = doc.get_last_local_change().unwrap();
        index
            .admit(&open_change(work.raw_bytes()).unwrap(), &rules)
            .unwrap();
        seen += 1;
    }
    assert!(seen >= 3, "{seen} first changes found");
}

/// Changes made by Automerge in JavaScript, with everything a browser may write (rule G1).
///
/// `SMALLWIN_HONEST_BROWSER` names a file of `tests/interop/honest-changes.mjs` with more of them.
#[test]
fn browser_changes_pass_g1() {
    let read = |text: &str| serde_json::from_str::<Vec<Value>>(text).unwrap();
    let mut histories = read(include_str!("corpus/browser-changes.json"));
    if let Ok(file) = std::env::var("SMALLWIN_HONEST_BROWSER") {
        histories.extend(read(&std::fs::read_to_string(file).unwrap()));
    }
    let (mut seen, mut messages_seen) = (0, 0);
    for history in histories {
        let (mut index, mut rules) = (OpIndex::new(), Rules::default());
        let mut doc = Automerge::new();
        let all = |name: &str| {
            let listed = history[name].as_array().unwrap().iter();
            listed.map(|hex| unhex(hex.as_str().unwrap()))
        };
        for bytes in all("changes") {
            let open = open_change(&bytes).unwrap_or_else(|error| panic!("{error}: {bytes:02x?}"));
            // Stock clients have shorter actors and a space of their own.
            if open.header().actor.len() != 40 {
                rules.space = Space::Open;
            }
            let admitted = index.admit(&open, &rules);
            assert_eq!(admitted, Ok(()), "{bytes:02x?}");
            let raw = raw_change(&bytes).unwrap().into_owned();
            doc.apply_changes([Change::from_bytes(raw).unwrap()])
                .unwrap();
        }
        let document = unhex(history["document"].as_str().unwrap());
        let shape = check_document_chunk(&document).unwrap();
        let uploaded = Automerge::load(&document).unwrap();
        assert_eq!(uploaded.get_heads(), doc.get_heads());
        assert_eq!(shape.changes, uploaded.get_changes(&[]).len() as u64);
        admit(&uploaded.get_changes(&[]), &rules, 0);
        assert!(Automerge::load(&doc.save()).is_ok());
        for message in all("messages") {
            pass(&message);
            messages_seen += 1;
        }
        seen += index.changes().len();
    }
    assert!(seen > 100 && messages_seen > 3);
    println!("{seen} changes and {messages_seen} messages of a browser, none refused");
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}
