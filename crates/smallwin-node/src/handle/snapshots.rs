//! Snapshots: fixing what was agreed, and agreeing to it.

use std::time::Duration;

use smallwin_circle::{
    Body, ChangeHash, CircleId, DocumentRef, Kind, Log, Manifest, ManifestDocument, Purpose,
    Record, RecordId, SnapshotFile, State,
};
use smallwin_sync::Local;

use super::circles::STALE_TRIES;
use super::{Handle, HandleError};
use crate::clock::timestamp;

/// How long the text of a snapshot may take to arrive after its record.
const TEXT_WITHIN: Duration = Duration::from_secs(5);

/// A snapshot with its text, when that is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotView {
    /// The snapshot record.
    pub record: RecordId,
    /// How many agreed to it besides the facilitator who made it.
    pub cosigned: usize,
    /// The agreed text.
    pub manifest: Option<Manifest>,
}

impl Handle {
    /// The snapshots of a circle, earliest first.
    ///
    /// # Errors
    /// When the circle is not known here.
    pub async fn snapshots(&self, circle: CircleId) -> Result<Vec<SnapshotView>, HandleError> {
        let log = self.log(circle).await?;
        let mut views = Vec::new();
        for snapshot in log.state().snapshots() {
            views.push(SnapshotView {
                record: snapshot.record,
                cosigned: snapshot.cosigns.len(),
                manifest: self.manifest(&log, &snapshot.record).await.ok(),
            });
        }
        Ok(views)
    }

    /// Fixes the text of all documents that the whole circle may read, as they stand.
    ///
    /// # Errors
    /// When this device's person is no facilitator, the texts are too long, or it was not kept.
    pub async fn snapshot(&self, circle: CircleId, title: &str) -> Result<RecordId, HandleError> {
        let log = self.log(circle).await?;
        let docs = self.agreed_texts(&log).await?;
        let _one_at_a_time = self.0.writing.lock().await;
        let mut tries = STALE_TRIES;
        let (record, manifest) = loop {
            let (record, manifest) = self.sign_snapshot(&log, docs.clone(), title).await?;
            match self.append_record(circle, &record).await {
                Err(error) if error.is_stale() && tries > 0 => tries -= 1,
                appended => break appended.map(|()| (record, manifest))?,
            }
        };
        let bytes = manifest.to_bytes();
        self.local(Local::Manifest { circle, bytes }).await?;
        Ok(record.id())
    }

    /// Signs the manifest and the record that names it; both name the heads that had been seen here.
    async fn sign_snapshot(
        &self,
        log: &Log,
        docs: Vec<ManifestDocument>,
        title: &str,
    ) -> Result<(Record, Manifest), HandleError> {
        let circle = log.circle();
        let place = self.next(circle).await?;
        let seen = log.state_at(&place.deps);
        let prev = seen.snapshots().last().map(|snapshot| snapshot.record);
        let manifest = Manifest {
            circle,
            created: timestamp(),
            docs,
            log: place.deps.clone(),
            prev,
            title: title.to_owned(),
        };
        manifest
            .check()
            .map_err(|error| HandleError::Sign(error.to_string()))?;
        let signature = manifest.sign(Purpose::Snapshot, &self.0.device);
        let body = Body::Snapshot {
            manifest: manifest.hash(),
            signature,
            prev,
        };
        Ok((self.make_at(circle, place, body)?, manifest))
    }

    /// Agrees to a snapshot.
    ///
    /// # Errors
    /// When its text is not here, this device's person may not, or it was not kept.
    pub async fn cosign(
        &self,
        circle: CircleId,
        snapshot: RecordId,
    ) -> Result<RecordId, HandleError> {
        let log = self.log(circle).await?;
        let manifest = self.manifest(&log, &snapshot).await?;
        let signature = manifest.sign(Purpose::Cosign, &self.0.device);
        self.append(
            circle,
            Body::Cosign {
                snapshot,
                signature,
            },
        )
        .await
    }

    /// The file that shows the agreement to anybody.
    ///
    /// # Errors
    /// When the snapshot or its text is not here.
    pub async fn snapshot_file(
        &self,
        circle: CircleId,
        snapshot: RecordId,
    ) -> Result<Vec<u8>, HandleError> {
        let log = self.log(circle).await?;
        let manifest = self.manifest(&log, &snapshot).await?;
        SnapshotFile::build(&log, &snapshot, &manifest)
            .map_err(|error| HandleError::Sign(error.to_string()))
    }

    async fn manifest(&self, log: &Log, snapshot: &RecordId) -> Result<Manifest, HandleError> {
        let missing = || HandleError::NoSnapshot(snapshot.to_string());
        let mut snapshots = log.state().snapshots().iter();
        let hash = snapshots
            .find(|found| found.record == *snapshot)
            .ok_or_else(missing)?
            .manifest;
        // The text stands beside the log and may arrive after it (rule N2).
        let found = self
            .wait_for("the snapshot's text", TEXT_WITHIN, move |engine| {
                engine.manifest(hash.as_bytes()).map(<[u8]>::to_vec)
            })
            .await;
        match found {
            Err(HandleError::Timeout { .. }) => Err(missing()),
            found => Manifest::parse(&found?).map_err(|error| HandleError::Sign(error.to_string())),
        }
    }

    async fn agreed_texts(&self, log: &Log) -> Result<Vec<ManifestDocument>, HandleError> {
        let circle = log.circle();
        let mut docs = Vec::new();
        for document in readable_by_all(log.state()) {
            let content = self.document(circle, &document).await?;
            let text = smallwin_model::render(&content, document.kind, None)
                .map_err(|error| HandleError::Document(error.to_string()))?;
            let heads = content
                .get_heads()
                .iter()
                .map(|head| ChangeHash::from_bytes(head.0))
                .collect();
            docs.push(ManifestDocument::new(
                document.id(&circle),
                document.kind,
                heads,
                text,
            ));
        }
        docs.sort_by_key(|document| document.id);
        Ok(docs)
    }
}

/// The documents that every member may read: no drafts, and voices only once they are shared.
fn readable_by_all(state: &State) -> Vec<DocumentRef> {
    let open = |document: &DocumentRef| match document.kind {
        Kind::Draft => false,
        Kind::Voice => state.is_shared(document),
        _ => true,
    };
    state.documents().into_iter().filter(open).collect()
}
