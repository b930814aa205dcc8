//! One WebSocket, whoever opened it: frames in order, bounded in bytes, watched by pings.

mod fault;
mod incoming;
mod message;
mod outgoing;
mod watched;

pub(crate) use fault::Fault;
pub(crate) use incoming::{Budget, Incoming, Room};
pub(crate) use message::Message;
pub(crate) use watched::{Unfinished, Watch, Watched};

use outgoing::OVERFLOW;
pub(crate) use outgoing::{Out, Outgoing, OutgoingBytes, Sender, outgoing};

use std::time::Duration;

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use smallwin_sync::ConnId;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tracing::debug;

use crate::limits::{
    CLOSE_TIMEOUT, CLOSE_TIMEOUT_BUSY, CONTROL_FRAMES_MAX, MESSAGE_BYTES_MAX, PING_INTERVAL,
    PINGS_MISSED_MAX, WRITE_TIMEOUT,
};

/// Close code: the peer sent something that the protocol does not know (RFC 6455, 7.4.1).
const UNSUPPORTED: u16 = 1003;
/// Close code: too large.
const TOO_LARGE: u16 = 1009;
/// Close code: over a limit.
const POLICY: u16 = 1008;

/// Pumps one socket until it is closed. Frames go to `incoming`; what is put into the other end of
/// `outgoing` goes out. Returns when the socket is done with: the code and reason, when it was
/// this side that closed.
pub(crate) async fn pump<W, R>(
    conn: ConnId,
    sink: W,
    stream: R,
    incoming: Incoming,
    outgoing: Outgoing,
) -> Option<(u16, &'static str)>
where
    W: Sink<Message, Error = Fault> + Unpin,
    R: Stream<Item = Result<Message, Fault>> + Unpin,
{
    Pump {
        conn,
        sink,
        stream,
        incoming,
        outgoing,
        missed: 0,
        control: 0,
    }
    .run()
    .await
}

struct Pump<W, R> {
    conn: ConnId,
    sink: W,
    stream: R,
    incoming: Incoming,
    outgoing: Outgoing,
    /// Pings since anything was heard.
    missed: u32,
    /// Pings and pongs since the last ping of ours.
    control: u32,
}

/// What ends the pump.
enum End {
    /// The socket is gone; nothing more can be said.
    Gone,
    /// We close, with this code.
    Close(u16, &'static str),
    /// The peer closes.
    Closed,
}

impl<W, R> Pump<W, R>
where
    W: Sink<Message, Error = Fault> + Unpin,
    R: Stream<Item = Result<Message, Fault>> + Unpin,
{
    async fn run(mut self) -> Option<(u16, &'static str)> {
        let end = self.exchange().await;
        self.outgoing.discard();
        match end {
            End::Gone => {
                debug!(conn = self.conn.0, "socket is gone");
                None
            }
            End::Close(code, reason) => {
                debug!(conn = self.conn.0, code, reason, "closing");
                let close = Message::Close(code, reason.into());
                // A peer that does not read does not get to read this either.
                if timeout(CLOSE_TIMEOUT, self.sink.send(close))
                    .await
                    .is_ok_and(|sent| sent.is_ok())
                {
                    // Whoever has to come back later should not keep its place meanwhile.
                    let patience = if code == OVERFLOW.0 {
                        CLOSE_TIMEOUT_BUSY
                    } else {
                        CLOSE_TIMEOUT
                    };
                    self.drain(patience).await;
                }
                Some((code, reason))
            }
            End::Closed => {
                self.drain(CLOSE_TIMEOUT).await;
                None
            }
        }
    }

    async fn exchange(&mut self) -> End {
        let mut pings = interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // Writing is awaited before the next frame is read: a peer that does not read its
            // answers is not listened to either. Pings time the whole wait.
            let end = tokio::select! {
                out = self.outgoing.next() => self.write(out).await,
                read = self.stream.next() => self.read(read).await,
                _ = pings.tick() => self.ping().await,
            };
            if let Some(end) = end {
                return end;
            }
        }
    }

    async fn write(&mut self, out: Out) -> Option<End> {
        match out {
            Out::Frame(bytes) => self.send(Message::Binary(bytes)).await,
            Out::Close(code, reason) => Some(End::Close(code, reason)),
        }
    }

    async fn read(&mut self, read: Option<Result<Message, Fault>>) -> Option<End> {
        self.missed = 0;
        match read {
            None => Some(End::Gone),
            Some(Err(fault)) => {
                debug!(conn = self.conn.0, %fault, "socket failed");
                Some(
                    fault
                        .code()
                        .map_or(End::Gone, |(code, reason)| End::Close(code, reason)),
                )
            }
            Some(Ok(Message::Binary(bytes))) if bytes.len() > MESSAGE_BYTES_MAX => {
                Some(End::Close(TOO_LARGE, "too-large"))
            }
            Some(Ok(Message::Binary(bytes))) => self.take_in(bytes).await,
            Some(Ok(Message::Text)) => Some(End::Close(UNSUPPORTED, "binary-only")),
            // The library answers pings by itself at the next write or read.
            Some(Ok(Message::Ping | Message::Pong)) => {
                self.control += 1;
                (self.control > CONTROL_FRAMES_MAX).then_some(End::Close(POLICY, "too-many-pings"))
            }
            Some(Ok(Message::Close(..))) => Some(End::Closed),
        }
    }

    /// Hands a frame to the engine, waiting while it has too much to do; a close that the engine
    /// asked for meanwhile is not held up.
    async fn take_in(&mut self, bytes: axum::body::Bytes) -> Option<End> {
        let Self {
            conn,
            sink,
            incoming,
            outgoing,
            ..
        } = self;
        let taken = incoming.take(*conn, bytes);
        tokio::pin!(taken);
        loop {
            tokio::select! {
                alive = &mut taken => return if alive { None } else { Some(End::Close(1001, "going-away")) },
                out = outgoing.next() => {
                    let end = match out {
                        Out::Frame(bytes) => send(sink, outgoing, Message::Binary(bytes)).await,
                        Out::Close(code, reason) => Some(End::Close(code, reason)),
                    };
                    if end.is_some() {
                        return end;
                    }
                }
            }
        }
    }

    async fn ping(&mut self) -> Option<End> {
        if self.missed >= PINGS_MISSED_MAX {
            debug!(conn = self.conn.0, "no answer to pings");
            return Some(End::Gone);
        }
        self.missed += 1;
        self.control = 0;
        self.send(Message::Ping).await
    }

    async fn send(&mut self, message: Message) -> Option<End> {
        send(&mut self.sink, &mut self.outgoing, message).await
    }

    /// Reads until the socket says that it ended: only then is the close handshake complete.
    async fn drain(&mut self, patience: Duration) {
        let ended = async { while let Some(Ok(_)) = self.stream.next().await {} };
        let _peer_too_slow = timeout(patience, ended).await;
        let _closed = timeout(Duration::from_secs(1), self.sink.close()).await;
    }
}

/// Writes one message, unless the peer reads too slowly: for this message, or for what waits
/// behind it.
async fn send<W>(sink: &mut W, outgoing: &mut Outgoing, message: Message) -> Option<End>
where
    W: Sink<Message, Error = Fault> + Unpin,
{
    tokio::select! {
        sent = timeout(WRITE_TIMEOUT, sink.send(message)) => match sent {
            Ok(Ok(())) => None,
            Ok(Err(_)) | Err(_) => Some(End::Gone),
        },
        () = outgoing.overflow() => Some(End::Close(OVERFLOW.0, OVERFLOW.1)),
    }
}
