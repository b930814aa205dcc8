//! What is kept of admitted operations: runs of like ones.

use crate::ops::{Action, OpId};

/// A run of operations of one actor whose counters follow each other.
///
/// A run of more than one is a row of elements of one kind, each behind the one
/// before: typed text of one actor is one run, however many changes it took.
/// Deletions and increments leave none, since nothing may refer to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Counter of the first operation.
    pub(crate) first: u32,
    pub(crate) length: u32,
    /// The operation that made the object; counter 0 for the root.
    pub(crate) object: OpId,
    pub(crate) place: Place,
    pub(crate) kind: Kind,
}

/// Where an operation stands in its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Number of a name in a map.
    Name(u32),
    /// The first is a new element behind this one; counter 0 for the start.
    After(OpId),
    /// A new value of this element.
    At(OpId),
}

/// What an operation made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Map,
    List,
    Text,
    Value,
    Counter,
    Mark,
}

impl Kind {
    /// What an action leaves behind, if anything may refer to it.
    pub(crate) fn of(action: Action) -> Option<Self> {
        match action {
            Action::MakeMap => Some(Self::Map),
            Action::MakeList => Some(Self::List),
            Action::MakeText => Some(Self::Text),
            // Automerge 0.12 keeps tables but panics on what is put into them.
            Action::MakeTable | Action::Set => Some(Self::Value),
            Action::SetCounter => Some(Self::Counter),
            Action::MarkBegin | Action::MarkEnd => Some(Self::Mark),
            Action::Delete | Action::Increment => None,
        }
    }
}

impl Segment {
    pub(crate) fn contains(&self, counter: u32) -> bool {
        counter >= self.first && counter - self.first < self.length
    }

    pub(crate) fn is_element(&self) -> bool {
        matches!(self.place, Place::After(_))
    }

    /// Takes an operation of the same actor in, if it goes on with this run.
    fn take(&mut self, actor: u32, next: &Self) -> bool {
        let last = OpId {
            counter: self.first + self.length - 1,
            actor,
        };
        let goes_on = next.first == last.counter + 1
            && next.object == self.object
            && next.kind == self.kind
            && self.is_element()
            && next.place == Place::After(last);
        if goes_on {
            self.length += next.length;
        }
        goes_on
    }
}

/// Adds an operation behind the others of its actor.
pub(crate) fn push(segments: &mut Vec<Segment>, actor: u32, next: Segment) {
    let is_taken = segments
        .last_mut()
        .is_some_and(|last| last.take(actor, &next));
    if !is_taken {
        segments.push(next);
    }
}

/// Takes back the operations of an actor whose counters are above `reach`.
pub(crate) fn truncate(segments: &mut Vec<Segment>, reach: u32) {
    while segments.last().is_some_and(|last| last.first > reach) {
        segments.pop();
    }
    if let Some(last) = segments.last_mut() {
        last.length = last.length.min(reach - last.first + 1);
    }
}

/// Finds the run in which an actor's operation stands.
pub(crate) fn find(segments: &[Segment], counter: u32) -> Option<&Segment> {
    let behind = segments.partition_point(|segment| segment.first <= counter);
    segments
        .get(behind.checked_sub(1)?)
        .filter(|segment| segment.contains(counter))
}
