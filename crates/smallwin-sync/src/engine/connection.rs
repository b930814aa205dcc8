//! One connection and what is known about the peer behind it.

use std::collections::{BTreeMap, BTreeSet};

use automerge::sync;
use smallwin_circle::{CircleId, DeviceKey, RecordId};

use crate::wire::{CircleItem, Purpose};
use crate::{DocKey, Millis, Opened, Side, Space};

/// One connection and what is known about the peer behind it.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) side: Side,
    pub(crate) space: Space,
    pub(crate) channel: String,
    pub(crate) nonce: [u8; 32],
    pub(crate) our_peer_id: String,
    pub(crate) expect: Option<DeviceKey>,
    pub(crate) opened_at: Millis,
    pub(crate) stage: Stage,
    pub(crate) peer_id: String,
    /// The key the peer proved; none in the open space.
    pub(crate) key: Option<DeviceKey>,
    pub(crate) transcript: [u8; 32],
    /// Invites that we present.
    pub(crate) invites: BTreeMap<CircleId, [u8; 16]>,
    /// What we presented so far.
    pub(crate) presented: BTreeSet<(CircleId, Purpose)>,
    /// Items of the peer that fit no circle we know, kept until one appears.
    pub(crate) unmatched: Vec<CircleItem>,
    pub(crate) items_taken: usize,
    pub(crate) circles: BTreeMap<CircleId, Match>,
    pub(crate) documents: BTreeMap<DocKey, PeerDocument>,
    /// Documents of the open space that the peer asked for and nobody has yet.
    pub(crate) wants: BTreeSet<DocKey>,
    /// What we asked this peer, so that only asked-for answers are reported.
    pub(crate) asked: BTreeSet<String>,
    /// Circles that we asked this peer to hold.
    pub(crate) hosting: BTreeSet<CircleId>,
    /// A secret that we sent to pair with the node behind this connection.
    pub(crate) pairing: bool,
}

/// How far the handshake got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Listener: the dialer has to say `join`.
    AwaitJoin,
    /// Dialer: the listener has to say `peer`.
    AwaitPeer,
    /// Listener: the dialer has to prove its key.
    AwaitAuth,
    /// Frames flow.
    Ready,
}

/// A circle that both sides take part in.
#[derive(Debug, Default)]
pub(crate) struct Match {
    /// The key the peer proved as a member's device; whether it is one is the log's to say.
    pub(crate) device: Option<DeviceKey>,
    /// The invite key the peer proved to hold.
    pub(crate) invite: Option<DeviceKey>,
    /// Heads of the log that we last told the peer.
    pub(crate) told: Option<Vec<RecordId>>,
    /// Heads of the log that the peer last told us.
    pub(crate) theirs: Option<Vec<RecordId>>,
    /// Unknown heads for which we sent our ids once; not again for the same ones.
    pub(crate) asked_for: Option<Vec<RecordId>>,
    /// Whether cards and manifests were exchanged.
    pub(crate) beside_told: bool,
    /// Manifests that we asked this peer for.
    pub(crate) manifests_asked: BTreeSet<[u8; 32]>,
    /// Manifests that this peer asked for and did not get yet.
    pub(crate) wanted: BTreeSet<[u8; 32]>,
    /// Whether our own wish to join was sent here.
    pub(crate) join_sent: bool,
}

/// What is known about the peer's side of one document.
#[derive(Debug, Default)]
pub(crate) struct PeerDocument {
    pub(crate) state: sync::State,
    /// Per actor the seq of the frontier that was sent last.
    pub(crate) frontiers_sent: BTreeMap<[u8; 40], u64>,
    /// The last message of the peer carried changes and has not been answered.
    pub(crate) reply_due: bool,
    /// Hashes that the peer said it keeps aside, each with the code.
    pub(crate) refused_there: BTreeMap<[u8; 32], String>,
    /// Hashes of which we told the peer that they are kept aside here.
    pub(crate) refused_told: BTreeSet<[u8; 32]>,
}

impl Connection {
    pub(crate) fn new(opened: &Opened, our_peer_id: String, now: Millis) -> Connection {
        Connection {
            side: opened.side,
            space: opened.space,
            channel: opened.channel.to_ascii_lowercase(),
            nonce: opened.nonce,
            our_peer_id,
            expect: opened.expect,
            opened_at: now,
            stage: match opened.side {
                Side::Dialer => Stage::AwaitPeer,
                Side::Listener => Stage::AwaitJoin,
            },
            peer_id: String::new(),
            key: None,
            transcript: [0; 32],
            invites: opened.invites.iter().copied().collect(),
            presented: BTreeSet::new(),
            unmatched: Vec::new(),
            items_taken: 0,
            circles: BTreeMap::new(),
            documents: BTreeMap::new(),
            wants: BTreeSet::new(),
            asked: BTreeSet::new(),
            hosting: BTreeSet::new(),
            pairing: false,
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.stage == Stage::Ready
    }

    /// The matched circle that the peer names by `tag`.
    pub(crate) fn circle_by_tag(&self, tag: &[u8; 16]) -> Option<CircleId> {
        let tag_of = |circle: &CircleId| smallwin_circle::circle_tag(&self.transcript, circle);
        self.circles
            .keys()
            .find(|circle| tag_of(circle) == *tag)
            .copied()
    }
}
