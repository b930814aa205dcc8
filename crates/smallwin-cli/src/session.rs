//! The way to the data: through the running node when there is one, else through the store.

use std::path::Path;
use std::time::Duration;

use anyhow::bail;
use smallwin_node::{Config, Handle, LogFormat, Node, NodeFile, StartError, logging, start};
use tokio::time::{Instant, sleep};

use crate::place;

/// How long another command of the same data directory may take before this one gives up.
const OTHER_COMMAND_WITHIN: Duration = Duration::from_secs(10);

/// How often to look whether the other command has finished.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// How long a running node may take to confirm what was handed over.
const HAND_OVER_WITHIN: Duration = Duration::from_secs(20);

/// How long peers may take when this command opened the store itself: what it did is kept, and
/// the next node delivers it.
const PEERS_WITHIN: Duration = Duration::from_secs(3);

/// An open way to the data.
pub(crate) struct Session {
    node: Node,
    /// What can be done with it.
    pub(crate) handle: Handle,
    is_beside: bool,
}

impl Session {
    /// Opens the data directory, or the running node of it.
    pub(crate) async fn open(data: &Path) -> anyhow::Result<Self> {
        // Commands speak for themselves; who wants to look inside sets the filter.
        let filter = place::variable("SMALLWIN_LOG").and_then(|filter| filter.into_string().ok());
        logging::start(filter.as_deref().unwrap_or("off"), LogFormat::default())?;
        let deadline = Instant::now() + OTHER_COMMAND_WITHIN;
        loop {
            match start(Config::offline(data.to_owned())).await {
                Ok(node) => {
                    return Ok(Self {
                        handle: node.handle(),
                        node,
                        is_beside: false,
                    });
                }
                Err(StartError::InUse { folder, pid }) => {
                    if let Some(beside) = Self::beside(data, pid).await? {
                        return Ok(beside);
                    }
                    // No node, so it is another command: it will be done soon.
                    if Instant::now() >= deadline {
                        bail!(StartError::InUse { folder, pid });
                    }
                    sleep(LOOK_AGAIN).await;
                }
                Err(error) => bail!(error),
            }
        }
    }

    /// Whether the data goes through a running node.
    pub(crate) const fn is_beside(&self) -> bool {
        self.is_beside
    }

    /// Ends the session once what was done is safe, and with the node where there is one.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        let settled = if self.is_beside {
            self.handle.settled(HAND_OVER_WITHIN).await
        } else {
            // What was written is durable here; peers get it now or later.
            let _later = self.handle.settled(PEERS_WITHIN).await;
            Ok(())
        };
        self.node.shutdown().await?;
        Ok(settled?)
    }

    /// The running node, when it is a node that uses the directory: a killed one leaves its file.
    async fn beside(data: &Path, user: Option<u32>) -> anyhow::Result<Option<Self>> {
        let file = NodeFile::read(data).filter(|file| user.is_none_or(|user| user == file.pid));
        let Some(file) = file else { return Ok(None) };
        let Some(peer) = file.peer() else {
            return Ok(None);
        };
        let node = start(Config::beside(data.to_owned(), peer, file.certificate())).await?;
        let handle = node.handle();
        handle.attach().await?;
        Ok(Some(Self {
            node,
            handle,
            is_beside: true,
        }))
    }
}
