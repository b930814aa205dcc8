//! The servers that are compared, as processes of their own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use smallwin_circle::{CircleId, InviteLink, SigningKey};

use super::clock::now;
use super::load::automerge::Automerge;
use super::load::member::Member;
use super::load::protocol::Protocol;
use super::load::world::World;
use super::load::yjs::Yjs;
use super::process;

/// How long a start may take.
const START_MAX: Duration = Duration::from_secs(60);
/// How long an asked end may take before the process is killed.
const STOP_MAX: Duration = Duration::from_secs(30);
/// How long an answer to a handshake is waited for before it is tried again.
const HANDSHAKE_MAX: Duration = Duration::from_millis(300);
const LOOK_AGAIN: Duration = Duration::from_micros(200);
const TITLE: &str = "bench";

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The bare relay, automerge-repo's protocol.
    Relay,
    /// Ours, in the open space.
    Ours,
    /// Ours, in a circle, every edit signed.
    Signed,
    /// samod.
    Samod,
    /// automerge-repo on Node.js.
    AutomergeRepo,
    /// The bare relay, Yjs's protocol.
    RelayYjs,
    /// y-sweet.
    YSweet,
    /// Hocuspocus on Node.js.
    Hocuspocus,
}

impl Kind {
    /// In the order in which they take their turns.
    pub(crate) const ALL: [Kind; 8] = [
        Kind::Relay,
        Kind::Ours,
        Kind::Signed,
        Kind::Samod,
        Kind::AutomergeRepo,
        Kind::RelayYjs,
        Kind::YSweet,
        Kind::Hocuspocus,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Relay => "relay",
            Kind::Ours => "ours",
            Kind::Signed => "ours-signed",
            Kind::Samod => "samod",
            Kind::AutomergeRepo => "automerge-repo",
            Kind::RelayYjs => "relay-yjs",
            Kind::YSweet => "y-sweet",
            Kind::Hocuspocus => "hocuspocus",
        }
    }

    pub(crate) fn is_relay(self) -> bool {
        matches!(self, Kind::Relay | Kind::RelayYjs)
    }

    pub(crate) fn is_yjs(self) -> bool {
        matches!(self, Kind::RelayYjs | Kind::YSweet | Kind::Hocuspocus)
    }

    /// How long it may take, by its own settings, until what it has is stored.
    pub(crate) fn stored_after(self) -> Duration {
        Duration::from_secs(match self {
            Kind::YSweet => 12,
            Kind::Hocuspocus => 3,
            _ => 1,
        })
    }

    /// Whether one document is all that it can be asked for here.
    pub(crate) fn has_one_document(self) -> bool {
        self == Kind::Signed
    }
}

/// Where the programs stand.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    /// This program.
    pub(crate) bench: PathBuf,
    pub(crate) ours: PathBuf,
    pub(crate) y_sweet: PathBuf,
    /// The folder of the servers on Node.js, with their packages.
    pub(crate) peers: PathBuf,
}

impl Programs {
    /// Why a server cannot be started here, if it cannot.
    pub(crate) fn missing(&self, kind: Kind) -> Option<String> {
        let needed = match kind {
            Kind::Relay | Kind::RelayYjs | Kind::Samod => self.bench.clone(),
            Kind::Ours | Kind::Signed => self.ours.clone(),
            Kind::YSweet => self.y_sweet.clone(),
            Kind::AutomergeRepo => self.peers.join("node_modules/@automerge/automerge-repo"),
            Kind::Hocuspocus => self
                .peers
                .join("node_modules/better-sqlite3/build/Release/better_sqlite3.node"),
        };
        (!needed.exists()).then(|| format!("{} is missing", needed.display()))
    }

    fn command(&self, kind: Kind, port: u16, folder: &Path) -> Command {
        let port = port.to_string();
        let mut command = match kind {
            Kind::Relay | Kind::RelayYjs => {
                let mut command = Command::new(&self.bench);
                command.args(["relay", &port]);
                command
            }
            Kind::Samod => {
                let mut command = Command::new(&self.bench);
                command.args(["samod", &port]).arg(folder);
                command
            }
            Kind::Ours | Kind::Signed => {
                let mut command = Command::new(&self.ours);
                let listen = format!("127.0.0.1:{port}");
                command.args([
                    "serve",
                    "--no-browser",
                    "--interop-open",
                    "--listen",
                    &listen,
                ]);
                command.env("SMALLWIN_DATA", folder);
                command
            }
            Kind::AutomergeRepo | Kind::Hocuspocus => {
                let mut command = Command::new("node");
                command
                    .arg(format!("{}.mjs", kind.name()))
                    .arg(&port)
                    .arg(folder)
                    .current_dir(&self.peers);
                command
            }
            Kind::YSweet => {
                let mut command = Command::new(&self.y_sweet);
                command.args(["serve", "--port", &port]).arg(folder);
                command
            }
        };
        command.stdin(Stdio::null());
        command
    }

    /// Runs one of our commands on a data directory to its end, and returns what it said.
    fn ours(&self, folder: &Path, arguments: &[&str]) -> Result<String> {
        let output = Command::new(&self.ours)
            .args(arguments)
            .env("SMALLWIN_DATA", folder)
            .stdin(Stdio::null())
            .output()?;
        if !output.status.success() {
            bail!(
                "`smallwin {}`: {}",
                arguments.join(" "),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// A running server; it ends without warning when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) kind: Kind,
    pub(crate) port: u16,
    pub(crate) folder: PathBuf,
    programs: Programs,
    child: Child,
    circle: Option<(SigningKey, CircleId)>,
}

impl Server {
    /// Starts a server on a folder and waits until it takes sockets.
    pub(crate) fn start(programs: &Programs, kind: Kind, folder: &Path) -> Result<Server> {
        let port = free_port()?;
        let child = spawn(programs, kind, port, folder)?;
        let mut server = Server {
            kind,
            port,
            folder: folder.to_path_buf(),
            programs: programs.clone(),
            child,
            circle: None,
        };
        server.wait_until_up()?;
        if kind == Kind::Signed {
            server.circle = Some(server.make_circle()?);
        }
        Ok(server)
    }

    /// Starts it again on the same data and port; returns when the process was made.
    pub(crate) fn start_again(&mut self) -> Result<Instant> {
        let begin = now();
        self.child = spawn(&self.programs, self.kind, self.port, &self.folder)?;
        Ok(begin)
    }

    /// Waits until a handshake is answered; some servers open their port before they can.
    pub(crate) fn wait_until_up(&mut self) -> Result<()> {
        let begin = now();
        loop {
            let mut world = World::new(self.plain_protocol(), self.port, u64::MAX)?
                .with_patience(HANDSHAKE_MAX);
            let document = world.document();
            if world.connect(1, document).is_ok() {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                let log = fs::read_to_string(log(&self.folder)).unwrap_or_default();
                bail!("{} ended at once: {status}: {log}", self.kind.name());
            }
            if begin.elapsed() > START_MAX {
                bail!("{} takes no sockets", self.kind.name());
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// Asks it to end, so that it can store what it has.
    pub(crate) fn stop(&mut self) -> Result<()> {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status()?;
        let begin = now();
        while self.child.try_wait()?.is_none() {
            if begin.elapsed() > STOP_MAX {
                return self.kill();
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        Ok(())
    }

    /// Ends it without warning.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has nothing to do any more: what it does behind is done.
    pub(crate) fn settle(&self, limit: Duration) {
        let begin = now();
        let mut before = process::cpu_us(self.pid());
        while begin.elapsed() < limit {
            std::thread::sleep(Duration::from_millis(500));
            let after = process::cpu_us(self.pid());
            if after - before < 15_000.0 {
                return;
            }
            before = after;
        }
    }

    /// Clients that can talk to it.
    pub(crate) fn protocol(&self) -> Result<Box<dyn Protocol>> {
        match &self.circle {
            Some(_) => Ok(Box::new(Automerge::member(self.member()?))),
            None => Ok(self.plain_protocol()),
        }
    }

    /// The member that the clients of a circle are.
    pub(crate) fn member(&self) -> Result<Member> {
        let (key, circle) = self.circle.as_ref().context("a circle")?;
        Member::new(key.clone(), *circle, format!("127.0.0.1:{}", self.port))
    }

    fn plain_protocol(&self) -> Box<dyn Protocol> {
        match self.kind {
            Kind::RelayYjs | Kind::YSweet => Box::new(Yjs::new(false)),
            Kind::Hocuspocus => Box::new(Yjs::new(true)),
            _ => Box::new(Automerge::stock()),
        }
    }

    fn make_circle(&self) -> Result<(SigningKey, CircleId)> {
        self.programs
            .ours(&self.folder, &["new", TITLE, "--name", "Bench"])?;
        let said = self
            .programs
            .ours(&self.folder, &["invite", TITLE, "--role", "inner"])?;
        let link = said
            .split_whitespace()
            .find(|word| word.contains("/#j="))
            .context("`invite` prints a link")?;
        let link: InviteLink = link.parse()?;
        let text = fs::read_to_string(self.folder.join("keys/device.key"))?;
        // A seed and an id share their text form: 32 bytes as base64url.
        let seed: CircleId = text.trim().parse()?;
        Ok((SigningKey::from_seed(*seed.as_bytes()), link.circle))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(programs: &Programs, kind: Kind, port: u16, folder: &Path) -> Result<Child> {
    let log = File::options()
        .create(true)
        .append(true)
        .open(log(folder))?;
    programs
        .command(kind, port, folder)
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .with_context(|| format!("{} could not be started", kind.name()))
}

/// Where a server's words go: beside its folder, which is its own.
fn log(folder: &Path) -> PathBuf {
    folder.with_extension("log")
}

fn free_port() -> Result<u16> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    Ok(listener.local_addr()?.port())
}
