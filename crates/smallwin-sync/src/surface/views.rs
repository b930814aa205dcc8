//! What callers may look at.

use std::collections::BTreeMap;

use smallwin_circle::{CircleId, DeviceKey, PersonId};

use crate::{ConnId, Side, Space};

/// One connection as it stands.
#[derive(Clone, Debug)]
pub struct ConnView {
    /// Its name.
    pub conn: ConnId,
    /// Which end we are.
    pub side: Side,
    /// Which namespace it serves.
    pub space: Space,
    /// The key the peer proved, once it did.
    pub key: Option<DeviceKey>,
    /// The peer id it goes by.
    pub peer_id: Option<String>,
    /// Whether the key is paired with us.
    pub paired: bool,
    /// Whether frames flow.
    pub ready: bool,
    /// The circles matched on both sides, with the person behind the peer's device key (none
    /// for an invite holder or a key that is not a member).
    pub circles: BTreeMap<CircleId, Option<PersonId>>,
    /// Whether this peer confirmed all we hold of what it takes part in.
    pub settled: bool,
}

/// A change that was kept aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedView {
    /// The change hash.
    pub hash: [u8; 32],
    /// The device key in its actor id, when it has that form.
    pub author: Option<DeviceKey>,
    /// The code, as in `smallwin/refused`.
    pub reason: String,
    /// The raw change chunk.
    pub bytes: Vec<u8>,
}

/// Which heads of a document the devices of other people confirmed.
pub type ReachedView = BTreeMap<PersonId, Vec<[u8; 32]>>;

/// Counters for metrics; they only grow, except the ones named `open`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Frames taken in.
    pub frames_in: u64,
    /// Bytes of the frames taken in.
    pub bytes_in: u64,
    /// Operations of the changes in them, as the gate counted them.
    pub operations_in: u64,
    /// Frames sent.
    pub frames_out: u64,
    /// Frames of an unknown type, ignored.
    pub frames_unknown: u64,
    /// Changes applied.
    pub changes_applied: u64,
    /// Changes kept aside.
    pub changes_refused: u64,
    /// Connections closed for breaking the protocol or a limit.
    pub conns_closed: u64,
    /// Connections that were turned away: too many, of a key that is refused for a while, or to
    /// make room for another one.
    pub conns_refused: u64,
    /// Points of faults of peers.
    pub faults: u64,
    /// Automerge calls that panicked and were caught.
    pub panics_caught: u64,
    /// Snapshots that took the place of raw changes.
    pub compactions: u64,
    /// Documents in memory.
    pub documents_open: u64,
    /// Connections that stand.
    pub conns_open: u64,
}
