//! Frames as someone on the wire sees them, read and written without the engine's own code.

use minicbor::data::Type;
use minicbor::decode::{Decoder, Error};
use minicbor::encode::Encoder;

/// What a frame shows to who listens; fields that a frame lacks are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// `type`.
    pub(crate) kind: String,
    /// `senderId`.
    pub(crate) sender: String,
    /// `targetId`.
    pub(crate) target: String,
    /// `documentId`, base58check.
    pub(crate) document: Option<String>,
    /// `data` of a sync frame.
    pub(crate) data: Vec<u8>,
    /// `heads` of a log frame.
    pub(crate) heads: Vec<[u8; 32]>,
    /// `ids` of a log frame.
    pub(crate) ids: Vec<[u8; 32]>,
    /// `records`.
    pub(crate) records: Vec<Vec<u8>>,
    /// `cards` and `manifests`.
    pub(crate) beside: Vec<Vec<u8>>,
    /// `people` of a reached frame: a person and the heads their devices confirmed.
    pub(crate) people: Vec<([u8; 32], Vec<[u8; 32]>)>,
    /// `code` or `reason`.
    pub(crate) word: String,
}

/// Reads a frame; an engine that writes something else broke the format.
pub(crate) fn read(bytes: &[u8]) -> Result<Seen, String> {
    fields(bytes).map_err(|error| format!("a frame that is no map of CBOR: {error}"))
}

/// Writes a sync frame.
pub(crate) fn write_sync(sender: &str, target: &str, document: &str, data: &[u8]) -> Vec<u8> {
    write(sender, target, "sync", document, "data", data)
}

/// Writes a frontier frame.
pub(crate) fn write_frontier(sender: &str, target: &str, document: &str, items: &[u8]) -> Vec<u8> {
    write(
        sender,
        target,
        "smallwin/frontier",
        document,
        "items",
        items,
    )
}

/// Writes a sync message (version 1) that brings changes and claims heads.
pub(crate) fn write_sync_message(heads: &[[u8; 32]], changes: &[&[u8]]) -> Vec<u8> {
    let mut message = vec![0x42];
    leb128(&mut message, heads.len());
    message.extend(heads.as_flattened());
    // Nothing needed, nothing told of what is there.
    message.extend([0, 0]);
    leb128(&mut message, changes.len());
    for change in changes {
        leb128(&mut message, change.len());
        message.extend(*change);
    }
    message
}

fn fields(bytes: &[u8]) -> Result<Seen, Error> {
    let mut decoder = Decoder::new(bytes);
    let mut seen = Seen::default();
    let count = decoder
        .map()?
        .ok_or_else(|| Error::message("an indefinite map"))?;
    for _ in 0..count {
        match (decoder.str()?, decoder.datatype()?) {
            ("type", Type::String) => seen.kind = decoder.str()?.to_owned(),
            ("senderId", Type::String) => seen.sender = decoder.str()?.to_owned(),
            ("targetId", Type::String) => seen.target = decoder.str()?.to_owned(),
            ("documentId", Type::String) => seen.document = Some(decoder.str()?.to_owned()),
            ("data", Type::Bytes) => seen.data = decoder.bytes()?.to_vec(),
            ("heads", Type::Bytes) => seen.heads = hashes(decoder.bytes()?),
            ("ids", Type::Bytes) => seen.ids = hashes(decoder.bytes()?),
            ("records", Type::Array) => seen.records = blobs(&mut decoder)?,
            ("cards" | "manifests", Type::Array) => seen.beside.extend(blobs(&mut decoder)?),
            ("people", Type::Array) => {
                for _ in 0..decoder.array()?.unwrap_or_default() {
                    seen.people.push(person(&mut decoder)?);
                }
            }
            ("code" | "reason" | "message", Type::String) => seen.word = decoder.str()?.to_owned(),
            _ => decoder.skip()?,
        }
    }
    Ok(seen)
}

fn person(decoder: &mut Decoder<'_>) -> Result<([u8; 32], Vec<[u8; 32]>), Error> {
    let (mut person, mut heads) = ([0; 32], Vec::new());
    for _ in 0..decoder.map()?.unwrap_or_default() {
        match decoder.str()? {
            "person" => {
                let bytes = decoder.bytes()?;
                person = bytes
                    .try_into()
                    .map_err(|_| Error::message("a person of another length"))?;
            }
            "heads" => heads = hashes(decoder.bytes()?),
            _ => decoder.skip()?,
        }
    }
    Ok((person, heads))
}

fn blobs(decoder: &mut Decoder<'_>) -> Result<Vec<Vec<u8>>, Error> {
    decoder
        .array_iter::<&minicbor::bytes::ByteSlice>()?
        .map(|blob| blob.map(|blob| blob.to_vec()))
        .collect()
}

fn hashes(bytes: &[u8]) -> Vec<[u8; 32]> {
    bytes.as_chunks().0.to_vec()
}

fn write(
    sender: &str,
    target: &str,
    kind: &str,
    document: &str,
    field: &str,
    bytes: &[u8],
) -> Vec<u8> {
    let mut out = Encoder::new(Vec::new());
    let texts = [
        ("type", kind),
        ("senderId", sender),
        ("targetId", target),
        ("documentId", document),
    ];
    out.map(5).expect("memory takes all");
    for (name, value) in texts {
        out.str(name)
            .and_then(|out| out.str(value))
            .expect("memory takes all");
    }
    out.str(field)
        .and_then(|out| out.bytes(bytes))
        .expect("memory takes all");
    out.into_writer()
}

fn leb128(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push((number as u8 & 0x7f) | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_writes() {
        let seen = read(&write_sync("a", "b", "doc", b"\x42")).unwrap();
        assert_eq!(
            (seen.kind.as_str(), seen.data.as_slice()),
            ("sync", b"\x42".as_slice())
        );
        assert_eq!((seen.sender.as_str(), seen.target.as_str()), ("a", "b"));
        assert_eq!(
            read(&write_frontier("a", "b", "doc", &[7])).unwrap().kind,
            "smallwin/frontier"
        );
        assert!(read(&[0x80]).is_err());
    }

    #[test]
    fn a_sync_message_passes_the_gate() {
        let change = smallwin_model::first_change(smallwin_circle::Kind::Step).unwrap();
        let message = write_sync_message(&[[7; 32]], &[change]);
        let shape = smallwin_gate::check_sync_message(&message).unwrap();
        assert_eq!(
            (shape.heads.as_slice(), shape.chunks.len()),
            ([[7; 32]].as_slice(), 1)
        );
        assert!(automerge::sync::Message::decode(&message).is_ok());
    }
}
