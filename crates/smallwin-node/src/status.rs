//! How a node is, in words and numbers that name nobody.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use smallwin_circle::CircleId;
use smallwin_sync::Engine;

use crate::counters::Traffic;
use crate::dialer::{Dialer, PeerView};
use crate::facts::Facts;

/// How a node is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The program's version.
    pub version: String,
    /// The key that names the node on the wire.
    pub node_key: String,
    /// The key that authors what is written through its data directory.
    pub device_key: String,
    /// Web addresses of its pages.
    pub origins: Vec<String>,
    /// Small Wins it holds.
    pub circles: Vec<String>,
    /// Connections with proven peers.
    pub connections: usize,
    /// Nodes it keeps connected with.
    pub peers: Vec<PeerView>,
    /// Small Wins in which nothing is signed here before another device of them was met, because this data
    /// directory was restored or repaired.
    #[serde(default)]
    pub waiting: Vec<String>,
    /// Threads that were left to work which never ended; after a few of them no work is begun until
    /// the next start.
    #[serde(default)]
    pub lost_work: usize,
    /// What came in, went out, was turned away and held back since it started.
    #[serde(default)]
    pub traffic: Traffic,
}

impl Status {
    pub(crate) fn new(
        engine: &Engine,
        facts: &Facts,
        dialer: &Dialer,
        waiting: &BTreeSet<CircleId>,
    ) -> Self {
        Self {
            version: String::from(env!("CARGO_PKG_VERSION")),
            node_key: facts.node_key.to_string(),
            device_key: facts.device_key.to_string(),
            origins: facts.origins.clone(),
            circles: engine.circles().iter().map(ToString::to_string).collect(),
            connections: engine
                .connections()
                .iter()
                // Whoever asks on this machine speaks with the device key, and does not count.
                .filter(|connection| connection.ready && connection.key != Some(facts.device_key))
                .count(),
            peers: dialer.peers(),
            waiting: waiting.iter().map(ToString::to_string).collect(),
            lost_work: 0,
            traffic: dialer.counters().traffic(&engine.totals()),
        }
    }
}
