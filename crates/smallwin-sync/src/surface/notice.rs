//! What the engine reports to the program beside it.

use smallwin_circle::{CircleId, DeviceKey, RecordId};

use crate::{ConnId, DocKey, Request};

/// Something that happened and is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The log, the members or the pending joins of a circle changed.
    CircleChanged(CircleId),
    /// A card of a circle changed.
    CardsChanged(CircleId),
    /// A manifest arrived.
    ManifestKept([u8; 32]),
    /// A document got new changes.
    DocumentChanged(DocKey),
    /// A document is in memory.
    Opened(DocKey),
    /// A document could not be read from storage.
    OpenFailed {
        /// Which.
        document: DocKey,
        /// Why, for people.
        why: String,
    },
    /// Work on a document failed or took too long: no snapshots are made of it, and one that is not
    /// in memory cannot be opened until the next start. Others go on.
    DocumentIsolated {
        /// Which.
        document: DocKey,
        /// Why, for people.
        why: String,
    },
    /// Changes were kept aside and not applied.
    Refused {
        /// The document.
        document: DocKey,
        /// The change hashes.
        hashes: Vec<[u8; 32]>,
        /// The code, as in `smallwin/refused`.
        reason: String,
    },
    /// An actor made two changes with one number; the later one was kept aside, as proof.
    Equivocation {
        /// The document.
        document: DocKey,
        /// The actor.
        actor: Vec<u8>,
    },
    /// A peer kept changes of ours aside.
    RefusedByPeer {
        /// The peer.
        conn: ConnId,
        /// The document.
        document: DocKey,
        /// The change hashes.
        hashes: Vec<[u8; 32]>,
        /// The code.
        reason: String,
    },
    /// A device was paired with this node, or this device with a node.
    Paired(DeviceKey),
    /// More is known about which people's devices have what of a document.
    Reached(DocKey),
    /// The join that was asked for stands in the log.
    JoinAccepted(CircleId),
    /// A peer refused the join that was asked for.
    JoinRefused {
        /// The circle.
        circle: CircleId,
        /// The code: `invite-used`, `invite-expired`, `invite-unknown`, …
        code: String,
    },
    /// A join that we countersigned for a peer stands in the log.
    JoinCountersigned {
        /// The circle.
        circle: CircleId,
        /// The record.
        record: RecordId,
    },
    /// A peer proved who it is; frames flow.
    PeerReady(ConnId),
    /// A circle matched on both sides of a connection.
    CircleMatched {
        /// The connection.
        conn: ConnId,
        /// The circle.
        circle: CircleId,
    },
    /// A peer sent a stable code.
    NoticeFrom {
        /// The peer.
        conn: ConnId,
        /// The code.
        code: String,
        /// What it is about.
        about: Option<String>,
    },
    /// The answer to [`Local::Ask`](crate::Local::Ask).
    Told {
        /// Who answered.
        conn: ConnId,
        /// What was asked.
        what: String,
        /// The answer, JSON.
        json: String,
    },
    /// A call of [`Engine::local`](crate::Engine::local) is finished; what it needed is durable.
    Done {
        /// Which call.
        request: Request,
        /// Whether all of it was taken.
        result: Result<(), WriteRefused>,
    },
    /// Storage failed: nothing is taken in any more.
    ReadOnly {
        /// Why, for people.
        why: String,
    },
}

/// Why something that was asked for locally did not happen after all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteRefused {
    /// The storage could not keep it.
    #[error("the storage could not keep it: {0}")]
    NotKept(String),
    /// Rights, signature or form do not allow it; the code as in `smallwin/refused`.
    #[error("refused: {reason}")]
    Refused {
        /// The code.
        reason: String,
        /// The change hashes concerned.
        hashes: Vec<[u8; 32]>,
    },
}
