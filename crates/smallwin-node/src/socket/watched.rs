//! A stream of bytes that is watched: what comes in must become messages, what goes out must be
//! read (rule S2).
//!
//! The libraries above hold a message until it is whole, up to its largest size. Here the bytes
//! that came since the last whole message are counted, of one connection and of all, so that
//! messages which are never finished do not add up.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use crate::limits::{
    MESSAGE_BYTES_MAX, MESSAGE_TIMEOUT, UNFINISHED_BYTES_FREE, UNFINISHED_BYTES_OF_ALL_MAX,
    WRITE_TIMEOUT,
};

/// The bytes of unfinished messages of all connections of a node.
#[derive(Debug, Clone, Default)]
pub(crate) struct Unfinished(Arc<AtomicUsize>);

/// What is known about the bytes of one connection.
#[derive(Debug, Clone)]
pub(crate) struct Watch(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Bytes since the last whole message.
    unfinished: AtomicUsize,
    /// Whether the peer got through its handshake, and may send large messages.
    known: AtomicBool,
    all: Unfinished,
}

/// Why a connection is not read any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Excess {
    /// A message is larger than this peer may send.
    Large,
    /// A message takes too long.
    Slow,
    /// Messages of all connections together.
    Busy,
}

/// A stream of bytes that is watched.
#[derive(Debug)]
pub(crate) struct Watched<S> {
    stream: S,
    watch: Watch,
    /// Since when a large message is unfinished.
    since: Option<Instant>,
    /// Runs while the other side takes no bytes.
    stalled: Option<Pin<Box<Sleep>>>,
    write_timeout: Duration,
    message_timeout: Duration,
}

impl Watch {
    pub(crate) fn new(all: &Unfinished) -> Self {
        Self(Arc::new(Shared {
            unfinished: AtomicUsize::new(0),
            known: AtomicBool::new(false),
            all: all.clone(),
        }))
    }

    /// A message or a request head is whole.
    pub(crate) fn finished(&self) {
        let bytes = self.0.unfinished.swap(0, Ordering::AcqRel);
        self.0.all.0.fetch_sub(bytes, Ordering::AcqRel);
    }

    /// The peer got through its handshake.
    fn known(&self) {
        self.0.known.store(true, Ordering::Release);
    }

    /// These messages, each noted when it is whole; after the first so many the peer is known.
    pub(crate) fn messages<R: Stream>(
        self,
        stream: R,
        handshake: u32,
    ) -> impl Stream<Item = R::Item> {
        let mut left = handshake;
        stream.inspect(move |_| {
            left = left.saturating_sub(1);
            if left == 0 {
                self.known();
            }
            self.finished();
        })
    }

    /// Counts bytes that came, and says when they are too many.
    fn came(&self, bytes: usize) -> Result<usize, Excess> {
        let Shared {
            unfinished,
            known,
            all,
        } = &*self.0;
        let of_all = all.0.fetch_add(bytes, Ordering::AcqRel) + bytes;
        let own = unfinished.fetch_add(bytes, Ordering::AcqRel) + bytes;
        if own <= UNFINISHED_BYTES_FREE {
            Ok(own)
        // Headers of fragments count too; the largest message in small fragments must fit.
        } else if !known.load(Ordering::Acquire) || own > 2 * MESSAGE_BYTES_MAX {
            Err(Excess::Large)
        } else if of_all > UNFINISHED_BYTES_OF_ALL_MAX {
            Err(Excess::Busy)
        } else {
            Ok(own)
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let bytes = *self.unfinished.get_mut();
        self.all.0.fetch_sub(bytes, Ordering::AcqRel);
    }
}

impl<S> Watched<S> {
    pub(crate) fn new(stream: S, watch: Watch) -> Self {
        Self {
            stream,
            watch,
            since: None,
            stalled: None,
            write_timeout: WRITE_TIMEOUT,
            message_timeout: MESSAGE_TIMEOUT,
        }
    }

    fn count(&mut self, bytes: usize) -> Result<(), Excess> {
        let unfinished = self.watch.came(bytes)?;
        if unfinished <= UNFINISHED_BYTES_FREE {
            self.since = None;
            return Ok(());
        }
        let now = Instant::now();
        let since = *self.since.get_or_insert(now);
        if now.duration_since(since) > self.message_timeout {
            return Err(Excess::Slow);
        }
        Ok(())
    }

    /// Ends the connection when the other side takes nothing for too long.
    fn progress<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let timeout = self.write_timeout;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(timeout)));
        match stalled.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, into);
        if !matches!(read, Poll::Ready(Ok(()))) {
            return read;
        }
        let bytes = into.filled().len().saturating_sub(before);
        match self.count(bytes) {
            Ok(()) => read,
            Err(excess) => Poll::Ready(Err(io::Error::other(excess))),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.progress(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.progress(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.progress(context, shut)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.progress(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

impl Excess {
    /// The close code and reason that tell the peer (RFC 6455, 7.4.1).
    pub(crate) const fn code(self) -> (u16, &'static str) {
        match self {
            Self::Large => (1009, "too-large"),
            Self::Slow => (1008, "message-too-slow"),
            Self::Busy => (1013, "busy"),
        }
    }

    /// What an error of a stream says, when it is one of these.
    pub(super) fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().copied()
    }
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Large => "a message is too large",
            Self::Slow => "a message takes too long",
            Self::Busy => "too many messages are unfinished",
        })
    }
}

impl std::error::Error for Excess {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const PART: usize = 64 * 1024;

    fn all(unfinished: &Unfinished) -> usize {
        unfinished.0.load(Ordering::Acquire)
    }

    #[test]
    fn s2_only_who_is_known_may_send_large_messages() {
        let unfinished = Unfinished::default();
        let stranger = Watch::new(&unfinished);
        assert!(stranger.came(UNFINISHED_BYTES_FREE).is_ok());
        assert_eq!(stranger.came(1), Err(Excess::Large));
        let known = Watch::new(&unfinished);
        known.known();
        for _ in 0..2 * MESSAGE_BYTES_MAX / PART {
            known.came(PART).unwrap();
        }
        assert_eq!(known.came(1), Err(Excess::Large));
        known.finished();
        assert!(known.came(1).is_ok());
        drop((stranger, known));
        assert_eq!(all(&unfinished), 0, "nothing stays behind");
    }

    #[test]
    fn s2_unfinished_messages_do_not_add_up() {
        let unfinished = Unfinished::default();
        let watches: Vec<Watch> = (0..1_000).map(|_| Watch::new(&unfinished)).collect();
        let mut busy = 0;
        for watch in &watches {
            watch.known();
            for _ in 0..MESSAGE_BYTES_MAX / PART {
                if watch.came(PART).is_err() {
                    busy += 1;
                    break;
                }
            }
        }
        assert!(busy > 900, "{busy}");
        // Small messages still get through.
        let small = Watch::new(&unfinished);
        assert!(small.came(1_000).is_ok());
    }

    #[tokio::test]
    async fn a_peer_that_reads_nothing_is_not_waited_for() {
        let (near, far) = duplex(1_000);
        let mut near = Watched::new(near, Watch::new(&Unfinished::default()));
        near.write_timeout = Duration::from_millis(10);
        let wrote = near.write_all(&[0; 2_000]).await;
        assert_eq!(wrote.unwrap_err().kind(), io::ErrorKind::TimedOut);
        drop(far);
    }

    #[tokio::test]
    async fn a_message_that_takes_too_long_is_not_waited_for() {
        let (near, mut far) = duplex(PART);
        let watch = Watch::new(&Unfinished::default());
        watch.known();
        let mut near = Watched::new(near, watch);
        near.message_timeout = Duration::ZERO;
        let mut read = vec![0; PART];
        let mut parts = 0;
        let error = loop {
            far.write_all(&vec![0; PART]).await.unwrap();
            match near.read_exact(&mut read).await {
                Ok(_) => parts += 1,
                Err(error) => break error,
            }
            assert!(parts < 100);
        };
        assert_eq!(Excess::of(&error), Some(Excess::Slow));
    }
}
