//! Frames as someone on the wire sees them, read and written without the engine's own code.

mod write;

use minicbor::data::Type;
use minicbor::decode::{Decoder, Error};

pub(crate) use self::write::{
    Line, readdress, write_auth, write_circles, write_document, write_join, write_presence,
    write_proving_join, write_sync_message,
};

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
    /// `data` of a sync or ephemeral frame.
    pub(crate) data: Vec<u8>,
    /// `count` and `sessionId` of an ephemeral frame.
    pub(crate) count: u64,
    pub(crate) session: String,
    /// `key` and `nonce` of a `peer` that proves itself.
    pub(crate) key: Vec<u8>,
    pub(crate) nonce: Vec<u8>,
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
            ("count", Type::U8 | Type::U16 | Type::U32 | Type::U64) => {
                seen.count = decoder.u64()?
            }
            ("sessionId", Type::String) => seen.session = decoder.str()?.to_owned(),
            ("smallwin", Type::Map) => hello(&mut decoder, &mut seen)?,
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

fn hello(decoder: &mut Decoder<'_>, seen: &mut Seen) -> Result<(), Error> {
    for _ in 0..decoder.map()?.unwrap_or_default() {
        match decoder.str()? {
            "key" => seen.key = decoder.bytes()?.to_vec(),
            "nonce" => seen.nonce = decoder.bytes()?.to_vec(),
            _ => decoder.skip()?,
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: Line<'_> = Line {
        sender: "a",
        target: "b",
    };

    #[test]
    fn reads_back_what_it_writes() {
        let seen = read(&write_document(LINE, "sync", "doc", "data", b"\x42")).unwrap();
        assert_eq!(
            (seen.kind.as_str(), seen.data.as_slice()),
            ("sync", b"\x42".as_slice())
        );
        assert_eq!((seen.sender.as_str(), seen.target.as_str()), ("a", "b"));
        let seen = read(&write_presence(LINE, "doc", 300, "s")).unwrap();
        assert_eq!((seen.count, seen.session.as_str()), (300, "s"));
        assert!(read(&[0x80]).is_err());
    }

    #[test]
    fn a_frame_gets_another_sender() {
        let frame = write_document(LINE, "request", "doc", "data", &[7; 300]);
        let line = Line {
            sender: "mallory",
            target: "c",
        };
        let other = readdress(&frame, line).unwrap();
        assert_eq!(
            other,
            write_document(line, "request", "doc", "data", &[7; 300])
        );
        assert_eq!(readdress(&[0x80], line), None);
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
