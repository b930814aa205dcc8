//! Which changes of a document are admitted, and what may follow them.

mod read;
mod undo;

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use crate::limits::{CLOCK_BYTES_FREE, CLOCK_BYTES_PER_CHANGE, CLOCK_STEPS_MAX};
use crate::{ChangeHeader, Refused, Rules, Space};

/// The admitted changes of one document.
///
/// Admission goes in causal order, so Automerge never gets a change with a
/// missing dependency (rule G3). A refusal changes nothing. Only headers are
/// held against each other here; [`OpIndex`](crate::OpIndex) looks at the
/// operations too.
///
/// A change takes about 130 bytes, its hash among them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeIndex {
    /// In order of admission; a change's position is its number below.
    changes: Vec<Entry>,
    /// Start of a hash and the change that has it.
    by_hash: BTreeSet<(u64, u32)>,
    /// The changes on which no other builds.
    heads: BTreeSet<u32>,
    /// Position of each actor in `actors`.
    by_actor: BTreeMap<Vec<u8>, u32>,
    /// In order of their first change.
    actors: Vec<Actor>,
    /// Bytes of all kept clocks.
    clock_bytes: usize,
}

/// An actor and its changes in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Actor {
    id: Box<[u8]>,
    changes: Vec<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    hash: [u8; 32],
    actor: u32,
    seq: u32,
    max_op: u32,
    /// Number of changes that depend on it directly.
    dependents: u32,
    /// Changes that a walk from here visits at most, until every path meets a kept clock.
    steps: u32,
    deps: Box<[u32]>,
    clock: Option<Clock>,
}

/// Of each actor, the number of its last change in the past; 0 for none.
pub(crate) type Clock = Box<[u32]>;

impl ChangeIndex {
    /// Gives the index of a document without changes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Admits a change, or says why not. A change that is already admitted is fine.
    ///
    /// # Errors
    /// Says which rule the change breaks; [`Refused::MissingDeps`] may be mended
    /// by what comes later, the others never.
    pub fn admit(&mut self, change: &ChangeHeader, rules: &Rules) -> Result<(), Refused> {
        if !self.contains(&change.hash) {
            self.check(change, rules)?;
            self.insert(change);
        }
        Ok(())
    }

    /// Says whether a change is admitted.
    #[must_use]
    pub fn contains(&self, hash: &[u8; 32]) -> bool {
        self.find(hash).is_some()
    }

    /// Number of admitted changes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Says whether no change is admitted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Number of an actor's last admitted change; 0 when it has none.
    #[must_use]
    pub fn last_seq(&self, actor: &[u8]) -> u64 {
        self.actor(actor)
            .map_or(0, |actor| self.chain(actor).len() as u64)
    }

    /// Hash of an actor's admitted change with this number.
    #[must_use]
    pub fn change_of(&self, actor: &[u8], seq: u64) -> Option<[u8; 32]> {
        let entry = self.entry_of(self.actor(actor)?, seq)?;
        Some(entry.hash)
    }

    /// Holds a change against the rules and the admitted changes.
    pub(crate) fn check(&self, change: &ChangeHeader, rules: &Rules) -> Result<(), Refused> {
        rules.check_form(change)?;
        self.check_seq(change)?;
        self.check_deps(change)?;
        self.check_predecessor(change, rules.space)?;
        self.check_start_op(change, rules.space)
    }

    /// Puts a checked change in.
    pub(crate) fn insert(&mut self, change: &ChangeHeader) {
        let number = self.changes.len() as u32;
        let deps: Box<[u32]> = change
            .deps
            .iter()
            .filter_map(|dep| self.find(dep))
            .collect();
        let actor = self.insert_actor(&change.actor);
        let steps = deps
            .iter()
            .filter_map(|dep| self.entry(*dep))
            .fold(1_u32, |steps, dep| steps.saturating_add(dep.steps));
        let mut entry = Entry {
            hash: change.hash,
            actor,
            seq: change.seq as u32,
            max_op: change.max_op() as u32,
            dependents: 0,
            steps,
            deps,
            clock: None,
        };
        if steps >= CLOCK_STEPS_MAX {
            self.keep_clock(&mut entry);
        }
        for dep in &entry.deps {
            self.heads.remove(dep);
            if let Some(dep) = self.changes.get_mut(*dep as usize) {
                dep.dependents += 1;
            }
        }
        self.heads.insert(number);
        self.by_hash.insert((prefix(&entry.hash), number));
        if let Some(actor) = self.actors.get_mut(actor as usize) {
            actor.changes.push(number);
        }
        self.changes.push(entry);
    }

    /// Position of an actor that has changes here.
    pub(crate) fn actor(&self, actor: &[u8]) -> Option<u32> {
        self.by_actor.get(actor).copied()
    }

    /// The actor at a position.
    pub(crate) fn actor_id(&self, position: u32) -> Option<&[u8]> {
        self.actors.get(position as usize).map(|actor| &*actor.id)
    }

    /// Number of actors.
    pub(crate) fn actor_count(&self) -> u32 {
        self.actors.len() as u32
    }

    /// Says whether everything that is admitted lies in the past of a change with these dependencies.
    pub(crate) fn covers_all(&self, deps: &[[u8; 32]]) -> bool {
        let heads = deps.iter().filter_map(|dep| self.find(dep));
        heads.filter(|dep| self.heads.contains(dep)).count() == self.heads.len()
    }

    /// Gives the clock of a change with these dependencies, without itself.
    pub(crate) fn clock(&self, deps: &[[u8; 32]]) -> Clock {
        let deps: Vec<u32> = deps.iter().filter_map(|dep| self.find(dep)).collect();
        self.walk(&deps)
    }

    /// Highest operation counter of an actor's first `seq` changes.
    pub(crate) fn max_op(&self, actor: u32, seq: u32) -> u32 {
        self.entry_of(actor, u64::from(seq))
            .map_or(0, |entry| entry.max_op)
    }

    fn find(&self, hash: &[u8; 32]) -> Option<u32> {
        let prefix = prefix(hash);
        self.by_hash
            .range((prefix, 0)..=(prefix, u32::MAX))
            .map(|(_, number)| *number)
            .find(|number| self.entry(*number).is_some_and(|entry| entry.hash == *hash))
    }

    fn entry(&self, number: u32) -> Option<&Entry> {
        self.changes.get(number as usize)
    }

    fn entry_of(&self, actor: u32, seq: u64) -> Option<&Entry> {
        let position = usize::try_from(seq.checked_sub(1)?).ok()?;
        self.entry(*self.chain(actor).get(position)?)
    }

    fn chain(&self, actor: u32) -> &[u32] {
        self.actors
            .get(actor as usize)
            .map_or(&[], |actor| &actor.changes)
    }

    fn insert_actor(&mut self, actor: &[u8]) -> u32 {
        if let Some(known) = self.actor(actor) {
            return known;
        }
        let position = self.actors.len() as u32;
        self.by_actor.insert(actor.to_vec(), position);
        self.actors.push(Actor {
            id: actor.into(),
            changes: Vec::new(),
        });
        position
    }

    /// Keeps the clock of a change, unless clocks take too much already.
    fn keep_clock(&mut self, entry: &mut Entry) {
        let allowed = self.changes.len() * CLOCK_BYTES_PER_CHANGE + CLOCK_BYTES_FREE;
        let more = self.actors.len() * size_of::<u32>();
        if self.clock_bytes + more > allowed {
            return;
        }
        let mut clock = self.walk(&entry.deps);
        if let Some(seq) = clock.get_mut(entry.actor as usize) {
            *seq = entry.seq;
        }
        self.clock_bytes += more;
        entry.clock = Some(clock);
        entry.steps = 1;
    }

    /// Walks from changes down to those whose clocks are kept.
    fn walk(&self, from: &[u32]) -> Clock {
        let mut clock = vec![0_u32; self.actors.len()];
        self.visit(from, |entry| {
            let known = entry.clock.as_deref().unwrap_or_default();
            for (seq, known) in clock.iter_mut().zip(known) {
                *seq = (*seq).max(*known);
            }
            if let Some(seq) = clock.get_mut(entry.actor as usize) {
                *seq = (*seq).max(entry.seq);
            }
        });
        clock.into_boxed_slice()
    }

    /// Visits each change of a walk once, later ones first.
    fn visit(&self, from: &[u32], mut each: impl FnMut(&Entry)) {
        let mut left: BinaryHeap<u32> = from.iter().copied().collect();
        let mut last = None;
        while let Some(number) = left.pop() {
            // What a change builds on was admitted before it, so equal ones come in a row.
            if last == Some(number) {
                continue;
            }
            last = Some(number);
            let Some(entry) = self.entry(number) else {
                continue;
            };
            each(entry);
            if entry.clock.is_none() {
                left.extend(&entry.deps);
            }
        }
    }

    fn check_seq(&self, change: &ChangeHeader) -> Result<(), Refused> {
        let seq = change.seq;
        if let Some(admitted) = self.change_of(&change.actor, seq) {
            return Err(Refused::Equivocation { seq, admitted });
        }
        // A gap is often only a change that has not come yet, which the missing
        // dependency says; that is for `check_deps` to find first.
        let expected = self.last_seq(&change.actor) + 1;
        let is_waiting = change.deps.iter().any(|dep| !self.contains(dep));
        if seq == expected || is_waiting {
            Ok(())
        } else {
            Err(Refused::Seq {
                found: seq,
                expected,
            })
        }
    }

    fn check_deps(&self, change: &ChangeHeader) -> Result<(), Refused> {
        let missing: Vec<_> = change
            .deps
            .iter()
            .filter(|dep| !self.contains(dep))
            .copied()
            .collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(Refused::MissingDeps(missing))
        }
    }

    fn check_predecessor(&self, change: &ChangeHeader, space: Space) -> Result<(), Refused> {
        let before = change.seq.saturating_sub(1);
        let Some(own) = self.change_of(&change.actor, before) else {
            return Ok(());
        };
        let is_built_on = match space {
            Space::Circles => change.deps.contains(&own),
            Space::Open => {
                change.deps.contains(&own) || self.is_ancestor(&change.actor, before, &change.deps)
            }
        };
        if is_built_on {
            Ok(())
        } else {
            Err(Refused::Predecessor)
        }
    }

    fn check_start_op(&self, change: &ChangeHeader, space: Space) -> Result<(), Refused> {
        let highest = change
            .deps
            .iter()
            .filter_map(|dep| self.entry(self.find(dep)?))
            .map(|entry| u64::from(entry.max_op))
            .max();
        let (found, expected) = (change.start_op, highest.unwrap_or(0) + 1);
        let follows = match space {
            Space::Circles => found == expected,
            // Work in isolation leaves room below. An empty change may not: its
            // save would claim operations where the room is.
            Space::Open => found == expected || found > expected && change.op_count > 0,
        };
        if follows {
            Ok(())
        } else {
            Err(Refused::StartOp { found, expected })
        }
    }

    /// Says whether an actor's change stands in the past of a change with these dependencies.
    fn is_ancestor(&self, actor: &[u8], seq: u64, deps: &[[u8; 32]]) -> bool {
        self.covers_all(deps)
            || self.actor(actor).is_some_and(|actor| {
                let clock = self.clock(deps);
                clock
                    .get(actor as usize)
                    .is_some_and(|known| u64::from(*known) >= seq)
            })
    }
}

fn prefix(hash: &[u8; 32]) -> u64 {
    hash.iter()
        .take(8)
        .fold(0, |prefix, byte| prefix << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests;
