//! The sockets of one node: their names, their number, and their way to the engine.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::{Sink, Stream};
use smallwin_circle::{CircleId, DeviceKey};
use smallwin_sync::{ConnId, Opened, Side, Space};
use tokio::sync::watch;

use crate::chance;
use crate::clock::instant;
use crate::counters::Counters;
use crate::engine::{Wake, WakeSender};
use crate::limits::{SOCKETS_MAX, SOCKETS_PER_ADDRESS_MAX};
use crate::penalties::{Address, Penalties, Refused};
use crate::socket::{Budget, Fault, Incoming, Message, OutgoingBytes, Unfinished, outgoing, pump};

/// The sockets of one node.
#[derive(Debug, Clone)]
pub(crate) struct Connections(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    wake: WakeSender,
    budget: Budget,
    outgoing: OutgoingBytes,
    unfinished: Unfinished,
    counters: Arc<Counters>,
    next: AtomicU64,
    writable: Arc<AtomicBool>,
    places: Mutex<Places>,
    /// How many pumps run.
    running: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Places {
    total: usize,
    by_address: BTreeMap<Address, usize>,
    penalties: Penalties,
}

/// The place of one accepted socket among all; it is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    connections: Connections,
    address: Option<Address>,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// Too many sockets, in total or from this address.
    Full,
    /// The address is refused for a while.
    Penalised(Refused),
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
            outgoing: OutgoingBytes::default(),
            unfinished: Unfinished::default(),
            counters: Arc::default(),
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

    /// What was turned away and held back.
    pub(crate) fn counters(&self) -> &Arc<Counters> {
        &self.0.counters
    }

    /// The bytes of unfinished messages of all connections.
    pub(crate) fn unfinished(&self) -> &Unfinished {
        &self.0.unfinished
    }

    /// A place for a socket, when there is one. Without an address only the total counts: on this
    /// machine, and behind a proxy that does not say for whom it speaks.
    pub(crate) fn place(&self, address: Option<Address>) -> Result<Place, NoPlace> {
        let mut places = self.places();
        let places = &mut *places;
        if let Some(address) = address
            && let Err(refused) = places.penalties.upgrade(address, instant())
        {
            self.0.counters.socket_penalised();
            return Err(NoPlace::Penalised(refused));
        }
        let here = address.and_then(|address| places.by_address.get(&address));
        let is_crowded = here.is_some_and(|here| *here >= SOCKETS_PER_ADDRESS_MAX);
        if is_crowded || places.total >= SOCKETS_MAX {
            self.0.counters.socket_full();
            return Err(NoPlace::Full);
        }
        if let Some(address) = address {
            *places.by_address.entry(address).or_default() += 1;
        }
        places.total += 1;
        Ok(Place {
            connections: self.clone(),
            address,
        })
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.0.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new connection's name.
    pub(crate) fn name(&self) -> ConnId {
        ConnId(self.0.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Runs one socket from its opening to its end. Returns the code and reason, when it was this
    /// side that closed.
    pub(crate) async fn run<W, R>(
        &self,
        conn: ConnId,
        side: Side,
        space: Space,
        dialled: Dialled,
        sink: W,
        stream: R,
    ) -> Option<(u16, &'static str)>
    where
        W: Sink<Message, Error = Fault> + Unpin,
        R: Stream<Item = Result<Message, Fault>> + Unpin,
    {
        let (sender, outgoing) = outgoing(&self.0.outgoing);
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
            return None;
        }
        self.0.running.send_modify(|running| *running += 1);
        let closed = Closed {
            connections: self,
            conn,
        };
        let end = pump(
            conn,
            sink,
            stream,
            Incoming::new(self.0.wake.clone(), &self.0.budget),
            outgoing,
        )
        .await;
        drop(closed);
        if let Some((code, _)) = end {
            self.0.counters.closed(code);
        }
        end
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

impl Place {
    /// The socket was closed for this; a fault of the peer is remembered of its address.
    pub(crate) fn closed(&self, code: u16, reason: &str) {
        // `peer-refused`: it was the peer that refused us.
        let is_fault = matches!(code, 1002 | 1003 | 1007..=1009) && reason != "peer-refused";
        if let Some(address) = self.address.filter(|_| is_fault) {
            self.connections
                .places()
                .penalties
                .fault(address, instant());
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.connections.places();
        places.total = places.total.saturating_sub(1);
        let Some(address) = self.address else {
            return;
        };
        if let Some(here) = places.by_address.get_mut(&address) {
            *here = here.saturating_sub(1);
            if *here == 0 {
                places.by_address.remove(&address);
            }
        }
    }
}
