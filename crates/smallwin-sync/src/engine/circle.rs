//! One circle as the engine holds it.

use std::collections::{BTreeMap, VecDeque};

use smallwin_circle::{Card, CircleId, Log, PersonId, Record, RecordId};

use crate::{ConnId, Request};

/// One circle: its log and what stands beside it.
#[derive(Debug)]
pub(crate) struct Circle {
    /// Absent while only the id is known (an invite, or a circle to follow).
    pub(crate) log: Option<Log>,
    pub(crate) flight: Option<LogFlight>,
    pub(crate) waiting: VecDeque<Batch>,
    pub(crate) waiting_bytes: usize,
    pub(crate) cards: BTreeMap<PersonId, Card>,
    /// Cards that are being kept.
    pub(crate) cards_flying: BTreeMap<PersonId, Card>,
    /// Cards whose author is not a member here yet.
    pub(crate) cards_waiting: VecDeque<Card>,
    pub(crate) manifests: BTreeMap<[u8; 32], Vec<u8>>,
    /// Our own join, signed by us, that wants to be accepted.
    pub(crate) join_wanted: Option<Vec<u8>>,
    /// Joins of others that name records which are not here yet, and who brought them.
    pub(crate) joins_waiting: BTreeMap<RecordId, (ConnId, Record)>,
    /// Joins of others, passed on once to somebody who can accept them.
    pub(crate) joins_passed: BTreeMap<RecordId, ConnId>,
}

/// Records that arrived together, and what to do once they are kept.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) records: Vec<Vec<u8>>,
    pub(crate) from: Origin,
}

/// Where records came from.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// A peer, which also said its heads and perhaps its ids.
    Peer {
        conn: ConnId,
        heads: Vec<RecordId>,
        ids: Option<Vec<RecordId>>,
    },
    /// A peer that asked us to hold the circle.
    Host { conn: ConnId },
    /// The program beside us.
    Local { request: Request },
    /// We countersigned a join that a peer brought.
    Countersigned { conn: ConnId, record: RecordId },
    /// The engine's own act, a link.
    Own,
}

/// A log that waits to become durable.
#[derive(Debug)]
pub(crate) struct LogFlight {
    pub(crate) next: Log,
    pub(crate) origins: Vec<(Origin, Result<(), String>)>,
}

impl Circle {
    pub(crate) fn unknown() -> Circle {
        Circle {
            log: None,
            flight: None,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            cards: BTreeMap::new(),
            cards_flying: BTreeMap::new(),
            cards_waiting: VecDeque::new(),
            manifests: BTreeMap::new(),
            join_wanted: None,
            joins_waiting: BTreeMap::new(),
            joins_passed: BTreeMap::new(),
        }
    }

    pub(crate) fn with_log(log: Log) -> Circle {
        Circle {
            log: Some(log),
            ..Circle::unknown()
        }
    }
}

/// The heads of a log as they are told; none where there is no log yet.
pub(crate) fn heads(circle: &Circle) -> Vec<RecordId> {
    circle.log.as_ref().map(Log::heads).unwrap_or_default()
}

/// The key of a record's row.
pub(crate) fn record_key(circle: &CircleId, record: &RecordId) -> Vec<u8> {
    [&circle.as_bytes()[..], &record.as_bytes()[..]].concat()
}
