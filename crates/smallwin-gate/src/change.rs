//! Reads the header of a change and weighs its operations.

use std::borrow::Cow;
use std::ops::Range;

use crate::chunk::{CHANGE, ChunkKind, Envelope, write_change};
use crate::columns::{Columns, Layout, Rows};
use crate::inflate::inflate;
use crate::limits::{
    ACTOR_BYTES_MAX, COST_OF_OP, DEPS_MAX, MESSAGE_BYTES_PARSED_MAX, OP_COUNTER_MAX,
    OPS_PER_CHANGE_FREE, OPS_PER_CHANGE_MAX, ROWS_PER_BYTE,
};
use crate::reader::Reader;
use crate::runs::COUNTER_HIGHEST;
use crate::{Budget, GateError};

/// What a change says about itself, checked against its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeHeader {
    /// SHA-256 over the raw change: its name.
    pub hash: [u8; 32],
    /// Whether the bytes were a raw or a deflated change.
    pub kind: ChunkKind,
    /// The actor that made it.
    pub actor: Vec<u8>,
    /// Number of the change among its actor's, from 1.
    pub seq: u64,
    /// Counter of its first operation.
    pub start_op: u64,
    /// Number of its operations; may be 0.
    pub op_count: u64,
    /// Hashes of the changes it builds on, ascending.
    pub deps: Vec<[u8; 32]>,
    /// The author's claim of when it was made.
    pub time: i64,
    /// Length of its message in bytes.
    pub message_len: u64,
    /// Bytes behind the columns, where Automerge 0.12 keeps an author's name.
    pub extra_len: u64,
}

impl ChangeHeader {
    /// Counter of its last operation; of an empty change, the one before its first.
    #[must_use]
    pub fn max_op(&self) -> u64 {
        self.start_op
            .saturating_add(self.op_count)
            .saturating_sub(1)
    }
}

/// Reads one change chunk (type 1 or 2) on a budget of its own.
///
/// The checksum is compared, columns are walked without expanding them, and
/// operations are held against the limits. Whether the change fits its
/// document is for [`ChangeIndex::admit`](crate::ChangeIndex::admit).
///
/// # Errors
/// Says what is wrong with the bytes or which limit they pass.
pub fn read_change(bytes: &[u8]) -> Result<ChangeHeader, GateError> {
    read_change_within(bytes, &mut Budget::frame())
}

/// Reads one change chunk on the budget of the frame that brought it.
///
/// # Errors
/// As [`read_change`], or that the frame's chunks together cost too much.
pub fn read_change_within(bytes: &[u8], budget: &mut Budget) -> Result<ChangeHeader, GateError> {
    open_change_within(bytes, budget).map(|change| change.header)
}

/// A change that was read, with its operations still in their columns.
#[derive(Debug, Clone)]
pub struct OpenChange<'a> {
    header: ChangeHeader,
    body: Cow<'a, [u8]>,
    /// Where the author and the other actors stand in the body.
    actors: Vec<Range<usize>>,
    /// Number and place of each column in the body.
    columns: Vec<(u64, Range<usize>)>,
}

impl OpenChange<'_> {
    /// What the change says about itself.
    #[must_use]
    pub fn header(&self) -> &ChangeHeader {
        &self.header
    }

    /// The author, then the others that its operations name.
    pub(crate) fn actors(&self) -> impl Iterator<Item = &[u8]> {
        self.actors
            .iter()
            .map(|range| self.body.get(range.clone()).unwrap_or_default())
    }

    /// The columns, or nothing when one is there without a byte, as Automerge never writes it.
    pub(crate) fn columns(&self) -> Option<Columns<'_>> {
        let is_empty = self.columns.iter().any(|(_, range)| range.is_empty());
        (!is_empty).then(|| Columns::of(&self.body, &self.columns))
    }
}

/// Reads one change chunk (type 1 or 2) on a budget of its own, for
/// [`OpIndex::admit`](crate::OpIndex::admit).
///
/// # Errors
/// As [`read_change`].
pub fn open_change(bytes: &[u8]) -> Result<OpenChange<'_>, GateError> {
    open_change_within(bytes, &mut Budget::frame())
}

/// Reads one change chunk on the budget of the frame that brought it.
///
/// # Errors
/// As [`read_change_within`].
pub fn open_change_within<'a>(
    bytes: &'a [u8],
    budget: &mut Budget,
) -> Result<OpenChange<'a>, GateError> {
    let envelope = Envelope::read_only(bytes)?;
    let body = change_body(&envelope, budget)?;
    let hash = envelope.checked_hash(CHANGE, &body)?;
    let (header, actors, columns) = read_body(hash, envelope.kind, &body, budget)?;
    budget.spend(header.op_count.saturating_mul(COST_OF_OP))?;
    Ok(OpenChange {
        header,
        body,
        actors,
        columns,
    })
}

/// Gives a change chunk in its raw form (type 1), the form that is kept.
///
/// # Errors
/// When the bytes are no change chunk or inflate to too much. Nothing else is
/// checked: read the change first.
pub fn raw_change(bytes: &[u8]) -> Result<Cow<'_, [u8]>, GateError> {
    let envelope = Envelope::read_only(bytes)?;
    if envelope.kind == ChunkKind::Change {
        return Ok(Cow::Borrowed(bytes));
    }
    let body = change_body(&envelope, &mut Budget::frame())?;
    Ok(Cow::Owned(write_change(envelope.checksum, &body)))
}

fn change_body<'a>(
    envelope: &Envelope<'a>,
    budget: &mut Budget,
) -> Result<Cow<'a, [u8]>, GateError> {
    match envelope.kind {
        ChunkKind::Change => Ok(Cow::Borrowed(envelope.body)),
        ChunkKind::Compressed => Ok(Cow::Owned(inflate(envelope.body, budget)?)),
        ChunkKind::Document => Err(GateError::ChunkType { kind: 0 }),
    }
}

type Places = (ChangeHeader, Vec<Range<usize>>, Vec<(u64, Range<usize>)>);

fn read_body(
    hash: [u8; 32],
    kind: ChunkKind,
    body: &[u8],
    budget: &mut Budget,
) -> Result<Places, GateError> {
    let mut reader = Reader::new(body);
    let deps = read_hashes(&mut reader, "dependencies", DEPS_MAX)?;
    let actor = read_actor(&mut reader)?.to_vec();
    let mut actors = Vec::new();
    actors.push(reader.at() - actor.len()..reader.at());
    let seq = reader.unsigned()?;
    let start_op = reader.unsigned()?;
    if seq == 0 || start_op == 0 {
        return Err(reader.malformed("change"));
    }
    let time = reader.signed()?;
    let message_len = reader.count("bytes of a message", MESSAGE_BYTES_PARSED_MAX)?;
    if std::str::from_utf8(reader.take(message_len)?).is_err() {
        return Err(reader.malformed("message"));
    }
    // Each takes at least a byte, so the loop ends with the bytes.
    let others = reader.unsigned()?;
    for _ in 0..others {
        let length = read_actor(&mut reader)?.len();
        actors.push(reader.at() - length..reader.at());
    }
    let layout = Layout::read(&mut reader, spec::KNOWN)?;
    layout.refuse_deflated()?;
    let places = layout.places(reader.at());
    let columns = layout.take(&mut reader, budget)?;
    let op_count = weigh_ops(&columns, others.saturating_add(1), body.len() as u64)?;
    if start_op.saturating_add(op_count) > OP_COUNTER_MAX {
        return Err(GateError::Limit {
            what: "operation counter",
            limit: OP_COUNTER_MAX,
        });
    }
    let extra_len = reader.rest().len() as u64;
    let header = ChangeHeader {
        hash,
        kind,
        actor,
        seq,
        start_op,
        op_count,
        deps,
        time,
        message_len,
        extra_len,
    };
    Ok((header, actors, places))
}

/// Counts the operations and holds every column against that count.
fn weigh_ops(columns: &Columns<'_>, actors: u64, body_bytes: u64) -> Result<u64, GateError> {
    let mut deletions = 0_u64;
    let ops = columns.rows(spec::ACTION, OPS_PER_CHANGE_MAX, |action, count| {
        if action > ACTION_HIGHEST {
            return Err(GateError::Malformed {
                what: "action",
                at: 0,
            });
        }
        if action == ACTION_DELETE {
            deletions = deletions.saturating_add(count);
        }
        Ok(())
    })?;
    let leaving_little = body_bytes
        .saturating_mul(ROWS_PER_BYTE)
        .saturating_add(OPS_PER_CHANGE_FREE);
    if ops.saturating_sub(deletions) > leaving_little {
        return Err(GateError::Limit {
            what: "operations for the size of a change",
            limit: leaving_little,
        });
    }
    let (each, each_or_none) = (Rows::Each(ops), Rows::EachOrNone(ops));
    columns.actors(spec::OBJECT_ACTOR, each_or_none, actors)?;
    columns.numbers(spec::OBJECT_COUNTER, each_or_none, OP_COUNTER_MAX)?;
    columns.actors(spec::KEY_ACTOR, each_or_none, actors)?;
    columns.deltas(spec::KEY_COUNTER, each_or_none, COUNTER_HIGHEST)?;
    columns.texts(spec::KEY_TEXT, each_or_none)?;
    columns.flags(spec::INSERT, each)?;
    columns.values(spec::VALUE_META, spec::VALUE, each)?;
    let preds = columns.group(spec::PRED, each, ops.saturating_add(leaving_little))?;
    columns.actors(spec::PRED_ACTOR, Rows::Each(preds), actors)?;
    columns.deltas(spec::PRED_COUNTER, Rows::Each(preds), COUNTER_HIGHEST)?;
    columns.flags(spec::EXPAND, each_or_none)?;
    columns.texts(spec::MARK_NAME, each_or_none)?;
    Ok(ops)
}

/// Reads a list of hashes that rise strictly.
pub(crate) fn read_hashes(
    reader: &mut Reader<'_>,
    what: &'static str,
    limit: u64,
) -> Result<Vec<[u8; 32]>, GateError> {
    let count = reader.count(what, limit)?;
    let mut hashes: Vec<[u8; 32]> = Vec::new();
    for _ in 0..count {
        let hash = reader.array()?;
        if hashes.last().is_some_and(|before| *before >= hash) {
            return Err(reader.malformed(what));
        }
        hashes.push(hash);
    }
    Ok(hashes)
}

/// Reads an actor id with its length.
pub(crate) fn read_actor<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], GateError> {
    let length = reader.count("bytes of an actor", ACTOR_BYTES_MAX)?;
    if length == 0 {
        return Err(reader.malformed("actor"));
    }
    reader.take(length)
}

/// The action of a deletion.
const ACTION_DELETE: u64 = 3;
/// The last action that Automerge 0.12 knows: a mark.
pub(crate) const ACTION_HIGHEST: u64 = 7;

/// Numbers of the columns of operations in a change: `id << 4 | type`.
pub(crate) mod spec {
    pub(crate) const OBJECT_ACTOR: u64 = 0x01;
    pub(crate) const OBJECT_COUNTER: u64 = 0x02;
    pub(crate) const KEY_ACTOR: u64 = 0x11;
    pub(crate) const KEY_COUNTER: u64 = 0x13;
    pub(crate) const KEY_TEXT: u64 = 0x15;
    pub(crate) const INSERT: u64 = 0x34;
    pub(crate) const ACTION: u64 = 0x42;
    pub(crate) const VALUE_META: u64 = 0x56;
    pub(crate) const VALUE: u64 = 0x57;
    pub(crate) const PRED: u64 = 0x70;
    pub(crate) const PRED_ACTOR: u64 = 0x71;
    pub(crate) const PRED_COUNTER: u64 = 0x73;
    pub(crate) const EXPAND: u64 = 0x94;
    pub(crate) const MARK_NAME: u64 = 0xa5;
    pub(crate) const KNOWN: &[u64] = &[
        OBJECT_ACTOR,
        OBJECT_COUNTER,
        KEY_ACTOR,
        KEY_COUNTER,
        KEY_TEXT,
        INSERT,
        ACTION,
        VALUE_META,
        VALUE,
        PRED,
        PRED_ACTOR,
        PRED_COUNTER,
        EXPAND,
        MARK_NAME,
    ];
}
