//! Weighs a document chunk: a whole history in columns.

use crate::change::{ACTION_HIGHEST, read_actor, read_hashes};
use crate::chunk::{ChunkKind, DOCUMENT, Envelope};
use crate::columns::{Columns, Layout, Rows};
use crate::limits::{
    CHANGES_PER_DOCUMENT_MAX, COST_OF_CHANGE, HASHES_MAX, OP_COUNTER_MAX, OPS_PER_DOCUMENT_MAX,
    ROWS_PER_BYTE, ROWS_PER_DOCUMENT_FREE, TIME_MAX,
};
use crate::reader::Reader;
use crate::runs::COUNTER_HIGHEST;
use crate::{Budget, GateError};

/// How much a document chunk holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentShape {
    /// Rows of operations.
    pub ops: u64,
    /// Changes.
    pub changes: u64,
    /// Bytes that its deflated columns inflate to.
    pub inflated_bytes: u64,
    /// Heads that it claims, ascending.
    pub heads: Vec<[u8; 32]>,
}

/// Weighs one document chunk (type 0) on a budget of its own.
///
/// The checksum is compared, deflated columns are inflated under a cap, and all
/// columns are walked without expanding them. The changes inside have yet to be
/// judged one by one.
///
/// # Errors
/// Says what is wrong with the bytes or which limit they pass.
pub fn check_document_chunk(bytes: &[u8]) -> Result<DocumentShape, GateError> {
    check_document_chunk_within(bytes, &mut Budget::frame())
}

/// Weighs one document chunk on the budget of the frame that brought it.
///
/// # Errors
/// As [`check_document_chunk`], or that the frame's chunks together cost too much.
pub fn check_document_chunk_within(
    bytes: &[u8],
    budget: &mut Budget,
) -> Result<DocumentShape, GateError> {
    let envelope = Envelope::read_only(bytes)?;
    if envelope.kind != ChunkKind::Document {
        return Err(GateError::Malformed {
            what: "document",
            at: 0,
        });
    }
    // Taken over the bytes as they are sent, deflated columns included.
    envelope.checked_hash(DOCUMENT, envelope.body)?;
    let shape = weigh(envelope.body, budget)?;
    budget.spend(
        shape
            .ops
            .saturating_add(shape.changes.saturating_mul(COST_OF_CHANGE)),
    )?;
    Ok(shape)
}

fn weigh(body: &[u8], budget: &mut Budget) -> Result<DocumentShape, GateError> {
    let mut reader = Reader::new(body);
    // Each takes at least a byte, so the loop ends with the bytes.
    let actors = reader.unsigned()?;
    for _ in 0..actors {
        read_actor(&mut reader)?;
    }
    let heads = read_hashes(&mut reader, "heads", HASHES_MAX)?;
    let change_layout = Layout::read(&mut reader, changes::KNOWN)?;
    let op_layout = Layout::read(&mut reader, ops::KNOWN)?;
    let before = budget.inflated_bytes();
    let change_columns = change_layout.take(&mut reader, budget)?;
    let op_columns = op_layout.take(&mut reader, budget)?;
    let inflated_bytes = (before - budget.inflated_bytes()) as u64;
    let bytes = (body.len() as u64).saturating_add(inflated_bytes);
    let rows_max = bytes
        .saturating_mul(ROWS_PER_BYTE)
        .saturating_add(ROWS_PER_DOCUMENT_FREE);
    let changes = weigh_changes(&change_columns, actors, rows_max)?;
    let ops = weigh_ops(&op_columns, actors, rows_max)?;
    read_head_indexes(&mut reader, heads.len(), changes)?;
    Ok(DocumentShape {
        ops,
        changes,
        inflated_bytes,
        heads,
    })
}

fn weigh_changes(columns: &Columns<'_>, actors: u64, rows_max: u64) -> Result<u64, GateError> {
    let rows = columns.rows(
        changes::ACTOR,
        rows_max.min(CHANGES_PER_DOCUMENT_MAX),
        |actor, _| {
            if actor < actors {
                Ok(())
            } else {
                Err(GateError::Malformed {
                    what: "actor",
                    at: 0,
                })
            }
        },
    )?;
    let each = Rows::Each(rows);
    columns.deltas(changes::SEQ, each, COUNTER_HIGHEST)?;
    columns.deltas(changes::MAX_OP, each, COUNTER_HIGHEST)?;
    columns.deltas(changes::TIME, each, TIME_MAX)?;
    columns.texts(changes::MESSAGE, Rows::EachOrNone(rows))?;
    let deps = columns.group(changes::DEPS, each, rows_max)?;
    columns.deltas(
        changes::DEP_INDEX,
        Rows::Each(deps),
        i64::try_from(rows).unwrap_or(i64::MAX),
    )?;
    columns.values(changes::EXTRA_META, changes::EXTRA, each)?;
    Ok(rows)
}

fn weigh_ops(columns: &Columns<'_>, actors: u64, rows_max: u64) -> Result<u64, GateError> {
    let rows_max = rows_max.min(OPS_PER_DOCUMENT_MAX);
    let rows = columns.rows(ops::ACTION, rows_max, |action, _| {
        if action > ACTION_HIGHEST {
            Err(GateError::Malformed {
                what: "action",
                at: 0,
            })
        } else {
            Ok(())
        }
    })?;
    let (each, each_or_none) = (Rows::Each(rows), Rows::EachOrNone(rows));
    columns.actors(ops::OBJECT_ACTOR, each_or_none, actors)?;
    columns.numbers(ops::OBJECT_COUNTER, each_or_none, OP_COUNTER_MAX)?;
    columns.actors(ops::KEY_ACTOR, each_or_none, actors)?;
    columns.deltas(ops::KEY_COUNTER, each_or_none, COUNTER_HIGHEST)?;
    columns.texts(ops::KEY_TEXT, each_or_none)?;
    columns.actors(ops::ID_ACTOR, each, actors)?;
    columns.deltas(ops::ID_COUNTER, each, COUNTER_HIGHEST)?;
    columns.flags(ops::INSERT, each_or_none)?;
    columns.values(ops::VALUE_META, ops::VALUE, each)?;
    let successors = columns.group(ops::SUCC, each, rows_max)?;
    columns.actors(ops::SUCC_ACTOR, Rows::Each(successors), actors)?;
    columns.deltas(ops::SUCC_COUNTER, Rows::Each(successors), COUNTER_HIGHEST)?;
    columns.flags(ops::EXPAND, each_or_none)?;
    columns.texts(ops::MARK_NAME, each_or_none)?;
    Ok(rows)
}

/// Behind the columns stands the index of each head's change; old programs leave them out.
fn read_head_indexes(reader: &mut Reader<'_>, heads: usize, changes: u64) -> Result<(), GateError> {
    if reader.is_empty() {
        return Ok(());
    }
    for _ in 0..heads {
        if reader.unsigned()? >= changes {
            return Err(reader.malformed("head"));
        }
    }
    reader.finish()
}

/// Numbers of the columns of changes: `id << 4 | type`.
mod changes {
    pub(super) const ACTOR: u64 = 0x01;
    pub(super) const SEQ: u64 = 0x03;
    pub(super) const MAX_OP: u64 = 0x13;
    pub(super) const TIME: u64 = 0x23;
    pub(super) const MESSAGE: u64 = 0x35;
    pub(super) const DEPS: u64 = 0x40;
    pub(super) const DEP_INDEX: u64 = 0x43;
    pub(super) const EXTRA_META: u64 = 0x56;
    pub(super) const EXTRA: u64 = 0x57;
    pub(super) const KNOWN: &[u64] = &[
        ACTOR, SEQ, MAX_OP, TIME, MESSAGE, DEPS, DEP_INDEX, EXTRA_META, EXTRA,
    ];
}

/// Numbers of the columns of operations in a document: `id << 4 | type`.
mod ops {
    pub(super) const OBJECT_ACTOR: u64 = 0x01;
    pub(super) const OBJECT_COUNTER: u64 = 0x02;
    pub(super) const KEY_ACTOR: u64 = 0x11;
    pub(super) const KEY_COUNTER: u64 = 0x13;
    pub(super) const KEY_TEXT: u64 = 0x15;
    pub(super) const ID_ACTOR: u64 = 0x21;
    pub(super) const ID_COUNTER: u64 = 0x23;
    pub(super) const INSERT: u64 = 0x34;
    pub(super) const ACTION: u64 = 0x42;
    pub(super) const VALUE_META: u64 = 0x56;
    pub(super) const VALUE: u64 = 0x57;
    pub(super) const SUCC: u64 = 0x80;
    pub(super) const SUCC_ACTOR: u64 = 0x81;
    pub(super) const SUCC_COUNTER: u64 = 0x83;
    pub(super) const EXPAND: u64 = 0x94;
    pub(super) const MARK_NAME: u64 = 0xa5;
    pub(super) const KNOWN: &[u64] = &[
        OBJECT_ACTOR,
        OBJECT_COUNTER,
        KEY_ACTOR,
        KEY_COUNTER,
        KEY_TEXT,
        ID_ACTOR,
        ID_COUNTER,
        INSERT,
        ACTION,
        VALUE_META,
        VALUE,
        SUCC,
        SUCC_ACTOR,
        SUCC_COUNTER,
        EXPAND,
        MARK_NAME,
    ];
}
