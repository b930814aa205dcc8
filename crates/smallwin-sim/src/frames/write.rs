//! Frames of those who have no engine.

use minicbor::Decoder;
use minicbor::data::Type;
use minicbor::encode::{Encoder, Error};

/// Who sends a frame, and to whom, as the frame says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    pub(crate) sender: &'a str,
    pub(crate) target: &'a str,
}

type Out = Encoder<Vec<u8>>;
type Fault = Error<std::convert::Infallible>;

/// The `join` of a stock client.
pub(crate) fn write_join(sender: &str) -> Vec<u8> {
    written(|out| {
        out.map(3)?.str("type")?.str("join")?;
        out.str("senderId")?.str(sender)?;
        out.str("supportedProtocolVersions")?.array(1)?.str("1")?;
        Ok(())
    })
}

/// The `join` of a peer that will prove a key.
pub(crate) fn write_proving_join(
    sender: &str,
    key: &[u8; 32],
    nonce: &[u8; 32],
    channel: &str,
) -> Vec<u8> {
    written(|out| {
        out.map(4)?.str("type")?.str("join")?;
        out.str("senderId")?.str(sender)?;
        out.str("supportedProtocolVersions")?.array(1)?.str("1")?;
        out.str("smallwin")?.map(4)?.str("v")?.u64(1)?;
        out.str("key")?.bytes(key)?.str("nonce")?.bytes(nonce)?;
        out.str("channel")?.str(channel)?;
        Ok(())
    })
}

/// The proof that follows it.
pub(crate) fn write_auth(line: Line<'_>, proof: &[u8; 64]) -> Vec<u8> {
    written(|out| {
        head(out, 4, "smallwin/auth", line)?;
        out.str("proof")?.bytes(proof)?;
        Ok(())
    })
}

/// Shows one circle to which a device belongs.
pub(crate) fn write_circles(
    line: Line<'_>,
    tag: &[u8; 16],
    key: &[u8; 32],
    proof: &[u8; 64],
) -> Vec<u8> {
    written(|out| {
        head(out, 4, "smallwin/circles", line)?;
        out.str("items")?.array(1)?.map(4)?;
        out.str("tag")?.bytes(tag)?.str("key")?.bytes(key)?;
        out.str("proof")?.bytes(proof)?;
        out.str("purpose")?.str("member")?;
        Ok(())
    })
}

/// A frame about a document with one field of bytes: `sync`, `request` or `smallwin/frontier`.
pub(crate) fn write_document(
    line: Line<'_>,
    kind: &str,
    document: &str,
    field: &str,
    bytes: &[u8],
) -> Vec<u8> {
    written(|out| {
        head(out, 5, kind, line)?;
        out.str("documentId")?.str(document)?;
        out.str(field)?.bytes(bytes)?;
        Ok(())
    })
}

/// An ephemeral message.
pub(crate) fn write_presence(line: Line<'_>, document: &str, count: u64, session: &str) -> Vec<u8> {
    written(|out| {
        head(out, 7, "ephemeral", line)?;
        out.str("documentId")?.str(document)?;
        out.str("data")?.bytes(&[0xa0])?;
        out.str("count")?.u64(count)?;
        out.str("sessionId")?.str(session)?;
        Ok(())
    })
}

/// A sync message (version 1) that brings changes and claims heads.
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

/// The same frame with another sender and target; nothing for what is no frame.
pub(crate) fn readdress(frame: &[u8], line: Line<'_>) -> Option<Vec<u8>> {
    let mut decoder = Decoder::new(frame);
    let count = decoder.map().ok()??;
    let mut out = Encoder::new(Vec::new());
    out.map(count).ok()?;
    for _ in 0..count {
        let key = decoder.str().ok()?;
        out.str(key).ok()?;
        let is_text = decoder.datatype().ok()? == Type::String;
        let from = decoder.position();
        decoder.skip().ok()?;
        match key {
            "senderId" if is_text => out.str(line.sender).ok()?,
            "targetId" if is_text => out.str(line.target).ok()?,
            _ => {
                out.writer_mut()
                    .extend(frame.get(from..decoder.position())?);
                continue;
            }
        };
    }
    Some(out.into_writer())
}

fn head(out: &mut Out, fields: u64, kind: &str, line: Line<'_>) -> Result<(), Fault> {
    out.map(fields)?.str("type")?.str(kind)?;
    out.str("senderId")?.str(line.sender)?;
    out.str("targetId")?.str(line.target)?;
    Ok(())
}

fn written(write: impl FnOnce(&mut Out) -> Result<(), Fault>) -> Vec<u8> {
    let mut out = Encoder::new(Vec::new());
    write(&mut out).expect("memory takes all");
    out.into_writer()
}

fn leb128(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push((number as u8 & 0x7f) | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}
