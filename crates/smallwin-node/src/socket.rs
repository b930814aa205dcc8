//! One WebSocket, whoever opened it: frames in order, bounded in bytes, watched by pings.

mod fault;
mod incoming;
mod message;
mod outgoing;

pub(crate) use fault::Fault;
pub(crate) use incoming::{Budget, Incoming, Room};
pub(crate) use message::Message;
pub(crate) use outgoing::{Out, Outgoing, Sender, outgoing};

use std::time::Duration;

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use smallwin_sync::ConnId;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tracing::debug;

use crate::limits::{
    CLOSE_TIMEOUT, MESSAGE_BYTES_MAX, PING_INTERVAL, PINGS_MISSED_MAX, WRITE_TIMEOUT,
};

/// Close code: the peer sent something that the protocol does not know (RFC 6455, 7.4.1).
const UNSUPPORTED: u16 = 1003;
/// Close code: too large.
const TOO_LARGE: u16 = 1009;

/// Pumps one socket until it is closed. Frames go to `incoming`; what is put into the other end of
/// `outgoing` goes out. Returns when the socket is done with.
pub(crate) async fn pump<W, R>(
    conn: ConnId,
    sink: W,
    stream: R,
    incoming: Incoming,
    outgoing: Outgoing,
) where
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
    }
    .run()
    .await;
}

struct Pump<W, R> {
    conn: ConnId,
    sink: W,
    stream: R,
    incoming: Incoming,
    outgoing: Outgoing,
    /// Pings since anything was heard.
    missed: u32,
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
    async fn run(mut self) {
        let end = self.exchange().await;
        match end {
            End::Gone => debug!(conn = self.conn.0, "socket is gone"),
            End::Close(code, reason) => {
                debug!(conn = self.conn.0, code, reason, "closing");
                let close = Message::Close(code, reason.into());
                if timeout(WRITE_TIMEOUT, self.sink.send(close))
                    .await
                    .is_ok_and(|sent| sent.is_ok())
                {
                    self.drain().await;
                }
            }
            End::Closed => self.drain().await,
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
            Some(Ok(Message::Ping | Message::Pong)) => None,
            Some(Ok(Message::Close(..))) => Some(End::Closed),
        }
    }

    /// Hands a frame to the engine, waiting while it has too much to do; a close that the engine
    /// asked for meanwhile is not held up.
    async fn take_in(&mut self, bytes: axum::body::Bytes) -> Option<End> {
        let taken = self.incoming.take(self.conn, bytes);
        tokio::pin!(taken);
        loop {
            tokio::select! {
                alive = &mut taken => return if alive { None } else { Some(End::Close(1001, "going-away")) },
                out = self.outgoing.next() => {
                    let end = match out {
                        Out::Frame(bytes) => send(&mut self.sink, Message::Binary(bytes)).await,
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
        self.send(Message::Ping).await
    }

    async fn send(&mut self, message: Message) -> Option<End> {
        send(&mut self.sink, message).await
    }

    /// Reads until the socket says that it ended: only then is the close handshake complete.
    async fn drain(&mut self) {
        let ended = async { while let Some(Ok(_)) = self.stream.next().await {} };
        let _peer_too_slow = timeout(CLOSE_TIMEOUT, ended).await;
        let _closed = timeout(Duration::from_secs(1), self.sink.close()).await;
    }
}

async fn send<W>(sink: &mut W, message: Message) -> Option<End>
where
    W: Sink<Message, Error = Fault> + Unpin,
{
    match timeout(WRITE_TIMEOUT, sink.send(message)).await {
        Ok(Ok(())) => None,
        Ok(Err(_)) | Err(_) => Some(End::Gone),
    }
}
