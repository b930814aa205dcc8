//! Frames from bytes.

use super::value::Value;
use super::{
    Address, BesideFrame, CircleItem, Frame, JoinHello, LogFrame, Message, PeerHello, Purpose,
    ReachedPerson, document_id,
};

/// Why a frame could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum DecodeError {
    /// The gate refused its shape.
    #[error("the frame is not of an allowed shape: {0}")]
    Gate(#[from] smallwin_gate::GateError),
    /// It is not CBOR after all.
    #[error("the frame is not CBOR: {0}")]
    Cbor(#[from] minicbor::decode::Error),
    /// A field that its type needs is absent or of another kind.
    #[error("the field {0} is absent or wrong")]
    Field(&'static str),
}

/// Reads one frame; unknown types come back as [`Frame::Unknown`].
///
/// # Errors
/// When the gate refuses the bytes, or a known type lacks a field it needs.
pub(crate) fn decode(bytes: &[u8]) -> Result<Message, DecodeError> {
    smallwin_gate::check_frame(bytes)?;
    let value = Value::read(bytes)?;
    let kind = value.get("type").text().ok_or(DecodeError::Field("type"))?;
    let address = Address {
        sender: value.get("senderId").text().unwrap_or_default().to_owned(),
        target: value.get("targetId").text().unwrap_or_default().to_owned(),
    };
    Ok(Message {
        address,
        frame: frame(kind, &value)?,
    })
}

fn frame(kind: &str, value: &Value<'_>) -> Result<Frame, DecodeError> {
    Ok(match kind {
        "join" => Frame::Join {
            versions: versions(value)?,
            smallwin: join_hello(value)?,
        },
        "peer" => Frame::Peer {
            version: text(value, "selectedProtocolVersion")?,
            smallwin: peer_hello(value)?,
        },
        "error" => Frame::Error {
            message: value.get("message").text().unwrap_or_default().to_owned(),
        },
        "sync" => Frame::Sync {
            document: document(value)?,
            data: bytes(value, "data")?,
        },
        "request" => Frame::Request {
            document: document(value)?,
            data: bytes(value, "data")?,
        },
        "doc-unavailable" => Frame::Unavailable {
            document: document(value)?,
        },
        "ephemeral" => Frame::Ephemeral {
            document: document(value)?,
            data: bytes(value, "data")?,
            count: value
                .get("count")
                .number()
                .ok_or(DecodeError::Field("count"))?,
            session: text(value, "sessionId")?,
        },
        "smallwin/auth" => Frame::Auth {
            proof: fixed(value, "proof")?,
        },
        "smallwin/circles" => Frame::Circles {
            items: circle_items(value)?,
        },
        "smallwin/host" => Frame::Host {
            records: blobs(value, "records")?,
        },
        "smallwin/log" => Frame::Log(LogFrame {
            circle: fixed(value, "circle")?,
            heads: hashes(value, "heads")?,
            records: blobs(value, "records")?,
            ids: if value.get("ids").is_absent() {
                None
            } else {
                Some(hashes(value, "ids")?)
            },
        }),
        "smallwin/beside" => Frame::Beside(BesideFrame {
            circle: fixed(value, "circle")?,
            cards: blobs(value, "cards")?,
            manifests: blobs(value, "manifests")?,
            want: hashes(value, "want")?,
        }),
        "smallwin/join" => Frame::JoinCircle {
            circle: fixed(value, "circle")?,
            record: bytes(value, "record")?,
        },
        "smallwin/frontier" => Frame::Frontier {
            document: document(value)?,
            items: bytes(value, "items")?,
        },
        "smallwin/refused" => Frame::Refused {
            document: document(value)?,
            hashes: hashes(value, "hashes")?,
            reason: text(value, "reason")?,
        },
        "smallwin/reached" => Frame::Reached {
            document: document(value)?,
            people: people(value)?,
        },
        "smallwin/pair" => Frame::Pair {
            secret: bytes(value, "secret")?,
            consent: fixed(value, "consent")?,
            sealing: fixed(value, "sealing")?,
        },
        "smallwin/paired" => Frame::Paired {
            device: fixed(value, "device")?,
            consent: fixed(value, "consent")?,
            sealing: fixed(value, "sealing")?,
        },
        "smallwin/dial" => Frame::Dial {
            url: text(value, "url")?,
            circle: fixed(value, "circle")?,
            secret: optional_fixed(value, "secret")?,
        },
        "smallwin/ask" => Frame::Ask {
            what: text(value, "what")?,
        },
        "smallwin/told" => Frame::Told {
            what: text(value, "what")?,
            json: text(value, "json")?,
        },
        "smallwin/notice" => Frame::Notice {
            code: text(value, "code")?,
            about: value.get("about").text().map(str::to_owned),
        },
        _ => Frame::Unknown {
            kind: kind.to_owned(),
        },
    })
}

fn versions(value: &Value<'_>) -> Result<Option<Vec<String>>, DecodeError> {
    const NAME: &str = "supportedProtocolVersions";
    match value.get(NAME) {
        Value::Absent => Ok(None),
        Value::Array(items) => items
            .iter()
            .map(|item| {
                item.text()
                    .map(str::to_owned)
                    .ok_or(DecodeError::Field(NAME))
            })
            .collect::<Result<_, _>>()
            .map(Some),
        _ => Err(DecodeError::Field(NAME)),
    }
}

fn join_hello(value: &Value<'_>) -> Result<Option<JoinHello>, DecodeError> {
    let hello = value.get("smallwin");
    if hello.is_absent() {
        return Ok(None);
    }
    Ok(Some(JoinHello {
        v: hello.get("v").number().ok_or(DecodeError::Field("v"))?,
        key: fixed(hello, "key")?,
        nonce: fixed(hello, "nonce")?,
        channel: text(hello, "channel")?,
    }))
}

fn peer_hello(value: &Value<'_>) -> Result<Option<PeerHello>, DecodeError> {
    let hello = value.get("smallwin");
    if hello.is_absent() {
        return Ok(None);
    }
    Ok(Some(PeerHello {
        v: hello.get("v").number().ok_or(DecodeError::Field("v"))?,
        key: fixed(hello, "key")?,
        nonce: fixed(hello, "nonce")?,
        proof: fixed(hello, "proof")?,
    }))
}

fn circle_items(value: &Value<'_>) -> Result<Vec<CircleItem>, DecodeError> {
    let items = value
        .get("items")
        .array()
        .ok_or(DecodeError::Field("items"))?;
    items
        .iter()
        .map(|item| {
            Ok(CircleItem {
                tag: fixed(item, "tag")?,
                key: fixed(item, "key")?,
                proof: fixed(item, "proof")?,
                purpose: match item.get("purpose").text() {
                    Some("member") => Purpose::Member,
                    Some("invite") => Purpose::Invite,
                    _ => return Err(DecodeError::Field("purpose")),
                },
            })
        })
        .collect()
}

fn people(value: &Value<'_>) -> Result<Vec<ReachedPerson>, DecodeError> {
    let items = value
        .get("people")
        .array()
        .ok_or(DecodeError::Field("people"))?;
    items
        .iter()
        .map(|item| {
            Ok(ReachedPerson {
                person: fixed(item, "person")?,
                heads: hashes(item, "heads")?,
            })
        })
        .collect()
}

/// The document id: base58check text, or its sixteen bytes as samod also writes them.
fn document(value: &Value<'_>) -> Result<[u8; 16], DecodeError> {
    let field = value.get("documentId");
    let id = match field {
        Value::Text(text) => document_id::decode(text),
        other => other.fixed(),
    };
    id.ok_or(DecodeError::Field("documentId"))
}

fn text(value: &Value<'_>, name: &'static str) -> Result<String, DecodeError> {
    value
        .get(name)
        .text()
        .map(str::to_owned)
        .ok_or(DecodeError::Field(name))
}

fn bytes(value: &Value<'_>, name: &'static str) -> Result<Vec<u8>, DecodeError> {
    value
        .get(name)
        .bytes()
        .map(<[u8]>::to_vec)
        .ok_or(DecodeError::Field(name))
}

fn fixed<const N: usize>(value: &Value<'_>, name: &'static str) -> Result<[u8; N], DecodeError> {
    value.get(name).fixed().ok_or(DecodeError::Field(name))
}

fn optional_fixed<const N: usize>(
    value: &Value<'_>,
    name: &'static str,
) -> Result<Option<[u8; N]>, DecodeError> {
    match value.get(name) {
        Value::Absent => Ok(None),
        other => other.fixed().map(Some).ok_or(DecodeError::Field(name)),
    }
}

/// An array of byte strings, empty when absent.
fn blobs(value: &Value<'_>, name: &'static str) -> Result<Vec<Vec<u8>>, DecodeError> {
    match value.get(name) {
        Value::Absent => Ok(Vec::new()),
        Value::Array(items) => items
            .iter()
            .map(|item| {
                item.bytes()
                    .map(<[u8]>::to_vec)
                    .ok_or(DecodeError::Field(name))
            })
            .collect(),
        _ => Err(DecodeError::Field(name)),
    }
}

/// Hashes of 32 bytes one after the other, empty when absent.
fn hashes(value: &Value<'_>, name: &'static str) -> Result<Vec<[u8; 32]>, DecodeError> {
    let bytes = match value.get(name) {
        Value::Absent => return Ok(Vec::new()),
        other => other.bytes().ok_or(DecodeError::Field(name))?,
    };
    let (hashes, rest) = bytes.as_chunks::<32>();
    if rest.is_empty() {
        Ok(hashes.to_vec())
    } else {
        Err(DecodeError::Field(name))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::wire::encode;

    fn check(frame: Frame) {
        let address = Address {
            sender: "from".to_owned(),
            target: "to".to_owned(),
        };
        let message = Message { address, frame };
        assert_eq!(decode(&encode(&message)).unwrap(), message);
    }

    #[test]
    fn every_frame_comes_back() {
        let document = [7; 16];
        let hashes = vec![[1; 32], [2; 32]];
        let data = vec![9; 300];
        check(Frame::Join {
            versions: Some(vec!["1".to_owned()]),
            smallwin: None,
        });
        check(Frame::Join {
            versions: Some(vec![]),
            smallwin: Some(JoinHello {
                v: 1,
                key: [1; 32],
                nonce: [2; 32],
                channel: "host:1".to_owned(),
            }),
        });
        check(Frame::Peer {
            version: "1".to_owned(),
            smallwin: Some(PeerHello {
                v: 1,
                key: [1; 32],
                nonce: [2; 32],
                proof: [3; 64],
            }),
        });
        check(Frame::Error {
            message: "no".to_owned(),
        });
        check(Frame::Sync {
            document,
            data: data.clone(),
        });
        check(Frame::Request {
            document,
            data: data.clone(),
        });
        check(Frame::Unavailable { document });
        check(Frame::Ephemeral {
            document,
            data: data.clone(),
            count: 1 << 40,
            session: "s".to_owned(),
        });
        check(Frame::Auth { proof: [4; 64] });
        check(Frame::Circles {
            items: vec![
                CircleItem {
                    tag: [1; 16],
                    key: [2; 32],
                    proof: [3; 64],
                    purpose: Purpose::Member,
                },
                CircleItem {
                    tag: [1; 16],
                    key: [2; 32],
                    proof: [3; 64],
                    purpose: Purpose::Invite,
                },
            ],
        });
        check(Frame::Host {
            records: vec![data.clone()],
        });
        for ids in [None, Some(vec![]), Some(hashes.clone())] {
            check(Frame::Log(LogFrame {
                circle: [5; 16],
                heads: hashes.clone(),
                records: vec![data.clone()],
                ids,
            }));
        }
        check(Frame::Beside(BesideFrame::default()));
        check(Frame::Beside(BesideFrame {
            circle: [5; 16],
            cards: vec![data.clone()],
            manifests: vec![data.clone()],
            want: hashes.clone(),
        }));
        check(Frame::JoinCircle {
            circle: [5; 16],
            record: data.clone(),
        });
        check(Frame::Frontier {
            document,
            items: data.clone(),
        });
        check(Frame::Refused {
            document,
            hashes: hashes.clone(),
            reason: "shared".to_owned(),
        });
        check(Frame::Reached {
            document,
            people: vec![ReachedPerson {
                person: [6; 32],
                heads: hashes,
            }],
        });
        check(Frame::Pair {
            secret: vec![1; 16],
            consent: [2; 64],
            sealing: [3; 32],
        });
        check(Frame::Paired {
            device: [1; 32],
            consent: [2; 64],
            sealing: [3; 32],
        });
        for secret in [None, Some([1; 16])] {
            check(Frame::Dial {
                url: "wss://x:1".to_owned(),
                circle: [4; 32],
                secret,
            });
        }
        check(Frame::Ask {
            what: "status".to_owned(),
        });
        check(Frame::Told {
            what: "status".to_owned(),
            json: "{}".to_owned(),
        });
        for about in [None, Some("x".to_owned())] {
            check(Frame::Notice {
                code: "busy".to_owned(),
                about,
            });
        }
        check(Frame::Unknown {
            kind: "smallwin/later".to_owned(),
        });
    }

    #[test]
    fn the_join_of_a_stock_client_is_read() {
        // As cbor-x writes it: wide map headers, `undefined` kept.
        let mut join = vec![0xb9, 0, 4, 0x64];
        join.extend(b"type\x64join\x68senderId\x65alice\x6cpeerMetadata\xb9\x00\x02");
        join.extend(
            b"\x69storageId\xf7\x6bisEphemeral\xf5\x78\x19supportedProtocolVersions\x81\x611",
        );
        let message = decode(&join).unwrap();
        assert_eq!(message.address.sender, "alice");
        let versions = Some(vec!["1".to_owned()]);
        assert_eq!(
            message.frame,
            Frame::Join {
                versions,
                smallwin: None
            }
        );
    }

    #[test]
    fn what_is_no_frame_is_an_error() {
        for bytes in [
            &b""[..],
            b"\xa0",
            b"\xa1\x64type\x01",
            b"\x83\x01\x02\x03",
            b"\xa1\x64type\x64sync",
        ] {
            assert!(decode(bytes).is_err(), "{bytes:?}");
        }
    }
}
