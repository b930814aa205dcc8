//! The byte-bounded queue from the engine to one socket (rule S2).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Bytes;
use tokio::sync::{mpsc, watch};

use crate::limits::OUTGOING_BYTES_MAX;

/// The end that a socket's pump reads.
#[derive(Debug)]
pub(crate) struct Outgoing {
    frames: mpsc::UnboundedReceiver<Bytes>,
    close: watch::Receiver<Option<(u16, &'static str)>>,
    waiting: Arc<AtomicUsize>,
}

/// The end that the engine's thread writes, without ever waiting.
#[derive(Debug)]
pub(crate) struct Sender {
    frames: mpsc::UnboundedSender<Bytes>,
    close: watch::Sender<Option<(u16, &'static str)>>,
    waiting: Arc<AtomicUsize>,
}

/// What goes out next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Out {
    /// One binary message.
    Frame(Bytes),
    /// The end, with code and reason.
    Close(u16, &'static str),
}

/// Close code: try again later (RFC 6455 registry).
const OVERFLOW: u16 = 1013;

/// A new queue.
pub(crate) fn outgoing() -> (Sender, Outgoing) {
    let (frame_sender, frames) = mpsc::unbounded_channel();
    let (close_sender, close) = watch::channel(None);
    let waiting = Arc::new(AtomicUsize::new(0));
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
        let waiting = self.waiting.fetch_add(length, Ordering::AcqRel) + length;
        if waiting > OUTGOING_BYTES_MAX {
            self.close(OVERFLOW, "too-slow");
        } else {
            // A pump that ended drops its queue; the engine hears of the close in its turn.
            let _pump_ended = self.frames.send(bytes);
        }
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
                self.waiting.fetch_sub(frame.len(), Ordering::AcqRel);
                Out::Frame(frame)
            }
            _ => self.end(),
        }
    }

    /// A queue that overflowed is not written out: the peer is too slow for that.
    fn overflowed(&self) -> bool {
        self.close
            .borrow()
            .is_some_and(|(code, _)| code == OVERFLOW)
    }

    fn end(&self) -> Out {
        // Without a close of its own the engine's side went away: the node stops.
        let (code, reason) = self.close.borrow().unwrap_or((1001, "going-away"));
        Out::Close(code, reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_before_a_close_still_go_out() {
        let (sender, mut outgoing) = outgoing();
        sender.send(Bytes::from_static(b"a"));
        sender.close(1008, "refused");
        sender.close(1000, "second");
        assert_eq!(outgoing.next().await, Out::Frame(Bytes::from_static(b"a")));
        assert_eq!(outgoing.next().await, Out::Close(1008, "refused"));
    }

    #[tokio::test]
    async fn s2_an_overflow_closes_at_once() {
        let (sender, mut outgoing) = outgoing();
        let half = Bytes::from(vec![0; OUTGOING_BYTES_MAX / 2]);
        sender.send(half.clone());
        sender.send(half.clone());
        sender.send(Bytes::from_static(b"one too many"));
        assert_eq!(outgoing.next().await, Out::Close(OVERFLOW, "too-slow"));
    }

    #[tokio::test]
    async fn written_bytes_make_room() {
        let (sender, mut outgoing) = outgoing();
        let half = Bytes::from(vec![0; OUTGOING_BYTES_MAX / 2]);
        for _ in 0..5 {
            sender.send(half.clone());
            assert_eq!(outgoing.next().await, Out::Frame(half.clone()));
        }
    }

    #[tokio::test]
    async fn a_node_that_stops_says_so() {
        let (sender, mut outgoing) = outgoing();
        drop(sender);
        assert_eq!(outgoing.next().await, Out::Close(1001, "going-away"));
    }
}
