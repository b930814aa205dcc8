//! A socket that says whatever a test wants: a peer without manners.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use minicbor::{Encoder, data::Type, decode::Decoder};
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::Message};

/// How long the other side may be silent while it is waited for.
const DEADLINE: Duration = Duration::from_secs(20);

/// A WebSocket to a node, driven by hand.
#[derive(Debug)]
pub struct HandSocket {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl HandSocket {
    /// Opens a socket to `ws://authority/path`.
    pub async fn open(authority: &str, path: &str) -> HandSocket {
        let (socket, _) = tokio_tungstenite::connect_async(format!("ws://{authority}{path}"))
            .await
            .expect("a node accepts sockets");
        HandSocket { socket }
    }

    /// Sends one binary frame; whether the other side still takes it.
    pub async fn send(&mut self, bytes: &[u8]) -> bool {
        self.socket
            .send(Message::Binary(bytes.to_vec().into()))
            .await
            .is_ok()
    }

    /// Sends one text frame, which the protocol never uses.
    pub async fn send_text(&mut self, text: &str) -> bool {
        self.socket
            .send(Message::Text(text.to_owned().into()))
            .await
            .is_ok()
    }

    /// The next binary frame; `None` when the other side closed. Fails the test when nothing comes for long.
    pub async fn next(&mut self) -> Option<Vec<u8>> {
        // Pings come all the time; they are not what is waited for.
        tokio::time::timeout(DEADLINE, self.next_binary())
            .await
            .expect("the other side says something, or closes")
    }

    async fn next_binary(&mut self) -> Option<Vec<u8>> {
        loop {
            match self.socket.next().await? {
                Ok(Message::Binary(bytes)) => return Some(bytes.to_vec()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// Joins the open space as a stock client does, and returns the node's peer id.
    pub async fn join_open(&mut self, peer_id: &str) -> String {
        let join = frame(&[
            ("type", Value::Text("join")),
            ("senderId", Value::Text(peer_id)),
            ("supportedProtocolVersions", Value::Texts(&["1"])),
        ]);
        assert!(self.send(&join).await, "a node takes a join");
        let answer = self.next().await.expect("a node answers a join");
        text_of(&answer, "senderId").expect("a `peer` frame names its sender")
    }
}

/// What a field of a frame holds.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    /// A whole number.
    Number(u64),
    /// A text.
    Text(&'a str),
    /// A list of texts.
    Texts(&'a [&'a str]),
    /// A byte string.
    Bytes(&'a [u8]),
    /// A list of byte strings.
    ByteList(&'a [&'a [u8]]),
    /// A map within the map.
    Map(&'a [(&'a str, Value<'a>)]),
    /// A list of maps.
    Maps(&'a [&'a [(&'a str, Value<'a>)]]),
}

type Written = Result<(), minicbor::encode::Error<std::convert::Infallible>>;

/// A frame: one CBOR map.
#[must_use]
pub fn frame(fields: &[(&str, Value<'_>)]) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    map(&mut encoder, fields).expect("a vector takes all bytes");
    encoder.into_writer()
}

fn map(encoder: &mut Encoder<Vec<u8>>, fields: &[(&str, Value<'_>)]) -> Written {
    encoder.map(fields.len() as u64)?;
    for (name, field) in fields {
        encoder.str(name)?;
        value(encoder, *field)?;
    }
    Ok(())
}

fn value(encoder: &mut Encoder<Vec<u8>>, value: Value<'_>) -> Written {
    match value {
        Value::Number(number) => encoder.u64(number)?,
        Value::Text(text) => encoder.str(text)?,
        Value::Bytes(bytes) => encoder.bytes(bytes)?,
        Value::Map(fields) => return map(encoder, fields),
        Value::Texts(texts) => {
            encoder.array(texts.len() as u64)?;
            for text in texts {
                encoder.str(text)?;
            }
            encoder
        }
        Value::ByteList(list) => {
            encoder.array(list.len() as u64)?;
            for bytes in list {
                encoder.bytes(bytes)?;
            }
            encoder
        }
        Value::Maps(maps) => {
            encoder.array(maps.len() as u64)?;
            for fields in maps {
                map(encoder, fields)?;
            }
            encoder
        }
    };
    Ok(())
}

/// A sync frame of the open space.
#[must_use]
pub fn sync_frame(sender: &str, target: &str, document: &str, data: &[u8]) -> Vec<u8> {
    frame(&[
        ("type", Value::Text("sync")),
        ("senderId", Value::Text(sender)),
        ("targetId", Value::Text(target)),
        ("documentId", Value::Text(document)),
        ("data", Value::Bytes(data)),
    ])
}

/// A text field of a frame.
#[must_use]
pub fn text_of(frame: &[u8], name: &str) -> Option<String> {
    let mut decoder = at(frame, &[name])?;
    (decoder.datatype().ok()? == Type::String).then(|| decoder.str().ok().map(str::to_owned))?
}

/// A byte field of a frame, by the names of the maps that lead to it.
#[must_use]
pub fn bytes_of(frame: &[u8], path: &[&str]) -> Option<Vec<u8>> {
    let mut decoder = at(frame, path)?;
    (decoder.datatype().ok()? == Type::Bytes).then(|| decoder.bytes().ok().map(<[u8]>::to_vec))?
}

/// A field of a frame that is a list of byte strings; empty when it is not there.
#[must_use]
pub fn byte_list_of(frame: &[u8], name: &str) -> Vec<Vec<u8>> {
    let Some(mut decoder) = at(frame, &[name]) else {
        return Vec::new();
    };
    let Ok(list) = decoder.array_iter::<&minicbor::bytes::ByteSlice>() else {
        return Vec::new();
    };
    list.map_while(Result::ok)
        .map(|bytes| bytes.to_vec())
        .collect()
}

fn at<'a>(frame: &'a [u8], path: &[&str]) -> Option<Decoder<'a>> {
    let mut decoder = Decoder::new(frame);
    for name in path {
        let mut left = decoder.map().ok()??;
        loop {
            left = left.checked_sub(1)?;
            if decoder.str().ok()? == *name {
                break;
            }
            decoder.skip().ok()?;
        }
    }
    Some(decoder)
}
