//! What an engine is told once.

use std::collections::BTreeMap;

use smallwin_circle::{Kind, SealingPublic, SigningKey};

use crate::limits::Limits;

/// Keys, names and limits of one engine.
#[derive(Debug)]
pub struct Config {
    /// The key that names this machine on the wire; a command line or a browser puts its
    /// device key here.
    pub node_key: SigningKey,
    /// The key that takes part in circles and authors records.
    pub device_key: SigningKey,
    /// The public sealing key announced when this device is linked.
    pub sealing: SealingPublic,
    /// The names (`host:port`, lower case) under which this machine may be dialled.
    pub authorities: Vec<String>,
    /// The raw bytes of the first change of every kind of document (rule F1).
    pub first_changes: BTreeMap<Kind, Vec<u8>>,
    /// Whether connections of [`Space::Open`](crate::Space::Open) are served.
    pub open_space: bool,
    /// Every limit of the engine.
    pub limits: Limits,
}
