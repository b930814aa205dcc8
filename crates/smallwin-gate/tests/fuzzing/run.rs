use std::collections::{BTreeMap, BTreeSet};

use automerge::transaction::CommitOptions;
use automerge::{ActorId, AutoCommit, Automerge};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use smallwin_gate::{OpIndex, OpenChange, Refused, Rules, Space, open_change};

use super::apply::{Outcome, apply, quietly, use_it};
use super::dice::Dice;
use super::mutate::{Pool, mutate};
use super::raw::RawChange;
use crate::support::{World, edit_some};

/// What came of mutants so far.
#[derive(Debug, Default)]
pub struct Tally {
    pub execs: u64,
    pub passed: u64,
    /// Passed by the gate, and Automerge broke: reason and one example.
    pub broken: BTreeMap<String, (u64, String)>,
    /// Refused by the gate, and Automerge would have taken it without harm.
    pub strict: BTreeMap<String, u64>,
    /// Honest changes, some on top of mutants.
    pub honest: u64,
    /// Verdicts that were compared with those of a device that has only the past.
    pub compared: u64,
    /// Refused by the gate, and Automerge would have broken.
    pub saved: BTreeMap<String, u64>,
    /// The smallest example for each of these, when they are to be kept.
    pub examples: Option<BTreeMap<String, Example>>,
    /// Refusals by their words.
    pub refusals: BTreeMap<String, u64>,
}

/// A change that the gate refuses and that breaks Automerge.
#[derive(Debug, Clone)]
pub struct Example {
    pub base: Vec<Vec<u8>>,
    pub change: Vec<u8>,
}

/// A document with its index, and honest changes to make worse.
#[derive(Debug, Clone)]
pub struct Base {
    pub doc: Automerge,
    pub index: OpIndex,
    /// Two of three documents are of circles, one is of stock peers.
    pub rules: Rules,
    pub changes: Vec<Vec<u8>>,
    pub pool: Pool,
    pub honest: Vec<Vec<u8>>,
}

impl Base {
    pub fn new(seed: u64, rounds: usize) -> Self {
        let mut world = World::new(seed, 3);
        world.run(rounds);
        let mut base = Self {
            doc: Automerge::new(),
            index: OpIndex::new(),
            rules: Rules {
                space: if seed.is_multiple_of(3) {
                    Space::Open
                } else {
                    Space::Circles
                },
                ..Rules::default()
            },
            changes: Vec::new(),
            pool: Pool::default(),
            honest: Vec::new(),
        };
        for change in world.peers[0].get_changes(&[]) {
            base.take(change.raw_bytes());
            base.changes.push(change.raw_bytes().to_vec());
            base.doc.apply_changes([change]).unwrap();
        }
        let peers = world.peers.clone();
        base.edit(&mut world.rng, &peers);
        base
    }

    /// Makes honest changes anew, by actors old and new.
    fn edit(&mut self, rng: &mut ChaCha8Rng, peers: &[AutoCommit]) {
        self.honest.clear();
        for at in 0..16 {
            let mut copy = peers[at % peers.len()].clone();
            if at > 3 {
                copy.set_actor(ActorId::from(&[0xf0 + at as u8; 40][..]));
            }
            edit_some(rng, &mut copy);
            let options = CommitOptions::default().with_time(1);
            if copy.commit_with(options).is_some() {
                let change = copy.get_last_local_change().unwrap();
                self.honest.push(change.raw_bytes().to_vec());
            }
        }
    }

    /// Goes on from a document that took a mutant; honest work on it must pass.
    fn go_on(&mut self, dice: &mut Dice<'_>, bytes: &[u8], doc: Automerge, tally: &mut Tally) {
        let raw = RawChange::read(bytes).unwrap();
        let hash = open_change(bytes).unwrap().header().hash;
        self.pool.add(hash, &raw);
        self.doc = doc;
        let mut rng = ChaCha8Rng::seed_from_u64(dice.next());
        let mut peer = AutoCommit::load(&self.doc.save()).unwrap();
        peer.set_actor(ActorId::from(&rng.random::<[u8; 32]>().repeat(2)[..40]));
        match quietly(|| self.edit(&mut rng, &[peer])) {
            Ok(()) => {}
            Err(place) => {
                let example = format!("after {raw:?}");
                let what = format!("panic: honest edit at {place}");
                tally.broken.entry(what).or_insert((0, example)).0 += 1;
            }
        }
        for bytes in &self.honest {
            tally.honest += 1;
            let change = open_change(bytes).unwrap();
            if let Err(refused) = self.index.check(&change, &self.rules) {
                let example = format!("{:?} after {raw:?}", RawChange::read(bytes));
                let what = format!("honest change refused: {refused}");
                tally.broken.entry(what).or_insert((0, example)).0 += 1;
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        let change = open_change(bytes).unwrap();
        self.index.admit(&change, &self.rules).unwrap();
        let raw = RawChange::read(bytes).unwrap();
        assert_eq!(raw.write(), bytes, "the mutator writes other bytes");
        self.pool.add(change.header().hash, &raw);
    }
}

/// Runs one mutant against a base; a mutant that is taken may become part of it.
pub fn try_one(dice: &mut Dice<'_>, base: &mut Base, tally: &mut Tally) {
    let Some(honest) = dice.pick(&base.honest) else {
        return;
    };
    let mut change = RawChange::read(honest).unwrap();
    if change.seq == 1 {
        change.actor.splice(..4, (dice.next() as u32).to_be_bytes());
    }
    let mut bytes = mutate(dice, &mut change, &base.pool);
    if dice.one_in(12) {
        super::bytes::mutate(dice, &mut bytes);
        super::bytes::fix_checksum(&mut bytes);
    }
    tally.execs += 1;
    let open = open_change(&bytes);
    let verdict = match &open {
        Err(error) => Err(error.to_string()),
        Ok(change) => {
            let verdict = base.index.check(change, &base.rules);
            if dice.one_in(16) {
                compare_with_past(base, change, &verdict, tally);
            }
            verdict.map_err(|refused| refused.to_string())
        }
    };
    let Err(refusal) = verdict else {
        tally.passed += 1;
        judge(dice, base, &bytes, tally);
        return;
    };
    let words = refusal.chars().filter(|letter| !letter.is_ascii_digit());
    let words: String = words.collect();
    *tally.refusals.entry(words.clone()).or_default() += 1;
    // What the gate is for is seen on a part of what it refuses.
    if tally.examples.is_some() || dice.one_in(16) {
        match apply(&base.doc, &bytes) {
            Outcome::Fine(_) => *tally.strict.entry(words).or_default() += 1,
            Outcome::Error(_) => {}
            Outcome::Panic(what) | Outcome::Poison(what) => {
                *tally.saved.entry(what.clone()).or_default() += 1;
                if let Some(examples) = &mut tally.examples {
                    keep_example(examples, what, base, &bytes);
                }
            }
        }
    }
}

/// What a device says about operations that has the change's past and nothing else
/// must be what any other says (rule S1).
fn compare_with_past(
    base: &Base,
    change: &OpenChange<'_>,
    verdict: &Result<(), Refused>,
    tally: &mut Tally,
) {
    if !matches!(verdict, Ok(()) | Err(Refused::Op { .. })) {
        return;
    }
    let mut wanted: BTreeSet<[u8; 32]> = change.header().deps.iter().copied().collect();
    let mut past = Vec::new();
    for bytes in base.changes.iter().rev() {
        let open = open_change(bytes).unwrap();
        if wanted.contains(&open.header().hash) {
            wanted.extend(&open.header().deps);
            past.push(open);
        }
    }
    let mut index = OpIndex::new();
    for open in past.iter().rev() {
        index.admit(open, &base.rules).unwrap();
    }
    tally.compared += 1;
    let alone = index.check(change, &base.rules);
    if alone != *verdict {
        let what = format!("verdict depends on more than the past: {verdict:?}, {alone:?}");
        tally.broken.entry(what).or_default().0 += 1;
    }
}

fn judge(dice: &mut Dice<'_>, base: &mut Base, bytes: &[u8], tally: &mut Tally) {
    let mut broken = |what: String| {
        let example = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        tally.broken.entry(what).or_insert((0, example)).0 += 1;
    };
    let doc = match apply(&base.doc, bytes) {
        Outcome::Fine(doc) => doc,
        Outcome::Error(what) => return broken(format!("error: {what}")),
        Outcome::Panic(what) => return broken(format!("panic: {what}")),
        Outcome::Poison(what) => return broken(format!("poison: {what}")),
    };
    if dice.one_in(8)
        && let Err(what) = use_it(&base.doc, &doc, bytes)
    {
        return broken(format!("use: {what}"));
    }
    if dice.one_in(6) && base.pool.hashes.len() < 200 {
        let change = open_change(bytes).unwrap();
        base.index.admit(&change, &base.rules).unwrap();
        base.changes.push(bytes.to_vec());
        base.go_on(dice, bytes, *doc, tally);
    }
}

fn keep_example(
    examples: &mut BTreeMap<String, Example>,
    what: String,
    base: &Base,
    change: &[u8],
) {
    let size = |example: &Example| example.base.concat().len() + example.change.len();
    let changes = base.doc.get_changes(&[]);
    let raw = changes.iter().map(|change| change.raw_bytes().to_vec());
    let example = Example {
        base: raw.collect(),
        change: change.to_vec(),
    };
    match examples.get(&what) {
        Some(kept) if size(kept) <= size(&example) => {}
        _ => drop(examples.insert(what, example)),
    }
}
