//! One site: an engine with its keys and its disk, and the process that drives it.

use std::collections::{BTreeMap, BTreeSet};

use smallwin_circle::{DeviceKey, DocumentRef, RecordId, SealingKey, SigningKey};
use smallwin_sync::{ConnId, DocKey, Engine, Request};

use crate::disk::Disk;
use crate::network::SiteId;
use crate::oracle::Hash;

/// A machine or browser profile. Everything in [`Site::process`] dies with the process.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) id: SiteId,
    pub(crate) name: &'static str,
    /// Index of the person whose it is.
    pub(crate) person: usize,
    /// The name under which it may be dialled; browsers have none.
    pub(crate) authority: Option<String>,
    pub(crate) node_key: SigningKey,
    pub(crate) device: SigningKey,
    pub(crate) sealing: SealingKey,
    pub(crate) disk: Disk,
    /// How far its clock is from the true time.
    pub(crate) clock_off_ms: i64,
    /// The sites it dials.
    pub(crate) dials: Vec<SiteId>,
    /// The first device of the same person, which this one pairs with.
    pub(crate) first_device: Option<SiteId>,
    /// Whether it was told that the pairing with its first device is done.
    pub(crate) paired: bool,
    /// Whether it never comes back: its device has become a rogue's.
    pub(crate) is_gone: bool,
    /// Counts starts, so that what was meant for a dead process is not given to the next.
    pub(crate) starts: u64,
    pub(crate) process: Option<Process>,
}

/// A running process.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) engine: Engine,
    pub(crate) dialled: BTreeMap<SiteId, Dialled>,
    /// Calls whose end the engine has not told yet.
    pub(crate) waiting: BTreeMap<Request, Wish>,
    /// The actor of this process in each document (rule K2).
    pub(crate) actors: BTreeMap<DocKey, Chain>,
    /// Documents with a write that is not done.
    pub(crate) writing: BTreeSet<DocKey>,
    /// Whether a record of ours is not done.
    pub(crate) appending: bool,
    /// Connections on which frames flow.
    pub(crate) ready: BTreeSet<ConnId>,
    /// Sender and target as they stand in our frames on a connection.
    pub(crate) addresses: BTreeMap<ConnId, (String, String)>,
    /// Connections on which an invite was presented, and its secret.
    pub(crate) presented: BTreeSet<(ConnId, [u8; 16])>,
    pub(crate) followed: bool,
    /// When we last asked to join or to pair.
    pub(crate) asked_ms: Option<u64>,
}

/// An actor id (spec §2).
pub(crate) type Actor = [u8; 40];

/// What an actor wrote in a document so far: its last number and change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chain {
    pub(crate) actor: Actor,
    pub(crate) seq: u64,
    pub(crate) last: Hash,
}

/// Where a site stands with one that it dials.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Dialled {
    pub(crate) end: Option<ConnId>,
    pub(crate) failures: u32,
    /// Whether the next attempt is on the agenda.
    pub(crate) planned: bool,
}

/// What a call was for.
#[derive(Clone, Debug)]
pub(crate) enum Wish {
    /// Open a document, then perhaps write.
    Open {
        document: DocumentRef,
        then: Option<Edit>,
    },
    /// Write.
    Write {
        document: DocumentRef,
        hashes: Vec<Hash>,
    },
    /// Add a record of ours.
    Append {
        record: RecordId,
        what: &'static str,
    },
    /// Something whose refusal is expected.
    Forbidden { what: &'static str },
    /// Anything else.
    Other { what: &'static str },
}

/// How a document is to be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Edit {
    /// At random.
    Scribble,
    /// Take over this text as a whole.
    Copy(String),
}

impl Site {
    /// The key it proves on the wire.
    pub(crate) fn wire_key(&self) -> DeviceKey {
        self.node_key.public()
    }

    /// The engine, while a process runs.
    pub(crate) fn engine(&self) -> Option<&Engine> {
        self.process.as_ref().map(|process| &process.engine)
    }

    /// Whether it is paired with the first device of its person, unless it is that itself.
    pub(crate) fn paired_or_first(&self) -> bool {
        self.paired || self.first_device.is_none()
    }

    /// Whether this site's process is the one that was started as number `starts`.
    pub(crate) fn runs(&self, starts: u64) -> bool {
        self.process.is_some() && self.starts == starts
    }
}

impl Process {
    /// A process that has just started.
    pub(crate) fn new(engine: Engine, dials: &[SiteId]) -> Process {
        Process {
            engine,
            dialled: dials.iter().map(|to| (*to, Dialled::default())).collect(),
            waiting: BTreeMap::new(),
            actors: BTreeMap::new(),
            writing: BTreeSet::new(),
            appending: false,
            ready: BTreeSet::new(),
            addresses: BTreeMap::new(),
            presented: BTreeSet::new(),
            followed: false,
            asked_ms: None,
        }
    }

    /// Ready connections, the ones that lead to a site that was dialled first.
    pub(crate) fn ready_dialled(&self) -> Vec<ConnId> {
        self.dialled
            .values()
            .filter_map(|dialled| dialled.end)
            .filter(|end| self.ready.contains(end))
            .collect()
    }
}
