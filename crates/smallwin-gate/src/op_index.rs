//! Admits changes by what their operations refer to.

mod check;
mod marks;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::index::Clock;
use crate::op_index::check::{Check, Made};
use crate::ops::OpId;
use crate::segments::{Segment, find, push, truncate};
use crate::{ChangeIndex, OpenChange, Refused, Rules};

/// The admitted changes of one document and what their operations made.
///
/// Everything that an operation names must exist in the past of its change and
/// be of the right kind: the object, the element, every predecessor at the same
/// key. Automerge 0.12 checks none of that; it panics, or writes a save that
/// cannot be read back. The document itself is not built.
///
/// Beside what [`ChangeIndex`] takes for changes, a run of letters that one
/// actor typed takes 36 bytes, and so does every other operation but deletions and
/// increments, which take none. Whether a change is admitted depends on the
/// change, its past and the rules only, never on what else is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpIndex {
    changes: ChangeIndex,
    /// The operations of each actor by counter; actors as in `changes`.
    segments: Vec<Vec<Segment>>,
    /// Numbers of the names of entries in maps.
    numbers: BTreeMap<Arc<str>, u32>,
    /// The names by their numbers.
    names: Vec<Arc<str>>,
}

/// A state of an [`OpIndex`] to which it can go back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    changes: usize,
    names: usize,
}

impl OpIndex {
    /// Gives the index of a document without changes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Admits a change, or says why not. A change that is already admitted is fine.
    ///
    /// # Errors
    /// As [`ChangeIndex::admit`], and [`Refused::Op`] for the first operation
    /// that refers to what is not there or not fit for it. A refusal changes nothing.
    pub fn admit(&mut self, change: &OpenChange<'_>, rules: &Rules) -> Result<(), Refused> {
        let header = change.header();
        if self.changes.contains(&header.hash) {
            return Ok(());
        }
        let made = self.made(change, rules)?;
        self.changes.insert(header);
        self.insert(&header.actor, made.segments, made.names);
        Ok(())
    }

    /// Says whether [`admit`](Self::admit) would admit a change.
    ///
    /// # Errors
    /// As [`admit`](Self::admit).
    pub fn check(&self, change: &OpenChange<'_>, rules: &Rules) -> Result<(), Refused> {
        if self.changes.contains(&change.header().hash) {
            return Ok(());
        }
        self.made(change, rules).map(drop)
    }

    /// The present state, for [`rollback`](Self::rollback).
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark {
            changes: self.changes.len(),
            names: self.names.len(),
        }
    }

    /// Takes back what was admitted since a mark, as if it never had been. Marks that were made
    /// since then are void. It costs as much as admitting that did.
    pub fn rollback(&mut self, mark: Mark) {
        while self.changes.len() > mark.changes
            && let Some((actor, reach)) = self.changes.last()
        {
            self.changes.truncate(self.changes.len() - 1);
            if let Some(segments) = self.segments.get_mut(actor as usize) {
                truncate(segments, reach);
            }
            self.segments.truncate(self.changes.actor_count() as usize);
        }
        while self.names.len() > mark.names
            && let Some(name) = self.names.pop()
        {
            self.numbers.remove(&name);
        }
    }

    /// The changes alone.
    #[must_use]
    pub fn changes(&self) -> &ChangeIndex {
        &self.changes
    }

    /// Number of runs of operations that are kept.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.segments.iter().map(Vec::len).sum()
    }

    /// Bytes that the kept operations and names take, without those of the changes.
    #[must_use]
    pub fn op_bytes(&self) -> usize {
        let names: usize = self.names.iter().map(|name| name.len() + NAME_BYTES).sum();
        self.runs() * size_of::<Segment>() + names
    }

    fn made(&self, change: &OpenChange<'_>, rules: &Rules) -> Result<Made, Refused> {
        self.changes.check(change.header(), rules)?;
        Check::run(self, change)
    }

    fn insert(&mut self, actor: &[u8], made: Vec<Segment>, names: Vec<Arc<str>>) {
        let Some(position) = self.changes.actor(actor) else {
            return;
        };
        if self.segments.len() <= position as usize {
            self.segments.push(Vec::new());
        }
        if let Some(segments) = self.segments.get_mut(position as usize) {
            for segment in made {
                push(segments, position, segment);
            }
        }
        for name in names {
            self.numbers
                .insert(Arc::clone(&name), self.names.len() as u32);
            self.names.push(name);
        }
    }

    /// Position that an actor has or will have.
    fn position(&self, actor: &[u8]) -> u32 {
        self.changes
            .actor(actor)
            .unwrap_or(self.segments.len() as u32)
    }

    fn find(&self, id: OpId) -> Option<&Segment> {
        find(self.segments.get(id.actor as usize)?, id.counter)
    }

    fn clock(&self, deps: &[[u8; 32]]) -> Clock {
        self.changes.clock(deps)
    }
}

/// Bytes of a name beyond its letters: its counts and its places.
const NAME_BYTES: usize = 56;
