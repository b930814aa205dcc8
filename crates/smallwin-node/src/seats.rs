//! Places of connections that are no sockets yet: whoever waits longest makes room (rule S2).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::counters::Counters;
use crate::limits::{CONNECTIONS_MAX, CONNECTIONS_PER_ADDRESS_MAX};
use crate::penalties::Address;

/// The places of one listener.
#[derive(Debug, Clone)]
pub(crate) struct Seats(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    taken: Mutex<Taken>,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    /// In the order in which they came.
    seats: BTreeMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    address: Option<Address>,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    has_asked: AtomicBool,
    evicted: Notify,
}

/// The place of one connection; it is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Seats,
    number: u64,
    state: Arc<State>,
}

/// Says that a connection asked for something.
#[derive(Debug, Clone)]
pub(crate) struct Asked(Arc<State>);

impl Seats {
    pub(crate) fn new(counters: Arc<Counters>) -> Self {
        Self(Arc::new(Shared {
            taken: Mutex::default(),
            counters,
        }))
    }

    /// A place for a connection. When all are taken, or all of its address, the one that came
    /// first of those that did not ask for anything yet has to go, else the one that came first.
    pub(crate) fn take(&self, from: Option<IpAddr>) -> Seat {
        // On this machine everybody comes from loopback.
        let address = from.filter(|from| !from.is_loopback()).map(Address::of);
        let state = Arc::<State>::default();
        let mut taken = self.lock();
        let of_address = |entry: &Entry| address.is_some() && entry.address == address;
        let here = taken.seats.values().filter(|entry| of_address(entry));
        if here.count() >= CONNECTIONS_PER_ADDRESS_MAX {
            taken.evict(of_address);
            self.0.counters.connection_evicted();
        } else if taken.seats.len() >= CONNECTIONS_MAX {
            taken.evict(|_| true);
            self.0.counters.connection_evicted();
        }
        let number = taken.next;
        taken.next += 1;
        let entry = Entry {
            address,
            state: state.clone(),
        };
        taken.seats.insert(number, entry);
        drop(taken);
        Seat {
            seats: self.clone(),
            number,
            state,
        }
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.0.counters
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Taken> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn evict(&mut self, may_go: impl Fn(&Entry) -> bool) {
        let candidates = || self.seats.iter().filter(|(_, entry)| may_go(entry));
        let silent = candidates().find(|(_, entry)| !entry.state.has_asked.load(Ordering::Acquire));
        let goes = silent.or_else(|| candidates().next());
        if let Some(number) = goes.map(|(number, _)| *number)
            && let Some(entry) = self.seats.remove(&number)
        {
            entry.state.evicted.notify_one();
        }
    }
}

impl Seat {
    /// What the connection's requests say when they come.
    pub(crate) fn asked(&self) -> Asked {
        Asked(self.state.clone())
    }

    /// Returns when the connection has to go. Cancel safe.
    pub(crate) async fn evicted(&self) {
        self.state.evicted.notified().await;
    }
}

impl Asked {
    pub(crate) fn asked(&self) {
        self.0.has_asked.store(true, Ordering::Release);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.lock().seats.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "a test may panic"
    )]

    use futures_util::FutureExt;

    use super::*;

    fn is_evicted(seat: &Seat) -> bool {
        seat.evicted().now_or_never().is_some()
    }

    #[tokio::test]
    async fn s2_who_asks_for_nothing_makes_room_first() {
        let seats = Seats::new(Arc::default());
        let loopback = Some(IpAddr::from([127, 0, 0, 1]));
        let held: Vec<Seat> = (0..CONNECTIONS_MAX).map(|_| seats.take(loopback)).collect();
        held[0].asked().asked();
        let next = seats.take(loopback);
        assert!(is_evicted(&held[1]));
        assert!(!is_evicted(&held[0]) && !is_evicted(&held[2]) && !is_evicted(&next));
        held.iter().for_each(|seat| seat.asked().asked());
        next.asked().asked();
        let _last = seats.take(loopback);
        assert!(is_evicted(&held[0]), "then who came first");
        assert_eq!(seats.lock().seats.len(), CONNECTIONS_MAX);
        drop(held);
        assert_eq!(seats.lock().seats.len(), 2);
    }

    #[tokio::test]
    async fn s2_one_address_has_only_so_many() {
        let seats = Seats::new(Arc::default());
        let other = seats.take(Some(IpAddr::from([192, 0, 2, 1])));
        let from = Some(IpAddr::from([192, 0, 2, 2]));
        let held: Vec<Seat> = (0..CONNECTIONS_PER_ADDRESS_MAX)
            .map(|_| seats.take(from))
            .collect();
        let _next = seats.take(from);
        assert!(is_evicted(&held[0]));
        assert!(!is_evicted(&other));
    }
}
