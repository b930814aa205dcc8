//! Keeps connections to other nodes: dials, pauses, dials again.

mod connect;
mod remembered;

pub(crate) use remembered::Remembered;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use smallwin_circle::CircleId;
use smallwin_sync::{ConnId, Local, Side, Space};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tracing::{debug, info};

use crate::backoff::Backoff;
use crate::chance;
use crate::connections::{Connections, Dialled};
use crate::counters::Counters;
use crate::engine::{Wake, WakeSender};
use crate::limits::PEERS_MAX;
use crate::peer_url::PeerUrl;
use crate::stop::Stop;
use crate::tls::Pin;

/// Keeps connections to other nodes.
#[derive(Debug, Clone)]
pub(crate) struct Dialer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    connections: Connections,
    wake: WakeSender,
    /// The exact certificate of every peer, where it is known beforehand.
    certificate: Option<[u8; 32]>,
    peers: Mutex<BTreeMap<String, Arc<Peer>>>,
    stop: Stop,
    /// The engine's thread, which asks for dials, is no part of the runtime.
    runtime: tokio::runtime::Handle,
}

#[derive(Debug)]
struct Peer {
    state: Mutex<State>,
    /// Ends a pause at once.
    hurry: Notify,
}

#[derive(Debug)]
struct State {
    url: PeerUrl,
    invites: BTreeMap<CircleId, [u8; 16]>,
    connection: Option<ConnId>,
    /// Why the last dial failed.
    trouble: Option<String>,
    /// Whom to tell that the first dial failed.
    asked_by: Option<ConnId>,
    /// Whether it is dialled for its invites only, and not kept when they turn out worthless.
    is_for_invites: bool,
    is_forgotten: bool,
}

/// One peer as it stands.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PeerView {
    /// `ws(s)://host:port`, with `~` and the key when it is known.
    pub url: String,
    /// Whether a connection stands.
    pub connected: bool,
    /// Why the last dial failed, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// What a dial is for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Purpose {
    /// An invite to present.
    pub(crate) invite: Option<(CircleId, [u8; 16])>,
    /// Whether the peer is kept for the next start.
    pub(crate) remember: bool,
    /// Whom to tell when it fails.
    pub(crate) asked_by: Option<ConnId>,
}

/// There are as many peers as a node may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this node has {PEERS_MAX} peers, and more it may not have")]
pub struct TooManyPeers;

impl Dialer {
    pub(crate) fn new(
        connections: Connections,
        wake: WakeSender,
        certificate: Option<[u8; 32]>,
        stop: Stop,
        runtime: tokio::runtime::Handle,
    ) -> Self {
        Self(Arc::new(Shared {
            connections,
            wake,
            certificate,
            peers: Mutex::default(),
            stop,
            runtime,
        }))
    }

    /// What was turned away and held back.
    pub(crate) fn counters(&self) -> &Arc<Counters> {
        self.0.connections.counters()
    }

    /// Keeps a connection to a node from now on; a known one gets the invite too.
    pub(crate) fn dial(&self, url: PeerUrl, purpose: Purpose) -> Result<(), TooManyPeers> {
        let address = url.address();
        let mut peers = self.0.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let peer = if let Some(peer) = peers.get(&address) {
            self.join(peer, url, &purpose);
            peer.clone()
        } else {
            if peers.len() >= PEERS_MAX {
                return Err(TooManyPeers);
            }
            let peer = Arc::new(Peer::new(url, &purpose));
            peers.insert(address, peer.clone());
            self.0.runtime.spawn(self.clone().keep(peer.clone()));
            peer
        };
        drop(peers);
        if purpose.remember {
            self.remember(&peer);
        }
        Ok(())
    }

    /// An invite was used: it need not be presented again, and its nodes stay peers.
    pub(crate) fn joined(&self, circle: &CircleId) {
        let mut peers = self.0.peers.lock().unwrap_or_else(PoisonError::into_inner);
        for peer in peers.values_mut() {
            let mut state = peer.lock();
            if state.invites.remove(circle).is_some() {
                state.is_for_invites = false;
                drop(state);
                self.remember(peer);
            }
        }
    }

    /// An invite is worth nothing: nodes that were dialled for it alone are no peers any more.
    /// Returns the connections to close.
    pub(crate) fn refused(&self, circle: &CircleId) -> Vec<ConnId> {
        let mut peers = self.0.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut close = Vec::new();
        peers.retain(|address, peer| {
            let mut state = peer.lock();
            if state.invites.remove(circle).is_none() {
                return true;
            }
            if !state.is_for_invites || !state.invites.is_empty() {
                drop(state);
                self.remember(peer);
                return true;
            }
            state.is_forgotten = true;
            close.extend(state.connection);
            peer.hurry.notify_one();
            let _engine_stopped = self.0.wake.send(Wake::Forget {
                key: address.clone().into_bytes(),
            });
            false
        });
        close
    }

    fn remember(&self, peer: &Arc<Peer>) {
        let (key, value) = peer.remembered().row();
        let _engine_stopped = self.0.wake.send(Wake::Remember { key, value });
    }

    /// All peers as they stand.
    pub(crate) fn peers(&self) -> Vec<PeerView> {
        let peers = self.0.peers.lock().unwrap_or_else(PoisonError::into_inner);
        peers.values().map(|peer| peer.view()).collect()
    }

    /// Addresses of the peers, to be named as hints in invites.
    pub(crate) fn urls(&self) -> Vec<PeerUrl> {
        let peers = self.0.peers.lock().unwrap_or_else(PoisonError::into_inner);
        peers.values().map(|peer| peer.lock().url.clone()).collect()
    }

    /// Brings new facts to a peer that is dialled already.
    fn join(&self, peer: &Arc<Peer>, url: PeerUrl, purpose: &Purpose) {
        let mut state = peer.lock();
        state.url = url.with_key(state.url.node_key().copied());
        let Some((circle, secret)) = purpose.invite else {
            state.is_for_invites = false;
            return;
        };
        state.invites.insert(circle, secret);
        match state.connection {
            Some(conn) => {
                let _engine_stopped = self.0.wake.send(Wake::Present {
                    conn,
                    circle,
                    secret,
                });
            }
            None => {
                state.asked_by = purpose.asked_by;
                peer.hurry.notify_one();
            }
        }
    }

    async fn keep(self, peer: Arc<Peer>) {
        let mut stop = self.0.stop.clone();
        let mut backoff = Backoff::default();
        loop {
            let started = Instant::now();
            // A dial is given up when the node stops; a connection is closed by the engine.
            let connected = tokio::select! {
                connected = self.connect(&peer) => connected,
                () = stop.wait() => return,
            };
            if let Some(connected) = connected {
                self.run(&peer, connected).await;
            }
            if peer.lock().is_forgotten {
                return;
            }
            let pause = backoff.pause(started.elapsed(), chance::fraction());
            tokio::select! {
                () = sleep(pause) => {}
                () = peer.hurry.notified() => {}
                () = stop.wait() => return,
            }
        }
    }

    async fn connect(&self, peer: &Arc<Peer>) -> Option<Connected> {
        let url = peer.lock().url.clone();
        let pin = self.0.certificate.map(Pin::Certificate);
        let pin = pin.or_else(|| url.node_key().copied().map(Pin::NodeKey));
        match connect::connect(&url, pin).await {
            Ok(halves) => Some(Connected { url, halves }),
            Err(error) => {
                self.failed(peer, &url, &error);
                None
            }
        }
    }

    async fn run(&self, peer: &Arc<Peer>, Connected { url, halves }: Connected) {
        let conn = self.0.connections.name();
        let invites = {
            let mut state = peer.lock();
            state.connection = Some(conn);
            state.trouble = None;
            state.asked_by = None;
            state
                .invites
                .iter()
                .map(|(circle, secret)| (*circle, *secret))
                .collect()
        };
        info!(conn = conn.0, peer = %url.authority(), "connected to a node");
        let _gone = Gone(peer);
        let dialled = Dialled {
            channel: url.authority(),
            expect: url.node_key().copied(),
            invites,
        };
        let (sink, stream) = halves;
        self.0
            .connections
            .run(conn, Side::Dialer, Space::Circles, dialled, sink, stream)
            .await;
    }

    fn failed(&self, peer: &Arc<Peer>, url: &PeerUrl, error: &connect::ConnectError) {
        debug!(peer = %url.authority(), %error, "a node could not be reached");
        let mut state = peer.lock();
        state.trouble = Some(error.to_string());
        if let Some(conn) = state.asked_by.take() {
            let local = Local::Notify {
                conn,
                code: String::from("dial-failed"),
                about: Some(url.address()),
            };
            let _engine_stopped = self.0.wake.send(Wake::local_unheard(local));
        }
    }
}

impl Peer {
    fn new(url: PeerUrl, purpose: &Purpose) -> Self {
        let state = State {
            url,
            invites: purpose.invite.into_iter().collect(),
            connection: None,
            trouble: None,
            asked_by: purpose.asked_by,
            is_for_invites: purpose.invite.is_some(),
            is_forgotten: false,
        };
        Self {
            state: Mutex::new(state),
            hurry: Notify::new(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remembered(&self) -> Remembered {
        let state = self.lock();
        Remembered {
            url: state.url.clone(),
            invites: state.invites.clone(),
        }
    }

    fn view(&self) -> PeerView {
        let state = self.lock();
        PeerView {
            url: state.url.to_string(),
            connected: state.connection.is_some(),
            trouble: state.trouble.clone(),
        }
    }
}

/// A dialled socket.
struct Connected {
    url: PeerUrl,
    halves: connect::Halves,
}

/// Notes that a peer's connection is over, also when its task is cancelled.
struct Gone<'a>(&'a Arc<Peer>);

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        self.0.lock().connection = None;
    }
}

/// A connection that failed before it stood is not stable, however long the dial took.
const _: () =
    assert!(crate::limits::DIAL_TIMEOUT.as_millis() < crate::limits::STABLE_AFTER.as_millis());
