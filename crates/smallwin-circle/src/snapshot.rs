//! Snapshot files: what was agreed and by whom, verified with nothing but the file.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::b64u;
use crate::document::Kind;
use crate::ids::{CircleId, PersonId, RecordId};
use crate::jws::{Entry, General};
use crate::keys::{DeviceKey, Signature};
use crate::limits::SNAPSHOT_FILE_BYTES_MAX;
use crate::log::{Inserted, Log, LogError};
use crate::manifest::{Manifest, ManifestError, Purpose};
use crate::record::{Body, Record, RecordError};
use crate::role::Role;
use crate::state::{SnapshotState, State};
use crate::timestamp::Timestamp;

const TYPE: &str = "smallwin/snapshot-file@1";

/// Builds and verifies `.smallwin.json` files: a JWS General object over the manifest, and the records
/// that show the roles of its signers.
#[derive(Debug, Clone, Copy)]
pub struct SnapshotFile;

/// What a verified file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The circle that agreed.
    pub circle: CircleId,
    /// What the snapshot is called.
    pub title: String,
    /// When the facilitator claims to have made it.
    pub created: Timestamp,
    /// The snapshot record.
    pub snapshot: RecordId,
    /// The agreed texts and where they stood.
    pub manifest: Manifest,
    /// Who signed: the facilitator first.
    pub signers: Vec<Signer>,
}

/// Somebody who signed a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signer {
    /// The device.
    pub key: DeviceKey,
    /// In which sense.
    pub purpose: Purpose,
    /// The role of its person when they signed.
    pub role: Role,
    /// Its person.
    pub person: PersonId,
    /// The record in which they signed.
    pub record: RecordId,
    /// When they claim to have signed.
    pub claimed: Timestamp,
}

/// Why a file proves nothing, or cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// Longer than [`SNAPSHOT_FILE_BYTES_MAX`].
    #[error("the file is {0} bytes long, more than a snapshot file can be")]
    TooLarge(usize),
    /// Not the JSON that a snapshot file is.
    #[error("this is not an undamaged snapshot file: {0}")]
    Malformed(String),
    /// The agreed text is damaged.
    #[error("the agreed text is damaged: {0}")]
    Manifest(#[from] ManifestError),
    /// One of the enclosed records is damaged.
    #[error("an enclosed record is damaged: {0}")]
    Record(#[from] RecordError),
    /// The enclosed records do not fit one another.
    #[error("the enclosed records are not those of one circle: {0}")]
    Log(#[from] LogError),
    /// Records are missing, or there are records that do not belong to the snapshot.
    #[error("the enclosed records are not exactly those that the snapshot builds on")]
    Records,
    /// No enclosed record makes this snapshot.
    #[error("no enclosed record of a facilitator makes a snapshot of this text")]
    NoSnapshot,
    /// The manifest and the record that makes the snapshot differ.
    #[error("the agreed text and the record of the snapshot differ in {0}")]
    Differs(&'static str),
    /// A signature does not fit.
    #[error("the signature of signer {0} does not fit the text")]
    Signature(usize),
    /// A signature has no record of a member of the inner circle.
    #[error("signer {0} has no enclosed record that agrees to the snapshot")]
    Signer(usize),
    /// The document is not one that a snapshot may hold.
    #[error("the `{0}` document is not one that the circle could read")]
    Document(Kind),
}

impl SnapshotFile {
    /// Builds the file for a valid snapshot of this log, with its co-signatures so far.
    ///
    /// # Errors
    /// When the log has no such valid snapshot, the manifest is not its manifest, or a signature in the
    /// log does not fit it.
    pub fn build(
        log: &Log,
        snapshot: &RecordId,
        manifest: &Manifest,
    ) -> Result<Vec<u8>, SnapshotError> {
        let state = log
            .state()
            .snapshots()
            .iter()
            .find(|state| state.record == *snapshot);
        let state = state
            .filter(|state| state.manifest == manifest.hash())
            .ok_or(SnapshotError::NoSnapshot)?;
        let signatures = signatures_of(log, state, manifest);
        let ids: Vec<RecordId> = signatures.iter().map(|(record, _)| *record).collect();
        let records = log
            .closure(&ids)
            .into_iter()
            .map(|record| general(record.bytes()));
        let file = Form {
            payload: b64u::encode(&manifest.to_bytes()),
            records: records.collect::<Result<_, _>>()?,
            signatures: signatures.into_iter().map(|(_, entry)| entry).collect(),
            r#type: TYPE.to_owned(),
        };
        let bytes = crate::jcs::to_bytes(&file);
        // What we hand out must verify: a snapshot that breaks a rule is found here, not by its reader.
        Self::verify(&bytes)?;
        Ok(bytes)
    }

    /// Verifies a file with nothing but the file.
    ///
    /// # Errors
    /// Says in one sentence what does not fit.
    pub fn verify(bytes: &[u8]) -> Result<Report, SnapshotError> {
        if bytes.len() > SNAPSHOT_FILE_BYTES_MAX {
            return Err(SnapshotError::TooLarge(bytes.len()));
        }
        let file: Form = crate::jcs::from_canonical(bytes).map_err(SnapshotError::Malformed)?;
        if file.r#type != TYPE {
            return Err(SnapshotError::Malformed(format!(
                "its type is not `{TYPE}`"
            )));
        }
        let payload = b64u::decode(&file.payload)
            .ok_or_else(|| SnapshotError::Malformed("its payload is not base64url".to_owned()))?;
        let manifest = Manifest::parse(&payload)?;
        check_signatures(&file.signatures, &payload)?;
        let log = read_log(&file.records)?;
        let snapshot = find_snapshot(&log, &file.signatures, &manifest)?;
        check_manifest(&log, snapshot, &manifest)?;
        let signed = match_signers(snapshot, &log, &file.signatures)?;
        check_records(&log, &signed, &file.records)?;
        let signers = signed
            .iter()
            .map(|id| signer(&log, id, snapshot))
            .collect::<Result<_, _>>()?;
        let (circle, title, created) = (manifest.circle, manifest.title.clone(), manifest.created);
        Ok(Report {
            circle,
            title,
            created,
            snapshot: snapshot.record,
            manifest,
            signers,
        })
    }
}

/// A snapshot file as it stands in JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    payload: String,
    records: Vec<General>,
    signatures: Vec<Entry>,
    r#type: String,
}

/// The signatures over the manifest with their records: the facilitator's, then the first co-signature
/// of each device whose signature fits.
fn signatures_of(log: &Log, state: &SnapshotState, manifest: &Manifest) -> Vec<(RecordId, Entry)> {
    let name = |purpose: Purpose| Some(purpose.name());
    let first = Entry::of(&state.author, name(Purpose::Snapshot), state.signature);
    let mut signatures = vec![(state.record, first)];
    let mut seen = BTreeSet::new();
    for (record, device) in &state.cosigns {
        let Some(signature) = cosign_signature(log, record) else {
            continue;
        };
        // A co-signature that does not fit the text proves nothing and is left out.
        if manifest.verify(Purpose::Cosign, device, &signature) && seen.insert(*device) {
            signatures.push((*record, Entry::of(device, name(Purpose::Cosign), signature)));
        }
    }
    signatures
}

fn cosign_signature(log: &Log, record: &RecordId) -> Option<Signature> {
    match log.get(record)?.payload().body {
        Body::Cosign { signature, .. } => Some(signature),
        _ => None,
    }
}

fn general(bytes: &[u8]) -> Result<General, SnapshotError> {
    crate::jcs::from_canonical(bytes).map_err(SnapshotError::Malformed)
}

fn check_signatures(entries: &[Entry], payload: &[u8]) -> Result<(), SnapshotError> {
    for (index, entry) in entries.iter().enumerate() {
        let purpose = if index == 0 {
            Purpose::Snapshot
        } else {
            Purpose::Cosign
        };
        let key = entry.header().map(|(key, _)| key);
        if !key.is_some_and(|key| entry.verifies(payload, Some(purpose.name()), &key)) {
            return Err(SnapshotError::Signature(index + 1));
        }
    }
    Ok(())
}

fn read_log(records: &[General]) -> Result<Log, SnapshotError> {
    let mut records = records
        .iter()
        .map(|record| Record::parse(&crate::jcs::to_bytes(record)));
    let mut log = Log::new(records.next().ok_or(SnapshotError::Records)??)?;
    for record in records {
        match log.insert(record?)? {
            Inserted::New(_) => {}
            Inserted::Known | Inserted::Pending => return Err(SnapshotError::Records),
        }
    }
    Ok(log)
}

fn find_snapshot<'a>(
    log: &'a Log,
    entries: &[Entry],
    manifest: &Manifest,
) -> Result<&'a SnapshotState, SnapshotError> {
    let first = entries
        .first()
        .and_then(|entry| Some((entry.header()?.0, entry.signature)));
    let (author, signature) = first.ok_or(SnapshotError::NoSnapshot)?;
    let hash = manifest.hash();
    let is_it = |state: &&SnapshotState| {
        state.manifest == hash && state.author == author && state.signature == signature
    };
    log.state()
        .snapshots()
        .iter()
        .find(is_it)
        .ok_or(SnapshotError::NoSnapshot)
}

fn check_manifest(
    log: &Log,
    snapshot: &SnapshotState,
    manifest: &Manifest,
) -> Result<(), SnapshotError> {
    let record = log.get(&snapshot.record).ok_or(SnapshotError::NoSnapshot)?;
    if manifest.circle != log.circle() {
        return Err(SnapshotError::Differs("the circle"));
    }
    if manifest.prev != snapshot.prev {
        return Err(SnapshotError::Differs("the snapshot before"));
    }
    if manifest.log != record.payload().deps {
        return Err(SnapshotError::Differs("the log before"));
    }
    let state = log.state_at(&manifest.log);
    let unknown = manifest
        .docs
        .iter()
        .find(|document| !may_hold(&state, document));
    unknown.map_or(Ok(()), |document| {
        Err(SnapshotError::Document(document.kind))
    })
}

/// Whether everybody in the circle could read the document when the snapshot was made.
fn may_hold(state: &State, document: &crate::manifest::ManifestDocument) -> bool {
    let known = state
        .document(&document.id)
        .filter(|known| known.kind == document.kind);
    known.is_some_and(|known| match known.kind {
        Kind::Draft => false,
        Kind::Voice => state.is_shared(known),
        Kind::Case | Kind::CheckIn | Kind::Step | Kind::Report => true,
    })
}

/// Finds the record of every signature, in their order, and refuses a device that stands there twice.
fn match_signers(
    snapshot: &SnapshotState,
    log: &Log,
    entries: &[Entry],
) -> Result<Vec<RecordId>, SnapshotError> {
    let mut cosigns = snapshot.cosigns.iter();
    let mut seen = BTreeSet::new();
    let mut records = vec![snapshot.record];
    for (index, entry) in entries.iter().enumerate().skip(1) {
        let fits = |(record, device): &&(RecordId, DeviceKey)| {
            entry.header().is_some_and(|(key, _)| key == *device)
                && cosign_signature(log, record) == Some(entry.signature)
        };
        // The search goes on where it stopped, so the signatures stand in the order of their records.
        let (record, device) = cosigns.find(fits).ok_or(SnapshotError::Signer(index + 1))?;
        if !seen.insert(*device) {
            return Err(SnapshotError::Signer(index + 1));
        }
        records.push(*record);
    }
    Ok(records)
}

fn check_records(log: &Log, signed: &[RecordId], records: &[General]) -> Result<(), SnapshotError> {
    let expected = log.closure(signed);
    let same = expected.len() == records.len()
        && expected
            .iter()
            .zip(records)
            .all(|(record, general)| record.bytes() == crate::jcs::to_bytes(general));
    if same {
        Ok(())
    } else {
        Err(SnapshotError::Records)
    }
}

fn signer(log: &Log, id: &RecordId, snapshot: &SnapshotState) -> Result<Signer, SnapshotError> {
    let record = log.get(id).ok_or(SnapshotError::Records)?;
    let (person, role) = log.role_before(id).ok_or(SnapshotError::Records)?;
    let purpose = if *id == snapshot.record {
        Purpose::Snapshot
    } else {
        Purpose::Cosign
    };
    let (key, claimed) = (record.payload().author, record.payload().claimed);
    Ok(Signer {
        key,
        purpose,
        role,
        person,
        record: *id,
        claimed,
    })
}
