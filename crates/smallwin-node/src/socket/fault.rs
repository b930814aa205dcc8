//! Why a socket failed, and what to tell the peer.

use std::fmt;

use tokio_tungstenite::tungstenite;

use super::watched::Excess;

/// Why a socket failed.
#[derive(Debug)]
pub(crate) enum Fault {
    /// A message or frame over its limit.
    TooLarge,
    /// Bytes that are no WebSocket.
    Protocol,
    /// Text that is no UTF-8.
    Text,
    /// More of an unfinished message than may be held.
    Excess(Excess),
    /// The connection itself.
    Lost(String),
}

impl Fault {
    /// The close code that tells the peer (RFC 6455, 7.4.1), where there still is one to tell.
    pub(crate) const fn code(&self) -> Option<(u16, &'static str)> {
        match self {
            Self::TooLarge => Some((1009, "too-large")),
            Self::Protocol => Some((1002, "protocol")),
            Self::Text => Some((1007, "text")),
            Self::Excess(excess) => Some(excess.code()),
            Self::Lost(_) => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => f.write_str("a message is too large"),
            Self::Protocol => f.write_str("the bytes are no WebSocket"),
            Self::Text => f.write_str("a text is no UTF-8"),
            Self::Excess(excess) => excess.fmt(f),
            Self::Lost(why) => f.write_str(why),
        }
    }
}

impl From<tungstenite::Error> for Fault {
    fn from(error: tungstenite::Error) -> Self {
        match error {
            tungstenite::Error::Capacity(_) => Self::TooLarge,
            // A peer that vanished without a close frame is no fault of its protocol.
            tungstenite::Error::Protocol(
                tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
            ) => Self::Lost(String::from("the peer vanished")),
            tungstenite::Error::Protocol(_) => Self::Protocol,
            tungstenite::Error::Utf8(_) => Self::Text,
            tungstenite::Error::Io(error) => match Excess::of(&error) {
                Some(excess) => Self::Excess(excess),
                None => Self::Lost(error.to_string()),
            },
            other => Self::Lost(other.to_string()),
        }
    }
}

impl From<axum::Error> for Fault {
    fn from(error: axum::Error) -> Self {
        match error.into_inner().downcast::<tungstenite::Error>() {
            Ok(error) => Self::from(*error),
            Err(other) => Self::Lost(other.to_string()),
        }
    }
}
