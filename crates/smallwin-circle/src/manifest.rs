//! Manifests: what a snapshot fixes, word for word.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::bytes::bytes_type;
use crate::document::{Kind, Zone};
use crate::ids::{ChangeHash, CircleId, DocumentId, ManifestHash, RecordId};
use crate::jws::Entry;
use crate::keys::{DeviceKey, Signature, SigningKey};
use crate::limits::{DEPS_MAX, HEADS_MAX, MANIFEST_BYTES_MAX, MANIFEST_DOCUMENTS_MAX};
use crate::timestamp::Timestamp;

const TYPE: &str = "smallwin/snapshot@1";

bytes_type!(
    /// SHA-256 of a document's canonical rendering in UTF-8.
    TextHash, 32
);

/// The text that people sign. It stands beside the log and is named there by its hash (rule N2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The circle that agreed.
    pub circle: CircleId,
    /// When the facilitator claims to have made it.
    pub created: Timestamp,
    /// The documents, in order of their ids; never drafts.
    pub docs: Vec<ManifestDocument>,
    /// The heads of the log that the facilitator had seen: the `deps` of the snapshot record.
    pub log: Vec<RecordId>,
    /// The snapshot that this one follows, as in the snapshot record.
    pub prev: Option<RecordId>,
    /// What the snapshot is called.
    pub title: String,
}

/// One document of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestDocument {
    /// The Automerge heads at which it was rendered, ascending.
    pub heads: Vec<ChangeHash>,
    /// Which document.
    pub id: DocumentId,
    /// What it holds.
    pub kind: Kind,
    /// SHA-256 of `text`.
    pub sha256: TextHash,
    /// Its canonical rendering.
    pub text: String,
    /// Its zone.
    pub zone: Zone,
}

/// In which sense somebody signs a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// The facilitator fixes it.
    Snapshot,
    /// A member agrees to it.
    Cosign,
}

/// Why bytes are not a manifest, or one cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// Longer than [`MANIFEST_BYTES_MAX`].
    #[error(
        "the manifest is {0} bytes long, more than {MANIFEST_BYTES_MAX}: snapshot fewer or shorter texts"
    )]
    TooLarge(usize),
    /// Not the JSON that a manifest is.
    #[error("the manifest is malformed: {0}")]
    Malformed(String),
    /// A text is not the one whose hash stands beside it.
    #[error("the text of the `{0}` document is not the one whose hash stands beside it")]
    TextHash(Kind),
}

impl ManifestDocument {
    /// A document with the hash of its rendering.
    pub fn new(id: DocumentId, kind: Kind, mut heads: Vec<ChangeHash>, text: String) -> Self {
        heads.sort_unstable();
        Self {
            heads,
            id,
            kind,
            sha256: text_hash(&text),
            text,
            zone: kind.zone(),
        }
    }
}

impl Purpose {
    /// The word in the protected header.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Cosign => "cosign",
        }
    }
}

impl Manifest {
    /// The canonical bytes that are hashed and signed.
    pub fn to_bytes(&self) -> Vec<u8> {
        crate::jcs::to_bytes(&Form::from(self.clone()))
    }

    /// BLAKE3-256 of the bytes, as it stands in the snapshot record.
    pub fn hash(&self) -> ManifestHash {
        ManifestHash::from_bytes(*blake3::hash(&self.to_bytes()).as_bytes())
    }

    /// Signs the manifest; the signature goes into the `snapshot` or `cosign` record.
    pub fn sign(&self, purpose: Purpose, key: &SigningKey) -> Signature {
        Entry::sign(&self.to_bytes(), Some(purpose.name()), key).signature
    }

    /// Whether `key` signed this manifest in this sense.
    pub fn verify(&self, purpose: Purpose, key: &DeviceKey, signature: &Signature) -> bool {
        let entry = Entry::of(key, Some(purpose.name()), *signature);
        entry.verifies(&self.to_bytes(), Some(purpose.name()), key)
    }

    /// Reads a manifest and checks size, canonical form, order and the hash of every text.
    ///
    /// # Errors
    /// Says what is wrong; bytes of a peer never panic.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > MANIFEST_BYTES_MAX {
            return Err(ManifestError::TooLarge(bytes.len()));
        }
        let form: Form = crate::jcs::from_canonical(bytes).map_err(ManifestError::Malformed)?;
        if form.r#type != TYPE {
            return Err(ManifestError::Malformed(format!(
                "its type is not `{TYPE}`"
            )));
        }
        let manifest = Self::from(form);
        manifest.check()?;
        Ok(manifest)
    }

    /// Checks what [`Manifest::parse`] checks, for one that was made here.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn check(&self) -> Result<(), ManifestError> {
        let malformed = |fault: &str| Err(ManifestError::Malformed(fault.to_owned()));
        if self.docs.len() > MANIFEST_DOCUMENTS_MAX || !self.docs.is_sorted_by(|a, b| a.id < b.id) {
            return malformed("its documents are too many or not in order of their ids");
        }
        if self.log.len() > DEPS_MAX || self.log.is_empty() || !self.log.is_sorted_by(|a, b| a < b)
        {
            return malformed("the heads of its log are too many, none, or not ascending");
        }
        for document in &self.docs {
            if document.heads.len() > HEADS_MAX || !document.heads.is_sorted_by(|a, b| a < b) {
                return malformed("the heads of a document are too many or not ascending");
            }
            if document.zone != document.kind.zone() || document.kind == Kind::Draft {
                return malformed("a document is a draft, or not in the zone of its kind");
            }
            if document.sha256 != text_hash(&document.text) {
                return Err(ManifestError::TextHash(document.kind));
            }
        }
        let length = self.to_bytes().len();
        if length > MANIFEST_BYTES_MAX {
            Err(ManifestError::TooLarge(length))
        } else {
            Ok(())
        }
    }
}

fn text_hash(text: &str) -> TextHash {
    TextHash::from_bytes(Sha256::digest(text).into())
}

/// A manifest as it stands in JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    circle: CircleId,
    created: Timestamp,
    docs: Vec<ManifestDocument>,
    log: Vec<RecordId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prev: Option<RecordId>,
    title: String,
    r#type: String,
}

impl From<Manifest> for Form {
    fn from(manifest: Manifest) -> Self {
        let Manifest {
            circle,
            created,
            docs,
            log,
            prev,
            title,
        } = manifest;
        Self {
            circle,
            created,
            docs,
            log,
            prev,
            title,
            r#type: TYPE.to_owned(),
        }
    }
}

impl From<Form> for Manifest {
    fn from(form: Form) -> Self {
        let Form {
            circle,
            created,
            docs,
            log,
            prev,
            title,
            r#type: _,
        } = form;
        Self {
            circle,
            created,
            docs,
            log,
            prev,
            title,
        }
    }
}
