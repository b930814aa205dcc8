//! A TCP connection that says whatever a test wants, below HTTP and WebSocket.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

/// How long the other side may be silent while it is waited for.
const DEADLINE: Duration = Duration::from_secs(30);

/// A TCP connection, driven by hand.
#[derive(Debug)]
pub struct RawSocket {
    stream: TcpStream,
    head: String,
}

impl RawSocket {
    /// Opens a connection and says nothing.
    #[must_use]
    pub fn connect(authority: &str) -> RawSocket {
        let stream = TcpStream::connect(authority).expect("a node accepts connections");
        stream
            .set_read_timeout(Some(DEADLINE))
            .expect("a deadline can be set");
        RawSocket {
            stream,
            head: String::new(),
        }
    }

    /// Asks for a WebSocket with these further headers, each with its line end, and reads the
    /// answer.
    #[must_use]
    pub fn upgrade(authority: &str, path: &str, headers: &str) -> RawSocket {
        let mut socket = RawSocket::connect(authority);
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
        );
        socket.write(request.as_bytes());
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && socket.stream.read_exact(&mut byte).is_ok() {
            head.extend(byte);
        }
        socket.head = String::from_utf8_lossy(&head).into_owned();
        socket
    }

    /// The head of the answer to an upgrade.
    #[must_use]
    pub fn head(&self) -> &str {
        &self.head
    }

    /// Writes bytes; whether the other side still takes them.
    pub fn write(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Bytes written without waiting for long: how many the other side took before it stopped
    /// reading or closed, of so many copies of this.
    pub fn write_while_taken(&mut self, bytes: &[u8], copies: usize, patience: Duration) -> usize {
        self.stream
            .set_write_timeout(Some(patience))
            .expect("a deadline can be set");
        (0..copies).take_while(|_| self.write(bytes)).count()
    }

    /// Reads until the other side ends the connection, and returns what came.
    pub fn read_to_end(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        let ended = self.stream.read_to_end(&mut all);
        assert!(!is_silent(&ended), "the other side ends the connection");
        all
    }

    /// The code of the close frame with which the other side ends a socket; nothing when it goes
    /// without one.
    pub fn close_code(&mut self) -> Option<u16> {
        let all = self.read_to_end();
        let mut rest = &all[..];
        while let [first, length, tail @ ..] = rest {
            // Frames of a server are not masked, and the ones that come here are small.
            let (length, tail) = match length {
                126 => (
                    usize::from(u16::from_be_bytes(tail.get(..2)?.try_into().ok()?)),
                    tail.get(2..)?,
                ),
                length => (usize::from(*length), tail),
            };
            let payload = tail.get(..length)?;
            if first & 0xf == 8 {
                return Some(u16::from_be_bytes(payload.get(..2)?.try_into().ok()?));
            }
            rest = &tail[length..];
        }
        None
    }

    /// Waits until the other side has ended the connection, in whatever way.
    pub fn until_ended(&mut self, what: &str) {
        let mut all = Vec::new();
        let ended = self.stream.read_to_end(&mut all);
        assert!(!is_silent(&ended), "{what} is held for ever");
    }
}

fn is_silent(read: &std::io::Result<usize>) -> bool {
    use std::io::ErrorKind::{TimedOut, WouldBlock};
    read.as_ref()
        .is_err_and(|error| matches!(error.kind(), WouldBlock | TimedOut))
}

/// What a node answers to these bytes before it ends the connection.
#[must_use]
pub fn answer_to(authority: &str, request: &[u8]) -> String {
    let mut socket = RawSocket::connect(authority);
    // The node may end it before it has read all: what counts is what it said.
    socket.write(request);
    String::from_utf8_lossy(&socket.read_to_end()).into_owned()
}

/// A WebSocket frame of a client: first byte, then length, mask and payload.
#[must_use]
pub fn client_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length @ 126..65_536 => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    // A mask of zeros leaves the payload as it is.
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}
