//! Reads columns value by value, and only in the one form that Automerge writes.
//!
//! A document is saved without the bytes of its changes: loading writes them
//! anew and compares hashes. A change with the same values in other runs would
//! get another hash then, and the save could not be read back.

use crate::GateError;
use crate::reader::Reader;

/// A value of a run-length encoded column.
pub(crate) trait Item<'a>: Copy + PartialEq {
    /// Reads one value.
    fn read(reader: &mut Reader<'a>) -> Result<Self, GateError>;
}

impl Item<'_> for u64 {
    fn read(reader: &mut Reader<'_>) -> Result<Self, GateError> {
        reader.unsigned()
    }
}

impl Item<'_> for i64 {
    fn read(reader: &mut Reader<'_>) -> Result<Self, GateError> {
        reader.signed()
    }
}

impl<'a> Item<'a> for &'a str {
    fn read(reader: &mut Reader<'a>) -> Result<Self, GateError> {
        let length = reader.unsigned()?;
        std::str::from_utf8(reader.take(length)?).map_err(|_| reader.malformed("text"))
    }
}

/// A column of values, nulls among them; an absent column is all nulls.
#[derive(Debug, Clone)]
pub(crate) struct Runs<'a, T> {
    reader: Reader<'a>,
    kind: Kind,
    left: u64,
    last: Option<T>,
    is_absent: bool,
    has_value: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Start,
    Repeat,
    Literal,
    Nulls,
}

impl<'a, T: Item<'a>> Runs<'a, T> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            reader: Reader::new(bytes),
            kind: Kind::Start,
            left: 0,
            last: None,
            is_absent: bytes.is_empty(),
            has_value: false,
        }
    }

    /// Gives the next value.
    pub(crate) fn next(&mut self) -> Result<Option<T>, GateError> {
        if self.is_absent {
            return Ok(None);
        }
        if self.left == 0 {
            self.start_run()?;
        }
        self.left -= 1;
        if self.kind == Kind::Literal {
            let value = T::read(&mut self.reader)?;
            if self.last == Some(value) {
                return Err(self.reader.malformed(FORM));
            }
            self.last = Some(value);
        }
        Ok(self.last)
    }

    /// Gives the next value of a column without nulls.
    pub(crate) fn next_value(&mut self) -> Result<T, GateError> {
        self.next()?.ok_or_else(|| self.reader.malformed("null"))
    }

    /// Says that the column ends here and was worth writing.
    pub(crate) fn finish(&self) -> Result<(), GateError> {
        if self.left > 0 {
            return Err(self.reader.malformed(FORM));
        }
        self.reader.finish()?;
        if self.is_absent || self.has_value {
            Ok(())
        } else {
            Err(self.reader.malformed(FORM))
        }
    }

    fn start_run(&mut self) -> Result<(), GateError> {
        let before = self.kind;
        let length = self.reader.signed()?;
        self.left = length.unsigned_abs();
        let is_written_so = if length > 0 {
            let value = T::read(&mut self.reader)?;
            let differs = self.last != Some(value);
            self.last = Some(value);
            self.kind = Kind::Repeat;
            self.has_value = true;
            length > 1 && differs
        } else if length < 0 {
            self.kind = Kind::Literal;
            self.has_value = true;
            before != Kind::Literal
        } else {
            self.left = self.reader.unsigned()?;
            self.last = None;
            self.kind = Kind::Nulls;
            self.left > 0 && before != Kind::Nulls
        };
        if is_written_so {
            Ok(())
        } else {
            Err(self.reader.malformed(FORM))
        }
    }
}

/// A column of numbers written as differences.
#[derive(Debug, Clone)]
pub(crate) struct Deltas<'a> {
    runs: Runs<'a, i64>,
    value: i64,
}

impl<'a> Deltas<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            runs: Runs::new(bytes),
            value: 0,
        }
    }

    pub(crate) fn next(&mut self) -> Result<Option<i64>, GateError> {
        Ok(match self.runs.next()? {
            None => None,
            Some(difference) => {
                self.value = self.value.saturating_add(difference);
                Some(self.value)
            }
        })
    }

    pub(crate) fn finish(&self) -> Result<(), GateError> {
        self.runs.finish()
    }
}

/// A column of booleans; an absent column is all false.
#[derive(Debug, Clone)]
pub(crate) struct Flags<'a> {
    reader: Reader<'a>,
    left: u64,
    value: bool,
    is_absent: bool,
}

impl<'a> Flags<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            reader: Reader::new(bytes),
            left: 0,
            // The first run is of false.
            value: true,
            is_absent: bytes.is_empty(),
        }
    }

    pub(crate) fn next(&mut self) -> Result<bool, GateError> {
        if self.is_absent {
            return Ok(false);
        }
        while self.left == 0 {
            self.left = self.reader.unsigned()?;
            self.value = !self.value;
        }
        self.left -= 1;
        Ok(self.value)
    }

    pub(crate) fn finish(&self) -> Result<(), GateError> {
        if self.left > 0 {
            return Err(self.reader.malformed(FORM));
        }
        self.reader.finish()
    }
}

/// What is wrong with runs that say in other words what Automerge would write.
const FORM: &str = "form of a column";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    fn numbers(bytes: &[u8], count: usize) -> Option<Vec<Option<u64>>> {
        let mut runs = Runs::<u64>::new(bytes);
        let values = (0..count).map(|_| runs.next()).collect::<Result<_, _>>();
        values.ok().filter(|_| runs.finish().is_ok())
    }

    #[test]
    fn reads_the_one_form_g1() {
        let expected = vec![Some(7), Some(7), Some(1), Some(2), None, None, Some(7)];
        assert_eq!(
            numbers(&[2, 7, 0x7e, 1, 2, 0, 2, 0x7f, 7], 7),
            Some(expected)
        );
        assert_eq!(numbers(&[], 3), Some(vec![None; 3]));
    }

    #[test]
    fn refuses_other_forms_g1() {
        // A run of one, a repeated value as literals, a run split in two, literals
        // split in two, nulls split in two, a literal that belongs to the run, all null.
        for bytes in [
            &[1, 7][..],
            &[0x7e, 7, 7],
            &[2, 7, 2, 7],
            &[0x7f, 1, 0x7f, 2],
            &[0x7f, 1, 0, 1, 0, 1],
            &[2, 7, 0x7f, 7],
            &[0x7f, 7, 2, 7],
            &[0, 3],
        ] {
            for count in 1..6 {
                assert_eq!(numbers(bytes, count), None, "{bytes:?}");
            }
        }
    }

    #[test]
    fn reads_flags_and_differences() {
        let mut flags = Flags::new(&[0, 1, 2]);
        let values: Vec<_> = (0..3).map(|_| flags.next().unwrap()).collect();
        assert_eq!(values, [true, false, false]);
        assert!(flags.finish().is_ok());
        let mut deltas = Deltas::new(&[2, 1, 0, 1, 0x7f, 0x7f]);
        let values: Vec<_> = (0..4).map(|_| deltas.next().unwrap()).collect();
        assert_eq!(values, [Some(1), Some(2), None, Some(1)]);
        assert!(deltas.finish().is_ok());
    }
}
