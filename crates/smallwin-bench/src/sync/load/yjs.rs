//! The Yjs protocol as a client speaks it: on y-sweet's path, or with Hocuspocus's name before every message.

use std::collections::HashMap;

use super::net::{Conn, Outbox};
use super::protocol::{News, Protocol};
use crate::typist::unsigned;

const SYNC: u8 = 0;
const AUTH: u8 = 2;
const STEP_1: u8 = 0;
const STEP_2: u8 = 1;
const UPDATE: u8 = 2;
/// The writer of every document.
const CLIENT: u64 = 7_000_001;
/// Content of a struct that is a text.
const STRING: u8 = 4;
const DELETED: u8 = 1;
const GC: u8 = 0;
const SKIP: u8 = 10;

/// Letters at the end of one text, by one writer.
#[derive(Debug)]
pub(crate) struct Yjs {
    /// Whether the document's name stands before each message, so that one socket carries many.
    named: bool,
    conns: HashMap<Conn, Peer>,
    /// A document that is no typing: its update, taken as one edit.
    whole: HashMap<usize, Vec<u8>>,
}

#[derive(Debug, Default)]
struct Peer {
    /// Name and number of each document here.
    documents: HashMap<String, usize>,
    only: Option<usize>,
    /// Letters that this connection's documents have of their own.
    has: HashMap<usize, usize>,
}

impl Yjs {
    pub(crate) fn new(named: bool) -> Yjs {
        Yjs {
            named,
            conns: HashMap::new(),
            whole: HashMap::new(),
        }
    }

    fn say(&self, out: &mut Outbox, name: &str, parts: &[&[u8]]) {
        let mut message = Vec::new();
        if self.named {
            text(&mut message, name);
        }
        parts.iter().for_each(|part| message.extend(*part));
        out.send(&message);
    }

    fn enter(&mut self, conn: Conn, document: usize, name: &str, out: &mut Outbox) {
        let peer = self.conns.entry(conn).or_default();
        peer.documents.insert(name.to_owned(), document);
        peer.only = Some(document);
        if self.named {
            // A token and the version of the provider, as its client sends them.
            let mut auth = vec![AUTH, 0];
            text(&mut auth, "");
            self.say(out, name, &[&auth]);
        }
    }

    fn content(&self, document: usize, first: usize, count: usize) -> Vec<u8> {
        match self.whole.get(&document) {
            Some(bytes) => bytes.clone(),
            None => letters(first, count),
        }
    }
}

impl Protocol for Yjs {
    fn path(&self, name: &str) -> String {
        if self.named {
            "/".to_owned()
        } else {
            format!("/d/{name}/ws/{name}")
        }
    }

    fn documents_per_conn_max(&self) -> usize {
        if self.named { usize::MAX } else { 1 }
    }

    fn hello(&mut self, _conn: Conn, _out: &mut Outbox, news: &mut Vec<News>) {
        news.push(News::Ready);
    }

    fn whole(&mut self, document: usize, bytes: Vec<u8>, _heads: Vec<u8>) {
        self.whole.insert(document, bytes);
    }

    fn join(&mut self, conn: Conn, document: usize, name: &str, has: usize, out: &mut Outbox) {
        self.enter(conn, document, name, out);
        let mut vector = vec![0];
        if has > 0 {
            vector = vec![1];
            unsigned(&mut vector, CLIENT);
            unsigned(&mut vector, has as u64);
        }
        let mut step = vec![SYNC, STEP_1];
        unsigned(&mut step, vector.len() as u64);
        self.say(out, name, &[&step, &vector]);
    }

    fn upload(&mut self, conn: Conn, document: usize, name: &str, count: usize, out: &mut Outbox) {
        self.enter(conn, document, name, out);
        self.write(conn, document, name, 0, count, out);
    }

    fn write(
        &mut self,
        conn: Conn,
        document: usize,
        name: &str,
        first: usize,
        count: usize,
        out: &mut Outbox,
    ) {
        let peer = self.conns.entry(conn).or_default();
        peer.has.insert(document, first + count);
        let content = self.content(document, first, count);
        let mut update = vec![SYNC, UPDATE];
        unsigned(&mut update, content.len() as u64);
        self.say(out, name, &[&update, &content]);
    }

    fn frame(&mut self, conn: Conn, bytes: &[u8], out: &mut Outbox, news: &mut Vec<News>) {
        let Some(peer) = self.conns.get(&conn) else {
            return;
        };
        let mut reader = Reader(bytes);
        let (name, document) = if self.named {
            let name = reader.text().unwrap_or_default();
            (name, peer.documents.get(name).copied())
        } else {
            ("", peer.only)
        };
        let Some(document) = document else {
            return;
        };
        match (reader.byte(), reader.byte()) {
            (Some(SYNC | STATUS_REPLY), Some(STEP_1)) => {
                let has = peer.has.get(&document).copied().unwrap_or(0);
                let content = if has > 0 {
                    self.content(document, 0, has)
                } else {
                    vec![0, 0]
                };
                let mut step = vec![SYNC, STEP_2];
                unsigned(&mut step, content.len() as u64);
                self.say(out, name, &[&step, &content]);
            }
            (Some(SYNC | STATUS_REPLY), Some(kind @ (STEP_2 | UPDATE))) => {
                let update = reader.bytes().unwrap_or_default();
                if self.whole.contains_key(&document) {
                    if update.len() > 2 {
                        news.push(News::Seen {
                            document,
                            from: 0,
                            to: 1,
                        });
                    }
                } else {
                    seen(document, update, news);
                }
                if kind == STEP_2 {
                    news.push(News::Answered { document });
                }
            }
            _ => {}
        }
    }
}

/// Hocuspocus answers a step 1 with a message of this kind.
const STATUS_REPLY: u8 = 4;

/// An update with `count` letters from the `first` on.
fn letters(first: usize, count: usize) -> Vec<u8> {
    let mut out = vec![1, 1];
    unsigned(&mut out, CLIENT);
    unsigned(&mut out, first as u64);
    if first == 0 {
        out.extend([STRING, 1]);
        text(&mut out, "text");
    } else {
        out.push(0x80 | STRING);
        unsigned(&mut out, CLIENT);
        unsigned(&mut out, first as u64 - 1);
    }
    let written: String = (first..first + count)
        .map(|at| char::from(b'a' + (at % 26) as u8))
        .collect();
    text(&mut out, &written);
    // Nothing is deleted.
    out.push(0);
    out
}

fn text(out: &mut Vec<u8>, text: &str) {
    unsigned(out, text.len() as u64);
    out.extend(text.as_bytes());
}

/// Which letters an update brings.
fn seen(document: usize, update: &[u8], news: &mut Vec<News>) {
    let mut reader = Reader(update);
    let clients = reader.number().unwrap_or(0);
    for _ in 0..clients {
        let structs = reader.number().unwrap_or(0);
        let (_, clock) = (reader.number(), reader.number());
        let Some(mut clock) = clock else { return };
        for _ in 0..structs {
            let Some((is_text, length)) = reader.structure() else {
                return;
            };
            if is_text {
                let (from, to) = (clock as usize, (clock + length) as usize);
                news.push(News::Seen { document, from, to });
            }
            clock += length;
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u64> {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
            shift += 7;
        }
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        let (taken, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// One struct of the kinds that typing makes: whether it is text, and its length.
    fn structure(&mut self) -> Option<(bool, u64)> {
        let info = self.byte()?;
        if matches!(info, GC | SKIP) {
            return Some((false, self.number()?));
        }
        for bit in [0x80, 0x40] {
            if info & bit != 0 {
                self.number()?;
                self.number()?;
            }
        }
        if info & 0xc0 == 0 {
            if self.number()? == 1 {
                self.bytes()?;
            } else {
                self.number()?;
                self.number()?;
            }
            if info & 0x20 != 0 {
                self.bytes()?;
            }
        }
        match info & 0x1f {
            STRING => Some((true, self.text()?.chars().count() as u64)),
            DELETED => Some((false, self.number()?)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_read_back() {
        for (first, count) in [(0, 1), (0, 300), (5, 1), (1000, 7)] {
            let mut news = Vec::new();
            seen(3, &letters(first, count), &mut news);
            let to = first + count;
            assert_eq!(
                news,
                [News::Seen {
                    document: 3,
                    from: first,
                    to
                }]
            );
        }
    }
}
