//! The byte-bounded queue from the engine to one socket (rule S2).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Bytes;
use tokio::sync::{mpsc, watch};

use crate::limits::{OUTGOING_BYTES_MAX, OUTGOING_BYTES_OF_ALL_MAX};

/// The end that a socket's pump reads.
#[derive(Debug)]
pub(crate) struct Outgoing {
    frames: mpsc::UnboundedReceiver<Bytes>,
    close: watch::Receiver<Option<(u16, &'static str)>>,
    waiting: Arc<Waiting>,
}

/// The end that the engine's thread writes, without ever waiting.
#[derive(Debug)]
pub(crate) struct Sender {
    frames: mpsc::UnboundedSender<Bytes>,
    close: watch::Sender<Option<(u16, &'static str)>>,
    waiting: Arc<Waiting>,
}

/// The bytes that wait for all sockets of a node.
#[derive(Debug, Clone, Default)]
pub(crate) struct OutgoingBytes(Arc<AtomicUsize>);

/// The bytes that wait for one socket; they are part of those of all.
#[derive(Debug)]
struct Waiting {
    own: AtomicUsize,
    all: OutgoingBytes,
}

/// What goes out next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Out {
    /// One binary message.
    Frame(Bytes),
    /// The end, with code and reason.
    Close(u16, &'static str),
}

/// The end of a peer that does not read: try again later (code of the RFC 6455 registry).
pub(super) const OVERFLOW: (u16, &str) = (1013, "too-slow");

/// A new queue.
pub(crate) fn outgoing(all: &OutgoingBytes) -> (Sender, Outgoing) {
    let (frame_sender, frames) = mpsc::unbounded_channel();
    let (close_sender, close) = watch::channel(None);
    let waiting = Arc::new(Waiting {
        own: AtomicUsize::new(0),
        all: all.clone(),
    });
    (
        Sender {
            frames: frame_sender,
            close: close_sender,
            waiting: waiting.clone(),
        },
        Outgoing {
            frames,
            close,
            waiting,
        },
    )
}

impl Sender {
    /// Queues a message. A queue over its limit closes the connection instead: to drop one
    /// message of an ordered protocol is to break it.
    pub(crate) fn send(&self, bytes: Bytes) {
        let length = bytes.len();
        // Once it overflowed nothing of the queue is written any more.
        if self.overflowed() {
            return;
        }
        if self.waiting.add(length) > OUTGOING_BYTES_MAX {
            self.overflow();
        } else {
            // A pump that ended drops its queue; the engine hears of the close in its turn.
            let _pump_ended = self.frames.send(bytes);
        }
    }

    /// Ends the connection since too much waits for it; what waits is dropped.
    pub(crate) fn overflow(&self) {
        self.close(OVERFLOW.0, OVERFLOW.1);
        self.waiting.clear();
    }

    /// Bytes that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.own.load(Ordering::Acquire)
    }

    /// Whether more waits for all sockets together than may.
    pub(crate) fn all_wait_too_much(&self) -> bool {
        self.waiting.all.0.load(Ordering::Acquire) > OUTGOING_BYTES_OF_ALL_MAX
    }

    fn overflowed(&self) -> bool {
        *self.close.borrow() == Some(OVERFLOW)
    }

    /// Ends the connection after the message that is being written; the first close counts.
    pub(crate) fn close(&self, code: u16, reason: &'static str) {
        self.close.send_if_modified(|close| {
            let first = close.is_none();
            if first {
                *close = Some((code, reason));
            }
            first
        });
    }
}

impl Outgoing {
    /// What goes out next. Cancel safe.
    pub(crate) async fn next(&mut self) -> Out {
        let frame = tokio::select! {
            biased;
            frame = self.frames.recv() => frame,
            () = async { drop(self.close.wait_for(Option::is_some).await) } => None,
        };
        match frame {
            Some(frame) if !self.overflowed() => {
                self.waiting.remove(frame.len());
                Out::Frame(frame)
            }
            _ => self.end(),
        }
    }

    /// Returns when the queue overflowed, also while a message is being written. Cancel safe.
    pub(super) async fn overflow(&mut self) {
        let overflowed = |close: &Option<(u16, &str)>| *close == Some(OVERFLOW);
        if self.close.wait_for(overflowed).await.is_err() {
            // The engine's side went away, and nobody can overflow it any more.
            std::future::pending().await
        }
    }

    /// Lets go of everything that waits.
    pub(super) fn discard(&mut self) {
        self.frames.close();
        while self.frames.try_recv().is_ok() {}
        self.waiting.clear();
    }

    /// A queue that overflowed is not written out: the peer is too slow for that.
    fn overflowed(&self) -> bool {
        *self.close.borrow() == Some(OVERFLOW)
    }

    fn end(&self) -> Out {
        // Without a close of its own the engine's side went away: the node stops.
        let (code, reason) = self.close.borrow().unwrap_or((1001, "going-away"));
        Out::Close(code, reason)
    }
}

impl Waiting {
    /// Counts bytes that came, and says how many wait now.
    fn add(&self, bytes: usize) -> usize {
        self.all.0.fetch_add(bytes, Ordering::AcqRel);
        self.own.fetch_add(bytes, Ordering::AcqRel) + bytes
    }

    fn remove(&self, bytes: usize) {
        // A queue that was cleared meanwhile holds less than that.
        let update = |own: usize| Some(own.saturating_sub(bytes));
        let before = self
            .own
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, update)
            .unwrap_or(0);
        self.all.0.fetch_sub(bytes.min(before), Ordering::AcqRel);
    }

    fn clear(&self) {
        let own = self.own.swap(0, Ordering::AcqRel);
        self.all.0.fetch_sub(own, Ordering::AcqRel);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn s2_what_waits_for_all_is_counted_and_given_back() {
        let all = OutgoingBytes::default();
        let (first, mut reading) = outgoing(&all);
        let (second, _not_reading) = outgoing(&all);
        let part = Bytes::from(vec![0; OUTGOING_BYTES_MAX / 2]);
        let mut rest = Vec::new();
        while !first.all_wait_too_much() {
            let (sender, queue) = outgoing(&all);
            sender.send(part.clone());
            rest.push((sender, queue));
        }
        second.send(part.clone());
        second.send(Bytes::from_static(b"a"));
        let most = part.len() + 1;
        assert_eq!(second.waiting(), most, "it is the slowest");
        second.overflow();
        assert_eq!(second.waiting(), 0);
        rest.clear();
        first.send(part.clone());
        assert!(!first.all_wait_too_much());
        assert_eq!(reading.next().await, Out::Frame(part));
        drop((first, second, reading));
        assert_eq!(all.0.load(Ordering::Acquire), 0, "nothing stays behind");
    }

    #[tokio::test]
    async fn frames_before_a_close_still_go_out() {
        let (sender, mut outgoing) = outgoing(&OutgoingBytes::default());
        sender.send(Bytes::from_static(b"a"));
        sender.close(1008, "refused");
        sender.close(1000, "second");
        assert_eq!(outgoing.next().await, Out::Frame(Bytes::from_static(b"a")));
        assert_eq!(outgoing.next().await, Out::Close(1008, "refused"));
    }

    #[tokio::test]
    async fn s2_an_overflow_closes_at_once() {
        let (sender, mut outgoing) = outgoing(&OutgoingBytes::default());
        let half = Bytes::from(vec![0; OUTGOING_BYTES_MAX / 2]);
        sender.send(half.clone());
        sender.send(half.clone());
        sender.send(Bytes::from_static(b"one too many"));
        assert_eq!(outgoing.next().await, Out::Close(OVERFLOW.0, OVERFLOW.1));
    }

    #[tokio::test]
    async fn written_bytes_make_room() {
        let (sender, mut outgoing) = outgoing(&OutgoingBytes::default());
        let half = Bytes::from(vec![0; OUTGOING_BYTES_MAX / 2]);
        for _ in 0..5 {
            sender.send(half.clone());
            assert_eq!(outgoing.next().await, Out::Frame(half.clone()));
        }
    }

    #[tokio::test]
    async fn a_node_that_stops_says_so() {
        let (sender, mut outgoing) = outgoing(&OutgoingBytes::default());
        drop(sender);
        assert_eq!(outgoing.next().await, Out::Close(1001, "going-away"));
    }
}
