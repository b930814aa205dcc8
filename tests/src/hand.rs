//! A socket that says whatever a test wants: a peer without manners.

use futures_util::{SinkExt, StreamExt};
use minicbor::{Encoder, data::Type, decode::Decoder};
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::Message};

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

    /// The next binary frame; `None` when the other side closed.
    pub async fn next(&mut self) -> Option<Vec<u8>> {
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
    /// A text.
    Text(&'a str),
    /// A list of texts.
    Texts(&'a [&'a str]),
    /// A byte string.
    Bytes(&'a [u8]),
}

/// A frame: one CBOR map.
#[must_use]
pub fn frame(fields: &[(&str, Value<'_>)]) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    let written = (|| {
        encoder.map(fields.len() as u64)?;
        for (name, value) in fields {
            encoder.str(name)?;
            match value {
                Value::Text(text) => encoder.str(text)?,
                Value::Bytes(bytes) => encoder.bytes(bytes)?,
                Value::Texts(texts) => {
                    encoder.array(texts.len() as u64)?;
                    for text in *texts {
                        encoder.str(text)?;
                    }
                    &mut encoder
                }
            };
        }
        Ok::<_, minicbor::encode::Error<std::convert::Infallible>>(())
    })();
    written.expect("a vector takes all bytes");
    encoder.into_writer()
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
    let mut decoder = Decoder::new(frame);
    let fields = decoder.map().ok()??;
    for _ in 0..fields {
        let found = decoder.str().ok()? == name;
        if found && decoder.datatype().ok()? == Type::String {
            return Some(decoder.str().ok()?.to_owned());
        }
        decoder.skip().ok()?;
    }
    None
}
