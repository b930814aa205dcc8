//! A WebSocket message, for both libraries that carry them.

use axum::body::Bytes;
use axum::extract::ws;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// A WebSocket message; what we never read is left out.
#[derive(Debug)]
pub(crate) enum Message {
    /// One protocol message.
    Binary(Bytes),
    /// Never part of the protocol.
    Text,
    /// Asks for a pong.
    Ping,
    /// Answers a ping.
    Pong,
    /// Ends the connection, with code and reason.
    Close(u16, String),
}

/// The code of a close frame that has none (RFC 6455, 7.4.1).
const NO_CODE: u16 = 1005;

impl From<ws::Message> for Message {
    fn from(message: ws::Message) -> Self {
        match message {
            ws::Message::Binary(bytes) => Self::Binary(bytes),
            ws::Message::Text(_) => Self::Text,
            ws::Message::Ping(_) => Self::Ping,
            ws::Message::Pong(_) => Self::Pong,
            ws::Message::Close(Some(frame)) => Self::Close(frame.code, frame.reason.to_string()),
            ws::Message::Close(None) => Self::Close(NO_CODE, String::new()),
        }
    }
}

impl From<Message> for ws::Message {
    fn from(message: Message) -> Self {
        match message {
            Message::Binary(bytes) => Self::Binary(bytes),
            Message::Text => Self::Text(ws::Utf8Bytes::default()),
            Message::Ping => Self::Ping(Bytes::new()),
            Message::Pong => Self::Pong(Bytes::new()),
            Message::Close(code, reason) => Self::Close(Some(ws::CloseFrame {
                code,
                reason: reason.into(),
            })),
        }
    }
}

impl From<tungstenite::Message> for Message {
    fn from(message: tungstenite::Message) -> Self {
        match message {
            tungstenite::Message::Binary(bytes) => Self::Binary(bytes),
            tungstenite::Message::Text(_) => Self::Text,
            tungstenite::Message::Ping(_) => Self::Ping,
            tungstenite::Message::Close(Some(frame)) => {
                Self::Close(frame.code.into(), frame.reason.to_string())
            }
            tungstenite::Message::Close(None) => Self::Close(NO_CODE, String::new()),
            // A raw frame is never read.
            tungstenite::Message::Pong(_) | tungstenite::Message::Frame(_) => Self::Pong,
        }
    }
}

impl From<Message> for tungstenite::Message {
    fn from(message: Message) -> Self {
        match message {
            Message::Binary(bytes) => Self::Binary(bytes),
            Message::Text => Self::Text(tungstenite::Utf8Bytes::default()),
            Message::Ping => Self::Ping(Bytes::new()),
            Message::Pong => Self::Pong(Bytes::new()),
            Message::Close(code, reason) => Self::Close(Some(CloseFrame {
                code: code.into(),
                reason: reason.into(),
            })),
        }
    }
}
