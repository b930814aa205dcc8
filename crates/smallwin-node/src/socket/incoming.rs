//! The byte-bounded way from a socket to the engine (rule S2).

use std::sync::Arc;

use axum::body::Bytes;
use smallwin_sync::ConnId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::engine::{Wake, WakeSender};
use crate::limits::{
    FRAME_BYTES_COUNTED_MIN, INCOMING_BYTES_MAX, INCOMING_BYTES_PER_CONNECTION_MAX,
};

/// Bytes of all connections that may wait for the engine.
#[derive(Debug, Clone)]
pub(crate) struct Budget(Arc<Semaphore>);

/// One connection's way to the engine.
#[derive(Debug)]
pub(crate) struct Incoming {
    wake: WakeSender,
    all: Arc<Semaphore>,
    own: Arc<Semaphore>,
}

/// Room taken by one frame until the engine is done with it.
#[derive(Debug)]
pub(crate) struct Room {
    _own: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl Budget {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(INCOMING_BYTES_MAX)))
    }
}

impl Incoming {
    pub(crate) fn new(wake: WakeSender, budget: &Budget) -> Self {
        let own = Arc::new(Semaphore::new(INCOMING_BYTES_PER_CONNECTION_MAX));
        Self {
            wake,
            all: budget.0.clone(),
            own,
        }
    }

    /// Hands a frame over once there is room; false when the engine has stopped.
    pub(crate) async fn take(&self, conn: ConnId, bytes: Bytes) -> bool {
        // An empty frame costs a wake too, and what it takes to remember it.
        let size = u32::try_from(bytes.len())
            .unwrap_or(u32::MAX)
            .max(FRAME_BYTES_COUNTED_MIN);
        let size = size.min(u32::try_from(INCOMING_BYTES_PER_CONNECTION_MAX).unwrap_or(u32::MAX));
        // Own room first: one eager connection must not hold the room of all while it waits.
        let Ok(own) = self.own.clone().acquire_many_owned(size).await else {
            return false;
        };
        let Ok(all) = self.all.clone().acquire_many_owned(size).await else {
            return false;
        };
        let room = Room {
            _own: own,
            _all: all,
        };
        self.wake.send(Wake::Frame { conn, bytes, room }).is_ok()
    }
}
