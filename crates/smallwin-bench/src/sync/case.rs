//! One server, its clients, and what it cost in a span of time.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use tempfile::TempDir;

use super::clock::now;
use super::load::net::Conn;
use super::load::world::{DocumentNumber, World};
use super::process;
use super::server::{Kind, Programs, Server};

/// Edits per second of a team that writes: what one fast writer makes in bursts.
pub(crate) const EDITS_PER_SECOND: u32 = 10;
/// How long one step of a preparation may take.
pub(crate) const PREPARE_MAX: Duration = Duration::from_secs(120);

/// Figures of one run by name.
pub(crate) type Figures = BTreeMap<&'static str, f64>;

/// What every run of the comparison shares.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) programs: Programs,
    /// A folder on the disk that is measured.
    pub(crate) folder: PathBuf,
    pub(crate) is_quick: bool,
    pub(crate) runs: AtomicU64,
}

impl Bench {
    /// How long the steady part of a run lasts.
    pub(crate) fn window(&self) -> Duration {
        Duration::from_secs(if self.is_quick { 3 } else { 10 })
    }

    /// A quick figure or the full one.
    pub(crate) fn choose<T>(&self, quick: T, full: T) -> T {
        if self.is_quick { quick } else { full }
    }

    /// A fresh server on an empty folder.
    pub(crate) fn start(&self, kind: Kind) -> Result<Case> {
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        let folder = tempfile::Builder::new()
            .prefix(&format!("{}-", kind.name()))
            .tempdir_in(&self.folder)?;
        let data = folder.path().join("data");
        std::fs::create_dir(&data)?;
        let server = Server::start(&self.programs, kind, &data)?;
        let salt = u64::from(std::process::id()) << 32 | run;
        let world = World::new(server.protocol()?, server.port, salt)?;
        Ok(Case {
            server,
            world,
            _folder: folder,
        })
    }
}

/// A server with its clients.
pub(crate) struct Case {
    pub(crate) server: Server,
    pub(crate) world: World,
    _folder: TempDir,
}

/// A document with one writer and its readers, all of whom have it.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) document: DocumentNumber,
    pub(crate) writer: Conn,
}

impl Case {
    /// A document with so many edits and readers.
    pub(crate) fn room(&mut self, history: usize, readers: usize) -> Result<Room> {
        let document = match self.server.kind.has_one_document() {
            true => self.world.named(self.server.member()?.document()),
            false => self.world.document(),
        };
        let writer = self.world.connect(1, document)?.pop().unwrap_or_default();
        // The relay keeps nothing: who is not there when it is written does not get it.
        let early = self.server.kind.is_relay();
        if early {
            self.open(document, readers)?;
            let all = readers as u64;
            self.world
                .until("every reader is known", PREPARE_MAX, |world| {
                    world.answers(document) >= all
                })?;
        }
        self.world.upload(writer, document, history);
        if !self.server.kind.is_yjs() {
            self.world
                .until("the server has the document", PREPARE_MAX, |world| {
                    world.confirmed(document) >= history
                })?;
        }
        if !early {
            self.open(document, readers)?;
        }
        self.world
            .until("every reader has the document", PREPARE_MAX, |world| {
                world.complete(document) >= history
            })?;
        Ok(Room { document, writer })
    }

    fn open(&mut self, document: DocumentNumber, readers: usize) -> Result<()> {
        for conn in self.world.connect(readers, document)? {
            self.world.join(conn, document, 0);
        }
        self.world.turn(Duration::from_millis(1))
    }

    /// Ends the server in order, starts it again, and gives it new clients that know the same documents.
    pub(crate) fn restart(self) -> Result<Case> {
        let Case {
            mut server,
            mut world,
            _folder,
        } = self;
        world.net.close_all();
        server.stop()?;
        server.start_again()?;
        server.wait_until_up()?;
        let world = world.again(server.protocol()?, server.port)?;
        Ok(Case {
            server,
            world,
            _folder,
        })
    }

    /// Writes at a steady pace for a time, then waits until all is seen; returns how many edits it wrote.
    pub(crate) fn write_steadily(
        &mut self,
        room: &Room,
        per_second: u32,
        time: Duration,
    ) -> Result<usize> {
        let begin = now();
        let edits = (time.as_secs_f64() * f64::from(per_second)).ceil().max(1.0) as usize;
        for edit in 0..edits {
            let due = Duration::from_secs_f64(edit as f64 / f64::from(per_second));
            self.world.pass(due.saturating_sub(begin.elapsed()))?;
            self.world.write(room.writer, room.document);
        }
        let all = self.world.written(room.document);
        self.world
            .until("every reader sees the last edit", PREPARE_MAX, |world| {
                world.complete(room.document) >= all
            })?;
        Ok(edits)
    }

    /// Begins to count what the server and the load generator use.
    pub(crate) fn meter(&self) -> Meter {
        Meter {
            pid: self.server.pid(),
            begin: now(),
            server_us: process::cpu_us(self.server.pid()),
            load_us: process::cpu_us(std::process::id()),
            messages: self.world.net.messages,
            bytes_in: self.world.net.bytes_in,
        }
    }
}

/// What was used before a span of time.
#[derive(Debug)]
pub(crate) struct Meter {
    pid: u32,
    begin: Instant,
    server_us: f64,
    load_us: f64,
    messages: u64,
    bytes_in: u64,
}

/// What a span of time cost.
#[derive(Debug)]
pub(crate) struct Used {
    pub(crate) seconds: f64,
    pub(crate) server_us: f64,
    pub(crate) load_us: f64,
    pub(crate) messages: f64,
    pub(crate) bytes_in: f64,
}

impl Meter {
    pub(crate) fn used(&self, case: &Case) -> Used {
        Used {
            seconds: self.begin.elapsed().as_secs_f64(),
            server_us: process::cpu_us(self.pid) - self.server_us,
            load_us: process::cpu_us(std::process::id()) - self.load_us,
            messages: (case.world.net.messages - self.messages) as f64,
            bytes_in: (case.world.net.bytes_in - self.bytes_in) as f64,
        }
    }
}

impl Used {
    /// What a message cost on both sides: the load generator must be the cheaper one.
    pub(crate) fn note(&self, figures: &mut Figures) {
        figures.insert("server_us_per_message", self.server_us / self.messages);
        figures.insert("load_us_per_message", self.load_us / self.messages);
    }
}

/// The value below which this part of ascending values lies.
pub(crate) fn quantile(ascending: &[f64], part: f64) -> f64 {
    let at = (ascending.len() as f64 * part).ceil() as usize;
    let at = at.saturating_sub(1).min(ascending.len().saturating_sub(1));
    ascending.get(at).copied().unwrap_or(f64::NAN)
}
