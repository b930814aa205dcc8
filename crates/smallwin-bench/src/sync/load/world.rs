//! Connections, documents, and who has seen which edit when.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::net::{Conn, Net, Outbox};
use super::protocol::{News, Protocol};
use crate::sync::clock::now;

/// A dial or a handshake that takes longer has failed.
const HANDSHAKE_MAX: Duration = Duration::from_secs(20);
/// How long one wait for news lasts at most; what waits is looked at after it.
const TURN: Duration = Duration::from_millis(20);

/// A document by its number.
pub(crate) type DocumentNumber = usize;

/// All that one load does to one server.
pub(crate) struct World {
    pub(crate) net: Net,
    protocol: Box<dyn Protocol>,
    port: u16,
    patience: Duration,
    /// Makes the names of one run other than those of the next.
    salt: u64,
    names: Vec<String>,
    tracks: Vec<Track>,
    ready: Vec<bool>,
    news: Vec<News>,
}

/// What is known about one document.
#[derive(Debug, Default)]
struct Track {
    /// Edits that were written.
    written: usize,
    sent: Vec<Option<Instant>>,
    /// How many readers have seen each edit.
    counts: Vec<u32>,
    /// When the last of them saw it.
    done: Vec<Option<Instant>>,
    readers: u32,
    complete: usize,
    confirmed: usize,
    delivered: u64,
    answers: u64,
}

impl World {
    pub(crate) fn new(protocol: Box<dyn Protocol>, port: u16, salt: u64) -> Result<World> {
        Ok(World {
            net: Net::new()?,
            protocol,
            port,
            patience: HANDSHAKE_MAX,
            salt,
            names: Vec::new(),
            tracks: Vec::new(),
            ready: Vec::new(),
            news: Vec::new(),
        })
    }

    /// One that gives up sooner when a handshake is not answered.
    pub(crate) fn with_patience(self, patience: Duration) -> World {
        World { patience, ..self }
    }

    /// The same documents, seen from new clients.
    pub(crate) fn again(self, protocol: Box<dyn Protocol>, port: u16) -> Result<World> {
        let tracks = self.names.iter().map(|_| Track::default()).collect();
        Ok(World {
            names: self.names,
            tracks,
            ..World::new(protocol, port, self.salt)?
        })
    }

    /// A new document with a name of its own.
    pub(crate) fn document(&mut self) -> DocumentNumber {
        let seed = [
            self.salt.to_le_bytes(),
            (self.names.len() as u64).to_le_bytes(),
        ]
        .concat();
        let mut id = [0; 16];
        let hash = *blake3::hash(&seed).as_bytes();
        id.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        self.named(bs58::encode(id).with_check().into_string())
    }

    /// A document with a given name.
    pub(crate) fn named(&mut self, name: String) -> DocumentNumber {
        self.names.push(name);
        self.tracks.push(Track::default());
        self.names.len() - 1
    }

    /// A document by the name that other clients gave it, with so many edits.
    pub(crate) fn known(&mut self, name: String, count: usize) -> DocumentNumber {
        let document = self.named(name.clone());
        self.protocol.expect(document, &name, count);
        document
    }

    pub(crate) fn name(&self, document: DocumentNumber) -> &str {
        self.names.get(document).map_or("", String::as_str)
    }

    /// What makes its names its own.
    pub(crate) fn salt(&self) -> u64 {
        self.salt
    }

    pub(crate) fn documents_per_conn_max(&self) -> usize {
        self.protocol.documents_per_conn_max()
    }

    /// Makes a document of these bytes; it counts as one edit.
    pub(crate) fn whole(&mut self, document: DocumentNumber, bytes: Vec<u8>, heads: Vec<u8>) {
        self.protocol.whole(document, bytes, heads);
    }

    /// Opens sockets for a document, and waits until each handshake is answered.
    pub(crate) fn connect(&mut self, count: usize, document: DocumentNumber) -> Result<Vec<Conn>> {
        let path = self.protocol.path(self.name(document));
        let mut conns = Vec::with_capacity(count);
        for _ in 0..count {
            let conn = self.net.dial(self.port, &path, self.patience)?;
            self.ready.resize(conn + 1, false);
            let mut out = Outbox::default();
            let mut news = Vec::new();
            self.protocol.hello(conn, &mut out, &mut news);
            self.net.queue(conn, out);
            if let Some(ready) = self.ready.get_mut(conn) {
                *ready = news.contains(&News::Ready);
            }
            conns.push(conn);
            // Sockets that were answered while others are dialled must not pile up.
            self.turn(Duration::ZERO)?;
        }
        let waiting = conns.clone();
        self.until("every handshake is answered", self.patience, move |world| {
            waiting
                .iter()
                .all(|conn| world.ready.get(*conn).copied().unwrap_or(false))
        })?;
        Ok(conns)
    }

    /// Opens a document on a connection that has its first `has` edits; one that has none counts as a reader.
    pub(crate) fn join(&mut self, conn: Conn, document: DocumentNumber, has: usize) {
        let name = self.name(document).to_owned();
        if let Some(track) = self.tracks.get_mut(document)
            && has == 0
        {
            track.readers += 1;
            track.complete = 0;
        }
        let mut out = Outbox::default();
        self.protocol.join(conn, document, &name, has, &mut out);
        self.net.queue(conn, out);
    }

    /// Lets a connection bring a new document with this many edits.
    pub(crate) fn upload(&mut self, conn: Conn, document: DocumentNumber, count: usize) {
        let name = self.name(document).to_owned();
        if let Some(track) = self.tracks.get_mut(document) {
            track.written = count;
        }
        let mut out = Outbox::default();
        self.protocol.upload(conn, document, &name, count, &mut out);
        self.net.queue(conn, out);
    }

    /// Writes one more edit; its time counts from here.
    pub(crate) fn write(&mut self, conn: Conn, document: DocumentNumber) {
        let name = self.name(document).to_owned();
        let Some(track) = self.tracks.get_mut(document) else {
            return;
        };
        let first = track.written;
        track.written += 1;
        track.sent.resize(track.written, None);
        let mut out = Outbox::default();
        self.protocol
            .write(conn, document, &name, first, 1, &mut out);
        if let Some(sent) = track.sent.last_mut() {
            *sent = Some(now());
        }
        self.net.queue(conn, out);
    }

    /// Waits for news for up to `wait`.
    pub(crate) fn turn(&mut self, wait: Duration) -> Result<()> {
        let World {
            net,
            protocol,
            tracks,
            ready,
            news,
            ..
        } = self;
        net.turn(wait, |conn, bytes, out| {
            protocol.frame(conn, bytes, out, news);
            for news in news.drain(..) {
                match news {
                    News::Ready => {
                        if let Some(ready) = ready.get_mut(conn) {
                            *ready = true;
                        }
                    }
                    News::Seen { document, from, to } => {
                        if let Some(track) = tracks.get_mut(document) {
                            track.seen(from, to);
                        }
                    }
                    News::Confirmed { document, to } => {
                        if let Some(track) = tracks.get_mut(document) {
                            track.confirmed = track.confirmed.max(to);
                        }
                    }
                    News::Answered { document } => {
                        if let Some(track) = tracks.get_mut(document) {
                            track.answers += 1;
                        }
                    }
                }
            }
        })
    }

    /// Goes on until a condition holds.
    pub(crate) fn until(
        &mut self,
        what: &str,
        limit: Duration,
        mut holds: impl FnMut(&mut World) -> bool,
    ) -> Result<()> {
        let begin = now();
        while !holds(self) {
            if begin.elapsed() > limit {
                bail!("waited {limit:?} for: {what}");
            }
            self.turn(TURN)?;
        }
        Ok(())
    }

    /// Goes on for a time.
    pub(crate) fn pass(&mut self, time: Duration) -> Result<()> {
        let begin = now();
        while begin.elapsed() < time {
            self.turn((time - begin.elapsed().min(time)).min(TURN))?;
        }
        Ok(())
    }

    pub(crate) fn written(&self, document: DocumentNumber) -> usize {
        self.tracks.get(document).map_or(0, |track| track.written)
    }

    /// Edits that the server said it has.
    pub(crate) fn confirmed(&self, document: DocumentNumber) -> usize {
        self.tracks.get(document).map_or(0, |track| track.confirmed)
    }

    /// Edits that every reader has.
    pub(crate) fn complete(&mut self, document: DocumentNumber) -> usize {
        let Some(track) = self.tracks.get_mut(document) else {
            return 0;
        };
        while track
            .counts
            .get(track.complete)
            .is_some_and(|count| *count >= track.readers)
        {
            track.complete += 1;
        }
        track.complete
    }

    /// Edits that reached readers, summed over them.
    pub(crate) fn delivered(&self, document: DocumentNumber) -> u64 {
        self.tracks.get(document).map_or(0, |track| track.delivered)
    }

    /// Answers of the server about a document.
    pub(crate) fn answers(&self, document: DocumentNumber) -> u64 {
        self.tracks.get(document).map_or(0, |track| track.answers)
    }

    /// Milliseconds from writing to the last reader's sight, of each edit from `first` on that all have; ascending.
    pub(crate) fn latencies(&self, document: DocumentNumber, first: usize) -> Vec<f64> {
        let Some(track) = self.tracks.get(document) else {
            return Vec::new();
        };
        let mut times: Vec<f64> = track
            .sent
            .iter()
            .zip(&track.done)
            .skip(first)
            .filter_map(|(sent, done)| Some((*done)?.duration_since((*sent)?).as_secs_f64() * 1e3))
            .collect();
        times.sort_by(f64::total_cmp);
        times
    }

    /// Writes one edit and waits until every reader has it.
    pub(crate) fn write_and_see(
        &mut self,
        conn: Conn,
        document: DocumentNumber,
        limit: Duration,
    ) -> Result<()> {
        self.write(conn, document);
        let all = self.written(document);
        self.until("every reader sees the edit", limit, move |world| {
            world.complete(document) >= all
        })
    }
}

impl Track {
    fn seen(&mut self, from: usize, to: usize) {
        self.delivered += (to - from) as u64;
        if self.counts.len() < to {
            self.counts.resize(to, 0);
            self.done.resize(to, None);
        }
        let time = now();
        let seen = self.counts.iter_mut().zip(&mut self.done);
        for (count, done) in seen.take(to).skip(from) {
            *count += 1;
            if *count >= self.readers {
                *done = Some(time);
            }
        }
    }
}
