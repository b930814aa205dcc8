//! What the engine wants done.

use std::sync::Arc;

use smallwin_circle::CircleId;

use crate::{ConnId, DocKey, JobId, Notice, Ticket, Work};

/// One thing for the caller to do, in the order given.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Send one binary message.
    Send {
        /// To whom.
        conn: ConnId,
        /// The whole message; equal messages to several peers may share their bytes.
        bytes: Arc<[u8]>,
    },
    /// Close a connection; nothing more is sent to it.
    Close {
        /// Which.
        conn: ConnId,
        /// The WebSocket close code.
        code: u16,
        /// A stable word for the log and the close frame.
        reason: &'static str,
    },
    /// Write all of this durably and atomically, then answer [`Event::Kept`](crate::Event::Kept).
    Keep {
        /// What to answer with; tickets complete in ascending order.
        ticket: Ticket,
        /// The writes, in order.
        writes: Vec<Write>,
    },
    /// Read a document and answer [`Event::Loaded`](crate::Event::Loaded).
    Load {
        /// Which.
        document: DocKey,
    },
    /// Run this on another thread and answer [`Event::Worked`](crate::Event::Worked), or
    /// [`Event::WorkLost`](crate::Event::WorkLost) when it never comes to an end.
    Work {
        /// What to answer with.
        job: JobId,
        /// What to run.
        work: Work,
    },
    /// Dial a node, remember it, and present the invite there.
    Dial {
        /// The address, `ws://` or `wss://`, optionally with `~` and the node key.
        url: String,
        /// For which circle.
        circle: CircleId,
        /// The secret of the invite, if one goes with it.
        secret: Option<[u8; 16]>,
        /// Who asked.
        asked_by: ConnId,
    },
    /// A paired key asks something about the node; answer with [`Local::Tell`](crate::Local::Tell).
    Answer {
        /// Who asks.
        conn: ConnId,
        /// What: `status`, `pairing-link` or `addresses`.
        what: String,
    },
    /// Something a person or a program beside the engine may want to know.
    Notice(Notice),
}

/// One durable write; maps one to one to an operation of the storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Put a raw change under its document.
    Chunk {
        /// The document.
        document: DocKey,
        /// The change hash.
        hash: [u8; 32],
        /// The change chunk, uncompressed form as it was received.
        bytes: Vec<u8>,
    },
    /// Drop chunks and put the snapshot that stands for all of them; it was loaded back before
    /// (rule K3). A covered chunk that is not there is no error.
    Replace {
        /// The document.
        document: DocKey,
        /// Names of the chunks that it stands for: change hashes, or the name of a snapshot.
        covered: Vec<[u8; 32]>,
        /// The snapshot's name: BLAKE3 of its bytes.
        hash: [u8; 32],
        /// The snapshot, a document chunk.
        bytes: Arc<[u8]>,
    },
    /// Put a row.
    Row {
        /// The table.
        table: Table,
        /// The key, see [`Table`].
        key: Vec<u8>,
        /// The value.
        value: Vec<u8>,
    },
    /// Remove a row.
    Delete {
        /// The table.
        table: Table,
        /// The key.
        key: Vec<u8>,
    },
}

/// The tables in which small things are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// Key circle ‖ record id, value the record.
    Record,
    /// Key circle ‖ person, value the newest card.
    Card,
    /// Key BLAKE3 of the manifest, value the manifest.
    Manifest,
    /// Key [`DocKey::to_bytes`] ‖ actor, value the frontier.
    Frontier,
    /// Key [`DocKey::to_bytes`] ‖ change hash, value a refused change with its reason.
    Refused,
    /// Key the paired device key, value its consent and sealing key.
    Paired,
    /// Written by the node only: remembered peers.
    Peer,
    /// Written by the node only: odds and ends.
    Meta,
}

impl Table {
    /// The number under which storage knows the table.
    pub fn number(self) -> u8 {
        match self {
            Table::Record => 1,
            Table::Card => 2,
            Table::Manifest => 3,
            Table::Frontier => 4,
            Table::Refused => 5,
            Table::Paired => 6,
            Table::Peer => 7,
            Table::Meta => 8,
        }
    }
}
