//! One document in memory.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use automerge::{Automerge, sync};
use smallwin_circle::{CircleId, DeviceKey, DocumentRef, Frontier};
use smallwin_gate::{ChangeHeader, Evidence, OpIndex};

use super::refused::RefusedChange;
use crate::{ConnId, Millis, Request};

/// A document that is in memory, or on its way there.
#[derive(Debug)]
pub(crate) enum Slot {
    /// Storage was asked.
    Loading {
        inbox: VecDeque<Incoming>,
        inbox_bytes: usize,
        waiting: Vec<Request>,
    },
    /// It is here.
    Open(Box<Document>),
}

/// Where a document belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    Circle(CircleId, DocumentRef),
    Open,
}

/// One document in memory. `live` holds durable changes only, so whatever is generated from it
/// may be told to anybody who may read it (rule K1).
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) home: Home,
    pub(crate) live: Automerge,
    pub(crate) index: OpIndex,
    /// Per actor the newest frontier whose change is applied.
    pub(crate) frontiers: BTreeMap<[u8; 40], Frontier>,
    /// Verified frontiers whose change is not applied yet, by actor, seq and hash.
    pub(crate) loose: BTreeMap<([u8; 40], u64, [u8; 32]), Loose>,
    pub(crate) pending: BTreeMap<[u8; 32], Pending>,
    pub(crate) pending_bytes: usize,
    pub(crate) refused: BTreeMap<[u8; 32], RefusedChange>,
    pub(crate) refused_bytes: usize,
    /// What proves that an author contradicts itself.
    pub(crate) evidence: Evidence,
    pub(crate) flight: Option<Flight>,
    pub(crate) inbox: VecDeque<Incoming>,
    pub(crate) inbox_bytes: usize,
    /// When it was last used, counted in calls.
    pub(crate) used: u64,
    /// Bytes of changes, for the quota of the open space.
    pub(crate) bytes: u64,
    /// The device keys in actor ids, since reading one costs as much as half a signature.
    pub(crate) authors: BTreeMap<Vec<u8>, Option<DeviceKey>>,
    /// Something applied is not admitted any more: begin anew from storage when nothing flies.
    pub(crate) is_stale: bool,
}

/// A frontier that waits for its change.
#[derive(Clone, Debug)]
pub(crate) struct Loose {
    pub(crate) frontier: Frontier,
    /// Whether storage holds it.
    pub(crate) stored: bool,
    /// Who brought it; it is forgotten when all of them are gone.
    pub(crate) from: BTreeSet<ConnId>,
}

/// Something that waits to be judged for a document.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A sync message without its changes, and the changes it brought, which passed the gate.
    Sync {
        conn: ConnId,
        message: Box<sync::Message>,
        changes: Vec<GateChange>,
        bytes: usize,
    },
    Frontiers {
        conn: ConnId,
        items: Vec<u8>,
    },
    Local {
        request: Request,
        changes: Vec<GateChange>,
        frontiers: Vec<Frontier>,
        bytes: usize,
    },
    /// What waited in a document that begins anew from storage.
    Carried {
        pending: BTreeMap<[u8; 32], Pending>,
        loose: Vec<Loose>,
    },
    /// The log changed, so that what was refused or pending may be judged otherwise.
    Reconsider,
}

impl Incoming {
    /// Whether what was refused before has to be judged again.
    pub(crate) fn is_reconsideration(&self) -> bool {
        matches!(self, Incoming::Carried { .. } | Incoming::Reconsider)
    }

    pub(crate) fn bytes(&self) -> usize {
        match self {
            Incoming::Sync { bytes, .. } | Incoming::Local { bytes, .. } => *bytes,
            Incoming::Frontiers { items, .. } => items.len(),
            Incoming::Carried { .. } | Incoming::Reconsider => 0,
        }
    }
}

/// A raw change with the header the gate read.
#[derive(Clone, Debug)]
pub(crate) struct GateChange {
    pub(crate) header: ChangeHeader,
    pub(crate) bytes: Vec<u8>,
}

/// A change that passed the gate and waits for its frontier or its dependencies.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) header: ChangeHeader,
    /// The device key in its actor id, in a circle.
    pub(crate) author: Option<DeviceKey>,
    pub(crate) bytes: Vec<u8>,
    /// Who brought it; it is forgotten when all of them are gone. Empty for stored ones.
    pub(crate) from: BTreeSet<ConnId>,
    /// The local call that brought it.
    pub(crate) request: Option<Request>,
    pub(crate) since: Millis,
    /// Whether its bringers were told that it lacks a signature.
    pub(crate) told_unsigned: bool,
    /// Whether storage holds it as a change already.
    pub(crate) stored: bool,
}

/// What waits for storage to say that it is durable.
#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) next: Automerge,
    pub(crate) admitted: Vec<[u8; 32]>,
    pub(crate) refused: Vec<([u8; 32], RefusedChange)>,
    pub(crate) frontiers: Vec<Loose>,
    pub(crate) participants: Vec<Participant>,
    pub(crate) requests: Vec<(Request, Vec<[u8; 32]>)>,
}

/// A peer whose sync message is answered when the flight lands.
#[derive(Debug)]
pub(crate) struct Participant {
    pub(crate) conn: ConnId,
    pub(crate) message: Box<sync::Message>,
    /// The hashes of the changes it brought.
    pub(crate) brought: Vec<[u8; 32]>,
}

/// What admission decided about the pending changes.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Admitted, in causal order.
    pub(crate) admitted: Vec<[u8; 32]>,
    /// Refused, with the code.
    pub(crate) refused: Vec<([u8; 32], &'static str)>,
}
