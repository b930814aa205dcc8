//! What each entry of the gate owes to any bytes.

use std::cell::RefCell;

use automerge::sync::{Message, State, SyncDoc};
use automerge::{AutoCommit, Automerge};
use smallwin_gate::{
    Budget, ChunkKind, OpIndex, Rules, Space, check_document_chunk, check_document_chunk_within,
    check_frame, check_sync_message, open_change, open_change_within, raw_change,
};

use super::apply::{Outcome, apply, quietly, saves};
use super::cbor;
use super::dice::Dice;
use super::run::{Base, Tally, try_one};
use crate::support::World;

/// What became of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    Refused,
    Passed,
    /// Passed, and Automerge panicked where its panics are caught: in a whole document.
    Caught,
}

/// A promise that was broken, with its story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Break {
    /// Something panicked that may not.
    Panic(String),
    /// A document cannot be saved, or its save not be read back to the same heads.
    Save(String),
    /// Anything else.
    Promise(String),
}

pub type Judged = Result<Fate, Break>;

/// A peer at one moment: its document, what its gate knows, and how far it is with another peer.
#[derive(Debug, Clone)]
pub struct Scene {
    pub doc: Automerge,
    pub index: OpIndex,
    pub state: State,
}

impl Scene {
    pub fn of(peer: &mut AutoCommit, state: &State) -> Self {
        let mut index = OpIndex::new();
        for change in peer.get_changes(&[]) {
            let open = open_change(change.raw_bytes()).unwrap();
            index.admit(&open, &open_space()).unwrap();
        }
        Self {
            doc: peer.document().clone(),
            index,
            state: state.clone(),
        }
    }

    /// One that is always the same, for fuzzers that bring nothing but bytes.
    pub fn usual() -> Self {
        thread_local! {
            static SCENE: RefCell<Option<Scene>> = const { RefCell::new(None) };
        }
        SCENE.with_borrow_mut(|scene| {
            let make = || {
                let mut world = World::new(11, 3);
                world.run(25);
                Scene::of(&mut world.peers[0], &State::new())
            };
            scene.get_or_insert_with(make).clone()
        })
    }
}

/// A frame that passes can be decoded, and the sync message in it is one for the gate.
pub fn frame(scene: &Scene, bytes: &[u8]) -> Judged {
    if check_frame(bytes).is_err() {
        return Ok(Fate::Refused);
    }
    let Some(data) = cbor::entry(bytes, "data") else {
        return promise("a frame that passed is no CBOR map");
    };
    match data {
        Some(message) => sync_message(scene, message),
        None => Ok(Fate::Passed),
    }
}

/// A sync message that passes, and whose chunks pass, is safe to receive and to answer.
pub fn sync_message(scene: &Scene, bytes: &[u8]) -> Judged {
    let Ok(shape) = check_sync_message(bytes) else {
        return Ok(Fate::Refused);
    };
    if shape
        .chunks
        .iter()
        .any(|chunk| chunk.range.end > bytes.len())
    {
        return promise("a chunk stands behind the message");
    }
    let message = match quietly(|| Message::decode(bytes)) {
        Err(place) => return Err(Break::Panic(format!("decoding at {place}"))),
        Ok(Err(_)) => return Ok(Fate::Refused),
        Ok(Ok(message)) => message,
    };
    let Scene {
        mut doc,
        mut index,
        mut state,
    } = scene.clone();
    // Whole documents are loaded apart.
    if let Some(chunk) = shape
        .chunks
        .iter()
        .find(|chunk| chunk.kind == ChunkKind::Document)
    {
        return document(&bytes[chunk.range.clone()]);
    }
    let mark = index.mark();
    let mut budget = Budget::frame();
    let are_admitted = shape.chunks.into_iter().all(|chunk| {
        open_change_within(&bytes[chunk.range], &mut budget)
            .is_ok_and(|change| index.admit(&change, &open_space()).is_ok())
    });
    if !are_admitted {
        index.rollback(mark);
        return if size(&index) == size(&scene.index) {
            Ok(Fate::Refused)
        } else {
            promise("what was taken back left something behind")
        };
    }
    let received = quietly(|| doc.receive_sync_message(&mut state, message));
    match received {
        Err(place) => return Err(Break::Panic(format!("receiving at {place}"))),
        Ok(Err(error)) => return promise(&format!("receiving: {error}")),
        Ok(Ok(())) => {}
    }
    if let Err(place) = quietly(|| drop(doc.generate_sync_message(&mut state))) {
        return Err(Break::Panic(format!("answering at {place}")));
    }
    if doc.get_heads() == scene.doc.get_heads() {
        return Ok(Fate::Passed);
    }
    saved(&doc)
}

/// A change chunk that passes is one for Automerge too, under the same name, and can be applied.
pub fn chunk(scene: &Scene, bytes: &[u8]) -> Judged {
    let Ok(change) = open_change(bytes) else {
        return Ok(Fate::Refused);
    };
    let Ok(raw) = raw_change(bytes) else {
        return promise("a change that was read has no raw form");
    };
    let hash = change.header().hash;
    if open_change(&raw).map(|raw| raw.header().hash) != Ok(hash) {
        return promise("the raw form has another name");
    }
    if scene.index.check(&change, &open_space()).is_err() {
        return Ok(Fate::Refused);
    }
    let read =
        quietly(|| automerge::Change::from_bytes(raw.to_vec()).map(|change| change.hash().0));
    if read.ok().and_then(Result::ok) != Some(hash) {
        return promise("Automerge reads another name, or none");
    }
    match apply(&scene.doc, &raw) {
        Outcome::Fine(_) => Ok(Fate::Passed),
        Outcome::Error(what) => promise(&format!("Automerge refuses it: {what}")),
        Outcome::Panic(place) => Err(Break::Panic(format!("applying at {place}"))),
        Outcome::Poison(what) => Err(Break::Save(what)),
    }
}

/// A document that passes may make Automerge panic, which is caught; but it
/// neither hangs nor takes more than its size allows. Its changes are then
/// judged one by one, and a document of those that pass can be saved and read.
pub fn document(bytes: &[u8]) -> Judged {
    let Ok(shape) = check_document_chunk(bytes) else {
        return Ok(Fate::Refused);
    };
    let mut budget = Budget::frame();
    if check_document_chunk_within(bytes, &mut budget) != Ok(shape) {
        return promise("a second look sees something else");
    }
    let loaded = quietly(|| {
        let doc = Automerge::load(bytes).ok()?;
        Some(doc.get_changes(&[]))
    });
    let changes = match loaded {
        Err(_) => return Ok(Fate::Caught),
        Ok(None) => return Ok(Fate::Refused),
        Ok(Some(changes)) => changes,
    };
    let (mut index, mut rebuilt) = (OpIndex::new(), Automerge::new());
    let mut admitted = Vec::new();
    for change in changes {
        let is_admitted = open_change(change.raw_bytes())
            .is_ok_and(|open| index.admit(&open, &open_space()).is_ok());
        if is_admitted {
            admitted.push(change);
        }
    }
    let whole = quietly(|| rebuilt.apply_changes(admitted).map(|()| rebuilt));
    match whole {
        Err(place) => Err(Break::Panic(format!("applying its changes at {place}"))),
        Ok(Err(error)) => promise(&format!("applying its changes: {error}")),
        Ok(Ok(rebuilt)) => saved(&rebuilt),
    }
}

/// A change made worse as the dice say never breaks Automerge when it passes.
pub fn change(dice: &mut Dice<'_>) -> Judged {
    thread_local! {
        static BASE: RefCell<Option<Base>> = const { RefCell::new(None) };
    }
    let mut base = BASE.with_borrow_mut(|base| {
        let base = base.get_or_insert_with(|| Base::new(11, 25));
        base.clone()
    });
    let mut tally = Tally::default();
    for _ in 0..3 {
        try_one(dice, &mut base, &mut tally);
    }
    change_in(&mut tally, 0)
}

/// What the last mutant of a tally came to, of which this many had passed before.
pub fn change_in(tally: &mut Tally, passed_before: u64) -> Judged {
    let Some((what, (_, example))) = tally.broken.pop_first() else {
        return Ok(if tally.passed > passed_before {
            Fate::Passed
        } else {
            Fate::Refused
        });
    };
    tally.broken.clear();
    let story = format!("{what}; {example}");
    Err(match what.split(':').next() {
        Some("panic") => Break::Panic(story),
        Some("poison") => Break::Save(story),
        _ => Break::Promise(story),
    })
}

fn size(index: &OpIndex) -> (usize, usize, usize) {
    (index.changes().len(), index.runs(), index.op_bytes())
}

fn saved(doc: &Automerge) -> Judged {
    match quietly(|| saves(doc)) {
        Ok(Ok(())) => Ok(Fate::Passed),
        Ok(Err(what)) => Err(Break::Save(what)),
        Err(place) => Err(Break::Save(format!("panic when read back at {place}"))),
    }
}

fn promise(what: &str) -> Judged {
    Err(Break::Promise(what.to_owned()))
}

/// Stock peers have other actors and other footers.
pub fn open_space() -> Rules {
    Rules {
        space: Space::Open,
        ..Rules::default()
    }
}
