//! Finds whether the end of a mark stands behind its beginning.

use std::cmp::Ordering;

use crate::OpFault;
use crate::limits::MARK_STEPS_MAX;
use crate::ops::{Action, OpId};
use crate::segments::{Place, Segment};

/// The marks of one change.
///
/// Automerge takes the operation before a mark's end as its beginning, whatever
/// that is, and refuses a save in which the end stands first or elsewhere.
#[derive(Debug, Default)]
pub(super) struct Marks {
    open: Option<Anchor>,
    steps: u64,
}

/// An element that is being placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Anchor {
    id: OpId,
    object: OpId,
    after: OpId,
}

impl Marks {
    /// Takes the next operation; gives beginning and end when it closes a mark.
    pub(super) fn next(
        &mut self,
        action: Action,
        id: OpId,
        object: OpId,
        place: Place,
    ) -> Result<Option<(Anchor, Anchor)>, OpFault> {
        let after = match place {
            Place::After(after) => after,
            Place::At(_) | Place::Name(_) => OpId::default(),
        };
        let anchor = Anchor { id, object, after };
        match (self.open.take(), action) {
            (None, Action::MarkBegin) => {
                self.open = Some(anchor);
                Ok(None)
            }
            (Some(begin), Action::MarkEnd) if begin.object == object => Ok(Some((begin, anchor))),
            (Some(_), _) | (None, Action::MarkEnd) => Err(OpFault::Mark),
            (None, _) => Ok(None),
        }
    }

    /// Says that no mark was left open.
    pub(super) fn finish(&self) -> Result<(), OpFault> {
        match self.open {
            None => Ok(()),
            Some(_) => Err(OpFault::Mark),
        }
    }

    /// Refuses an end that stands before its beginning.
    ///
    /// Elements form a tree by what they were put behind; they are read depth
    /// first, of siblings the later one first. So from both anchors we climb to
    /// where their paths meet, run by run. The number of steps depends on the
    /// past of the change only.
    pub(super) fn check_order(
        &mut self,
        begin: Anchor,
        end: Anchor,
        find: impl Fn(OpId) -> Option<Segment>,
        compare: impl Fn(OpId, OpId) -> Ordering,
    ) -> Result<(), OpFault> {
        if end.after == begin.id {
            return Ok(());
        }
        if end.after.counter == 0 || end.after == begin.after {
            // It is the latest of its siblings, so the first of them.
            return Err(OpFault::Mark);
        }
        // Nothing but its end can already stand on a new beginning, so the paths
        // meet below both. They part by the siblings `above_begin` and `above_end`.
        let (mut at_begin, mut at_end) = (begin.after, end.after);
        let (mut above_begin, mut above_end) = (begin.id, end.id);
        while at_begin != at_end {
            self.steps += 1;
            if self.steps > MARK_STEPS_MAX {
                let limit = MARK_STEPS_MAX;
                return Err(OpFault::MarkSteps { limit });
            }
            let (run_begin, run_end) = (Run::of(at_begin, &find)?, Run::of(at_end, &find)?);
            match compare(run_begin.first, run_end.first) {
                Ordering::Greater => (above_begin, at_begin) = (run_begin.first, run_begin.after),
                Ordering::Less => (above_end, at_end) = (run_end.first, run_end.after),
                // Both in one run, where they meet at the lower one.
                Ordering::Equal if at_begin.counter > at_end.counter => {
                    (above_begin, at_begin) = (next_in_run(at_end), at_end);
                }
                Ordering::Equal => (above_end, at_end) = (next_in_run(at_begin), at_begin),
            }
        }
        if compare(above_begin, above_end) == Ordering::Greater {
            Ok(())
        } else {
            Err(OpFault::Mark)
        }
    }
}

/// The run in which an element stands; the start of a text is one of its own.
#[derive(Debug, Clone, Copy)]
struct Run {
    first: OpId,
    after: OpId,
}

impl Run {
    fn of(id: OpId, find: impl Fn(OpId) -> Option<Segment>) -> Result<Self, OpFault> {
        let start = OpId::default();
        if id == start {
            return Ok(Self {
                first: start,
                after: start,
            });
        }
        let segment = find(id).ok_or(OpFault::Element)?;
        let Place::After(after) = segment.place else {
            return Err(OpFault::Element);
        };
        let (counter, actor) = (segment.first, id.actor);
        Ok(Self {
            first: OpId { counter, actor },
            after,
        })
    }
}

fn next_in_run(id: OpId) -> OpId {
    OpId {
        counter: id.counter + 1,
        ..id
    }
}
