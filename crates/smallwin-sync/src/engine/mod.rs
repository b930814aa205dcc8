//! The engine: its state and the closed list of what can wake it.

mod account;
mod admit;
mod apply;
mod ask;
mod beside;
mod boot;
mod circle;
mod circles;
mod connection;
mod document;
mod ephemeral;
mod exchange;
mod frames;
mod history;
mod jobs;
mod join;
mod judge;
mod keep;
mod land;
mod links;
mod load;
mod local;
mod log_sync;
mod offer;
mod pair;
mod pump;
mod reached;
mod refused;
mod send;
mod session;
mod tick;
mod views;
pub(crate) mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use smallwin_circle::{CircleId, DeviceKey, DocumentRef};

use self::account::Accounts;
use self::circle::Circle;
use self::connection::Connection;
use self::document::Slot;
use self::ephemeral::Seen;
use self::jobs::Job;
use self::keep::Keeping;
use self::pair::{Pairing, PairingSecret};
use crate::limits::Limits;
use crate::planted::Plants;
use crate::{Config, ConnId, DocKey, Effect, Event, JobId, Millis, ReachedView, Ticket, Totals};

/// The engine: [`handle`](Engine::handle) takes one event and says what to do about it.
///
/// It is deterministic: the same configuration and the same events give the same effects, byte
/// for byte (rule S1).
///
/// ```
/// # use std::collections::{BTreeMap, BTreeSet};
/// use smallwin_circle::{SealingKey, SigningKey};
/// use smallwin_sync::{Boot, Config, Engine, Event, Millis, limits::Limits};
///
/// let config = Config {
///     node_key: SigningKey::from_seed([1; 32]),
///     device_key: SigningKey::from_seed([2; 32]),
///     sealing: SealingKey::from_seed([3; 32]).public(),
///     authorities: vec!["127.0.0.1:4801".to_owned()],
///     first_changes: BTreeMap::new(),
///     open_space: false,
///     limits: Limits::default(),
/// };
/// let mut engine = Engine::new(config, Boot::default())?;
/// assert!(engine.handle(Millis(0), Event::Tick).is_empty());
/// # Ok::<(), smallwin_sync::BootError>(())
/// ```
#[derive(Debug)]
pub struct Engine {
    config: Config,
    /// Hashes of the constant first changes (rule F1).
    first_hashes: BTreeSet<[u8; 32]>,
    /// The key that names us on the wire.
    wire_key: DeviceKey,
    /// The key that takes part in circles.
    device: DeviceKey,
    now: Millis,
    conns: BTreeMap<ConnId, Connection>,
    circles: BTreeMap<CircleId, Circle>,
    /// Which circle and name stands behind a document id.
    directory: BTreeMap<[u8; 16], (CircleId, DocumentRef)>,
    documents: BTreeMap<DocKey, Slot>,
    paired: BTreeMap<DeviceKey, Pairing>,
    secret: Option<PairingSecret>,
    keeping: BTreeMap<Ticket, Keeping>,
    next_ticket: u64,
    jobs: BTreeMap<JobId, Job>,
    next_job: u64,
    /// The job that makes a snapshot, until storage holds that.
    compacting: Option<JobId>,
    /// Documents with which work failed: no snapshots are made of them.
    isolated: BTreeSet<DocKey>,
    /// Documents that could not be brought into memory, with the reason.
    unreadable: BTreeMap<DocKey, String>,
    seen: Seen,
    reached: BTreeMap<DocKey, ReachedView>,
    read_only: Option<String>,
    totals: Totals,
    accounts: Accounts,
    open_bytes: u64,
    /// Counts calls, to know which document was used last.
    calls: u64,
    /// What the simulation planted; nothing in a product.
    pub(crate) plants: Plants,
    out: Vec<Effect>,
}

impl Engine {
    /// Takes one event and returns what to do about it, in order.
    pub fn handle(&mut self, now: Millis, event: Event) -> Vec<Effect> {
        self.begin(now);
        match event {
            Event::Opened(opened) => self.opened(*opened),
            Event::Frame { conn, bytes } => self.frame(conn, &bytes),
            Event::Closed { conn } => self.closed(conn),
            Event::Kept { ticket } => self.kept(ticket),
            Event::KeepFailed { ticket, why } => self.keep_failed(ticket, &why),
            Event::Loaded { document, stored } => self.loaded(document, stored),
            Event::Worked { job, done } => self.worked(job, done),
            Event::WorkLost { job, why } => self.work_lost(job, &why),
            Event::Tick => self.tick(),
        }
        self.finish()
    }

    /// The limits it was made with.
    pub fn limits(&self) -> &Limits {
        &self.config.limits
    }

    fn begin(&mut self, now: Millis) {
        self.now = now;
        self.calls += 1;
    }

    fn finish(&mut self) -> Vec<Effect> {
        self.evict();
        self.totals.conns_open = self.conns.len() as u64;
        self.totals.documents_open = self.documents.len() as u64;
        mem::take(&mut self.out)
    }
}
