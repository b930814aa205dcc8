//! What can wake the engine.

use smallwin_circle::{CircleId, DeviceKey};

use crate::{ConnId, DocKey, Done, JobId, Side, Space, Ticket};

/// One thing that happened outside.
#[derive(Clone, Debug)]
pub enum Event {
    /// A WebSocket stands.
    Opened(Box<Opened>),
    /// A binary message arrived.
    Frame {
        /// The connection it came by.
        conn: ConnId,
        /// The whole message.
        bytes: Vec<u8>,
    },
    /// A connection is gone; the engine sends nothing to it any more.
    Closed {
        /// The connection.
        conn: ConnId,
    },
    /// Storage said that a [`Effect::Keep`](crate::Effect::Keep) is durable.
    Kept {
        /// Which.
        ticket: Ticket,
    },
    /// Storage could not keep something; from now on the engine takes nothing in.
    KeepFailed {
        /// Which.
        ticket: Ticket,
        /// Why, for people.
        why: String,
    },
    /// The answer to [`Effect::Load`](crate::Effect::Load).
    Loaded {
        /// Which document.
        document: DocKey,
        /// What storage holds of it, or why it could not say.
        stored: Result<StoredDocument, String>,
    },
    /// An [`Effect::Work`](crate::Effect::Work) was run.
    Worked {
        /// Which.
        job: JobId,
        /// What came of it.
        done: Done,
    },
    /// An [`Effect::Work`](crate::Effect::Work) took too long and was given up. What comes of it
    /// later is ignored.
    WorkLost {
        /// Which.
        job: JobId,
        /// Why, for people.
        why: String,
    },
    /// Time passed; sent about once a second.
    Tick,
}

/// A connection that was just opened.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Its name.
    pub conn: ConnId,
    /// Which end we are.
    pub side: Side,
    /// Which namespace it serves.
    pub space: Space,
    /// The authority (`host:port`) that was dialled; used by the dialer only.
    pub channel: String,
    /// Thirty-two fresh random bytes for the mutual challenge.
    pub nonce: [u8; 32],
    /// Eight fresh random bytes for our peer id.
    pub peer_nonce: [u8; 8],
    /// The node key that must answer, where one is pinned.
    pub expect: Option<DeviceKey>,
    /// Invites to present, each with its circle and secret.
    pub invites: Vec<(CircleId, [u8; 16])>,
}

/// What storage holds of one document; empty when it holds nothing.
#[derive(Clone, Debug, Default)]
pub struct StoredDocument {
    /// Raw change chunks and snapshots, any order.
    pub chunks: Vec<Vec<u8>>,
    /// Values of [`Table::Frontier`](crate::Table::Frontier).
    pub frontiers: Vec<Vec<u8>>,
    /// Rows of [`Table::Refused`](crate::Table::Refused).
    pub refused: Vec<StoredRefusal>,
}

/// One row of [`Table::Refused`](crate::Table::Refused): its value as it was kept.
#[derive(Clone, Debug)]
pub struct StoredRefusal(pub Vec<u8>);
