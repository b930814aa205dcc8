//! Walks run-length encoded columns without expanding them.
//!
//! A run of a billion values takes three bytes and one step here. Each walk
//! counts values, so that the caller can hold them against the table's rows.

use crate::GateError;
use crate::limits::OP_COUNTER_MAX;
use crate::reader::Reader;

/// How many values a column has.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Values, nulls among them.
    pub(crate) values: u64,
    /// Nulls.
    pub(crate) nulls: u64,
}

impl Counts {
    fn add(&mut self, values: u64, limit: u64) -> Result<(), GateError> {
        self.values = self.values.saturating_add(values);
        if self.values > limit {
            return Err(GateError::Limit {
                what: "values of a column",
                limit,
            });
        }
        Ok(())
    }
}

/// Walks a column of unsigned numbers; `each` sees every number with how often it stands there.
pub(crate) fn walk_numbers(
    bytes: &[u8],
    limit: u64,
    mut each: impl FnMut(u64, u64) -> Result<(), GateError>,
) -> Result<Counts, GateError> {
    walk(bytes, limit, |reader, count| {
        each(reader.unsigned()?, count)
    })
}

/// Walks a column of texts.
pub(crate) fn walk_texts(bytes: &[u8], limit: u64) -> Result<Counts, GateError> {
    walk(bytes, limit, |reader, _| {
        let length = reader.unsigned()?;
        let at = reader.at();
        match std::str::from_utf8(reader.take(length)?) {
            Ok(_) => Ok(()),
            Err(_) => Err(GateError::Malformed { what: "text", at }),
        }
    })
}

/// Walks a column of numbers that are written as differences; all of them lie in `0..=highest`.
pub(crate) fn walk_deltas(bytes: &[u8], limit: u64, highest: i64) -> Result<Counts, GateError> {
    let mut value = 0_i128;
    walk(bytes, limit, |reader, count| {
        let difference = i128::from(reader.signed()?);
        // Within a run the numbers rise or fall steadily: the ends bound them all.
        let first = value + difference;
        value += difference * i128::from(count);
        if [first, value]
            .iter()
            .any(|end| !(0..=i128::from(highest)).contains(end))
        {
            return Err(reader.malformed("counter"));
        }
        Ok(())
    })
}

/// Walks a column of booleans: counts of false and true in turn.
pub(crate) fn walk_flags(bytes: &[u8], limit: u64) -> Result<Counts, GateError> {
    let mut reader = Reader::new(bytes);
    let mut counts = Counts::default();
    let mut is_first = true;
    while !reader.is_empty() {
        let count = reader.unsigned()?;
        if count == 0 && !is_first {
            return Err(reader.malformed("run"));
        }
        is_first = false;
        counts.add(count, limit)?;
    }
    Ok(counts)
}

/// Highest value of a counter in a delta column.
pub(crate) const COUNTER_HIGHEST: i64 = OP_COUNTER_MAX as i64;

fn walk(
    bytes: &[u8],
    limit: u64,
    mut value: impl FnMut(&mut Reader<'_>, u64) -> Result<(), GateError>,
) -> Result<Counts, GateError> {
    let mut reader = Reader::new(bytes);
    let mut counts = Counts::default();
    while !reader.is_empty() {
        let length = reader.signed()?;
        if length > 0 {
            counts.add(length.unsigned_abs(), limit)?;
            value(&mut reader, length.unsigned_abs())?;
        } else if length < 0 {
            counts.add(length.unsigned_abs(), limit)?;
            // Each literal takes at least a byte, so this loop ends with the bytes.
            for _ in 0..length.unsigned_abs() {
                value(&mut reader, 1)?;
            }
        } else {
            let nulls = reader.unsigned()?;
            if nulls == 0 {
                return Err(reader.malformed("run"));
            }
            counts.add(nulls, limit)?;
            counts.nulls += nulls;
        }
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn counts_without_expanding_g2() {
        let mut sum = 0;
        // Three sevens, the literals 1 and 2, four nulls.
        let counts = walk_numbers(&[3, 7, 0x7e, 1, 2, 0, 4], 9, |value, count| {
            sum += value * count;
            Ok(())
        });
        assert_eq!(
            counts.unwrap(),
            Counts {
                values: 9,
                nulls: 4
            }
        );
        assert_eq!(sum, 24);
        assert!(walk_numbers(&[3, 7, 0x7e, 1, 2, 0, 4], 8, |_, _| Ok(())).is_err());
        // A run of 2^40, a null run of 2^63, a literal run longer than the bytes.
        assert!(
            walk_numbers(
                &[0x80, 0x80, 0x80, 0x80, 0x80, 0x20, 1],
                1 << 20,
                |_, _| Ok(())
            )
            .is_err()
        );
        assert!(
            walk_flags(
                &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
                9
            )
            .is_err()
        );
        assert!(walk_numbers(&[0x60, 1, 1], 1 << 20, |_, _| Ok(())).is_err());
    }

    #[test]
    fn keeps_differences_in_range() {
        assert!(walk_deltas(&[5, 1], 10, 5).is_ok());
        assert!(walk_deltas(&[6, 1], 10, 5).is_err());
        assert!(walk_deltas(&[1, 5, 5, 0x7f], 10, 5).is_ok());
        assert!(walk_deltas(&[1, 5, 6, 0x7f], 10, 5).is_err());
    }

    #[test]
    fn takes_only_runs_that_automerge_writes() {
        assert!(walk_flags(&[0, 3, 1], 10).is_ok());
        assert!(walk_flags(&[1, 0, 1], 10).is_err());
        assert!(walk_numbers(&[0, 0], 10, |_, _| Ok(())).is_err());
        assert!(walk_texts(&[1, 1, 0xff], 10).is_err());
    }
}
