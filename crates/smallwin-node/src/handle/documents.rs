//! Documents: reading and writing.

use std::time::Duration;

use automerge::{ActorId, AutoCommit, Automerge};
use smallwin_circle::{CircleId, DocumentRef, Frontier};
use smallwin_sync::{DocKey, Local, RefusedView};

use super::{Handle, HandleError};

/// How long a document may take to come from the disk.
const OPEN_WITHIN: Duration = Duration::from_secs(20);

impl Handle {
    /// A copy of a document as it stands.
    ///
    /// # Errors
    /// When the document is not known here or cannot be read.
    pub async fn document(
        &self,
        circle: CircleId,
        document: &DocumentRef,
    ) -> Result<Automerge, HandleError> {
        let key = DocKey::circles(&document.id(&circle));
        self.local(Local::Open { document: key }).await?;
        self.wait_for("reading the document", OPEN_WITHIN, move |engine| {
            engine.document(&key).cloned()
        })
        .await
    }

    /// The changes of a document that were kept aside, here or by connected peers: for a command
    /// beside a running node, by that node. Of the latter only hash and reason are known.
    ///
    /// # Errors
    /// As [`Handle::document`].
    pub async fn refused(
        &self,
        circle: CircleId,
        document: &DocumentRef,
    ) -> Result<Vec<RefusedView>, HandleError> {
        let key = DocKey::circles(&document.id(&circle));
        self.local(Local::Open { document: key }).await?;
        self.look(move |engine| {
            let mut refused = engine.refused(&key);
            let mut elsewhere = engine.refused_elsewhere(&key);
            elsewhere.retain(|hash, _| refused.iter().all(|known| known.hash != *hash));
            refused.extend(elsewhere.into_iter().map(|(hash, reason)| RefusedView {
                hash,
                author: None,
                reason,
                bytes: Vec::new(),
            }));
            refused
        })
        .await
    }

    /// Changes a document; returns when the change is durable. Nothing is written when `change`
    /// changes nothing.
    ///
    /// # Errors
    /// When the document is not known here, or the change was refused or not kept.
    pub async fn write<R>(
        &self,
        circle: CircleId,
        document: &DocumentRef,
        change: impl FnOnce(&mut AutoCommit) -> R,
    ) -> Result<R, HandleError> {
        let _one_at_a_time = self.0.writing.lock().await;
        let before = self.document(circle, document).await?;
        let failed = |error: automerge::AutomergeError| HandleError::Document(error.to_string());
        let mut edited = AutoCommit::load(&before.save_nocompress()).map_err(failed)?;
        edited.set_actor(ActorId::from(self.0.actor.as_slice()));
        let heads = edited.get_heads();
        let result = change(&mut edited);
        edited.commit();
        let changes = edited.get_changes(&heads);
        let Some(last) = changes.last() else {
            return Ok(result);
        };
        let id = document.id(&circle);
        let frontier = Frontier::sign(
            &circle,
            &id,
            self.0.actor,
            last.seq(),
            last.hash().0,
            &self.0.device,
        )
        .map_err(|error| HandleError::Sign(error.to_string()))?;
        let local = Local::Write {
            document: DocKey::circles(&id),
            changes: changes
                .iter()
                .map(|change| change.raw_bytes().to_vec())
                .collect(),
            frontiers: vec![frontier.encode().to_vec()],
        };
        self.local(local).await?;
        Ok(result)
    }
}
