//! Joining a circle with an invite link.

use std::time::Duration;

use smallwin_circle::{Body, CircleId, InviteLink, join_message};
use smallwin_sync::{Local, Notice};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, timeout_at};

use super::{Handle, HandleError};
use crate::dialer::Purpose;
use crate::engine::CallError;
use crate::peer_url::PeerUrl;

impl Handle {
    /// Joins a circle: dials the nodes of the link, fetches the log, asks for acceptance.
    ///
    /// # Errors
    /// When no node can be reached, or the invite is not accepted. The dial stays: whoever joins
    /// without a network is asked again later.
    pub async fn join(&self, link: &InviteLink, within: Duration) -> Result<CircleId, HandleError> {
        let deadline = Instant::now() + within;
        let circle = link.circle;
        let mut changes = self.changes();
        self.local(Local::Follow { circle }).await?;
        self.approach(link).await?;
        let fetched = self
            .wait_for("fetching the Small Win", within, move |engine| engine.log(&circle).map(|_| ()))
            .await;
        if let Err(error) = fetched {
            return Err(self.why_unreachable().unwrap_or(error));
        }
        if self.me(circle).await.is_ok() {
            return Ok(circle);
        }
        let invite = link.invite_key();
        let log = self.log(circle).await?;
        let unknown = || HandleError::JoinRefused { code: String::from("invite-unknown") };
        let known = log.state().invite_by_key(&invite.public()).ok_or_else(unknown)?;
        if !known.used_by.is_empty() {
            return Err(HandleError::JoinRefused { code: String::from("invite-used") });
        }
        let author = self.device_key();
        let sealing = self.0.sealing;
        let proof = invite.sign(&join_message(&circle, &author, &sealing));
        let record = self.make(circle, Body::Join { invite: known.record, proof, sealing }).await?;
        self.local(Local::RequestJoin { circle, record: record.bytes().to_vec() }).await?;
        self.accepted(circle, deadline, &mut changes).await?;
        Ok(circle)
    }

    /// Dials the nodes that the link names: by oneself, or by the node beside.
    async fn approach(&self, link: &InviteLink) -> Result<(), HandleError> {
        let urls: Vec<PeerUrl> = link.hints.iter().filter_map(|hint| hint.to_string().parse().ok()).collect();
        if urls.is_empty() {
            return Err(HandleError::NoAddress);
        }
        if self.0.is_beside {
            return self.approach_beside(link, &urls).await;
        }
        let own = self.0.facts.clone();
        for url in urls.into_iter().filter(|url| !own.is_own(url)) {
            let invite = Some((link.circle, link.secret));
            self.0.dialer.dial(url, Purpose { invite, remember: true, asked_by: None })?;
        }
        Ok(())
    }

    /// Keeps a connection with a node from now on, also after a restart.
    ///
    /// # Errors
    /// When this node has as many peers as it may have.
    pub fn dial(&self, url: PeerUrl) -> Result<(), HandleError> {
        Ok(self.0.dialer.dial(url, Purpose { remember: true, ..Purpose::default() })?)
    }

    /// What the last dial said, when nobody is connected.
    fn why_unreachable(&self) -> Option<HandleError> {
        let peers = self.0.dialer.peers();
        if peers.iter().any(|peer| peer.connected) {
            return None;
        }
        let why = peers.into_iter().find_map(|peer| peer.trouble)?;
        Some(HandleError::Unreachable { why })
    }

    async fn accepted(
        &self,
        circle: CircleId,
        deadline: Instant,
        changes: &mut tokio::sync::broadcast::Receiver<Notice>,
    ) -> Result<(), HandleError> {
        loop {
            if self.me(circle).await.is_ok() {
                return Ok(());
            }
            match timeout_at(deadline, changes.recv()).await {
                Ok(Ok(Notice::JoinRefused { circle: refused, code })) if refused == circle => {
                    return Err(HandleError::JoinRefused { code });
                }
                Ok(Ok(_) | Err(RecvError::Lagged(_))) => {}
                Ok(Err(RecvError::Closed)) => return Err(CallError::Stopped.into()),
                Err(_) => return Err(HandleError::Timeout { what: "accepting the invite" }),
            }
        }
    }
}
