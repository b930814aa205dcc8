//! The command line beside a running node: asks it, hands work over, waits until it has it.

use std::time::Duration;

use smallwin_circle::{CircleId, InviteLink};
use smallwin_sync::{ConnId, Engine, Local, Notice};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, timeout_at};

use super::{Handle, HandleError};
use crate::facts::Addresses;
use crate::peer_url::PeerUrl;

/// How long the node on the same machine may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

impl Handle {
    /// Takes part in all circles of the node beside, and waits until they are here. Without a node
    /// beside there is nothing to do.
    ///
    /// # Errors
    /// When the node does not answer in time.
    pub async fn attach(&self) -> Result<(), HandleError> {
        if !self.0.is_beside {
            return Ok(());
        }
        let json = self.ask("circles").await?;
        let circles: Vec<CircleId> =
            serde_json::from_str(&json).map_err(|_| HandleError::NodeSilent)?;
        for circle in circles.iter().copied() {
            self.local(Local::Follow { circle }).await?;
        }
        for circle in circles {
            self.wait_for(
                "fetching the Small Wins of the running node",
                ANSWER_WITHIN,
                move |engine| engine.log(&circle).map(|_| ()),
            )
            .await?;
        }
        self.settled(ANSWER_WITHIN).await
    }

    /// Waits until every peer that is connected has confirmed all that is here; beside a running
    /// node, until that node has. What is here is in memory then, and a node that died confirmed
    /// nothing.
    ///
    /// # Errors
    /// When that does not happen in time.
    pub async fn settled(&self, within: Duration) -> Result<(), HandleError> {
        let is_beside = self.0.is_beside;
        self.wait_for("handing everything over", within, move |engine| {
            let is_told = !is_beside || is_node_there(engine);
            (is_told && engine.settled()).then_some(())
        })
        .await
    }

    /// Asks the node beside: `status`, `addresses`, `pairing-link`, `circles`. The answer is JSON.
    ///
    /// # Errors
    /// When it does not answer in time.
    pub async fn ask(&self, what: &str) -> Result<String, HandleError> {
        let conn = self.node_beside().await?;
        let mut changes = self.changes();
        self.local(Local::Ask {
            conn,
            what: what.to_owned(),
        })
        .await?;
        let deadline = Instant::now() + ANSWER_WITHIN;
        loop {
            match timeout_at(deadline, changes.recv()).await {
                Ok(Ok(Notice::Told {
                    what: told, json, ..
                })) if told == what => return Ok(json),
                Ok(Ok(_) | Err(RecvError::Lagged(_))) => {}
                Ok(Err(RecvError::Closed)) | Err(_) => return Err(HandleError::NodeSilent),
            }
        }
    }

    /// Addresses for an invite: those of the node beside, or one's own.
    pub(super) async fn addresses_to_share(&self) -> Result<Addresses, HandleError> {
        if !self.0.is_beside {
            return Ok(self.addresses());
        }
        let json = self.ask("addresses").await?;
        serde_json::from_str(&json).map_err(|_| HandleError::NodeSilent)
    }

    /// Has the node beside hold a new circle.
    pub(super) async fn host_beside(&self, circle: CircleId) -> Result<(), HandleError> {
        if self.0.is_beside {
            let conn = self.node_beside().await?;
            self.local(Local::Host { conn, circle }).await?;
        }
        Ok(())
    }

    /// Has the node beside dial the nodes of an invite link, and presents the invite to it too: it
    /// gives out the log of a circle only to those who may have it.
    pub(super) async fn approach_beside(
        &self,
        link: &InviteLink,
        urls: &[PeerUrl],
    ) -> Result<(), HandleError> {
        let conn = self.node_beside().await?;
        let (circle, secret) = (link.circle, link.secret);
        for url in urls {
            let url = url.to_string();
            self.local(Local::AskDial {
                conn,
                url,
                circle,
                secret: Some(secret),
            })
            .await?;
        }
        self.local(Local::Present {
            conn,
            circle,
            secret,
        })
        .await
    }

    /// The connection with the node beside, once it has proven its key.
    async fn node_beside(&self) -> Result<ConnId, HandleError> {
        let ready = self.wait_for(
            "connecting with the running node",
            ANSWER_WITHIN,
            |engine| {
                engine
                    .connections()
                    .iter()
                    .find(|connection| connection.ready)
                    .map(|connection| connection.conn)
            },
        );
        ready.await.map_err(|_| HandleError::NodeSilent)
    }
}

/// Whether the node beside is connected and takes part in every circle that is here.
fn is_node_there(engine: &Engine) -> bool {
    let circles = engine.circles();
    engine.connections().iter().any(|connection| {
        connection.ready
            && circles
                .iter()
                .all(|circle| connection.circles.contains_key(circle))
    })
}
