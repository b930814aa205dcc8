//! The word that a node stops, for all its tasks.

use tokio::sync::watch;

/// Says that the node stops.
#[derive(Debug)]
pub(crate) struct Stopper(watch::Sender<bool>);

/// Hears that the node stops.
#[derive(Debug, Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

/// A new pair.
pub(crate) fn stop() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    pub(crate) fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Returns when the node stops, at once if it has stopped. Cancel safe.
    pub(crate) async fn wait(&mut self) {
        // A node that is gone without a word has stopped too.
        drop(self.0.wait_for(|stop| *stop).await);
    }
}
