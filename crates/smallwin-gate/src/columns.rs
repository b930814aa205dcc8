//! The columns of a table in a chunk: which there are, and what they may hold.

use std::borrow::Cow;
use std::ops::Range;

use crate::inflate::inflate;
use crate::limits::COLUMNS_MAX;
use crate::reader::Reader;
use crate::runs::{Counts, walk_deltas, walk_flags, walk_numbers, walk_texts};
use crate::{Budget, GateError};

/// Bit of a column's number that says it is deflated.
const DEFLATED: u64 = 0b1000;

/// The columns of one table, as the chunk names them.
#[derive(Debug)]
pub(crate) struct Columns<'a>(Vec<Column<'a>>);

#[derive(Debug)]
struct Column<'a> {
    spec: u64,
    bytes: Cow<'a, [u8]>,
}

/// Number and length in bytes of each column.
#[derive(Debug)]
pub(crate) struct Layout(Vec<(u64, u64)>);

impl Layout {
    /// Reads the list of columns; each of `known` may stand once, in rising order.
    pub(crate) fn read(reader: &mut Reader<'_>, known: &[u64]) -> Result<Self, GateError> {
        let count = reader.count("columns", COLUMNS_MAX)?;
        let mut columns = Vec::new();
        let mut before = None;
        for _ in 0..count {
            let (spec, length) = (reader.unsigned()?, reader.unsigned()?);
            let plain = spec & !DEFLATED;
            if before.is_some_and(|before| before >= plain) || !known.contains(&plain) {
                return Err(GateError::Column { spec });
            }
            before = Some(plain);
            columns.push((spec, length));
        }
        Ok(Self(columns))
    }

    /// Takes the bytes of the columns, inflating those that are deflated.
    pub(crate) fn take<'a>(
        self,
        reader: &mut Reader<'a>,
        budget: &mut Budget,
    ) -> Result<Columns<'a>, GateError> {
        let mut columns = Vec::new();
        for (spec, length) in self.0 {
            let bytes = reader.take(length)?;
            let bytes = match spec & DEFLATED {
                0 => Cow::Borrowed(bytes),
                _ => Cow::Owned(inflate(bytes, budget)?),
            };
            columns.push(Column {
                spec: spec & !DEFLATED,
                bytes,
            });
        }
        Ok(Columns(columns))
    }

    /// Where each column lies when the first starts at `start` and none is deflated.
    pub(crate) fn places(&self, start: usize) -> Vec<(u64, Range<usize>)> {
        let mut start = start;
        let mut places = Vec::new();
        for (spec, length) in &self.0 {
            let end = start.saturating_add(usize::try_from(*length).unwrap_or(usize::MAX));
            places.push((*spec, start..end));
            start = end;
        }
        places
    }

    /// Refuses deflated columns, which a change never has.
    pub(crate) fn refuse_deflated(&self) -> Result<(), GateError> {
        match self.0.iter().find(|(spec, _)| spec & DEFLATED != 0) {
            Some((spec, _)) => Err(GateError::Column { spec: *spec }),
            None => Ok(()),
        }
    }
}

impl<'a> Columns<'a> {
    /// Gives the columns that lie at these places of a body.
    pub(crate) fn of(body: &'a [u8], places: &[(u64, Range<usize>)]) -> Self {
        let column = |(spec, place): &(u64, Range<usize>)| Column {
            spec: *spec,
            bytes: Cow::Borrowed(body.get(place.clone()).unwrap_or_default()),
        };
        Self(places.iter().map(column).collect())
    }

    /// Bytes of a column, empty when it is absent.
    pub(crate) fn bytes(&self, spec: u64) -> &[u8] {
        self.0
            .iter()
            .find(|column| column.spec == spec)
            .map_or(&[], |column| &column.bytes)
    }

    /// Walks a column of numbers that has one for each row; gives how many rows there are.
    pub(crate) fn rows(
        &self,
        spec: u64,
        limit: u64,
        each: impl FnMut(u64, u64) -> Result<(), GateError>,
    ) -> Result<u64, GateError> {
        let counts = walk_numbers(self.bytes(spec), limit, each)?;
        no_nulls(spec, counts)?;
        Ok(counts.values)
    }

    /// Walks a column of references to actors, of which there are `actors`.
    pub(crate) fn actors(&self, spec: u64, rows: Rows, actors: u64) -> Result<(), GateError> {
        let counts = walk_numbers(self.bytes(spec), rows.count(), |actor, _| {
            if actor < actors {
                Ok(())
            } else {
                Err(GateError::Malformed {
                    what: "actor",
                    at: 0,
                })
            }
        })?;
        rows.hold(spec, counts)
    }

    /// Walks a column of unsigned numbers up to `highest`.
    pub(crate) fn numbers(&self, spec: u64, rows: Rows, highest: u64) -> Result<(), GateError> {
        let counts = walk_numbers(self.bytes(spec), rows.count(), |value, _| {
            if value <= highest {
                Ok(())
            } else {
                Err(GateError::Malformed {
                    what: "counter",
                    at: 0,
                })
            }
        })?;
        rows.hold(spec, counts)
    }

    /// Walks a column of numbers written as differences, all within `0..=highest`.
    pub(crate) fn deltas(&self, spec: u64, rows: Rows, highest: i64) -> Result<(), GateError> {
        rows.hold(spec, walk_deltas(self.bytes(spec), rows.count(), highest)?)
    }

    /// Walks a column of texts.
    pub(crate) fn texts(&self, spec: u64, rows: Rows) -> Result<(), GateError> {
        rows.hold(spec, walk_texts(self.bytes(spec), rows.count())?)
    }

    /// Walks a column of booleans.
    pub(crate) fn flags(&self, spec: u64, rows: Rows) -> Result<(), GateError> {
        rows.hold(spec, walk_flags(self.bytes(spec), rows.count())?)
    }

    /// Walks a column of counts, one for each row, and gives their sum: the
    /// length of the columns grouped under it.
    pub(crate) fn group(&self, spec: u64, rows: Rows, limit: u64) -> Result<u64, GateError> {
        let mut sum = 0_u64;
        let counts = walk_numbers(self.bytes(spec), rows.count(), |value, count| {
            sum = value
                .checked_mul(count)
                .and_then(|more| sum.checked_add(more))
                .unwrap_or(u64::MAX);
            if sum > limit {
                Err(GateError::Limit {
                    what: "values of a group",
                    limit,
                })
            } else {
                Ok(())
            }
        })?;
        rows.hold(spec, counts)?;
        Ok(sum)
    }

    /// Walks a column of value types and lengths and holds it against the bytes of the values.
    pub(crate) fn values(&self, meta: u64, raw: u64, rows: Rows) -> Result<(), GateError> {
        let mut bytes = 0_u64;
        let counts = walk_numbers(self.bytes(meta), rows.count(), |value, count| {
            let length = value >> 4;
            if !value_length_fits(value & 0xf, length) {
                return Err(GateError::Malformed {
                    what: "value",
                    at: 0,
                });
            }
            bytes = length
                .checked_mul(count)
                .and_then(|more| bytes.checked_add(more))
                .unwrap_or(u64::MAX);
            Ok(())
        })?;
        rows.hold(meta, counts)?;
        no_nulls(meta, counts)?;
        let found = self.bytes(raw).len() as u64;
        if bytes == found {
            Ok(())
        } else {
            Err(GateError::ColumnLength {
                spec: raw,
                found,
                expected: bytes,
            })
        }
    }
}

/// How many values a column must have.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rows {
    /// One for each row.
    Each(u64),
    /// One for each row or null, or none at all when every one is null or false.
    EachOrNone(u64),
}

impl Rows {
    fn count(self) -> u64 {
        match self {
            Self::Each(rows) | Self::EachOrNone(rows) => rows,
        }
    }

    fn hold(self, spec: u64, counts: Counts) -> Result<(), GateError> {
        let (found, expected) = (counts.values, self.count());
        match self {
            Self::EachOrNone(_) if found == 0 => Ok(()),
            _ if found != expected => Err(GateError::ColumnLength {
                spec,
                found,
                expected,
            }),
            Self::Each(_) => no_nulls(spec, counts),
            Self::EachOrNone(_) => Ok(()),
        }
    }
}

fn no_nulls(spec: u64, counts: Counts) -> Result<(), GateError> {
    match counts.nulls {
        0 => Ok(()),
        _ => Err(GateError::Column { spec }),
    }
}

/// Says whether a value of this type may have this length in bytes. Types above
/// 9 are unknown to Automerge 0.12.
fn value_length_fits(kind: u64, length: u64) -> bool {
    match kind {
        // Null, false, true.
        0..=2 => length == 0,
        // Unsigned and signed numbers, counters and times.
        3 | 4 | 8 | 9 => (1..=10).contains(&length),
        // A float.
        5 => length == 8,
        // Text and bytes.
        6 | 7 => true,
        _ => false,
    }
}
