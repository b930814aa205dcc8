//! The engine's thread: one owner, one queue, effects carried out in order.

mod core;
mod disk;
mod jobs;
mod lanes;
mod meter;

pub(crate) use core::{Core, Parts};
pub(crate) use disk::Disk;
pub(crate) use jobs::Jobs;

use std::sync::mpsc;

use axum::body::Bytes;
use smallwin_circle::CircleId;
use smallwin_sync::{
    ConnId, DocKey, Done, Engine, JobId, Local, LocalError, Opened, StoredDocument, Ticket,
    WriteRefused,
};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::socket::{Room, Sender};

/// Everything that can wake the engine.
pub(crate) enum Wake {
    /// A socket stands.
    Opened { opened: Box<Opened>, sender: Sender },
    /// A message arrived; its room is free again when the engine is done with it.
    Frame {
        conn: ConnId,
        bytes: Bytes,
        room: Room,
    },
    /// A socket is gone.
    Closed { conn: ConnId },
    /// The disk said durable.
    Kept { ticket: Ticket },
    /// The disk said no.
    KeepFailed { ticket: Ticket, why: String },
    /// The disk read a document.
    Loaded {
        document: DocKey,
        stored: Result<StoredDocument, String>,
    },
    /// Some work was done.
    Worked { job: JobId, done: Done },
    /// Some work took too long.
    WorkLost { job: JobId, why: String },
    /// Somebody in this process wants something done.
    Local {
        local: Local,
        answer: Option<oneshot::Sender<Result<(), CallError>>>,
    },
    /// Somebody in this process wants to look.
    Look(Box<dyn FnOnce(&Engine) + Send>),
    /// A peer is to be dialled at the next start too.
    Remember { key: Vec<u8>, value: Vec<u8> },
    /// An invite is to be presented on a connection that stands.
    Present {
        conn: ConnId,
        circle: CircleId,
        secret: [u8; 16],
    },
    /// A peer is not to be dialled at the next start.
    Forget { key: Vec<u8> },
    /// A new pairing link is wanted.
    PairingLink {
        answer: oneshot::Sender<Result<String, CallError>>,
    },
    /// Time passed; the next tick waits until this one was handled.
    Tick(OwnedSemaphorePermit),
    /// The node stops: tell all sockets.
    CloseAll,
    /// End.
    Stop,
}

/// Why something that was asked of the engine did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// Refused at once.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// Refused after all, or not kept.
    #[error(transparent)]
    Refused(#[from] WriteRefused),
    /// The data directory was restored, and nobody was met since.
    #[error(
        "this node was restored from a backup or repaired and pairs no device before it met another device \
        of your Small Wins; let it connect, then try again (`smallwin status` shows what it waits for)"
    )]
    Restored,
    /// The node has stopped.
    #[error("the node has stopped")]
    Stopped,
}

/// The way to the engine. Frames are bounded by their bytes, calls by their number, and the rest
/// answers what the engine asked for, so that the queue itself needs no bound.
#[derive(Debug, Clone)]
pub(crate) struct WakeSender(mpsc::Sender<Wake>);

/// The engine has stopped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopped;

/// The engine's end of the queue.
#[derive(Debug)]
pub(crate) struct WakeReceiver(mpsc::Receiver<Wake>);

/// A new queue.
pub(crate) fn wakes() -> (WakeSender, WakeReceiver) {
    let (sender, receiver) = mpsc::channel();
    (WakeSender(sender), WakeReceiver(receiver))
}

impl WakeReceiver {
    /// Waits for what comes next; nothing when nobody can wake the engine any more.
    #[cfg(test)]
    pub(crate) fn blocking_recv(&mut self) -> Option<Wake> {
        self.0.recv().ok()
    }
}

impl WakeSender {
    pub(crate) fn send(&self, wake: Wake) -> Result<(), Stopped> {
        self.0.send(wake).map_err(|_| Stopped)
    }
}

impl Wake {
    /// A wish whose outcome nobody waits for.
    pub(crate) fn local_unheard(local: Local) -> Self {
        Self::Local {
            local,
            answer: None,
        }
    }
}
