//! Random honest histories, made by Automerge itself.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a test may panic, and shares its helpers"
)]
#![allow(dead_code, reason = "each test file uses some of these")]

use automerge::marks::{ExpandMark, Mark};
use automerge::transaction::{CommitOptions, Transactable};
use automerge::{
    ActorId, AutoCommit, AutomergeError, ObjId, ObjType, ROOT, ReadDoc, ScalarValue, hydrate,
};
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Peers that start from one first change and edit, merge and reload at random.
pub struct World {
    pub rng: ChaCha8Rng,
    pub peers: Vec<AutoCommit>,
}

impl World {
    pub fn new(seed: u64, peers: u8) -> Self {
        let mut first = AutoCommit::new().with_actor(actor(0));
        let text = first.put_object(ROOT, "text", ObjType::Text).unwrap();
        first.split_block(&text, 0).unwrap();
        first.put_object(ROOT, "map", ObjType::Map).unwrap();
        first.put_object(ROOT, "list", ObjType::List).unwrap();
        first.put(ROOT, "counter", ScalarValue::counter(0)).unwrap();
        first.commit_with(CommitOptions::default().with_time(0));
        let peers = (1..=peers)
            .map(|peer| first.fork().with_actor(actor(peer)))
            .collect();
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            peers,
        }
    }

    /// Runs some rounds and merges everybody at the end.
    pub fn run(&mut self, rounds: usize) {
        for round in 0..rounds {
            let peer = self.rng.random_range(0..self.peers.len());
            match self.rng.random_range(0..13) {
                0 => self.merge(peer),
                12 => self.undo(peer),
                1 if round % 7 == 0 => self.restart(peer, round),
                2 => {
                    self.peers[peer]
                        .empty_change(CommitOptions::default().with_time(1_700_000_000));
                }
                3 => {
                    edit(&mut self.rng, &mut self.peers[peer]);
                    self.peers[peer].rollback();
                }
                _ => {
                    for _ in 0..self.rng.random_range(1..5) {
                        edit(&mut self.rng, &mut self.peers[peer]);
                    }
                    self.peers[peer].commit_with(
                        CommitOptions::default()
                            .with_time(1_700_000_000 + round as i64)
                            .with_message("label"),
                    );
                }
            }
        }
        for peer in 1..self.peers.len() {
            let mut other = self.peers[peer].clone();
            self.peers[0].merge(&mut other).unwrap();
        }
    }

    fn merge(&mut self, peer: usize) {
        let mut other = self.peers.choose(&mut self.rng).unwrap().clone();
        self.peers[peer].merge(&mut other).unwrap();
    }

    /// Makes the text and a counter what they were some changes ago, as an undo does.
    fn undo(&mut self, peer: usize) {
        let doc = &mut self.peers[peer];
        let changes = doc.get_changes(&[]);
        let back = self.rng.random_range(0..changes.len().min(6));
        let before = [changes[changes.len() - 1 - back].hash()];
        let Some((_, text)) = doc.get(ROOT, "text").unwrap() else {
            return;
        };
        let _ = doc
            .text_at(&text, &before)
            .and_then(|was| doc.update_text(&text, was));
        if let Ok(Some((value, _))) = doc.get_at(ROOT, "counter", &before) {
            let was = value.into_owned().as_i64();
            let _ = was.map(|was| doc.increment(ROOT, "counter", was));
        }
        doc.commit_with(CommitOptions::default().with_time(0));
    }

    /// Saves, loads, and goes on as a new actor (rule K2).
    fn restart(&mut self, peer: usize, round: usize) {
        let mut id = [0; 40];
        id[0] = peer as u8 + 1;
        id[32..].copy_from_slice(&(round as u64 + 1).to_be_bytes());
        let bytes = self.peers[peer].save();
        self.peers[peer] = AutoCommit::load(&bytes)
            .unwrap()
            .with_actor(ActorId::from(&id[..]));
    }
}

/// An actor id of 40 bytes.
pub fn actor(number: u8) -> ActorId {
    let mut id = [0; 40];
    id[0] = number;
    ActorId::from(&id[..])
}

/// A few edits of one change.
pub fn edit_some(rng: &mut ChaCha8Rng, doc: &mut AutoCommit) {
    for _ in 0..rng.random_range(1..4) {
        edit(rng, doc);
    }
}

fn edit(rng: &mut ChaCha8Rng, doc: &mut AutoCommit) {
    let object = |name: &str, kind: ObjType| {
        let found = doc.get_all(ROOT, name).unwrap();
        let mut ids = found.into_iter().map(|(_, id)| id);
        ids.find(|id| doc.object_type(id).is_ok_and(|found| found == kind))
    };
    // A hostile change may have taken them away.
    let (Some(text), Some(map), Some(list)) = (
        object("text", ObjType::Text),
        object("map", ObjType::Map),
        object("list", ObjType::List),
    ) else {
        doc.put_object(ROOT, "text", ObjType::Text).unwrap();
        doc.put_object(ROOT, "map", ObjType::Map).unwrap();
        doc.put_object(ROOT, "list", ObjType::List).unwrap();
        return;
    };
    let length = doc.length(&text);
    let at = rng.random_range(0..=length);
    match rng.random_range(0..20) {
        0..=3 => {
            let words = [
                "zorg ",
                "é",
                "👩‍⚕️",
                "een langere zin over de eerste dagen thuis. ",
                "a",
            ];
            let _ = doc.splice_text(&text, at, 0, words.choose(rng).unwrap());
        }
        4 => {
            let count = rng.random_range(0..=(length - at).min(40));
            let _ = doc.splice_text(&text, at, count as isize, "");
        }
        5 => {
            let _ = doc.split_block(&text, at).map(|block| {
                doc.put(&block, "type", "paragraph").unwrap();
                doc.put_object(&block, "attrs", ObjType::Map).unwrap();
                doc.put(&block, "isEmbed", false).unwrap();
            });
        }
        6 => {
            let end = rng.random_range(at..=length);
            let name = ["strong", "em"].choose(rng).unwrap();
            let _ = doc.mark(
                &text,
                Mark::new((*name).to_owned(), true, at, end),
                ExpandMark::Both,
            );
        }
        7 => {
            let end = rng.random_range(at..=length);
            let _ = doc.unmark(&text, "strong", at, end, ExpandMark::Both);
        }
        8 => {
            let key = ["a", "b", "c"].choose(rng).unwrap();
            let values: [ScalarValue; 7] = [
                1_i64.into(),
                u64::MAX.into(),
                2.5.into(),
                true.into(),
                ScalarValue::Null,
                ScalarValue::Timestamp(-5),
                ScalarValue::Bytes(vec![0; 30]),
            ];
            doc.put(&map, *key, values.choose(rng).unwrap().clone())
                .unwrap();
        }
        9 => {
            let _ = doc.delete(&map, *["a", "b", "c"].choose(rng).unwrap());
        }
        10 => drop(doc.increment(ROOT, "counter", rng.random_range(-9..9))),
        11 => {
            let place = rng.random_range(0..=doc.length(&list));
            let item = doc.insert_object(&list, place, ObjType::Map).unwrap();
            doc.put(&item, "name", "punt").unwrap();
        }
        12 if doc.length(&list) > 0 => doc
            .delete(&list, rng.random_range(0..doc.length(&list)))
            .unwrap(),
        13 if doc.length(&list) > 0 => {
            let place = rng.random_range(0..doc.length(&list));
            match rng.random_range(0..3) {
                0 => doc.put(&list, place, ScalarValue::counter(3)).unwrap(),
                1 => drop(doc.put_object(&list, place, ObjType::Map).unwrap()),
                _ => drop(doc.increment(&list, place, 2)),
            }
        }
        14 => {
            let values = [1, 2, 3].map(|number| hydrate::Value::from(ScalarValue::from(number)));
            let place = rng.random_range(0..=doc.length(&list));
            let _ = doc.splice(&list, place, (place < doc.length(&list)) as isize, values);
        }
        15 => change_block(rng, doc, &text),
        16 => drop(doc.update_text(&text, "een nieuwe tekst, in één keer geplakt")),
        17 => move_text(rng, doc, &text),
        18 => {
            let _ = doc.put(ROOT, "counter", ScalarValue::counter(7));
        }
        _ => {
            let key = ["a", "d"].choose(rng).unwrap();
            doc.put_object(&map, *key, ObjType::List).unwrap();
        }
    }
}

/// Gives a block other attributes, as an editor does, joins it or replaces it.
fn change_block(rng: &mut ChaCha8Rng, doc: &mut AutoCommit, text: &ObjId) {
    let first = doc.get(text, 0).unwrap();
    let Some(block) = first.and_then(|(value, id)| value.is_object().then_some(id)) else {
        return;
    };
    // A hostile change may have put a list or a text in its place.
    let _ = match rng.random_range(0..4) {
        0 => doc.put(&block, "type", "heading"),
        1 => give_attributes(doc, &block),
        2 => doc.replace_block(text, 0).map(drop),
        _ => doc.join_block(text, 0),
    };
}

fn give_attributes(doc: &mut AutoCommit, block: &ObjId) -> Result<(), AutomergeError> {
    let attrs = doc.put_object(block, "attrs", ObjType::Map)?;
    doc.put(&attrs, "level", 2)?;
    let parents = doc.put_object(block, "parents", ObjType::List)?;
    doc.insert(&parents, 0, "quote")
}

/// Cuts a piece of text and puts it elsewhere in the same change.
fn move_text(rng: &mut ChaCha8Rng, doc: &mut AutoCommit, text: &ObjId) {
    let length = doc.length(text);
    if length < 4 {
        return;
    }
    let at = rng.random_range(0..length - 2);
    let _ = doc.splice_text(text, at, 2, "");
    let to = rng.random_range(0..=doc.length(text));
    let _ = doc.splice_text(text, to, 0, "verplaatst");
}
