//! Just enough CBOR to find the sync message in a frame.

/// The byte string under a key of the frame's map; `None` when the frame is no map of
/// definite items, `Some(None)` when no byte string stands there.
pub fn entry<'a>(bytes: &'a [u8], key: &str) -> Option<Option<&'a [u8]>> {
    let mut rest = bytes;
    let (major, entries) = head(&mut rest)?;
    if major != 5 {
        return None;
    }
    let mut found = None;
    for _ in 0..entries {
        let (major, length) = head(&mut rest)?;
        let name = take(&mut rest, length)?;
        if major != 3 {
            return None;
        }
        let mut value = rest;
        if let (2, length) = head(&mut value)?
            && name == key.as_bytes()
        {
            found = Some(take(&mut value, length)?);
        }
        skip(&mut rest)?;
    }
    rest.is_empty().then_some(found)
}

/// Writes a frame that holds a sync message.
pub fn sync_frame(message: &[u8]) -> Vec<u8> {
    let mut out = vec![0xa5];
    let texts = [
        ("type", "sync"),
        ("senderId", "anna"),
        ("targetId", "bram"),
        ("documentId", "4NMNnkMhL8jXrdJ9jamS58PAVdXu"),
    ];
    for (key, value) in texts {
        write_head(&mut out, 3, key.len());
        out.extend(key.as_bytes());
        write_head(&mut out, 3, value.len());
        out.extend(value.as_bytes());
    }
    out.extend(b"\x64data");
    write_head(&mut out, 2, message.len());
    out.extend(message);
    out
}

fn skip(rest: &mut &[u8]) -> Option<()> {
    let (major, argument) = head(rest)?;
    match major {
        2 | 3 => take(rest, argument).map(|_| ()),
        4 => (0..argument).try_for_each(|_| skip(rest)),
        5 => (0..argument.checked_mul(2)?).try_for_each(|_| skip(rest)),
        6 => skip(rest),
        _ => Some(()),
    }
}

fn head(rest: &mut &[u8]) -> Option<(u8, u64)> {
    let first = take(rest, 1)?[0];
    let argument = match first & 0x1f {
        short @ 0..=23 => u64::from(short),
        size @ 24..=27 => {
            let bytes = take(rest, 1 << (size - 24))?;
            bytes
                .iter()
                .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
        }
        _ => return None,
    };
    Some((first >> 5, argument))
}

fn take<'a>(rest: &mut &'a [u8], length: u64) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = left;
    Some(taken)
}

fn write_head(out: &mut Vec<u8>, major: u8, length: usize) {
    if length < 24 {
        out.push(major << 5 | length as u8);
    } else {
        out.push(major << 5 | 26);
        out.extend((length as u32).to_be_bytes());
    }
}
