//! Starts and stops a node.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use smallwin_storage::{Committer, JournalStore, Lock, Memory, OpenError, Store};
use smallwin_sync::Engine;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, broadcast, watch};
use tokio::time::{interval, timeout};
use tracing::{info, warn};

use crate::boot::{self, Stored};
use crate::config::{Config, Storage, Tls};
use crate::connections::Connections;
use crate::dialer::{Dialer, Purpose};
use crate::engine::{Core, Disk, Jobs, Parts, Wake, WakeReceiver, WakeSender, wakes};
use crate::error::StartError;
use crate::facts::Facts;
use crate::handle::Handle;
use crate::http::{Http, router};
use crate::keys::{Keys, private_folder};
use crate::limits::{NOTICE_QUEUE_MAX, SHUTDOWN_TIMEOUT, TICK};
use crate::listener::{Peers, serve};
use crate::names::Names;
use crate::node_file::{NodeFile, Written};
use crate::peer_url::PeerUrl;
use crate::progress;
use crate::restored::Restored;
use crate::stop::{Stop, Stopper, stop};
use crate::tls::{Acceptor, acceptor};

/// A running node.
#[derive(Debug)]
pub struct Node {
    handle: Handle,
    local_addr: Option<SocketAddr>,
    connections: Connections,
    wake: WakeSender,
    stop: Stopper,
    /// Ends when the engine's thread does, whatever the reason.
    engine: watch::Receiver<()>,
    committer: Committer,
    node_file: Option<Written>,
    /// Held as long as the node runs.
    lock: Option<Lock>,
}

/// Starts a node.
///
/// # Errors
/// Says what stands in the way and what to do about it; see [`StartError`].
pub async fn start(config: Config) -> Result<Node, StartError> {
    config.check_listener()?;
    // The port first: when it is in use, nothing was made yet.
    let listener = bind(&config).await?;
    let (lock, store) = open(&config).await?;
    let keys = Keys::open_or_create(&config.data)?;
    let stored = boot::read(&*store).map_err(|source| StartError::Read {
        folder: config.data.clone(),
        source,
    })?;
    let door = Door::open(&config, &keys, listener)?;
    let committer = Committer::start(store).map_err(StartError::Thread)?;
    Running {
        config,
        keys,
        door,
        lock,
        committer,
    }
    .start(stored)
}

/// The listener before anybody is let in.
struct Door {
    listener: Option<TcpListener>,
    local_addr: Option<SocketAddr>,
    tls: Option<Acceptor>,
    names: Arc<Names>,
}

impl Door {
    fn open(config: &Config, keys: &Keys, bound: Option<Bound>) -> Result<Self, StartError> {
        let tls = acceptor(&config.tls, &keys.node)?;
        let Some(Bound {
            listener,
            local_addr,
        }) = bound
        else {
            return Ok(Self {
                listener: None,
                local_addr: None,
                tls,
                names: Arc::new(Names::none()),
            });
        };
        let names = Names::new(local_addr, tls.is_some(), &config.names, &config.origins);
        Ok(Self {
            listener: Some(listener),
            local_addr: Some(local_addr),
            tls,
            names: Arc::new(names),
        })
    }

    /// What the command line on this machine dials.
    fn node_file(&self, keys: &Keys, own_key: bool) -> Option<NodeFile> {
        let port = self.local_addr?.port();
        let url = PeerUrl::loopback(port, self.tls.is_some(), Some(keys.node.public()));
        let certificate = self
            .tls
            .as_ref()
            .filter(|_| !own_key)
            .map(|tls| tls.certificate_hex());
        Some(NodeFile {
            url: url.to_string(),
            pid: std::process::id(),
            certificate,
        })
    }
}

/// Everything that was opened, ready to be put to work.
struct Running {
    config: Config,
    keys: Keys,
    door: Door,
    lock: Option<Lock>,
    committer: Committer,
}

impl Running {
    fn start(self, stored: Stored) -> Result<Node, StartError> {
        let engine = Engine::new(self.engine_config(), stored.boot)?;
        let (wake, receiver) = wakes();
        let (stop, stopping) = stop();
        let (notices, _) = broadcast::channel(NOTICE_QUEUE_MAX);
        let writable = Arc::new(AtomicBool::new(true));
        let connections = Connections::new(wake.clone(), writable.clone());
        let dialer = Dialer::new(
            connections.clone(),
            wake.clone(),
            self.config.peer_certificate,
            stopping.clone(),
            tokio::runtime::Handle::current(),
        );
        let facts = Arc::new(self.facts());
        let restored = Restored::of(&self.config.data);
        let waiting = match self.config.storage {
            Storage::Embedded => restored.waiting(),
            // The running node beside keeps the list.
            Storage::Memory => Ok(BTreeSet::new()),
        };
        let waiting = waiting.map_err(|source| StartError::Data {
            folder: self.config.data.clone(),
            source,
        })?;
        let parts = Parts {
            engine,
            disk: Disk::new(self.committer.clone(), wake.clone()),
            jobs: Jobs::new(wake.clone()),
            dialer: dialer.clone(),
            facts: facts.clone(),
            notices: notices.clone(),
            writable,
            restored: restored.clone(),
            waiting,
        };
        let engine = spawn_engine(parts, receiver)?;
        tokio::spawn(tick(wake.clone(), stopping.clone()));
        self.dial(&dialer, stored.peers);
        let node_file = self.write_node_file();
        let Self {
            config,
            keys,
            door,
            lock,
            committer,
        } = self;
        let handle = Handle::new(
            wake.clone(),
            notices,
            dialer,
            facts,
            keys,
            restored,
            config.speaks_as_device,
        );
        if let Some(listener) = door.listener {
            let peers = match config.tls {
                Tls::Proxy => Peers::BehindProxy,
                Tls::Off | Tls::OwnKey | Tls::Files { .. } => Peers::Direct,
            };
            let http = Http {
                names: door.names,
                connections: connections.clone(),
                interop_open: config.interop_open,
                peers,
            };
            let connections = connections.clone();
            tokio::spawn(serve(
                listener,
                door.tls,
                router(http),
                connections,
                peers,
                stopping,
            ));
        }
        let local_addr = door.local_addr;
        Ok(Node {
            handle,
            local_addr,
            connections,
            wake,
            stop,
            engine,
            committer,
            node_file,
            lock,
        })
    }

    fn engine_config(&self) -> smallwin_sync::Config {
        let device_key = self.keys.device.clone();
        let speaks = if self.config.speaks_as_device {
            &self.keys.device
        } else {
            &self.keys.node
        };
        smallwin_sync::Config {
            node_key: speaks.clone(),
            device_key,
            sealing: self.keys.sealing.public(),
            authorities: self.door.names.authorities(),
            first_changes: smallwin_model::first_changes(),
            open_space: self.config.interop_open,
            limits: smallwin_sync::limits::Limits::default(),
        }
    }

    fn facts(&self) -> Facts {
        Facts {
            node_key: self.keys.node.public(),
            device_key: self.keys.device.public(),
            origins: self.door.names.pages(),
            urls: self.door.names.urls(),
        }
    }

    fn dial(&self, dialer: &Dialer, remembered: Vec<crate::dialer::Remembered>) {
        let given = self.config.peers.iter().map(|url| (url.clone(), None));
        let remembered = remembered.into_iter().flat_map(|peer| {
            let invites = peer.invites.into_iter().map(Some);
            let bare = std::iter::once(None);
            bare.chain(invites)
                .map(move |invite| (peer.url.clone(), invite))
        });
        for (url, invite) in given.chain(remembered) {
            let purpose = Purpose {
                invite,
                ..Purpose::default()
            };
            if let Err(error) = dialer.dial(url, purpose) {
                warn!(%error, "a node is not dialled");
            }
        }
    }

    fn write_node_file(&self) -> Option<Written> {
        let own_key = self.config.tls == Tls::OwnKey;
        let file = self.door.node_file(&self.keys, own_key)?;
        match file.write(&self.config.data) {
            Ok(written) => Some(written),
            Err(error) => {
                warn!(%error, "the command line will not find this node: node.json cannot be written");
                None
            }
        }
    }
}

impl Node {
    /// The way to this node for programs in the same process.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// The address it listens on.
    #[must_use]
    pub const fn local_addr(&self) -> Option<SocketAddr> {
        self.local_addr
    }

    /// Returns when the engine has ended, which it does by itself only after a fault.
    pub async fn failed(&self) {
        let mut engine = self.engine.clone();
        while engine.changed().await.is_ok() {}
    }

    /// Stops: lets nobody in, says goodbye to peers, keeps what waits for the disk.
    ///
    /// # Errors
    /// When the store could not be closed in good order; nothing that was acknowledged is lost.
    pub async fn shutdown(mut self) -> Result<(), smallwin_storage::StoreError> {
        info!("stopping");
        self.stop.stop();
        let _engine_ended = self.wake.send(Wake::CloseAll);
        if timeout(SHUTDOWN_TIMEOUT, self.connections.all_closed())
            .await
            .is_err()
        {
            warn!("some peers did not say goodbye in time");
        }
        let _engine_ended = self.wake.send(Wake::Stop);
        self.failed().await;
        let committer = self.committer.clone();
        let closed = tokio::task::spawn_blocking(move || committer.close()).await;
        drop(self.node_file.take());
        drop(self.lock.take());
        closed.unwrap_or(Ok(()))
    }
}

impl Drop for Node {
    /// A node that is dropped stops too, without saying goodbye.
    fn drop(&mut self) {
        self.stop.stop();
        let _engine_ended = self.wake.send(Wake::Stop);
    }
}

/// A bound listener that nobody is accepted on yet.
struct Bound {
    listener: TcpListener,
    local_addr: SocketAddr,
}

async fn bind(config: &Config) -> Result<Option<Bound>, StartError> {
    let Some(address) = config.listen else {
        return Ok(None);
    };
    let refused = |source: std::io::Error| match source.kind() {
        ErrorKind::AddrInUse => port_in_use(config, address),
        _ => StartError::Listen { address, source },
    };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let local_addr = listener.local_addr().map_err(refused)?;
    Ok(Some(Bound {
        listener,
        local_addr,
    }))
}

/// When the node of this very data directory has the port, the directory says more than the port.
fn port_in_use(config: &Config, address: SocketAddr) -> StartError {
    let is_locked = config.data.is_dir().then(|| Lock::take(&config.data));
    match is_locked {
        Some(Err(OpenError::Locked { pid, .. })) => StartError::InUse {
            folder: config.data.clone(),
            pid,
        },
        _ => StartError::PortInUse { address },
    }
}

async fn open(config: &Config) -> Result<(Option<Lock>, Box<dyn Store>), StartError> {
    if config.storage == Storage::Memory {
        return Ok((None, Box::new(Memory::new())));
    }
    let folder = config.data.clone();
    let opened = tokio::task::spawn_blocking(move || open_embedded(&folder)).await;
    opened.unwrap_or_else(|error| Err(StartError::Thread(std::io::Error::other(error))))
}

/// Takes the lock of the data directory and opens its store.
fn open_embedded(folder: &Path) -> Result<(Option<Lock>, Box<dyn Store>), StartError> {
    private_folder(folder).map_err(|source| StartError::Data {
        folder: folder.into(),
        source,
    })?;
    let refused = |source: OpenError| match source {
        OpenError::Locked { pid, .. } => StartError::InUse {
            folder: folder.into(),
            pid,
        },
        source => StartError::Store {
            folder: folder.into(),
            source,
        },
    };
    let lock = Lock::take(folder).map_err(refused)?;
    let options = smallwin_storage::Options {
        progress: progress::on_terminal(),
        ..smallwin_storage::Options::default()
    };
    let store = JournalStore::open(&folder.join("store"), options).map_err(refused)?;
    Ok((Some(lock), Box::new(store)))
}

fn spawn_engine(parts: Parts, receiver: WakeReceiver) -> Result<watch::Receiver<()>, StartError> {
    let (alive, engine) = watch::channel(());
    let run = move || {
        Core::new(parts).run(receiver);
        drop(alive);
    };
    std::thread::Builder::new()
        .name(String::from("smallwin-engine"))
        .spawn(run)
        .map_err(StartError::Thread)?;
    Ok(engine)
}

/// Tells the engine the time; a busy engine gets one tick, not a queue of them.
async fn tick(wake: WakeSender, mut stop: Stop) {
    let mut interval = interval(TICK);
    let one = Arc::new(Semaphore::new(1));
    loop {
        tokio::select! {
            _ = interval.tick() => {}
            () = stop.wait() => return,
        }
        let Ok(permit) = one.clone().acquire_owned().await else {
            return;
        };
        if wake.send(Wake::Tick(permit)).is_err() {
            return;
        }
    }
}
