//! Decodes the operations of a change, one after the other.

use crate::change::spec;
use crate::columns::Columns;
use crate::cursor::{Deltas, Flags, Runs};
use crate::limits::{COUNTER_MAX, INCREMENT_MAX};
use crate::reader::Reader;
use crate::{GateError, OpFault};

/// Names an operation by its counter and the position of its actor in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct OpId {
    pub(crate) counter: u32,
    pub(crate) actor: u32,
}

/// Where in its object an operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key<'a> {
    Name(&'a str),
    /// Before the first element.
    Head,
    Element(OpId),
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    MakeMap,
    MakeList,
    MakeText,
    MakeTable,
    Set,
    SetCounter,
    Delete,
    Increment,
    MarkBegin,
    MarkEnd,
}

/// One operation; actors are positions in its change's list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Op<'a> {
    /// Absent for the root.
    pub(crate) object: Option<OpId>,
    pub(crate) key: Key<'a>,
    pub(crate) insert: bool,
    pub(crate) action: Action,
}

/// The operations of a change whose columns were walked before.
#[derive(Debug)]
pub(crate) struct Ops<'a> {
    left: u64,
    object_actor: Runs<'a, u64>,
    object_counter: Runs<'a, u64>,
    key_actor: Runs<'a, u64>,
    key_counter: Deltas<'a>,
    key_text: Runs<'a, &'a str>,
    insert: Flags<'a>,
    action: Runs<'a, u64>,
    value_meta: Runs<'a, u64>,
    value: Reader<'a>,
    pred: Runs<'a, u64>,
    pred_actor: Runs<'a, u64>,
    pred_counter: Deltas<'a>,
    expand: Flags<'a>,
    expand_is_absent: bool,
    expands: bool,
    mark_name: Runs<'a, &'a str>,
}

impl<'a> Ops<'a> {
    pub(crate) fn new(columns: &'a Columns<'a>, count: u64) -> Self {
        let bytes = |spec| columns.bytes(spec);
        Self {
            left: count,
            object_actor: Runs::new(bytes(spec::OBJECT_ACTOR)),
            object_counter: Runs::new(bytes(spec::OBJECT_COUNTER)),
            key_actor: Runs::new(bytes(spec::KEY_ACTOR)),
            key_counter: Deltas::new(bytes(spec::KEY_COUNTER)),
            key_text: Runs::new(bytes(spec::KEY_TEXT)),
            insert: Flags::new(bytes(spec::INSERT)),
            action: Runs::new(bytes(spec::ACTION)),
            value_meta: Runs::new(bytes(spec::VALUE_META)),
            value: Reader::new(bytes(spec::VALUE)),
            pred: Runs::new(bytes(spec::PRED)),
            pred_actor: Runs::new(bytes(spec::PRED_ACTOR)),
            pred_counter: Deltas::new(bytes(spec::PRED_COUNTER)),
            expand: Flags::new(bytes(spec::EXPAND)),
            expand_is_absent: bytes(spec::EXPAND).is_empty(),
            expands: false,
            mark_name: Runs::new(bytes(spec::MARK_NAME)),
        }
    }

    /// Gives the next operation and puts its predecessors into `preds`.
    pub(crate) fn next(&mut self, preds: &mut Vec<OpId>) -> Result<Option<Op<'a>>, OpFault> {
        preds.clear();
        if self.left == 0 {
            self.finish()?;
            return Ok(None);
        }
        self.left -= 1;
        let object = self.object()?;
        let key = self.key()?;
        let insert = self.insert.next()?;
        let action = self.action.next_value()?;
        let value = self.value()?;
        for _ in 0..self.pred.next_value()? {
            let actor = small(self.pred_actor.next_value()?)?;
            let counter = self.pred_counter.next()?.unwrap_or(0);
            preds.push(op_id(counter, actor)?);
        }
        let expand = self.expand.next()?;
        self.expands |= expand;
        let mark_name = self.mark_name.next()?;
        Ok(Some(Op {
            object,
            key,
            insert,
            action: action_of(action, value, expand, mark_name.is_some())?,
        }))
    }

    fn object(&mut self) -> Result<Option<OpId>, OpFault> {
        match (self.object_actor.next()?, self.object_counter.next()?) {
            (None, None) => Ok(None),
            (Some(actor), Some(counter)) => {
                let counter = i64::try_from(counter).unwrap_or(0);
                Ok(Some(op_id(counter, small(actor)?)?))
            }
            _ => Err(OpFault::Object),
        }
    }

    fn key(&mut self) -> Result<Key<'a>, OpFault> {
        let (actor, counter) = (self.key_actor.next()?, self.key_counter.next()?);
        match (self.key_text.next()?, actor, counter) {
            (Some(name), None, None) => Ok(Key::Name(name)),
            (None, None, Some(0)) => Ok(Key::Head),
            (None, Some(actor), Some(counter)) => Ok(Key::Element(op_id(counter, small(actor)?)?)),
            _ => Err(OpFault::Key),
        }
    }

    /// Reads the next value.
    fn value(&mut self) -> Result<Value, OpFault> {
        let meta = self.value_meta.next_value()?;
        let bytes = self.value.take(meta >> 4)?;
        let mut reader = Reader::new(bytes);
        let mut size = 0;
        match meta & 0xf {
            value::UNSIGNED => {
                size = reader.unsigned()?;
                reader.finish()?;
            }
            value::SIGNED | value::COUNTER | value::TIME => {
                size = reader.signed()?.unsigned_abs();
                reader.finish()?;
            }
            value::TEXT if std::str::from_utf8(bytes).is_err() => {
                return Err(OpFault::Value);
            }
            _ => {}
        }
        let kind = meta & 0xf;
        Ok(Value { kind, size })
    }

    fn finish(&self) -> Result<(), GateError> {
        self.object_actor.finish()?;
        self.object_counter.finish()?;
        self.key_actor.finish()?;
        self.key_counter.finish()?;
        self.key_text.finish()?;
        self.insert.finish()?;
        self.action.finish()?;
        self.value_meta.finish()?;
        self.value.finish()?;
        self.pred.finish()?;
        self.pred_actor.finish()?;
        self.pred_counter.finish()?;
        self.expand.finish()?;
        self.mark_name.finish()?;
        if self.expands || self.expand_is_absent {
            Ok(())
        } else {
            Err(self.value.malformed("form of a column"))
        }
    }
}

/// What is asked of a value: its type, and how far from zero it is when it is a number.
#[derive(Debug, Clone, Copy)]
struct Value {
    kind: u64,
    size: u64,
}

/// Fits action and value together. What only marks have may stand with marks only,
/// since a save does not keep it elsewhere.
fn action_of(action: u64, value: Value, expand: bool, named: bool) -> Result<Action, OpFault> {
    let kind = value.kind;
    let is_null = kind == value::NULL;
    if action != 7 && (expand || named) {
        return Err(OpFault::Mark);
    }
    match action {
        0 if is_null => Ok(Action::MakeMap),
        1 if kind == value::COUNTER && value.size > COUNTER_MAX => Err(OpFault::Value),
        1 if kind == value::COUNTER => Ok(Action::SetCounter),
        1 => Ok(Action::Set),
        2 if is_null => Ok(Action::MakeList),
        3 if is_null => Ok(Action::Delete),
        4 if is_null => Ok(Action::MakeText),
        5 if value.size > INCREMENT_MAX => Err(OpFault::Value),
        5 if kind == value::UNSIGNED || kind == value::SIGNED => Ok(Action::Increment),
        6 if is_null => Ok(Action::MakeTable),
        7 if named => Ok(Action::MarkBegin),
        7 if is_null => Ok(Action::MarkEnd),
        _ => Err(OpFault::Value),
    }
}

fn op_id(counter: i64, actor: u32) -> Result<OpId, OpFault> {
    match u32::try_from(counter) {
        Ok(counter) if counter > 0 => Ok(OpId { counter, actor }),
        _ => Err(OpFault::Key),
    }
}

fn small(number: u64) -> Result<u32, OpFault> {
    u32::try_from(number).map_err(|_| OpFault::Actors)
}

/// Numbers of the types of values.
mod value {
    pub(super) const NULL: u64 = 0;
    pub(super) const UNSIGNED: u64 = 3;
    pub(super) const SIGNED: u64 = 4;
    pub(super) const TEXT: u64 = 6;
    pub(super) const COUNTER: u64 = 8;
    pub(super) const TIME: u64 = 9;
}
