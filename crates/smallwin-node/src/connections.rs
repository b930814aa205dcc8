//! The sockets of one node: their names, their number, and their way to the engine.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{Sink, Stream};
use smallwin_circle::{CircleId, DeviceKey};
use smallwin_sync::{ConnId, Opened, Side, Space};
use tokio::sync::watch;

use crate::chance;
use crate::engine::{Wake, WakeSender};
use crate::limits::{SOCKETS_MAX, SOCKETS_PER_ADDRESS_MAX};
use crate::socket::{Budget, Fault, Incoming, Message, outgoing, pump};

/// The sockets of one node.
#[derive(Debug, Clone)]
pub(crate) struct Connections(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    wake: WakeSender,
    budget: Budget,
    next: AtomicU64,
    writable: Arc<AtomicBool>,
    places: Mutex<Places>,
    /// How many pumps run.
    running: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Places {
    total: usize,
    by_address: BTreeMap<IpAddr, usize>,
}

/// The place of one accepted socket among all; it is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    connections: Connections,
    address: IpAddr,
}

/// What a dialer knows about the connection it opened.
#[derive(Debug, Clone, Default)]
pub(crate) struct Dialled {
    /// The authority that was dialled.
    pub(crate) channel: String,
    /// The key the node must prove.
    pub(crate) expect: Option<DeviceKey>,
    /// Invites to present.
    pub(crate) invites: Vec<(CircleId, [u8; 16])>,
}

impl Connections {
    pub(crate) fn new(wake: WakeSender, writable: Arc<AtomicBool>) -> Self {
        Self(Arc::new(Shared {
            wake,
            budget: Budget::new(),
            next: AtomicU64::new(1),
            writable,
            places: Mutex::default(),
            running: watch::channel(0).0,
        }))
    }

    /// Whether the engine takes writes.
    pub(crate) fn writable(&self) -> bool {
        self.0.writable.load(Ordering::Acquire)
    }

    /// A place for a socket from `address`, when there is one.
    pub(crate) fn place(&self, address: IpAddr) -> Option<Place> {
        let mut places = self.0.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.total >= SOCKETS_MAX {
            return None;
        }
        let here = places.by_address.entry(address).or_default();
        // Behind a proxy on this machine everybody comes from loopback.
        if *here >= SOCKETS_PER_ADDRESS_MAX && !address.is_loopback() {
            return None;
        }
        *here += 1;
        places.total += 1;
        drop(places);
        Some(Place {
            connections: self.clone(),
            address,
        })
    }

    /// A new connection's name.
    pub(crate) fn name(&self) -> ConnId {
        ConnId(self.0.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Runs one socket from its opening to its end.
    pub(crate) async fn run<W, R>(
        &self,
        conn: ConnId,
        side: Side,
        space: Space,
        dialled: Dialled,
        sink: W,
        stream: R,
    ) where
        W: Sink<Message, Error = Fault> + Unpin,
        R: Stream<Item = Result<Message, Fault>> + Unpin,
    {
        let (sender, outgoing) = outgoing();
        let opened = Box::new(Opened {
            conn,
            side,
            space,
            channel: dialled.channel,
            nonce: chance::bytes(),
            peer_nonce: chance::bytes(),
            expect: dialled.expect,
            invites: dialled.invites,
        });
        if self.0.wake.send(Wake::Opened { opened, sender }).is_err() {
            return;
        }
        self.0.running.send_modify(|running| *running += 1);
        let closed = Closed {
            connections: self,
            conn,
        };
        pump(
            conn,
            sink,
            stream,
            Incoming::new(self.0.wake.clone(), &self.0.budget),
            outgoing,
        )
        .await;
        drop(closed);
    }

    /// Returns when no socket runs any more.
    pub(crate) async fn all_closed(&self) {
        let mut running = self.0.running.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        drop(running.wait_for(|running| *running == 0).await);
    }
}

/// Tells the engine that a socket is gone, also when its task is cancelled.
struct Closed<'a> {
    connections: &'a Connections,
    conn: ConnId,
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        let _engine_stopped = self
            .connections
            .0
            .wake
            .send(Wake::Closed { conn: self.conn });
        self.connections
            .0
            .running
            .send_modify(|running| *running -= 1);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self
            .connections
            .0
            .places
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        places.total = places.total.saturating_sub(1);
        if let Some(here) = places.by_address.get_mut(&self.address) {
            *here = here.saturating_sub(1);
            if *here == 0 {
                places.by_address.remove(&self.address);
            }
        }
    }
}
