//! Joining a circle with an invite link.

use std::time::Duration;

use smallwin_circle::{Body, CircleId, InviteLink, join_message};
use smallwin_sync::{Local, Notice};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, timeout_at};

use super::{Handle, HandleError, LOOK_AGAIN};
use crate::dialer::Purpose;
use crate::engine::CallError;
use crate::peer_url::PeerUrl;

/// How long a node that refuses connections is dialled again before a person hears so.
const PATIENCE: Duration = Duration::from_secs(4);

/// How long to wait before a node is asked again whose members are all away.
const NO_ACCEPTER_PAUSE: Duration = Duration::from_secs(2);

impl Handle {
    /// Joins a circle: dials the nodes of the link, fetches the log, asks for acceptance.
    ///
    /// # Errors
    /// When no node can be reached, or the invite is not accepted. While nobody refused it the dial
    /// stays, and a join that was asked for is asked again.
    pub async fn join(&self, link: &InviteLink, within: Duration) -> Result<CircleId, HandleError> {
        let circle = link.circle;
        let mut attempt = Attempt {
            link,
            deadline: Instant::now() + within,
            changes: self.changes(),
            is_asked: false,
            not_before: Instant::now(),
            patience: Instant::now() + PATIENCE,
            refused: None,
        };
        self.local(Local::Follow { circle }).await?;
        self.approach(link).await?;
        while self.me(circle).await.is_err() {
            if attempt.may_ask() && self.log(circle).await.is_ok() {
                self.ask_to_join(link).await?;
                attempt.is_asked = true;
            }
            attempt.wait(self).await?;
        }
        Ok(circle)
    }

    /// Signs the join with the invite key and this device, and asks for the accepter's signature.
    async fn ask_to_join(&self, link: &InviteLink) -> Result<(), HandleError> {
        let circle = link.circle;
        let invite = link.invite_key();
        let log = self.log(circle).await?;
        let refused = |code: &str| HandleError::JoinRefused {
            code: code.to_owned(),
        };
        let known = log
            .state()
            .invite_by_key(&invite.public())
            .ok_or_else(|| refused("invite-unknown"))?;
        if !known.used_by.is_empty() {
            return Err(refused("invite-used"));
        }
        let sealing = self.0.sealing;
        let proof = invite.sign(&join_message(&circle, &self.device_key(), &sealing));
        let record = self
            .make(
                circle,
                Body::Join {
                    invite: known.record,
                    proof,
                    sealing,
                },
            )
            .await?;
        self.local(Local::RequestJoin {
            circle,
            record: record.bytes().to_vec(),
        })
        .await
    }

    /// Dials the nodes that the link names: by oneself, or by the node beside.
    async fn approach(&self, link: &InviteLink) -> Result<(), HandleError> {
        let urls: Vec<PeerUrl> = link
            .hints
            .iter()
            .filter_map(|hint| hint.to_string().parse().ok())
            .collect();
        if urls.is_empty() {
            return Err(HandleError::NoAddress);
        }
        if self.0.is_beside {
            return self.approach_beside(link, &urls).await;
        }
        let own = self.0.facts.clone();
        for url in urls.into_iter().filter(|url| !own.is_own(url)) {
            let invite = Some((link.circle, link.secret));
            self.0.dialer.dial(
                url,
                Purpose {
                    invite,
                    remember: true,
                    asked_by: None,
                },
            )?;
        }
        Ok(())
    }

    /// Keeps a connection with a node from now on, also after a restart.
    ///
    /// # Errors
    /// When this node has as many peers as it may have.
    pub fn dial(&self, url: PeerUrl) -> Result<(), HandleError> {
        Ok(self.0.dialer.dial(
            url,
            Purpose {
                remember: true,
                ..Purpose::default()
            },
        )?)
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
}

/// One attempt to join.
struct Attempt<'a> {
    link: &'a InviteLink,
    deadline: Instant,
    changes: Receiver<Notice>,
    /// Whether a join waits for its answer.
    is_asked: bool,
    /// When the join may be asked for at the earliest.
    not_before: Instant,
    /// The last refusal that may pass.
    refused: Option<String>,
    /// Until when a node that cannot be reached is dialled again.
    patience: Instant,
}

impl Attempt<'_> {
    /// Waits until something happened that may bring the join further.
    async fn wait(&mut self, handle: &Handle) -> Result<(), HandleError> {
        if Instant::now() >= self.deadline {
            return Err(self.too_late(handle));
        }
        if !self.is_asked
            && Instant::now() >= self.patience
            && let Some(why) = handle.why_unreachable()
        {
            return Err(why);
        }
        let again = self.deadline.min(Instant::now() + LOOK_AGAIN);
        match timeout_at(again, self.changes.recv()).await {
            Ok(Ok(Notice::JoinRefused { circle, code })) if circle == self.link.circle => {
                self.refused(code)
            }
            Ok(Ok(Notice::NoticeFrom { code, about, .. }))
                if code == "dial-failed" && self.is_last_hint(about.as_deref()) =>
            {
                Err(HandleError::Unreachable {
                    why: String::from("nobody answers there"),
                })
            }
            Ok(Err(RecvError::Closed)) => Err(CallError::Stopped.into()),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn may_ask(&self) -> bool {
        !self.is_asked && Instant::now() >= self.not_before
    }

    /// Some refusals pass: the join is signed again on the log as it stands then.
    fn refused(&mut self, code: String) -> Result<(), HandleError> {
        let pause = match code.as_str() {
            // Whoever could accept it entered after what the join had seen.
            "join-stale" => LOOK_AGAIN,
            // Nobody who could accept it is connected with the node that was asked.
            "no-accepter" => NO_ACCEPTER_PAUSE,
            _ => return Err(HandleError::JoinRefused { code }),
        };
        self.is_asked = false;
        self.not_before = Instant::now() + pause;
        self.refused = Some(code);
        Ok(())
    }

    /// Whether the node that the node beside could not reach is the only one to try.
    fn is_last_hint(&self, address: Option<&str>) -> bool {
        let hint = self
            .link
            .hints
            .first()
            .and_then(|hint| hint.to_string().parse::<PeerUrl>().ok());
        self.link.hints.len() == 1 && hint.map(|url| url.address()).as_deref() == address
    }

    fn too_late(&self, handle: &Handle) -> HandleError {
        if let Some(code) = self.refused.clone() {
            return HandleError::JoinRefused { code };
        }
        let what = if self.is_asked {
            "accepting the invite"
        } else {
            "fetching the Small Win"
        };
        handle
            .why_unreachable()
            .unwrap_or(HandleError::Timeout { what })
    }
}
