//! Holds the operations of one change against the index.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::OpIndex;
use super::marks::Marks;
use crate::index::Clock;
use crate::ops::{Action, Key, Op, OpId, Ops};
use crate::segments::{Kind, Place, Segment, find, push};
use crate::{OpFault, OpenChange, Refused};

/// What a checked change adds to the index.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) segments: Vec<Segment>,
    /// New names, in the order of their numbers.
    pub(super) names: Vec<Arc<str>>,
}

/// The check of one change. Actors are positions in the index from here on;
/// the change's own may be the next one that is free.
#[derive(Debug)]
pub(super) struct Check<'a> {
    index: &'a OpIndex,
    deps: &'a [[u8; 32]],
    /// Positions in the index of the change's actors; nothing for unknown ones.
    actors: Vec<Option<u32>>,
    actor_ids: Vec<&'a [u8]>,
    used: Vec<bool>,
    own: u32,
    start_op: u32,
    covers_all: bool,
    clock: Option<Clock>,
    made: Made,
    /// Numbers of the new names.
    numbers: BTreeMap<Arc<str>, u32>,
    marks: Marks,
    /// The last object that was looked up, and what it holds.
    object: Option<(OpId, Kind)>,
}

impl<'a> Check<'a> {
    /// Checks all operations of a change and gives what they made.
    pub(super) fn run(index: &'a OpIndex, change: &'a OpenChange<'_>) -> Result<Made, Refused> {
        let header = change.header();
        let refused = |position, fault| Refused::Op { position, fault };
        let actor_ids: Vec<&[u8]> = change.actors().collect();
        let actors = actor_ids.iter().map(|id| index.changes().actor(id));
        let mut check = Self {
            index,
            deps: &header.deps,
            actors: actors.collect(),
            used: vec![false; actor_ids.len()],
            actor_ids,
            own: index.position(&header.actor),
            start_op: u32::try_from(header.start_op).unwrap_or(u32::MAX),
            covers_all: index.changes().covers_all(&header.deps),
            clock: None,
            made: Made {
                segments: Vec::new(),
                names: Vec::new(),
            },
            numbers: BTreeMap::new(),
            marks: Marks::default(),
            object: None,
        };
        check.actors_rise().map_err(|fault| refused(0, fault))?;
        let columns = change.columns().ok_or(refused(0, OpFault::Actors))?;
        let mut ops = Ops::new(&columns, header.op_count);
        let (mut position, mut preds) = (0, Vec::new());
        loop {
            let fault = |fault| refused(position, fault);
            let Some(op) = ops.next(&mut preds).map_err(fault)? else {
                break;
            };
            let counter = check.start_op.saturating_add(position as u32);
            check.op(counter, &op, &mut preds).map_err(fault)?;
            position += 1;
        }
        check.finish().map_err(|fault| refused(position, fault))?;
        Ok(check.made)
    }

    /// The others rise strictly, and the author is none of them.
    fn actors_rise(&self) -> Result<(), OpFault> {
        let Some((own, others)) = self.actor_ids.split_first() else {
            return Err(OpFault::Actors);
        };
        let rise = others.iter().zip(others.iter().skip(1)).all(|(a, b)| a < b);
        if rise && !others.contains(own) {
            Ok(())
        } else {
            Err(OpFault::Actors)
        }
    }

    fn finish(&self) -> Result<(), OpFault> {
        self.marks.finish()?;
        if self.used.iter().skip(1).all(|used| *used) {
            Ok(())
        } else {
            Err(OpFault::Actors)
        }
    }

    fn op(&mut self, counter: u32, op: &Op<'_>, preds: &mut [OpId]) -> Result<(), OpFault> {
        let (object, holds) = self.object(counter, op.object)?;
        self.preds_rise(preds)?;
        let place = match (holds, op.key) {
            (Kind::Map, Key::Name(name)) => self.entry(counter, object, name, op, preds)?,
            (Kind::List | Kind::Text, Key::Head) if op.insert => Place::After(OpId::default()),
            (Kind::List | Kind::Text, Key::Element(element)) => {
                self.element(counter, object, element, op, preds)?
            }
            _ => return Err(OpFault::Key),
        };
        if op.insert {
            let is_value = !matches!(op.action, Action::Delete | Action::Increment);
            if !preds.is_empty() || !is_value {
                return Err(OpFault::Insert);
            }
        }
        self.mark(counter, object, holds, op, place)?;
        if let Some(kind) = Kind::of(op.action) {
            let segment = Segment {
                first: counter,
                length: 1,
                object,
                place,
                kind,
            };
            push(&mut self.made.segments, self.own, segment);
        }
        Ok(())
    }

    /// Finds an object and what it holds.
    fn object(&mut self, counter: u32, id: Option<OpId>) -> Result<(OpId, Kind), OpFault> {
        let Some(id) = id else {
            return Ok((OpId::default(), Kind::Map));
        };
        let id = self.past(counter, id, OpFault::Object)?;
        if let Some((last, kind)) = self.object
            && last == id
        {
            return Ok((id, kind));
        }
        let segment = self.find(id).ok_or(OpFault::Object)?;
        match segment.kind {
            Kind::Map | Kind::List | Kind::Text => {
                let kind = segment.kind;
                self.object = Some((id, kind));
                Ok((id, kind))
            }
            Kind::Value | Kind::Counter | Kind::Mark => Err(OpFault::NotAnObject),
        }
    }

    fn entry(
        &mut self,
        counter: u32,
        object: OpId,
        name: &str,
        op: &Op<'_>,
        preds: &[OpId],
    ) -> Result<Place, OpFault> {
        if op.insert {
            return Err(OpFault::Insert);
        }
        if preds.is_empty() && matches!(op.action, Action::Delete | Action::Increment) {
            return Err(OpFault::PredMissing);
        }
        let place = Place::Name(self.name(name));
        for pred in preds {
            let pred = self.past(counter, *pred, OpFault::Pred)?;
            let segment = self.find(pred).ok_or(OpFault::Pred)?;
            if segment.object != object || segment.place != place {
                return Err(OpFault::PredPlace);
            }
        }
        Ok(place)
    }

    fn element(
        &mut self,
        counter: u32,
        object: OpId,
        element: OpId,
        op: &Op<'_>,
        preds: &[OpId],
    ) -> Result<Place, OpFault> {
        let element = self.past(counter, element, OpFault::Element)?;
        let segment = self.find(element).ok_or(OpFault::Element)?;
        if segment.object != object || !segment.is_element() {
            return Err(OpFault::Element);
        }
        if op.insert {
            return Ok(Place::After(element));
        }
        if preds.is_empty() {
            return Err(OpFault::PredMissing);
        }
        for pred in preds {
            let pred = self.past(counter, *pred, OpFault::Pred)?;
            let segment = self.find(pred).ok_or(OpFault::Pred)?;
            let stands_there =
                pred == element || segment.place == Place::At(element) && segment.object == object;
            if !stands_there || segment.kind == Kind::Mark {
                return Err(OpFault::PredPlace);
            }
        }
        Ok(Place::At(element))
    }

    fn mark(
        &mut self,
        counter: u32,
        object: OpId,
        holds: Kind,
        op: &Op<'_>,
        place: Place,
    ) -> Result<(), OpFault> {
        let is_mark = matches!(op.action, Action::MarkBegin | Action::MarkEnd);
        if is_mark && (holds != Kind::Text || !op.insert) {
            return Err(OpFault::Mark);
        }
        let id = OpId {
            counter,
            actor: self.own,
        };
        let Some((begin, end)) = self.marks.next(op.action, id, object, place)? else {
            return Ok(());
        };
        let mut marks = std::mem::take(&mut self.marks);
        let order = marks.check_order(
            begin,
            end,
            |id| self.find(id).copied(),
            |a, b| self.compare(a, b),
        );
        self.marks = marks;
        order
    }

    /// Brings an operation's name to the index's actors, if it lies in the
    /// change's past or before `counter` in the change itself.
    fn past(&mut self, counter: u32, id: OpId, fault: OpFault) -> Result<OpId, OpFault> {
        if let Some(used) = self.used.get_mut(id.actor as usize) {
            *used = true;
        }
        let is_own = id.actor == 0;
        let actor = if is_own {
            Some(self.own)
        } else {
            self.actors.get(id.actor as usize).copied().flatten()
        };
        let actor = actor.ok_or(fault.clone())?;
        // The author's earlier changes all lie in the past of this one.
        let is_past = if is_own {
            id.counter < counter
        } else {
            self.covers_all || id.counter <= self.highest(actor)
        };
        if is_past {
            let counter = id.counter;
            Ok(OpId { counter, actor })
        } else {
            Err(fault)
        }
    }

    /// Highest counter of another actor's operations in the change's past.
    fn highest(&mut self, actor: u32) -> u32 {
        let (index, deps) = (self.index, self.deps);
        let clock = self.clock.get_or_insert_with(|| index.clock(deps));
        let seq = clock.get(actor as usize).copied().unwrap_or(0);
        index.changes().max_op(actor, seq)
    }

    fn find(&self, id: OpId) -> Option<&Segment> {
        if id.actor == self.own && id.counter >= self.start_op {
            find(&self.made.segments, id.counter)
        } else {
            self.index.find(id)
        }
    }

    /// Number of a name, a new one for a new name.
    fn name(&mut self, name: &str) -> u32 {
        let known = self
            .index
            .numbers
            .get(name)
            .or_else(|| self.numbers.get(name));
        if let Some(number) = known {
            return *number;
        }
        let number = (self.index.names.len() + self.made.names.len()) as u32;
        let name: Arc<str> = name.into();
        self.made.names.push(Arc::clone(&name));
        self.numbers.insert(name, number);
        number
    }

    /// Predecessors stand in the order in which a save has them.
    fn preds_rise(&self, preds: &[OpId]) -> Result<(), OpFault> {
        let id = |pred: &OpId| (pred.counter, self.actor_ids.get(pred.actor as usize));
        let mut pairs = preds.iter().zip(preds.iter().skip(1));
        if pairs.all(|(a, b)| id(a) < id(b)) {
            Ok(())
        } else {
            Err(OpFault::PredOrder)
        }
    }

    /// Compares operations as Automerge does: by counter, then by the bytes of the actor.
    fn compare(&self, a: OpId, b: OpId) -> Ordering {
        let bytes = |id: OpId| {
            let known = self.index.changes().actor_id(id.actor);
            known.or_else(|| self.actor_ids.first().copied())
        };
        a.counter
            .cmp(&b.counter)
            .then_with(|| bytes(a).cmp(&bytes(b)))
    }
}
