//! What the program beside the engine asks of it.

use smallwin_circle::{CircleId, DeviceKey};

use crate::{ConnId, DocKey, Millis};

/// One wish of the program beside the engine; the outcome comes as
/// [`Notice::Done`](crate::Notice::Done) once everything it needed is durable.
#[derive(Clone, Debug)]
pub enum Local {
    /// Hold a new circle: its records, genesis first.
    HostCircle {
        /// The records.
        records: Vec<Vec<u8>>,
    },
    /// Take part in a circle of which only the id is known: present our device key, and accept
    /// a genesis record whose id is the circle.
    Follow {
        /// The circle.
        circle: CircleId,
    },
    /// Present an invite on a connection that already stands.
    Present {
        /// The connection.
        conn: ConnId,
        /// The circle.
        circle: CircleId,
        /// The secret of the invite.
        secret: [u8; 16],
    },
    /// Add a signed record to the log of a circle.
    Append {
        /// The circle.
        circle: CircleId,
        /// The record.
        record: Vec<u8>,
    },
    /// Ask every peer that can to accept a join that carries the joiner's signature only; asked
    /// again on new connections until the log holds it or a peer refuses.
    RequestJoin {
        /// The circle.
        circle: CircleId,
        /// The record.
        record: Vec<u8>,
    },
    /// Keep and pass on a card.
    Card {
        /// The card.
        card: Vec<u8>,
    },
    /// Keep and pass on the manifest of a snapshot.
    Manifest {
        /// The circle.
        circle: CircleId,
        /// The manifest.
        bytes: Vec<u8>,
    },
    /// Bring a document into memory; [`Notice::Opened`](crate::Notice::Opened) says when.
    Open {
        /// Which.
        document: DocKey,
    },
    /// Add changes of our own to a document that is open. One write per document and actor at
    /// a time: the next starts from the document as it stands after `Done`.
    Write {
        /// Which.
        document: DocKey,
        /// Raw change chunks, in causal order.
        changes: Vec<Vec<u8>>,
        /// Frontiers that cover them, as encoded (none in the open space).
        frontiers: Vec<Vec<u8>>,
    },
    /// Let whoever brings the secret pair, once, until it expires. Replaces an earlier secret.
    Pair {
        /// BLAKE3 of the sixteen secret bytes.
        secret_hash: [u8; 32],
        /// Until when.
        expires: Millis,
    },
    /// Pair with the node behind a connection.
    PairWith {
        /// The connection.
        conn: ConnId,
        /// The node's device key, as the pairing link names it.
        node_device: DeviceKey,
        /// The secret.
        secret: Vec<u8>,
    },
    /// Forget a paired key; records that linked it stay.
    Unpair {
        /// The key.
        key: DeviceKey,
    },
    /// Ask the node behind a connection to hold a circle of ours.
    Host {
        /// The connection.
        conn: ConnId,
        /// The circle.
        circle: CircleId,
    },
    /// Ask the node behind a connection to dial another node.
    AskDial {
        /// The connection.
        conn: ConnId,
        /// The address.
        url: String,
        /// For which circle.
        circle: CircleId,
        /// The secret of the invite, if one goes with it.
        secret: Option<[u8; 16]>,
    },
    /// Ask the node behind a connection: `status`, `pairing-link`, `addresses` or `circles`.
    Ask {
        /// The connection.
        conn: ConnId,
        /// What.
        what: String,
    },
    /// Answer an [`Effect::Answer`](crate::Effect::Answer).
    Tell {
        /// Who asked.
        conn: ConnId,
        /// What was asked.
        what: String,
        /// The answer, JSON.
        json: String,
    },
    /// Send a stable code to a peer, for example `dial-failed`.
    Notify {
        /// To whom.
        conn: ConnId,
        /// The code.
        code: String,
        /// What it is about, never content or names.
        about: Option<String>,
    },
}
