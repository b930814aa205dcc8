//! The way to a node for programs in the same process: the command line, the demo, tests.

mod beside;
mod cards;
mod circles;
mod documents;
mod error;
mod join;
mod share;
mod snapshots;

pub use error::HandleError;
pub use snapshots::SnapshotView;

use std::sync::Arc;
use std::time::Duration;

use smallwin_circle::{DeviceKey, SealingPublic, SigningKey};
use smallwin_sync::{Engine, Local, Notice};
use tokio::sync::{Mutex, Semaphore, broadcast, oneshot};
use tokio::time::{Instant, timeout_at};

use crate::chance;
use crate::dialer::Dialer;
use crate::engine::{CallError, Wake, WakeSender};
use crate::facts::{Addresses, Facts};
use crate::keys::Keys;
use crate::limits::CALLS_MAX;
use crate::restored::Restored;
use crate::status::Status;

/// The way to a running node. Cheap to clone; everything is asynchronous and bounded.
#[derive(Debug, Clone)]
pub struct Handle(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    wake: WakeSender,
    /// Bounds the calls that wait for the engine.
    calls: Semaphore,
    notices: broadcast::Sender<Notice>,
    dialer: Dialer,
    facts: Arc<Facts>,
    device: SigningKey,
    sealing: SealingPublic,
    /// The actor of everything this process writes (rule K2).
    actor: [u8; 40],
    /// One record or document is written at a time: each builds on what was written before.
    writing: Mutex<()>,
    /// Where this device must not sign yet.
    restored: Restored,
    /// Whether this is the command line beside a running node.
    is_beside: bool,
}

/// How long a wait sleeps at most before it looks again by itself: notices may be lost to a slow
/// listener, and not everything that is waited for has a notice.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

impl Handle {
    pub(crate) fn new(
        wake: WakeSender,
        notices: broadcast::Sender<Notice>,
        dialer: Dialer,
        facts: Arc<Facts>,
        keys: Keys,
        restored: Restored,
        is_beside: bool,
    ) -> Self {
        let device = keys.device.public();
        let mut actor = [0; 40];
        let bytes = device
            .as_bytes()
            .iter()
            .copied()
            .chain(chance::bytes::<8>());
        actor
            .iter_mut()
            .zip(bytes)
            .for_each(|(to, from)| *to = from);
        Self(Arc::new(Inner {
            wake,
            calls: Semaphore::new(CALLS_MAX),
            notices,
            dialer,
            facts,
            sealing: keys.sealing.public(),
            device: keys.device,
            actor,
            writing: Mutex::new(()),
            restored,
            is_beside,
        }))
    }

    /// The device key that authors what is written through this handle.
    #[must_use]
    pub fn device_key(&self) -> DeviceKey {
        self.0.facts.device_key
    }

    /// The key that names the node on the wire.
    #[must_use]
    pub fn node_key(&self) -> DeviceKey {
        self.0.facts.node_key
    }

    /// What happens from now on. A listener that lags loses the oldest notices and learns how many.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<Notice> {
        self.0.notices.subscribe()
    }

    /// How the node is.
    ///
    /// # Errors
    /// When the node has stopped.
    pub async fn status(&self) -> Result<Status, HandleError> {
        let inner = self.0.clone();
        let waiting = self.0.restored.waiting()?;
        self.look(move |engine| Status::new(engine, &inner.facts, &inner.dialer, &waiting))
            .await
    }

    /// Where the node can be reached.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        self.0.facts.addresses(&self.0.dialer)
    }

    /// A new pairing link; an earlier one is void from now on.
    ///
    /// # Errors
    /// When the node has stopped.
    pub async fn pairing_link(&self) -> Result<String, HandleError> {
        let (answer, link) = oneshot::channel();
        self.send(Wake::PairingLink { answer })?;
        Ok(link.await.map_err(|_| CallError::Stopped)??)
    }

    /// Whether any device was paired with this node.
    ///
    /// # Errors
    /// When the node has stopped.
    pub async fn is_paired(&self) -> Result<bool, HandleError> {
        self.look(|engine| !engine.paired().is_empty()).await
    }

    /// Looks into the engine on its own thread: keep it short.
    ///
    /// # Errors
    /// When the node has stopped.
    pub async fn look<R: Send + 'static>(
        &self,
        look: impl FnOnce(&Engine) -> R + Send + 'static,
    ) -> Result<R, HandleError> {
        let _room = self
            .0
            .calls
            .acquire()
            .await
            .map_err(|_| CallError::Stopped)?;
        let (answer, seen) = oneshot::channel();
        let look = Box::new(move |engine: &Engine| {
            let _caller_gone = answer.send(look(engine));
        });
        self.send(Wake::Look(look))?;
        Ok(seen.await.map_err(|_| CallError::Stopped)?)
    }

    /// Has the engine do something; returns when what it needed is durable.
    async fn local(&self, local: Local) -> Result<(), HandleError> {
        let _room = self
            .0
            .calls
            .acquire()
            .await
            .map_err(|_| CallError::Stopped)?;
        let (answer, done) = oneshot::channel();
        self.send(Wake::Local {
            local,
            answer: Some(answer),
        })?;
        Ok(done.await.map_err(|_| CallError::Stopped)??)
    }

    fn send(&self, wake: Wake) -> Result<(), HandleError> {
        self.0
            .wake
            .send(wake)
            .map_err(|_| CallError::Stopped.into())
    }

    /// Waits until `found` finds something in the engine, looking again after every notice.
    ///
    /// # Errors
    /// [`HandleError::Timeout`] with `what` when the time is over.
    pub async fn wait_for<R: Send + 'static>(
        &self,
        what: &'static str,
        within: Duration,
        found: impl Fn(&Engine) -> Option<R> + Clone + Send + 'static,
    ) -> Result<R, HandleError> {
        let deadline = Instant::now() + within;
        let mut changes = self.changes();
        loop {
            let found = found.clone();
            if let Some(result) = self.look(move |engine| found(engine)).await? {
                return Ok(result);
            }
            if Instant::now() >= deadline {
                return Err(HandleError::Timeout { what });
            }
            let again = deadline.min(Instant::now() + LOOK_AGAIN);
            // Lagging and silence both mean: look again.
            let _notice = timeout_at(again, changes.recv()).await;
        }
    }
}
