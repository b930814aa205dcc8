//! The automerge-repo protocol as a stock client speaks it: every message with changes is acknowledged.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use super::member::Member;
use super::net::{Conn, Outbox};
use super::protocol::{News, Protocol};
use crate::typist::{Edit, Hash, Typist};
use crate::wire::{self, Frame, Message, acknowledgement, message, question};

/// Bytes of changes in one message; what is more goes in several.
const UPLOAD_BYTES_MAX: usize = 4 << 20;

/// Peers that this process has been so far.
static PEERS: AtomicU64 = AtomicU64::new(0);

/// Clients of an automerge-repo server, stock or members of a circle.
#[derive(Debug)]
pub(crate) struct Automerge {
    documents: HashMap<usize, Document>,
    numbers: HashMap<String, usize>,
    peers: HashMap<Conn, Peer>,
    member: Option<Member>,
}

#[derive(Debug)]
struct Document {
    content: Content,
    /// How many edits lead to a head, by its first bytes.
    counts: HashMap<[u8; 8], usize>,
}

#[derive(Debug)]
enum Content {
    Typed {
        typist: Box<Typist>,
        edits: Vec<Edit>,
    },
    Whole {
        bytes: Vec<u8>,
        heads: Vec<u8>,
    },
}

#[derive(Debug, Default)]
struct Peer {
    name: String,
    server: String,
    documents: HashMap<usize, Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// Edits that this peer has.
    has: usize,
    /// Edits that the server said it has.
    confirmed: usize,
    is_writer: bool,
    /// Heads that were asked for already.
    asked: Vec<u8>,
}

impl Automerge {
    pub(crate) fn stock() -> Automerge {
        Automerge {
            documents: HashMap::new(),
            numbers: HashMap::new(),
            peers: HashMap::new(),
            member: None,
        }
    }

    /// Members of a circle who prove their key and sign what they write.
    pub(crate) fn member(member: Member) -> Automerge {
        Automerge {
            member: Some(member),
            ..Automerge::stock()
        }
    }

    fn document(&mut self, number: usize, name: &str) -> &mut Document {
        if !self.documents.contains_key(&number) {
            let document = match &self.member {
                Some(member) => Document::typed(member.typist()),
                None => {
                    let mut actor = [0; 16];
                    let hash = *blake3::hash(name.as_bytes()).as_bytes();
                    actor.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
                    let (typist, first) = Typist::start(&actor);
                    Document::typed((typist, vec![first]))
                }
            };
            self.documents.insert(number, document);
        }
        self.numbers.entry(name.to_owned()).or_insert(number);
        self.documents.entry(number).or_insert_with(Document::none)
    }

    fn take_in(
        &mut self,
        conn: Conn,
        number: usize,
        frame: &Frame<'_>,
        out: &mut Outbox,
        news: &mut Vec<News>,
    ) -> Option<()> {
        let said = Message::read(frame.data)?;
        let document = self.documents.get(&number)?;
        let peer = self.peers.get_mut(&conn)?;
        let held = peer.documents.entry(number).or_default();
        news.push(News::Answered { document: number });
        let known = document.count(said.heads);
        if held.is_writer {
            if let Some(to) = known {
                held.confirmed = held.confirmed.max(to);
                news.push(News::Confirmed {
                    document: number,
                    to,
                });
            }
            // A server that has nothing of it asks, or shows empty hands.
            if !said.need.is_empty() || (said.heads.is_empty() && held.confirmed == 0) {
                let upto = held.has;
                for data in document.upload(upto) {
                    out.send(&wire::sync(
                        "sync",
                        &peer.name,
                        &peer.server,
                        frame.document,
                        &data,
                    ));
                }
            }
            return Some(());
        }
        let reply = if said.change_bytes > 0 {
            let to = known.unwrap_or(held.has);
            if to > held.has {
                let from = held.has;
                news.push(News::Seen {
                    document: number,
                    from,
                    to,
                });
                held.has = to;
            }
            acknowledgement(said.heads)
        } else if known.is_some_and(|to| to > held.has) && held.asked != said.heads {
            said.heads.clone_into(&mut held.asked);
            question(said.heads)
        } else {
            return Some(());
        };
        out.send(&wire::sync(
            "sync",
            &peer.name,
            &peer.server,
            frame.document,
            &reply,
        ));
        Some(())
    }
}

impl Document {
    fn typed((typist, edits): (Typist, Vec<Edit>)) -> Document {
        let mut document = Document {
            counts: HashMap::new(),
            content: Content::Typed {
                typist: Box::new(typist),
                edits: Vec::new(),
            },
        };
        for edit in edits {
            document.push(edit);
        }
        document
    }

    fn none() -> Document {
        Document {
            content: Content::Whole {
                bytes: Vec::new(),
                heads: Vec::new(),
            },
            counts: HashMap::new(),
        }
    }

    fn push(&mut self, edit: Edit) {
        if let Content::Typed { edits, .. } = &mut self.content {
            self.counts.insert(short(&edit.hash), edits.len() + 1);
            edits.push(edit);
        }
    }

    /// Types until there are so many edits.
    fn grow(&mut self, count: usize) {
        while let Content::Typed { typist, edits } = &mut self.content {
            if edits.len() >= count {
                return;
            }
            let edit = typist.letter();
            self.push(edit);
        }
    }

    fn count(&self, heads: &[u8]) -> Option<usize> {
        let counts = heads.chunks(32).map(|head| self.counts.get(&short(head)));
        counts.flatten().max().copied()
    }

    fn heads(&self, count: usize) -> &[u8] {
        match &self.content {
            Content::Whole { heads, .. } => heads,
            Content::Typed { edits, .. } => count
                .checked_sub(1)
                .and_then(|last| edits.get(last))
                .map_or(&[], |edit| &edit.hash),
        }
    }

    /// Messages that bring the first `count` edits.
    fn upload(&self, count: usize) -> Vec<Vec<u8>> {
        match &self.content {
            Content::Whole { bytes, heads } => {
                vec![message(0x43, heads, &[], &[], &[], &[bytes])]
            }
            Content::Typed { edits, .. } => {
                let mut messages = Vec::new();
                let mut parts: Vec<&[u8]> = Vec::new();
                let mut bytes = 0;
                for (at, edit) in edits.iter().take(count).enumerate() {
                    bytes += edit.bytes.len();
                    parts.push(&edit.bytes);
                    if bytes > UPLOAD_BYTES_MAX || at + 1 == count {
                        messages.push(message(0x43, &edit.hash, &[], &[], &[], &parts));
                        parts.clear();
                        bytes = 0;
                    }
                }
                messages
            }
        }
    }
}

impl Protocol for Automerge {
    fn path(&self, _name: &str) -> String {
        let path = if self.member.is_some() { "/sync" } else { "/" };
        path.to_owned()
    }

    fn hello(&mut self, conn: Conn, out: &mut Outbox, _news: &mut Vec<News>) {
        // A name that was used a moment ago may still count as connected.
        let number = PEERS.fetch_add(1, Ordering::Relaxed);
        let name = match &self.member {
            Some(member) => member.peer_name(number),
            None => format!("load-{number}"),
        };
        match &self.member {
            Some(member) => out.send(&member.join(&name)),
            None => out.send(&wire::join(&name)),
        }
        let peer = Peer {
            name,
            ..Peer::default()
        };
        self.peers.insert(conn, peer);
    }

    fn whole(&mut self, document: usize, bytes: Vec<u8>, heads: Vec<u8>) {
        let counts = HashMap::from([(short(&heads), 1)]);
        let content = Content::Whole { bytes, heads };
        self.documents
            .insert(document, Document { content, counts });
    }

    fn expect(&mut self, number: usize, name: &str, count: usize) {
        self.document(number, name).grow(count);
    }

    fn join(&mut self, conn: Conn, number: usize, name: &str, has: usize, out: &mut Outbox) {
        let document = self.document(number, name);
        document.grow(has);
        let heads = document.heads(has).to_vec();
        let Some(peer) = self.peers.get_mut(&conn) else {
            return;
        };
        let held = peer.documents.entry(number).or_default();
        held.has = has;
        let (kind, data) = if has == 0 {
            ("request", wire::NOTHING.to_vec())
        } else {
            // As after a break: the heads both had are all that is left of the state.
            ("sync", message(0x42, &heads, &[], &heads, &[], &[]))
        };
        out.send(&wire::sync(kind, &peer.name, &peer.server, name, &data));
    }

    fn upload(&mut self, conn: Conn, number: usize, name: &str, count: usize, out: &mut Outbox) {
        let document = self.document(number, name);
        document.grow(count);
        let heads = document.heads(count).to_vec();
        let Some(peer) = self.peers.get_mut(&conn) else {
            return;
        };
        let held = Held {
            has: count,
            is_writer: true,
            ..Held::default()
        };
        peer.documents.insert(number, held);
        if let Some(member) = &self.member {
            let document = self.documents.get(&number);
            let edits = document.map(Document::edits).unwrap_or_default();
            if let Some(frame) = member.frontier(edits, count) {
                out.send(&frame);
            }
        }
        let data = message(0x42, &heads, &[], &[], &[], &[]);
        out.send(&wire::sync("sync", &peer.name, &peer.server, name, &data));
    }

    fn write(
        &mut self,
        conn: Conn,
        number: usize,
        name: &str,
        first: usize,
        count: usize,
        out: &mut Outbox,
    ) {
        let document = self.document(number, name);
        document.grow(first + count);
        let Some(document) = self.documents.get(&number) else {
            return;
        };
        let Some(peer) = self.peers.get_mut(&conn) else {
            return;
        };
        let Some(held) = peer.documents.get_mut(&number) else {
            return;
        };
        held.has = held.has.max(first + count);
        let edits = document.edits();
        let new: Vec<&[u8]> = edits
            .iter()
            .skip(first)
            .take(count)
            .map(|edit| edit.bytes.as_slice())
            .collect();
        let since: Vec<Hash> = edits
            .iter()
            .take(first + count)
            .skip(held.confirmed)
            .map(|edit| edit.hash)
            .collect();
        if let Some(member) = &self.member
            && let Some(frame) = member.frontier(edits, first + count)
        {
            out.send(&frame);
        }
        let heads = document.heads(first + count);
        let last_sync = document.heads(held.confirmed);
        let data = message(0x43, heads, &[], last_sync, &since, &new);
        out.send(&wire::sync("sync", &peer.name, &peer.server, name, &data));
    }

    fn frame(&mut self, conn: Conn, bytes: &[u8], out: &mut Outbox, news: &mut Vec<News>) {
        let Some(frame) = Frame::read(bytes) else {
            return;
        };
        match frame.kind {
            "peer" => {
                if let Some(peer) = self.peers.get_mut(&conn) {
                    frame.sender.clone_into(&mut peer.server);
                }
                match &self.member {
                    Some(member) => {
                        for answer in member.prove(bytes) {
                            out.send(&answer);
                        }
                    }
                    None => news.push(News::Ready),
                }
            }
            // The node holds the circle too: from here on it takes documents.
            "smallwin/circles" => news.push(News::Ready),
            "sync" => {
                if let Some(number) = self.numbers.get(frame.document).copied() {
                    self.take_in(conn, number, &frame, out, news);
                }
            }
            "doc-unavailable" => {
                if let Some(number) = self.numbers.get(frame.document).copied() {
                    news.push(News::Answered { document: number });
                }
            }
            _ => {}
        }
    }
}

impl Document {
    fn edits(&self) -> &[Edit] {
        match &self.content {
            Content::Typed { edits, .. } => edits,
            Content::Whole { .. } => &[],
        }
    }
}

fn short(hash: &[u8]) -> [u8; 8] {
    hash.first_chunk().copied().unwrap_or_default()
}
