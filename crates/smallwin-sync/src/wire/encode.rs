//! Bytes from frames.

use std::convert::Infallible;

use minicbor::encode::{Encoder, Error};

use super::{
    BesideFrame, CircleItem, Frame, JoinHello, LogFrame, Message, PeerHello, Purpose, document_id,
};

/// Writes one frame. The order of fields is fixed, so equal frames are equal bytes.
pub(crate) fn encode(message: &Message) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    // Writing into memory cannot fail.
    let _infallible: Result<(), Error<Infallible>> = write(&mut encoder, message);
    encoder.into_writer()
}

type Out = Encoder<Vec<u8>>;
type Written = Result<(), Error<Infallible>>;

fn write(out: &mut Out, message: &Message) -> Written {
    let (kind, fields) = shape(&message.frame);
    out.map(fields + 3)?;
    out.str("type")?.str(kind)?;
    out.str("senderId")?.str(&message.address.sender)?;
    out.str("targetId")?.str(&message.address.target)?;
    body(out, &message.frame)
}

/// The type of a frame and how many fields it writes beside type, sender and target.
fn shape(frame: &Frame) -> (&str, u64) {
    match frame {
        Frame::Join { smallwin, .. } => ("join", 2 + u64::from(smallwin.is_some())),
        Frame::Peer { smallwin, .. } => ("peer", 2 + u64::from(smallwin.is_some())),
        Frame::Error { .. } => ("error", 1),
        Frame::Sync { .. } => ("sync", 2),
        Frame::Request { .. } => ("request", 2),
        Frame::Unavailable { .. } => ("doc-unavailable", 1),
        Frame::Ephemeral { .. } => ("ephemeral", 4),
        Frame::Auth { .. } => ("smallwin/auth", 1),
        Frame::Circles { .. } => ("smallwin/circles", 1),
        Frame::Host { .. } => ("smallwin/host", 1),
        Frame::Log(log) => (
            "smallwin/log",
            2 + u64::from(!log.records.is_empty()) + u64::from(log.ids.is_some()),
        ),
        Frame::Beside(beside) => (
            "smallwin/beside",
            1 + u64::from(!beside.cards.is_empty())
                + u64::from(!beside.manifests.is_empty())
                + u64::from(!beside.want.is_empty()),
        ),
        Frame::JoinCircle { .. } => ("smallwin/join", 2),
        Frame::Frontier { .. } => ("smallwin/frontier", 2),
        Frame::Refused { .. } => ("smallwin/refused", 3),
        Frame::Reached { .. } => ("smallwin/reached", 2),
        Frame::Pair { .. } => ("smallwin/pair", 3),
        Frame::Paired { .. } => ("smallwin/paired", 3),
        Frame::Dial { secret, .. } => ("smallwin/dial", 2 + u64::from(secret.is_some())),
        Frame::Ask { .. } => ("smallwin/ask", 1),
        Frame::Told { .. } => ("smallwin/told", 2),
        Frame::Notice { about, .. } => ("smallwin/notice", 1 + u64::from(about.is_some())),
        Frame::Unknown { kind } => (kind, 0),
    }
}

fn body(out: &mut Out, frame: &Frame) -> Written {
    match frame {
        Frame::Join { versions, smallwin } => join(out, versions.as_deref(), smallwin.as_ref()),
        Frame::Peer { version, smallwin } => peer(out, version, smallwin.as_ref()),
        Frame::Error { message } => text(out, "message", message),
        Frame::Sync { document: id, data } | Frame::Request { document: id, data } => {
            document(out, id)?;
            bytes(out, "data", data)
        }
        Frame::Unavailable { document: id } => document(out, id),
        Frame::Ephemeral {
            document: id,
            data,
            count,
            session,
        } => {
            document(out, id)?;
            bytes(out, "data", data)?;
            out.str("count")?.u64(*count)?;
            text(out, "sessionId", session)
        }
        Frame::Auth { proof } => bytes(out, "proof", proof),
        Frame::Circles { items } => circles(out, items),
        Frame::Host { records } => blobs(out, "records", records),
        Frame::Log(frame) => log(out, frame),
        Frame::Beside(frame) => beside(out, frame),
        Frame::JoinCircle { circle, record } => {
            bytes(out, "circle", circle)?;
            bytes(out, "record", record)
        }
        Frame::Frontier {
            document: id,
            items,
        } => {
            document(out, id)?;
            bytes(out, "items", items)
        }
        Frame::Refused {
            document: id,
            hashes,
            reason,
        } => {
            document(out, id)?;
            bytes(out, "hashes", hashes.as_flattened())?;
            text(out, "reason", reason)
        }
        Frame::Reached {
            document: id,
            people,
        } => {
            document(out, id)?;
            out.str("people")?.array(people.len() as u64)?;
            for one in people {
                out.map(2)?;
                bytes(out, "person", &one.person)?;
                bytes(out, "heads", one.heads.as_flattened())?;
            }
            Ok(())
        }
        Frame::Pair {
            secret,
            consent,
            sealing,
        } => {
            bytes(out, "secret", secret)?;
            bytes(out, "consent", consent)?;
            bytes(out, "sealing", sealing)
        }
        Frame::Paired {
            device,
            consent,
            sealing,
        } => {
            bytes(out, "device", device)?;
            bytes(out, "consent", consent)?;
            bytes(out, "sealing", sealing)
        }
        Frame::Dial {
            url,
            circle,
            secret,
        } => {
            text(out, "url", url)?;
            bytes(out, "circle", circle)?;
            secret
                .as_ref()
                .map_or(Ok(()), |secret| bytes(out, "secret", secret))
        }
        Frame::Ask { what } => text(out, "what", what),
        Frame::Told { what, json } => {
            text(out, "what", what)?;
            text(out, "json", json)
        }
        Frame::Notice { code, about } => {
            text(out, "code", code)?;
            about
                .as_ref()
                .map_or(Ok(()), |about| text(out, "about", about))
        }
        Frame::Unknown { .. } => Ok(()),
    }
}

fn join(out: &mut Out, versions: Option<&[String]>, smallwin: Option<&JoinHello>) -> Written {
    metadata(out)?;
    out.str("supportedProtocolVersions")?;
    let versions = versions.unwrap_or_default();
    out.array(versions.len() as u64)?;
    for version in versions {
        out.str(version)?;
    }
    if let Some(hello) = smallwin {
        out.str("smallwin")?.map(4)?;
        out.str("v")?.u64(hello.v)?;
        bytes(out, "key", &hello.key)?;
        bytes(out, "nonce", &hello.nonce)?;
        text(out, "channel", &hello.channel)?;
    }
    Ok(())
}

fn peer(out: &mut Out, version: &str, smallwin: Option<&PeerHello>) -> Written {
    metadata(out)?;
    text(out, "selectedProtocolVersion", version)?;
    if let Some(hello) = smallwin {
        out.str("smallwin")?.map(4)?;
        out.str("v")?.u64(hello.v)?;
        bytes(out, "key", &hello.key)?;
        bytes(out, "nonce", &hello.nonce)?;
        bytes(out, "proof", &hello.proof)?;
    }
    Ok(())
}

/// We name no storage and ask for no sync state to be persisted.
fn metadata(out: &mut Out) -> Written {
    out.str("peerMetadata")?.map(1)?;
    out.str("isEphemeral")?.bool(true)?;
    Ok(())
}

fn circles(out: &mut Out, items: &[CircleItem]) -> Written {
    out.str("items")?.array(items.len() as u64)?;
    for item in items {
        out.map(4)?;
        bytes(out, "tag", &item.tag)?;
        bytes(out, "key", &item.key)?;
        bytes(out, "proof", &item.proof)?;
        text(
            out,
            "purpose",
            match item.purpose {
                Purpose::Member => "member",
                Purpose::Invite => "invite",
            },
        )?;
    }
    Ok(())
}

fn log(out: &mut Out, frame: &LogFrame) -> Written {
    bytes(out, "circle", &frame.circle)?;
    bytes(out, "heads", frame.heads.as_flattened())?;
    if !frame.records.is_empty() {
        blobs(out, "records", &frame.records)?;
    }
    frame
        .ids
        .as_ref()
        .map_or(Ok(()), |ids| bytes(out, "ids", ids.as_flattened()))
}

fn beside(out: &mut Out, frame: &BesideFrame) -> Written {
    bytes(out, "circle", &frame.circle)?;
    if !frame.cards.is_empty() {
        blobs(out, "cards", &frame.cards)?;
    }
    if !frame.manifests.is_empty() {
        blobs(out, "manifests", &frame.manifests)?;
    }
    if !frame.want.is_empty() {
        bytes(out, "want", frame.want.as_flattened())?;
    }
    Ok(())
}

fn document(out: &mut Out, id: &[u8; 16]) -> Written {
    text(out, "documentId", &document_id::encode(id))
}

fn text(out: &mut Out, name: &str, value: &str) -> Written {
    out.str(name)?.str(value)?;
    Ok(())
}

fn bytes(out: &mut Out, name: &str, value: &[u8]) -> Written {
    out.str(name)?.bytes(value)?;
    Ok(())
}

fn blobs(out: &mut Out, name: &str, items: &[Vec<u8>]) -> Written {
    out.str(name)?.array(items.len() as u64)?;
    for item in items {
        out.bytes(item)?;
    }
    Ok(())
}
