//! A socket that says whatever a test wants: a peer without manners.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use minicbor::{Encoder, data::Type, decode::Decoder};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{
        Message,
        protocol::frame::{
            Frame,
            coding::{Data, OpCode},
        },
    },
};

/// How long the other side may be silent while it is waited for.
const DEADLINE: Duration = Duration::from_secs(20);

/// A WebSocket to a node, driven by hand.
#[derive(Debug)]
pub struct HandSocket {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    closed: Option<u16>,
}

/// The code of a socket that went away without a word (RFC 6455, 7.4.1).
const GONE: u16 = 1006;

impl HandSocket {
    /// Opens a socket; nothing when the node answers that it has no room.
    pub async fn try_open(authority: &str, path: &str) -> Option<HandSocket> {
        let stream = TcpStream::connect(authority).await.ok()?;
        // What is small goes at once: else the system waits for the answer to what went before.
        stream.set_nodelay(true).ok()?;
        let (stream, url) = (
            MaybeTlsStream::Plain(stream),
            format!("ws://{authority}{path}"),
        );
        let (socket, _) = tokio_tungstenite::client_async(url, stream).await.ok()?;
        Some(HandSocket {
            socket,
            closed: None,
        })
    }

    /// Opens a socket to `ws://authority/path`.
    pub async fn open(authority: &str, path: &str) -> HandSocket {
        HandSocket::try_open(authority, path)
            .await
            .expect("a node accepts sockets")
    }

    /// The code with which the other side closed, once [`HandSocket::next`] said that it did.
    #[must_use]
    pub fn closed(&self) -> Option<u16> {
        self.closed
    }

    /// Reads on until the other side closes, and returns its code.
    pub async fn until_closed(&mut self) -> u16 {
        while self.next().await.is_some() {}
        self.closed.expect("a socket that ended has a code")
    }

    /// Sends one message in so many fragments of one byte, the last of them only when it `ends`;
    /// whether the other side took them all.
    pub async fn send_in_bytes(&mut self, count: usize, ending: Ending) -> bool {
        for number in 0..count {
            let first = Data::Binary;
            let kind = if number == 0 { first } else { Data::Continue };
            let is_last = ending == Ending::Ends && number + 1 == count;
            let frame = Frame::message(vec![0_u8], OpCode::Data(kind), is_last);
            let fed = self.socket.feed(Message::Frame(frame)).await;
            if fed.is_err() {
                return false;
            }
        }
        self.socket.flush().await.is_ok()
    }

    /// Begins a message of so many bytes and never ends it; whether the other side took it all.
    pub async fn send_begin(&mut self, bytes: usize) -> bool {
        let frame = Frame::message(vec![0_u8; bytes], OpCode::Data(Data::Binary), false);
        let sent = self.socket.send(Message::Frame(frame));
        // The other side may have stopped reading; then this is how far it got.
        tokio::time::timeout(DEADLINE, sent)
            .await
            .is_ok_and(|sent| sent.is_ok())
    }

    /// Sends the same frame many times without ever reading, for at most this long.
    pub async fn send_many_within(&mut self, bytes: &[u8], count: usize, patience: Duration) {
        let all = async {
            for _ in 0..count {
                if !self.send(bytes).await {
                    return;
                }
            }
        };
        // The other side stops reading when its answers are not read.
        let _stopped = tokio::time::timeout(patience, all).await;
    }

    /// Sends so many pings; whether the other side took them all.
    pub async fn send_pings(&mut self, count: usize) -> bool {
        for _ in 0..count {
            if self
                .socket
                .feed(Message::Ping(vec![0; 125].into()))
                .await
                .is_err()
            {
                return false;
            }
        }
        self.socket.flush().await.is_ok()
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
            let code = match self.socket.next().await {
                Some(Ok(Message::Binary(bytes))) => return Some(bytes.to_vec()),
                Some(Ok(Message::Close(frame))) => frame.map_or(GONE, |frame| frame.code.into()),
                Some(Err(_)) | None => GONE,
                Some(Ok(_)) => continue,
            };
            self.closed.get_or_insert(code);
            return None;
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

/// Whether a message in fragments comes to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The last fragment says so.
    Ends,
    /// There is no last fragment.
    Never,
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
