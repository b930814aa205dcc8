//! Counts of what the node turned away or held back; they name nobody.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use smallwin_sync::Totals;

/// Counts of what the node turned away or held back.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    held: AtomicU64,
    sockets_full: AtomicU64,
    sockets_penalised: AtomicU64,
    connections_evicted: AtomicU64,
    requests_bad: AtomicU64,
    closed_protocol: AtomicU64,
    closed_limit: AtomicU64,
    closed_slow: AtomicU64,
}

/// What came in, went out, was turned away and held back since the node started. It names nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Traffic {
    /// Frames taken in.
    pub frames_in: u64,
    /// Bytes of these frames.
    pub bytes_in: u64,
    /// Operations of the changes in them.
    pub operations_in: u64,
    /// Frames sent.
    pub frames_out: u64,
    /// Frames of an unknown type, ignored.
    pub frames_unknown: u64,
    /// Changes applied.
    pub changes_applied: u64,
    /// Changes kept aside.
    pub changes_refused: u64,
    /// Automerge calls that panicked and were caught.
    pub panics_caught: u64,
    /// Documents in memory.
    pub documents_open: u64,
    /// Points of faults of peers.
    pub faults: u64,
    /// Connections that the engine closed for breaking the protocol or a limit.
    pub connections_closed: u64,
    /// Connections that the engine turned away: too many, penalised, or to make room.
    pub connections_refused: u64,
    /// Sockets answered with 503: too many at once, in total or from one address.
    pub sockets_full: u64,
    /// Sockets answered with 429: their address is refused for a while.
    pub sockets_penalised: u64,
    /// Connections without a socket that were dropped to make room for newer ones.
    pub connections_evicted: u64,
    /// Requests that were no HTTP, or over its limits.
    pub requests_bad: u64,
    /// Sockets closed for breaking WebSocket itself (1002, 1003, 1007).
    pub closed_protocol: u64,
    /// Sockets closed for a limit (1008, 1009).
    pub closed_limit: u64,
    /// Sockets closed because the peer did not read, or the node was too busy (1013).
    pub closed_slow: u64,
    /// Times the engine waited because all who wanted something were held back.
    pub held: u64,
}

impl Counters {
    pub(crate) fn held(&self) {
        add(&self.held);
    }

    pub(crate) fn socket_full(&self) {
        add(&self.sockets_full);
    }

    pub(crate) fn socket_penalised(&self) {
        add(&self.sockets_penalised);
    }

    pub(crate) fn connection_evicted(&self) {
        add(&self.connections_evicted);
    }

    pub(crate) fn request_bad(&self) {
        add(&self.requests_bad);
    }

    /// A socket was closed by this side with this code.
    pub(crate) fn closed(&self, code: u16) {
        match code {
            1002 | 1003 | 1007 => add(&self.closed_protocol),
            1008 | 1009 => add(&self.closed_limit),
            1013 => add(&self.closed_slow),
            _ => {}
        }
    }

    /// All counts, with those of the engine.
    pub(crate) fn traffic(&self, totals: &Totals) -> Traffic {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Traffic {
            frames_in: totals.frames_in,
            bytes_in: totals.bytes_in,
            operations_in: totals.operations_in,
            frames_out: totals.frames_out,
            frames_unknown: totals.frames_unknown,
            changes_applied: totals.changes_applied,
            changes_refused: totals.changes_refused,
            panics_caught: totals.panics_caught,
            documents_open: totals.documents_open,
            faults: totals.faults,
            connections_closed: totals.conns_closed,
            connections_refused: totals.conns_refused,
            sockets_full: read(&self.sockets_full),
            sockets_penalised: read(&self.sockets_penalised),
            connections_evicted: read(&self.connections_evicted),
            requests_bad: read(&self.requests_bad),
            closed_protocol: read(&self.closed_protocol),
            closed_limit: read(&self.closed_limit),
            closed_slow: read(&self.closed_slow),
            held: read(&self.held),
        }
    }
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
