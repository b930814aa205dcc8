//! Reads numbers and slices from bytes, without ever panicking.

use crate::GateError;

/// A place in a slice of bytes.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Offset of the next byte.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    pub(crate) fn malformed(&self, what: &'static str) -> GateError {
        GateError::Malformed { what, at: self.at }
    }

    /// Refuses when bytes are left.
    pub(crate) fn finish(&self) -> Result<(), GateError> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(GateError::Trailing { at: self.at })
        }
    }

    pub(crate) fn byte(&mut self) -> Result<u8, GateError> {
        let byte = self
            .bytes
            .get(self.at)
            .ok_or(GateError::Truncated { at: self.at })?;
        self.at += 1;
        Ok(*byte)
    }

    pub(crate) fn take(&mut self, length: u64) -> Result<&'a [u8], GateError> {
        let taken = usize::try_from(length)
            .ok()
            .and_then(|length| self.at.checked_add(length))
            .and_then(|end| self.bytes.get(self.at..end))
            .ok_or(GateError::Truncated { at: self.at })?;
        self.at += taken.len();
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], GateError> {
        let at = self.at;
        let taken = self.take(N as u64)?;
        taken.try_into().map_err(|_| GateError::Truncated { at })
    }

    /// Reads an unsigned LEB128 number in its shortest form.
    pub(crate) fn unsigned(&mut self) -> Result<u64, GateError> {
        let mut value = 0_u64;
        for position in 0..10_u32 {
            let byte = self.byte()?;
            if position == 9 && byte > 1 {
                return Err(self.malformed("number"));
            }
            value |= u64::from(byte & 0x7f) << (7 * position);
            if byte & 0x80 == 0 {
                if position > 0 && byte == 0 {
                    return Err(self.malformed("number"));
                }
                return Ok(value);
            }
        }
        Err(self.malformed("number"))
    }

    /// Reads a signed LEB128 number in its shortest form.
    pub(crate) fn signed(&mut self) -> Result<i64, GateError> {
        let mut value = 0_i64;
        let mut before = 0_u8;
        for position in 0..10_u32 {
            let byte = self.byte()?;
            if position == 9 && byte != 0 && byte != 0x7f {
                return Err(self.malformed("number"));
            }
            value |= i64::from(byte & 0x7f).wrapping_shl(7 * position);
            if byte & 0x80 == 0 {
                let longer_than_needed =
                    (byte == 0 && before & 0x40 == 0) || (byte == 0x7f && before & 0x40 != 0);
                if position > 0 && longer_than_needed {
                    return Err(self.malformed("number"));
                }
                if byte & 0x40 != 0 && position < 9 {
                    value |= -1_i64 << (7 * (position + 1));
                }
                return Ok(value);
            }
            before = byte;
        }
        Err(self.malformed("number"))
    }

    /// Reads a count that may not pass `limit`.
    pub(crate) fn count(&mut self, what: &'static str, limit: u64) -> Result<u64, GateError> {
        let count = self.unsigned()?;
        if count > limit {
            Err(GateError::Limit { what, limit })
        } else {
            Ok(count)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn reads_numbers_in_shortest_form_only() {
        let unsigned = |bytes: &[u8]| Reader::new(bytes).unsigned().ok();
        assert_eq!(unsigned(&[0]), Some(0));
        assert_eq!(unsigned(&[0xff, 0x01]), Some(255));
        assert_eq!(
            unsigned(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
            Some(u64::MAX)
        );
        assert_eq!(
            unsigned(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]),
            None
        );
        assert_eq!(unsigned(&[0x80, 0]), None);
        assert_eq!(unsigned(&[0x80]), None);
        let signed = |bytes: &[u8]| Reader::new(bytes).signed().ok();
        assert_eq!(signed(&[0x7f]), Some(-1));
        assert_eq!(signed(&[0x40]), Some(-64));
        assert_eq!(signed(&[0x80, 0x01]), Some(128));
        assert_eq!(signed(&[0x80, 0x40]), Some(-8192));
        assert_eq!(signed(&[0xff, 0x7f]), None);
        assert_eq!(
            signed(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f]),
            Some(i64::MIN)
        );
        assert_eq!(
            signed(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]),
            Some(i64::MAX)
        );
    }
}
