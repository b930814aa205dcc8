//! WebSocket clients, thousands on one thread: the load generator must cost less than what it measures.
//!
//! One `epoll`, no task per socket, frames read and written in place. The mask of a client's frames is zero, which the
//! protocol allows and which saves a pass over the bytes.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use mio::{Events, Interest, Poll, Token};

/// Bytes read at once.
const READ_BYTES: usize = 256 * 1024;
const EVENTS: usize = 1024;
/// What sits in a socket's buffers is this many times a read at most, before others get their turn.
const READS_PER_TURN: usize = 8;

/// Sockets with news that are too few to be looked at yet.
const FEW: usize = 8;
/// How long others are waited for then; the times that are taken may be later by this.
const LINGER: Duration = Duration::from_micros(150);

const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Names a connection; never used twice.
pub(crate) type Conn = usize;

/// All connections of a load.
#[derive(Debug)]
pub(crate) struct Net {
    poll: Poll,
    events: Events,
    sockets: Vec<Option<Socket>>,
    dirty: Vec<Conn>,
    /// Sockets that had more to read than their turn allowed.
    unfinished: Vec<Conn>,
    buffer: Vec<u8>,
    /// Binary messages, both ways.
    pub(crate) messages: u64,
    /// Bytes received with their frames' heads.
    pub(crate) bytes_in: u64,
}

#[derive(Debug)]
struct Socket {
    stream: mio::net::TcpStream,
    inbox: Vec<u8>,
    /// A message that comes in several frames.
    parts: Vec<u8>,
    out: Outbox,
}

/// What waits to be written to one connection.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    messages: u64,
}

impl Outbox {
    /// Adds one binary message.
    pub(crate) fn send(&mut self, payload: &[u8]) {
        self.messages += 1;
        self.frame(BINARY, payload);
    }

    fn frame(&mut self, kind: u8, payload: &[u8]) {
        self.bytes.push(0x80 | kind);
        match payload.len() {
            small @ 0..126 => self.bytes.push(0x80 | small as u8),
            middle @ 126..65_536 => {
                self.bytes.push(0x80 | 126);
                self.bytes.extend((middle as u16).to_be_bytes());
            }
            large => {
                self.bytes.push(0x80 | 127);
                self.bytes.extend((large as u64).to_be_bytes());
            }
        }
        self.bytes.extend([0; 4]);
        self.bytes.extend(payload);
    }
}

impl Net {
    pub(crate) fn new() -> Result<Net> {
        Ok(Net {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS),
            sockets: Vec::new(),
            dirty: Vec::new(),
            unfinished: Vec::new(),
            buffer: vec![0; READ_BYTES],
            messages: 0,
            bytes_in: 0,
        })
    }

    /// Opens a WebSocket and waits for the answer to its upgrade.
    pub(crate) fn dial(&mut self, port: u16, path: &str, timeout: Duration) -> Result<Conn> {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut stream = TcpStream::connect_timeout(&address, timeout)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(timeout))?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )?;
        let mut answer = Vec::new();
        let head = loop {
            let mut part = [0; 4096];
            let count = stream.read(&mut part)?;
            if count == 0 {
                bail!("the server closed instead of upgrading");
            }
            answer.extend(part.iter().take(count));
            if let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
        };
        if !answer.starts_with(b"HTTP/1.1 101") {
            let said = String::from_utf8_lossy(&answer);
            bail!("no upgrade: {}", said.lines().next().unwrap_or_default());
        }
        stream.set_read_timeout(None)?;
        stream.set_nonblocking(true)?;
        let mut stream = mio::net::TcpStream::from_std(stream);
        let conn = self.sockets.len();
        self.poll.registry().register(
            &mut stream,
            Token(conn),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        self.sockets.push(Some(Socket {
            stream,
            inbox: answer.split_off(head),
            parts: Vec::new(),
            out: Outbox::default(),
        }));
        // What came with the answer is looked at in the next turn.
        self.unfinished.push(conn);
        Ok(conn)
    }

    /// Adds what was put aside for a connection to its queue.
    pub(crate) fn queue(&mut self, conn: Conn, out: Outbox) {
        if let Some(Some(socket)) = self.sockets.get_mut(conn)
            && out.messages > 0
        {
            socket.out.bytes.extend(out.bytes);
            socket.out.messages += out.messages;
            self.dirty.push(conn);
        }
    }

    /// Ends a connection without a word.
    pub(crate) fn close(&mut self, conn: Conn) {
        if let Some(Some(mut socket)) = self.sockets.get_mut(conn).map(Option::take) {
            // The socket goes away with it in any case.
            let _ = self.poll.registry().deregister(&mut socket.stream);
        }
    }

    pub(crate) fn close_all(&mut self) {
        (0..self.sockets.len()).for_each(|conn| self.close(conn));
    }

    /// Whether the server closed it.
    pub(crate) fn is_open(&self, conn: Conn) -> bool {
        self.sockets.get(conn).is_some_and(Option::is_some)
    }

    /// Writes what waits, waits for news for up to `wait`, hands over each message, and writes the answers.
    pub(crate) fn turn(
        &mut self,
        wait: Duration,
        mut handle: impl FnMut(Conn, &[u8], &mut Outbox),
    ) -> Result<()> {
        self.write_dirty();
        let wait = if self.unfinished.is_empty() {
            wait
        } else {
            Duration::ZERO
        };
        let mut readable = std::mem::take(&mut self.unfinished);
        self.wait(wait, &mut readable)?;
        if (1..FEW).contains(&readable.len()) && self.sockets.len() > FEW {
            // One wake for each message would cost more than the message.
            std::thread::sleep(LINGER);
            self.wait(Duration::ZERO, &mut readable)?;
            readable.sort_unstable();
            readable.dedup();
        }
        for conn in readable {
            self.read(conn, &mut handle)?;
        }
        self.write_dirty();
        Ok(())
    }

    fn wait(&mut self, wait: Duration, readable: &mut Vec<Conn>) -> Result<()> {
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            outcome => outcome?,
        }
        for event in &self.events {
            let conn = event.token().0;
            if event.is_writable() {
                self.dirty.push(conn);
            }
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                readable.push(conn);
            }
        }
        Ok(())
    }

    fn read(
        &mut self,
        conn: Conn,
        handle: &mut impl FnMut(Conn, &[u8], &mut Outbox),
    ) -> Result<()> {
        let Some(Some(socket)) = self.sockets.get_mut(conn) else {
            return Ok(());
        };
        let mut is_open = true;
        let mut more = true;
        for _ in 0..READS_PER_TURN {
            match socket.stream.read(&mut self.buffer) {
                Ok(0) => is_open = false,
                Ok(count) => {
                    self.bytes_in += count as u64;
                    let read = self.buffer.get(..count).context("what was read")?;
                    socket.inbox.extend_from_slice(read);
                    if count == READ_BYTES {
                        continue;
                    }
                    // A short read took all there was; what comes later is another event.
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => is_open = false,
            }
            more = false;
            break;
        }
        if more {
            self.unfinished.push(conn);
        }
        let (received, goes_on) = socket.frames(conn, handle)?;
        self.messages += received;
        if !socket.out.bytes.is_empty() {
            self.dirty.push(conn);
        }
        if !is_open || !goes_on {
            self.close(conn);
        }
        Ok(())
    }

    fn write_dirty(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty);
        dirty.sort_unstable();
        dirty.dedup();
        for conn in dirty.drain(..) {
            let Some(Some(socket)) = self.sockets.get_mut(conn) else {
                continue;
            };
            self.messages += socket.out.messages;
            socket.out.messages = 0;
            if !socket.write() {
                self.close(conn);
            }
        }
        self.dirty = dirty;
    }
}

impl Socket {
    /// Hands over all whole messages; says how many there were and whether the connection goes on.
    fn frames(
        &mut self,
        conn: Conn,
        handle: &mut impl FnMut(Conn, &[u8], &mut Outbox),
    ) -> Result<(u64, bool)> {
        let inbox = std::mem::take(&mut self.inbox);
        let (mut at, mut received, mut goes_on) = (0, 0, true);
        while let Some((head, payload)) = next_frame(inbox.get(at..).unwrap_or_default()) {
            at += payload.end;
            let payload = inbox.get(at - payload.len..at).context("a whole frame")?;
            let (is_last, kind) = (head & 0x80 != 0, head & 0x0f);
            match kind {
                PING => self.out.frame(PONG, payload),
                CLOSE => goes_on = false,
                PONG => {}
                _ if is_last && self.parts.is_empty() => {
                    received += 1;
                    handle(conn, payload, &mut self.out);
                }
                _ => {
                    self.parts.extend(payload);
                    if is_last {
                        received += 1;
                        let whole = std::mem::take(&mut self.parts);
                        handle(conn, &whole, &mut self.out);
                    }
                }
            }
        }
        self.inbox = inbox;
        self.inbox.drain(..at);
        Ok((received, goes_on))
    }

    fn write(&mut self) -> bool {
        let mut at = 0;
        while at < self.out.bytes.len() {
            match self
                .stream
                .write(self.out.bytes.get(at..).unwrap_or_default())
            {
                Ok(0) => return false,
                Ok(count) => at += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return false,
            }
        }
        self.out.bytes.drain(..at);
        true
    }
}

struct Payload {
    /// Where the frame ends, from its begin.
    end: usize,
    len: usize,
}

/// The first byte of the next whole frame of a server, and its payload; nothing while it is not whole.
fn next_frame(bytes: &[u8]) -> Option<(u8, Payload)> {
    let (head, second) = (*bytes.first()?, *bytes.get(1)?);
    let number = |from: usize, to: usize| {
        let bytes = bytes.get(from..to)?.iter();
        Some(bytes.fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte)))
    };
    let (begin, len) = match second & 0x7f {
        126 => (4, number(2, 4)?),
        127 => (10, number(2, 10)?),
        small => (2, usize::from(small)),
    };
    let end = begin + len;
    (bytes.len() >= end).then_some((head, Payload { end, len }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_whole_or_not_there() {
        let mut bytes = vec![0x82, 126, 1, 0];
        bytes.extend([5; 256]);
        assert!(next_frame(&bytes[..100]).is_none());
        let (head, payload) = next_frame(&bytes).map_or((0, 0), |(head, p)| (head, p.len));
        assert_eq!((head, payload), (0x82, 256));
    }
}
