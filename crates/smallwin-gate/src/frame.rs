//! Bounded walk over a CBOR frame, before anything decodes it.

use std::collections::BTreeSet;

use crate::GateError;
use crate::limits::{
    ARRAY_ENTRIES_MAX, FRAME_BYTES_MAX, FRAME_DEPTH_MAX, KEY_BYTES_MAX, MAP_ENTRIES_MAX,
    TEXT_BYTES_MAX,
};
use crate::reader::Reader;

/// Checks that a frame is one map of bounded shape, so that decoding it cannot surprise.
///
/// Lengths need not be in their shortest form, since stock peers write 16-bit
/// map headers. Everything has a definite length; keys are texts and stand once.
///
/// # Errors
/// Says which bound was passed or where the bytes stop being CBOR.
pub fn check_frame(bytes: &[u8]) -> Result<(), GateError> {
    if bytes.len() > FRAME_BYTES_MAX {
        return Err(GateError::Limit {
            what: "bytes of a frame",
            limit: FRAME_BYTES_MAX as u64,
        });
    }
    let mut reader = Reader::new(bytes);
    if bytes.first().is_none_or(|first| first >> 5 != MAP) {
        return Err(reader.malformed("frame"));
    }
    check_item(&mut reader, FRAME_DEPTH_MAX)?;
    reader.finish()
}

const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;

fn check_item(reader: &mut Reader<'_>, depth_left: usize) -> Result<(), GateError> {
    let (major, argument) = head(reader)?;
    let deeper = || {
        let too_deep = GateError::Limit {
            what: "depth of a frame",
            limit: FRAME_DEPTH_MAX as u64,
        };
        depth_left.checked_sub(1).ok_or(too_deep)
    };
    match major {
        UNSIGNED | NEGATIVE => Ok(()),
        BYTES => reader.take(argument).map(|_| ()),
        TEXT => text(reader, argument, TEXT_BYTES_MAX).map(|_| ()),
        ARRAY => {
            at_most("entries of an array", argument, ARRAY_ENTRIES_MAX)?;
            let depth_left = deeper()?;
            (0..argument).try_for_each(|_| check_item(reader, depth_left))
        }
        MAP => {
            at_most("entries of a map", argument, MAP_ENTRIES_MAX)?;
            check_entries(reader, argument, deeper()?)
        }
        TAG => check_item(reader, deeper()?),
        // False, true, null, undefined and the floats; `head` refused the rest.
        _ => Ok(()),
    }
}

fn check_entries(
    reader: &mut Reader<'_>,
    entries: u64,
    depth_left: usize,
) -> Result<(), GateError> {
    let mut keys = BTreeSet::new();
    for _ in 0..entries {
        let at = reader.at();
        let (major, length) = head(reader)?;
        if major != TEXT {
            return Err(GateError::Malformed { what: "key", at });
        }
        if !keys.insert(text(reader, length, KEY_BYTES_MAX)?) {
            return Err(GateError::DuplicateKey { at });
        }
        check_item(reader, depth_left)?;
    }
    Ok(())
}

/// Reads the first byte of an item and its argument; indefinite lengths and
/// reserved forms are refused.
fn head(reader: &mut Reader<'_>) -> Result<(u8, u64), GateError> {
    let at = reader.at();
    let first = reader.byte()?;
    let (major, short) = (first >> 5, first & 0x1f);
    let argument = match short {
        0..=23 => u64::from(short),
        24 => u64::from(reader.byte()?),
        25 => u64::from(u16::from_be_bytes(reader.array()?)),
        26 => u64::from(u32::from_be_bytes(reader.array()?)),
        27 => u64::from_be_bytes(reader.array()?),
        _ => return Err(GateError::Malformed { what: "length", at }),
    };
    if major == 7 && (short < 20 || short == 24) {
        return Err(GateError::Malformed {
            what: "simple value",
            at,
        });
    }
    Ok((major, argument))
}

fn text<'a>(reader: &mut Reader<'a>, length: u64, limit: u64) -> Result<&'a [u8], GateError> {
    at_most("bytes of a text", length, limit)?;
    let at = reader.at();
    let bytes = reader.take(length)?;
    match std::str::from_utf8(bytes) {
        Ok(_) => Ok(bytes),
        Err(_) => Err(GateError::Malformed { what: "text", at }),
    }
}

fn at_most(what: &'static str, count: u64, limit: u64) -> Result<(), GateError> {
    if count > limit {
        Err(GateError::Limit { what, limit })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: bool) {
        assert_eq!(check_frame(bytes).is_ok(), expected, "{bytes:02x?}");
    }

    #[test]
    fn takes_what_stock_peers_write_g2() {
        // A 16-bit map header, undefined, false, null and a float of 64 bits.
        check(b"\xb9\x00\x01\x61a\xf7", true);
        check(b"\xa1\x61a\xf4", true);
        check(b"\xa1\x61a\xf6", true);
        check(b"\xa1\x61a\xfb\x42\x7a\x20\xb4\xa3\x51\x10\x00", true);
        check(b"\xa1\x61a\x9a\x00\x00\x00\x01\x42\x01\x02", true);
    }

    #[test]
    fn refuses_what_could_surprise_a_decoder_g2() {
        check(b"", false);
        check(b"\x80", false);
        check(b"\xa1\x61a\xf7\x00", false);
        check(b"\xa2\x61a\xf7\x61a\xf7", false);
        check(b"\xa2\x61a\xf7\x78\x01a\xf7", false);
        check(b"\xa1\x01\xf7", false);
        check(b"\xa1\x61\xff\xf7", false);
        // Indefinite map, array, text; more entries than bytes; a reserved form.
        check(b"\xbf\xff", false);
        check(b"\xa1\x61a\x9f\xff", false);
        check(b"\xa1\x61a\x7f\x61a\xff", false);
        check(b"\xa1\x61a\x9b\x80\x00\x00\x00\x00\x00\x00\x00", false);
        check(b"\xa1\x61a\x5b\xff\xff\xff\xff\xff\xff\xff\xff", false);
        check(b"\xa1\x61a\x1c", false);
        let mut nested = b"\xa1\x61a".to_vec();
        nested.extend(std::iter::repeat_n(0x81, 10_000));
        check(&nested, false);
    }
}
