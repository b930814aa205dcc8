//! Every frame as a type.

/// The sender and receiver that stand in every frame of automerge-repo.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Address {
    pub(crate) sender: String,
    pub(crate) target: String,
}

/// One frame: who to whom, and what.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Message {
    pub(crate) address: Address,
    pub(crate) frame: Frame,
}

/// What a frame says. `Unknown` types are ignored and counted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Frame {
    Join {
        versions: Option<Vec<String>>,
        smallwin: Option<JoinHello>,
    },
    Peer {
        version: String,
        smallwin: Option<PeerHello>,
    },
    Error {
        message: String,
    },
    Sync {
        document: [u8; 16],
        data: Vec<u8>,
    },
    Request {
        document: [u8; 16],
        data: Vec<u8>,
    },
    Unavailable {
        document: [u8; 16],
    },
    Ephemeral {
        document: [u8; 16],
        data: Vec<u8>,
        count: u64,
        session: String,
    },
    Auth {
        proof: [u8; 64],
    },
    Circles {
        items: Vec<CircleItem>,
    },
    Host {
        records: Vec<Vec<u8>>,
    },
    Log(LogFrame),
    Beside(BesideFrame),
    JoinCircle {
        circle: [u8; 16],
        record: Vec<u8>,
    },
    Frontier {
        document: [u8; 16],
        items: Vec<u8>,
    },
    Refused {
        document: [u8; 16],
        hashes: Vec<[u8; 32]>,
        reason: String,
    },
    Reached {
        document: [u8; 16],
        people: Vec<ReachedPerson>,
    },
    Pair {
        secret: Vec<u8>,
        consent: [u8; 64],
        sealing: [u8; 32],
    },
    Paired {
        device: [u8; 32],
        consent: [u8; 64],
        sealing: [u8; 32],
    },
    Dial {
        url: String,
        circle: [u8; 32],
        secret: Option<[u8; 16]>,
    },
    Ask {
        what: String,
    },
    Told {
        what: String,
        json: String,
    },
    Notice {
        code: String,
        about: Option<String>,
    },
    Unknown {
        kind: String,
    },
}

/// The `smallwin` key of a `join`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct JoinHello {
    pub(crate) v: u64,
    pub(crate) key: [u8; 32],
    pub(crate) nonce: [u8; 32],
    pub(crate) channel: String,
}

/// The `smallwin` key of a `peer`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PeerHello {
    pub(crate) v: u64,
    pub(crate) key: [u8; 32],
    pub(crate) nonce: [u8; 32],
    pub(crate) proof: [u8; 64],
}

/// Why a key is presented for a circle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Purpose {
    Member,
    Invite,
}

/// One circle the sender takes part in, named only to those who know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CircleItem {
    pub(crate) tag: [u8; 16],
    pub(crate) key: [u8; 32],
    pub(crate) proof: [u8; 64],
    pub(crate) purpose: Purpose,
}

/// One step of a log exchange. `ids` is present (perhaps empty) when the sender wants what is
/// not among them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LogFrame {
    pub(crate) circle: [u8; 16],
    pub(crate) heads: Vec<[u8; 32]>,
    pub(crate) records: Vec<Vec<u8>>,
    pub(crate) ids: Option<Vec<[u8; 32]>>,
}

/// Cards and manifests, and the hashes of manifests the sender would like.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct BesideFrame {
    pub(crate) circle: [u8; 16],
    pub(crate) cards: Vec<Vec<u8>>,
    pub(crate) manifests: Vec<Vec<u8>>,
    pub(crate) want: Vec<[u8; 32]>,
}

/// The heads that devices of one person confirmed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ReachedPerson {
    pub(crate) person: [u8; 32],
    pub(crate) heads: Vec<[u8; 32]>,
}
