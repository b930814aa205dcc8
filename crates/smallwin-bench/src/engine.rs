//! The hot path of the engine without sockets and disk: an edit goes in, frames to all readers come out, each answers.
//!
//! Time is that of [`Engine::handle`] alone; what is to be kept is answered at once. `count` does one fixed amount of
//! work for callgrind, so that a regression shows on a noisy machine too.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use smallwin_circle::{SealingKey, SigningKey};
use smallwin_sync::{
    Boot, Config, ConnId, Effect, Engine, Event, Millis, Opened, Side, Space, StoredDocument,
    limits::Limits,
};

use crate::typist::{Edit, Hash, Typist};
use crate::wire::{self, Frame, Message, acknowledgement, message};

/// Changes the document has before the first edit that counts.
const HISTORIES: [usize; 4] = [100, 2_000, 10_000, 40_000];
const READERS: [usize; 3] = [1, 50, 200];
/// Edits of one measurement; fewer when the time is over before.
const EDITS: usize = 200;
const TIME_MAX: Duration = Duration::from_secs(3);
/// Edits that warm up and do not count.
const WARM: usize = 5;

const DOCUMENT: [u8; 16] = [5; 16];
const WRITER: ConnId = ConnId(1);
const MICRO: f64 = 1e6;

/// `engine` prints the table of times, `engine count HISTORY READERS EDITS` does a fixed amount of work.
pub(crate) fn command(arguments: &[String]) -> Result<()> {
    match arguments {
        [] => run(),
        [word, history, readers, edits] if word == "count" => {
            count(history.parse()?, readers.parse()?, edits.parse()?)
        }
        _ => bail!("`engine` takes nothing, or: count HISTORY READERS EDITS"),
    }
}

/// Prints the time per edit, and per edit and reader, for each history and number of readers.
fn run() -> Result<()> {
    println!("engine alone, open space, one letter per edit, every reader acknowledges each frame");
    println!(
        "{:>8} {:>8} {:>8} {:>14} {:>20} {:>8}",
        "history", "readers", "edits", "µs per edit", "µs per edit, reader", "frames"
    );
    for history in HISTORIES {
        for readers in READERS {
            let mut bench = Bench::start(history, readers)?;
            let Measured {
                edits,
                time,
                frames,
            } = bench.measure()?;
            let each = time.as_secs_f64() * MICRO / edits as f64;
            println!(
                "{history:>8} {readers:>8} {edits:>8} {each:>14.1} {:>20.2} {:>8.1}",
                each / readers as f64,
                frames as f64 / edits as f64,
            );
        }
    }
    Ok(())
}

/// Does `edits` edits after the start; the difference of two counts is the hot path.
fn count(history: usize, readers: usize, edits: usize) -> Result<()> {
    let mut bench = Bench::start(history, readers)?;
    for _ in 0..edits {
        bench.edit()?;
    }
    Ok(())
}

struct Measured {
    edits: usize,
    time: Duration,
    frames: u64,
}

struct Bench {
    engine: Engine,
    now: u64,
    time: Duration,
    typist: Typist,
    node: String,
    document: String,
    /// Each connection: the name it goes by, and the heads it has.
    peers: BTreeMap<ConnId, (String, Vec<u8>)>,
    events: VecDeque<Event>,
    history: Vec<Edit>,
    /// Hashes of the writer that the engine did not acknowledge yet.
    since: Vec<Hash>,
    frames: u64,
}

impl Bench {
    fn start(history: usize, readers: usize) -> Result<Bench> {
        let config = Config {
            node_key: SigningKey::from_seed([1; 32]),
            device_key: SigningKey::from_seed([2; 32]),
            sealing: SealingKey::from_seed([3; 32]).public(),
            authorities: vec!["127.0.0.1:7171".to_owned()],
            first_changes: BTreeMap::new(),
            open_space: true,
            limits: Limits::default(),
        };
        let (mut typist, first) = Typist::start(&[9; 16]);
        let mut edits = vec![first];
        edits.extend((1..history.max(1)).map(|_| typist.letter()));
        let mut bench = Bench {
            engine: Engine::new(config, Boot::default())?,
            now: 1_790_000_000_000,
            time: Duration::ZERO,
            typist,
            node: String::new(),
            document: bs58::encode(DOCUMENT).with_check().into_string(),
            peers: BTreeMap::new(),
            events: VecDeque::new(),
            history: edits,
            since: Vec::new(),
            frames: 0,
        };
        bench.open(WRITER)?;
        let head = bench.history.last().context("a history")?.hash;
        let hashes: Vec<Hash> = bench.history.iter().map(|edit| edit.hash).collect();
        bench.say(
            WRITER,
            "sync",
            &message(0x42, &head, &[], &[], &hashes, &[]),
        )?;
        for reader in 0..readers {
            let conn = ConnId(2 + reader as u64);
            bench.open(conn)?;
            bench.say(conn, "request", &wire::NOTHING)?;
        }
        for (conn, (_, heads)) in &bench.peers {
            if heads != &head && *conn != WRITER {
                bail!("reader {} did not get the document", conn.0);
            }
        }
        Ok(bench)
    }

    fn open(&mut self, conn: ConnId) -> Result<()> {
        let opened = Opened {
            conn,
            side: Side::Listener,
            space: Space::Open,
            channel: String::new(),
            nonce: [8; 32],
            peer_nonce: conn.0.to_be_bytes(),
            expect: None,
            invites: Vec::new(),
        };
        let name = format!("peer-{}", conn.0);
        let join = wire::join(&name);
        self.peers.insert(conn, (name, Vec::new()));
        self.events.push_back(Event::Opened(Box::new(opened)));
        self.events.push_back(Event::Frame { conn, bytes: join });
        self.settle()
    }

    fn say(&mut self, conn: ConnId, kind: &str, data: &[u8]) -> Result<()> {
        self.queue(conn, kind, data)?;
        self.settle()
    }

    fn queue(&mut self, conn: ConnId, kind: &str, data: &[u8]) -> Result<()> {
        let (name, _) = self.peers.get(&conn).context("a known peer")?;
        let bytes = wire::sync(kind, name, &self.node, &self.document, data);
        self.events.push_back(Event::Frame { conn, bytes });
        Ok(())
    }

    fn measure(&mut self) -> Result<Measured> {
        for _ in 0..WARM {
            self.edit()?;
        }
        (self.time, self.frames) = (Duration::ZERO, 0);
        let mut edits = 0;
        while edits < EDITS && self.time < TIME_MAX {
            self.edit()?;
            edits += 1;
        }
        Ok(Measured {
            edits,
            time: self.time,
            frames: self.frames,
        })
    }

    /// One letter, until every reader has it and said so.
    fn edit(&mut self) -> Result<()> {
        let edit = self.typist.letter();
        self.since.push(edit.hash);
        let (_, acknowledged) = self.peers.get(&WRITER).context("the writer")?;
        let data = message(
            0x43,
            &edit.hash,
            &[],
            acknowledged,
            &self.since,
            &[&edit.bytes],
        );
        self.now += 100;
        self.say(WRITER, "sync", &data)?;
        for (conn, (_, heads)) in &self.peers {
            if heads != &edit.hash {
                bail!("peer {} did not hear of an edit", conn.0);
            }
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<()> {
        while let Some(event) = self.events.pop_front() {
            let begin = clock();
            let effects = self.engine.handle(Millis(self.now), event);
            self.time += begin.elapsed();
            for effect in effects {
                self.carry_out(effect)?;
            }
        }
        Ok(())
    }

    fn carry_out(&mut self, effect: Effect) -> Result<()> {
        match effect {
            Effect::Send { conn, bytes } => {
                self.frames += 1;
                self.received(conn, &bytes)?;
            }
            Effect::Keep { ticket, .. } => self.events.push_back(Event::Kept { ticket }),
            Effect::Load { document } => self.events.push_back(Event::Loaded {
                document,
                stored: Ok(StoredDocument::default()),
            }),
            // It runs beside the engine, on threads of its own: its time is not the engine's.
            Effect::Work { job, work } => {
                let done = work.run();
                self.events.push_back(Event::Worked { job, done });
            }
            Effect::Close { conn, reason, .. } => {
                bail!("connection {} was closed: {reason}", conn.0)
            }
            _ => {}
        }
        Ok(())
    }

    fn received(&mut self, conn: ConnId, bytes: &[u8]) -> Result<()> {
        let frame = Frame::read(bytes).context("a frame that can be read")?;
        match frame.kind {
            "peer" => frame.sender.clone_into(&mut self.node),
            "sync" => {
                let message = Message::read(frame.data).context("a message that can be read")?;
                if conn == WRITER {
                    self.writer_heard(&message)?;
                } else if message.change_bytes > 0 {
                    let (_, heads) = self.peers.get_mut(&conn).context("a known peer")?;
                    *heads = message.heads.to_vec();
                    self.queue(conn, "sync", &acknowledgement(message.heads))?;
                } else if !message.heads.is_empty() {
                    let (_, heads) = self.peers.get(&conn).context("a known peer")?;
                    if heads != message.heads {
                        self.queue(conn, "sync", &wire::question(message.heads))?;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn writer_heard(&mut self, said: &Message<'_>) -> Result<()> {
        if said.heads.is_empty() && !self.history.is_empty() {
            let edits = std::mem::take(&mut self.history);
            let bytes: Vec<&[u8]> = edits.iter().map(|edit| edit.bytes.as_slice()).collect();
            let head = edits.last().context("a history")?.hash;
            let hashes: Vec<Hash> = edits.iter().map(|edit| edit.hash).collect();
            return self.queue(
                WRITER,
                "sync",
                &message(0x43, &head, &[], &[], &hashes, &bytes),
            );
        }
        let (_, heads) = self.peers.get_mut(&WRITER).context("the writer")?;
        *heads = said.heads.to_vec();
        if self.since.last().is_some_and(|last| last == said.heads) {
            self.since.clear();
        }
        Ok(())
    }
}

#[allow(clippy::disallowed_methods, reason = "a benchmark looks at the clock")]
fn clock() -> Instant {
    Instant::now()
}
