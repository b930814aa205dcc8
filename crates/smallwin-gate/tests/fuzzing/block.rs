//! A thousand mutants that come from one seed: the unit in which long runs count and go on.

use automerge::AutoCommit;
use automerge::sync::{State, SyncDoc};
use smallwin_gate::open_change;

use super::bytes::{deflate_chunk, fix_checksum, mutate};
use super::cbor::sync_frame;
use super::dice::Dice;
use super::document::{RawDocument, fix_heads};
use super::message::{RawMessage, mutate_chunk};
use super::mutate::Pool;
use super::raw::RawChange;
use super::run::{Base, Tally, try_one};
use super::targets::{self, Judged, Scene};
use crate::support::World;

/// Where bytes enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Frame,
    Message,
    /// A change made worse operation by operation.
    Change,
    /// A change made worse byte by byte, raw and deflated.
    Chunk,
    Document,
}

impl Target {
    pub const ALL: [(&'static str, Self); 5] = [
        ("frame", Self::Frame),
        ("message", Self::Message),
        ("change", Self::Change),
        ("chunk", Self::Chunk),
        ("document", Self::Document),
    ];
}

/// The honest bytes of one seed, and the peers that receive what is made of them.
#[derive(Debug)]
pub struct Block {
    target: Target,
    dice: Dice<'static>,
    pool: Pool,
    scenes: Vec<Scene>,
    /// Bytes with the scene in which they arrive.
    corpus: Vec<(usize, Vec<u8>)>,
    documents: Vec<RawDocument>,
    base: Option<Base>,
    pub tally: Tally,
}

impl Block {
    pub fn new(target: Target, seed: u64) -> Self {
        let mut block = Self {
            target,
            dice: Dice::seeded(seed),
            pool: Pool::default(),
            scenes: Vec::new(),
            corpus: Vec::new(),
            documents: Vec::new(),
            base: None,
            tally: Tally::default(),
        };
        let rounds = block.dice.below(40);
        if target == Target::Change {
            block.base = Some(Base::new(seed, rounds));
            return block;
        }
        let mut world = World::new(seed, 3);
        world.run(rounds);
        for change in world.peers[0].get_changes(&[]) {
            let raw = RawChange::read(change.raw_bytes()).unwrap();
            block.pool.add(change.hash().0, &raw);
        }
        match target {
            Target::Frame | Target::Message => block.converse(&mut world),
            Target::Chunk => block.collect_chunks(&mut world),
            Target::Document => block.collect_documents(&mut world),
            Target::Change => {}
        }
        block
    }

    /// Makes the next mutant and gives it to its target.
    pub fn one(&mut self) -> Judged {
        let Self { dice, pool, .. } = self;
        if let Some(base) = &mut self.base {
            let passed = self.tally.passed;
            try_one(dice, base, &mut self.tally);
            return targets::change_in(&mut self.tally, passed);
        }
        if self.target == Target::Document {
            return targets::document(&worse_document(dice, &self.documents));
        }
        let (at, mut bytes) = dice.pick(&self.corpus).unwrap().clone();
        let scene = &self.scenes[at];
        match self.target {
            Target::Frame => targets::frame(scene, &worse_frame(dice, &bytes, pool)),
            Target::Message => targets::sync_message(scene, &worse_message(dice, &bytes, pool)),
            _ => {
                mutate_chunk(dice, &mut bytes, pool);
                if dice.one_in(4) {
                    deflate_chunk(&mut bytes);
                    if dice.one_in(2) {
                        mutate(dice, &mut bytes);
                    }
                }
                targets::chunk(scene, &bytes)
            }
        }
    }

    /// Lets peers talk and keeps every message with the peer that hears it.
    fn converse(&mut self, world: &mut World) {
        let full = world.peers[0].clone();
        let pairs = [
            (full.clone(), AutoCommit::new()),
            (full, world.peers[1].clone()),
            (world.peers[1].clone(), world.peers[2].clone()),
        ];
        for (mut left, mut right) in pairs {
            let (mut left_state, mut right_state) = (State::new(), State::new());
            for _ in 0..5 {
                self.send(&mut left, &mut left_state, &mut right, &mut right_state);
                self.send(&mut right, &mut right_state, &mut left, &mut left_state);
            }
        }
    }

    fn send(
        &mut self,
        from: &mut AutoCommit,
        from_state: &mut State,
        to: &mut AutoCommit,
        to_state: &mut State,
    ) {
        let Some(message) = from.sync().generate_sync_message(from_state) else {
            return;
        };
        let bytes = message.clone().encode();
        assert_eq!(RawMessage::read(&bytes).unwrap().write(), bytes);
        self.corpus.push((self.scenes.len(), bytes));
        self.scenes.push(Scene::of(to, to_state));
        to.sync().receive_sync_message(to_state, message).unwrap();
    }

    /// Cuts the history in two and keeps what can come next.
    fn collect_chunks(&mut self, world: &mut World) {
        let changes = world.peers[0].get_changes(&[]);
        let cut = self.dice.below(changes.len());
        let mut past = AutoCommit::new();
        past.apply_changes(changes[..cut].iter().cloned()).unwrap();
        let scene = Scene::of(&mut past, &State::new());
        for change in &changes[cut..] {
            let open = open_change(change.raw_bytes()).unwrap();
            let deps = &open.header().deps;
            if deps.iter().all(|dep| scene.index.changes().contains(dep)) {
                self.corpus.push((0, change.raw_bytes().to_vec()));
            }
        }
        self.scenes.push(scene);
    }

    fn collect_documents(&mut self, world: &mut World) {
        for peer in &mut world.peers {
            let bytes = peer.save_nocompress();
            let document = RawDocument::read(&bytes).unwrap();
            assert_eq!(document.write(), bytes, "the mutator writes other bytes");
            self.documents.push(document);
        }
    }
}

fn worse_document(dice: &mut Dice<'_>, documents: &[RawDocument]) -> Vec<u8> {
    let mut document = dice.pick(documents).unwrap().clone();
    if dice.one_in(4) {
        let mut bytes = document.write();
        for _ in 0..=dice.below(3) {
            mutate(dice, &mut bytes);
        }
        fix_checksum(&mut bytes);
        return bytes;
    }
    document.mutate(dice, dice.clone().pick(documents).unwrap());
    let bytes = document.write();
    if dice.one_in(2) {
        return fix_heads(&bytes).unwrap_or(bytes);
    }
    bytes
}

fn worse_message(dice: &mut Dice<'_>, bytes: &[u8], pool: &Pool) -> Vec<u8> {
    let mut message = RawMessage::read(bytes).unwrap();
    if !dice.one_in(5) {
        message.mutate(dice, pool);
    }
    let mut bytes = message.write();
    if dice.one_in(5) {
        mutate(dice, &mut bytes);
    }
    bytes
}

/// Frames of other kinds: as a stock peer joins, and one with records.
const OTHERS: [&[u8]; 3] = [
    b"\xb9\x00\x02\x64type\x64sync\x64data\x43abc",
    b"\xa3\x64type\x64join\x68senderId\x61a\x78\x19supportedProtocolVersions\x81\x611",
    b"\xa2\x64type\x6esmallwin/beside\x65cards\x82\x43abc\x40",
];

fn worse_frame(dice: &mut Dice<'_>, message: &[u8], pool: &Pool) -> Vec<u8> {
    if dice.one_in(3) {
        return sync_frame(&worse_message(dice, message, pool));
    }
    let mut bytes = match dice.one_in(2) {
        true => sync_frame(message),
        false => dice.pick(&OTHERS).unwrap().to_vec(),
    };
    for _ in 0..=dice.below(3) {
        mutate(dice, &mut bytes);
    }
    bytes
}
