//! The automerge-repo protocol as a client speaks it, with as little work as can be.

use crate::typist::{Hash, unsigned};

/// What a frame says; borrowed from its bytes.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) kind: &'a str,
    pub(crate) sender: &'a str,
    pub(crate) document: &'a str,
    pub(crate) data: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Reads the fields that matter; nothing when it is no map of named fields.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Frame<'a>> {
        let mut reader = Reader(bytes);
        let (5, entries) = reader.head()? else {
            return None;
        };
        let mut frame = Frame::default();
        for _ in 0..entries {
            let name = reader.text()?;
            match name {
                "type" => frame.kind = reader.text()?,
                "senderId" => frame.sender = reader.text()?,
                "documentId" => frame.document = reader.text()?,
                "data" => frame.data = reader.bytes()?,
                _ => reader.skip()?,
            }
        }
        Some(frame)
    }
}

/// The byte string at this path of maps, as in `peer`'s `smallwin` map.
pub(crate) fn bytes_at<'a>(frame: &'a [u8], path: &[&str]) -> Option<&'a [u8]> {
    let mut reader = Reader(frame);
    for wanted in path {
        let (5, entries) = reader.head()? else {
            return None;
        };
        let mut left = entries;
        loop {
            left = left.checked_sub(1)?;
            if reader.text()? == *wanted {
                break;
            }
            reader.skip()?;
        }
    }
    reader.bytes()
}

/// The little of CBOR that frames use.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn head(&mut self) -> Option<(u8, u64)> {
        let (first, mut rest) = self.0.split_first()?;
        let wide = match first & 0x1f {
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            small @ 0..24 => {
                self.0 = rest;
                return Some((first >> 5, u64::from(small)));
            }
            _ => return None,
        };
        let mut number = 0;
        for _ in 0..wide {
            let (byte, after) = rest.split_first()?;
            number = number << 8 | u64::from(*byte);
            rest = after;
        }
        self.0 = rest;
        Some((first >> 5, number))
    }

    fn take(&mut self, count: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(count).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let (2 | 3, length) = self.head()? else {
            return None;
        };
        self.take(length)
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    fn skip(&mut self) -> Option<()> {
        let mut left = 1_u64;
        while left > 0 {
            left -= 1;
            match self.head()? {
                (2 | 3, length) => drop(self.take(length)?),
                (4, items) => left += items,
                (5, entries) => left += 2 * entries,
                (6, _) => left += 1,
                _ => {}
            }
        }
        Some(())
    }
}

/// A value of a frame that is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    Number(u64),
    Text(&'a str),
    Texts(&'a [&'a str]),
    Bytes(&'a [u8]),
    Map(&'a [(&'a str, Value<'a>)]),
    Maps(&'a [&'a [(&'a str, Value<'a>)]]),
}

/// One CBOR map.
pub(crate) fn frame(fields: &[(&str, Value<'_>)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    write_map(&mut out, fields);
    out
}

fn write_map(out: &mut Vec<u8>, fields: &[(&str, Value<'_>)]) {
    write_head(out, 5, fields.len());
    for (name, value) in fields {
        write_text(out, name);
        match *value {
            Value::Number(number) => write_head(out, 0, number as usize),
            Value::Text(text) => write_text(out, text),
            Value::Texts(texts) => {
                write_head(out, 4, texts.len());
                texts.iter().for_each(|text| write_text(out, text));
            }
            Value::Bytes(bytes) => {
                write_head(out, 2, bytes.len());
                out.extend(bytes);
            }
            Value::Map(fields) => write_map(out, fields),
            Value::Maps(maps) => {
                write_head(out, 4, maps.len());
                maps.iter().for_each(|fields| write_map(out, fields));
            }
        }
    }
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    write_head(out, 3, text.len());
    out.extend(text.as_bytes());
}

fn write_head(out: &mut Vec<u8>, kind: u8, number: usize) {
    let kind = kind << 5;
    match number {
        0..24 => out.push(kind | number as u8),
        24..256 => out.extend([kind | 24, number as u8]),
        256..65_536 => {
            out.push(kind | 25);
            out.extend((number as u16).to_be_bytes());
        }
        _ => {
            out.push(kind | 26);
            out.extend((number as u32).to_be_bytes());
        }
    }
}

/// `join` of a stock client without storage.
pub(crate) fn join(sender: &str) -> Vec<u8> {
    frame(&[
        ("type", Value::Text("join")),
        ("senderId", Value::Text(sender)),
        ("peerMetadata", Value::Map(&[])),
        ("supportedProtocolVersions", Value::Texts(&["1"])),
    ])
}

/// A frame of kind `sync` or `request`.
pub(crate) fn sync(kind: &str, sender: &str, target: &str, document: &str, data: &[u8]) -> Vec<u8> {
    frame(&[
        ("type", Value::Text(kind)),
        ("senderId", Value::Text(sender)),
        ("targetId", Value::Text(target)),
        ("documentId", Value::Text(document)),
        ("data", Value::Bytes(data)),
    ])
}

/// What a sync message says; borrowed from its bytes.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Message<'a> {
    /// 32 bytes each.
    pub(crate) heads: &'a [u8],
    pub(crate) need: &'a [u8],
    /// Whether there are entries that tell what the peer has.
    pub(crate) has: u64,
    /// Bytes of all changes.
    pub(crate) change_bytes: u64,
}

impl<'a> Message<'a> {
    /// Reads a message of a server, which is trusted to be well formed.
    pub(crate) fn read(data: &'a [u8]) -> Option<Message<'a>> {
        let mut rest = data.get(1..)?;
        let mut message = Message {
            heads: hashes(&mut rest)?,
            need: hashes(&mut rest)?,
            has: number(&mut rest)?,
            change_bytes: 0,
        };
        for _ in 0..message.has {
            hashes(&mut rest)?;
            let bloom = number(&mut rest)?;
            take(&mut rest, bloom)?;
        }
        for _ in 0..number(&mut rest)? {
            let length = number(&mut rest)?;
            take(&mut rest, length)?;
            message.change_bytes += length;
        }
        Some(message)
    }
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    let (mut number, mut shift) = (0, 0);
    loop {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
        shift += 7;
    }
}

fn take<'a>(rest: &mut &'a [u8], count: u64) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(usize::try_from(count).ok()?)?;
    *rest = after;
    Some(taken)
}

fn hashes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let count = number(rest)?;
    take(rest, 32 * count)
}

/// The first message of a peer that has nothing.
pub(crate) const NOTHING: [u8; 10] = [0x42, 0, 0, 1, 0, 0, 0, 2, 2, 0x84];

/// The answer of a peer that took in all that leads to `heads` and has nothing of its own.
pub(crate) fn acknowledgement(heads: &[u8]) -> Vec<u8> {
    message(0x43, heads, &[], heads, &[], &[])
}

/// Asks for all that leads to `heads`.
pub(crate) fn question(heads: &[u8]) -> Vec<u8> {
    message(0x43, &[], heads, &[], &[], &[])
}

/// A sync message; `since` are the changes that the peer's `last_sync` does not reach.
pub(crate) fn message(
    version: u8,
    heads: &[u8],
    need: &[u8],
    last_sync: &[u8],
    since: &[Hash],
    changes: &[&[u8]],
) -> Vec<u8> {
    let length = changes.iter().map(|bytes| bytes.len()).sum::<usize>();
    let mut out = Vec::with_capacity(192 + length);
    out.push(version);
    for list in [heads, need] {
        unsigned(&mut out, list.len() as u64 / 32);
        out.extend(list);
    }
    out.push(1);
    unsigned(&mut out, last_sync.len() as u64 / 32);
    out.extend(last_sync);
    let bloom = bloom(since);
    unsigned(&mut out, bloom.len() as u64);
    out.extend(bloom);
    if changes.is_empty() {
        out.push(0);
    } else {
        out.push(1);
        unsigned(&mut out, length as u64);
        changes.iter().for_each(|bytes| out.extend(*bytes));
    }
    out.extend([2, 2, 0x84]);
    out
}

/// The filter that Automerge makes: ten bits for each hash, seven probes.
fn bloom(hashes: &[Hash]) -> Vec<u8> {
    if hashes.is_empty() {
        return Vec::new();
    }
    let mut out = Vec::new();
    unsigned(&mut out, hashes.len() as u64);
    out.extend([10, 7]);
    let mut bits = vec![0_u8; (hashes.len() * 10).div_ceil(8)];
    let modulo = 8 * bits.len() as u32;
    for hash in hashes {
        let word = |at: usize| {
            let bytes = hash.iter().skip(at).take(4);
            bytes
                .rev()
                .fold(0_u32, |word, byte| word << 8 | u32::from(*byte))
                % modulo
        };
        let (mut x, mut y, z) = (word(0), word(4), word(8));
        for _ in 0..7 {
            if let Some(byte) = bits.get_mut(x as usize / 8) {
                *byte |= 1 << (x % 8);
            }
            x = (x + y) % modulo;
            y = (y + z) % modulo;
        }
    }
    out.extend(bits);
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use automerge::ChangeHash;
    use automerge::sync::{BloomFilter, Message as Stock};

    use super::*;
    use crate::typist::Typist;

    #[test]
    fn automerge_reads_what_is_written_here() {
        let (mut typist, _) = Typist::start(&[1; 16]);
        let edits: Vec<_> = (0..40).map(|_| typist.letter()).collect();
        let hashes: Vec<Hash> = edits.iter().map(|edit| edit.hash).collect();
        let bytes: Vec<&[u8]> = edits.iter().map(|edit| edit.bytes.as_slice()).collect();
        let head = hashes.last().unwrap();
        let written = message(0x43, head, &[], hashes.first().unwrap(), &hashes, &bytes);
        let stock = Stock::decode(&written).unwrap();
        assert_eq!(stock.heads, [ChangeHash(*head)]);
        let bloom = BloomFilter::from_hashes(hashes.iter().copied().map(ChangeHash));
        assert_eq!(
            stock.have.first().unwrap().bloom.to_bytes(),
            bloom.to_bytes()
        );
        let read = Message::read(&written).unwrap();
        assert_eq!((read.heads, read.need, read.has), (&head[..], &[][..], 1));
        assert_eq!(read.change_bytes, bytes.concat().len() as u64);
        for short in [NOTHING.to_vec(), acknowledgement(head), question(head)] {
            assert_eq!(Stock::decode(&short).unwrap().encode(), short);
        }
    }

    #[test]
    fn a_frame_is_read_back() {
        let bytes = sync("sync", "a", "b", "d", &[7; 300]);
        let frame = Frame::read(&bytes).unwrap();
        assert_eq!(
            (frame.kind, frame.sender, frame.document),
            ("sync", "a", "d")
        );
        assert_eq!(frame.data, [7; 300]);
        assert_eq!(Frame::read(&join("a")).unwrap().kind, "join");
    }
}
