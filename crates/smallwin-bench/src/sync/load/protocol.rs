//! What the scenarios ask of a protocol, whatever its bytes.

use super::net::{Conn, Outbox};

/// What a message of the server told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    /// The handshake was answered.
    Ready,
    /// Edits of a document arrived, from the first to before the last.
    Seen {
        document: usize,
        from: usize,
        to: usize,
    },
    /// The server has all edits before this one.
    Confirmed { document: usize, to: usize },
    /// The server said something about a document: the answer to a question.
    Answered { document: usize },
}

/// Clients of one protocol; every document has one writer who types letter after letter.
pub(crate) trait Protocol {
    /// Where a socket for this document goes.
    fn path(&self, name: &str) -> String;

    /// Documents that one socket can carry.
    fn documents_per_conn_max(&self) -> usize {
        usize::MAX
    }

    /// Begins on a socket that just opened.
    fn hello(&mut self, conn: Conn, out: &mut Outbox, news: &mut Vec<News>);

    /// Makes a document of these bytes; it counts as one edit.
    fn whole(&mut self, document: usize, bytes: Vec<u8>, heads: Vec<u8>);

    /// Learns of a document of so many edits that other clients wrote.
    fn expect(&mut self, _document: usize, _name: &str, _count: usize) {}

    /// Opens a document of which this connection has the first `has` edits already.
    fn join(&mut self, conn: Conn, document: usize, name: &str, has: usize, out: &mut Outbox);

    /// Brings the first `count` edits of a document that the server does not have.
    fn upload(&mut self, conn: Conn, document: usize, name: &str, count: usize, out: &mut Outbox);

    /// Writes `count` edits from `first` on, in one message.
    fn write(
        &mut self,
        conn: Conn,
        document: usize,
        name: &str,
        first: usize,
        count: usize,
        out: &mut Outbox,
    );

    /// Takes a message of the server, and answers as a stock peer would.
    fn frame(&mut self, conn: Conn, bytes: &[u8], out: &mut Outbox, news: &mut Vec<News>);
}
