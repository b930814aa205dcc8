//! What a record says.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::document::{DocumentRef, Kind};
use crate::ids::{ChangeHash, ManifestHash, Nonce, PersonId, RecordId};
use crate::keys::{DeviceKey, Signature};
use crate::limits::{ABOUT_BYTES_MAX, DOCUMENT_KEY_BYTES_MAX, HEADS_MAX};
use crate::role::Role;
use crate::sealing::SealingPublic;
use crate::timestamp::Timestamp;

/// What a record says; when it counts is judged by the [`Log`](crate::Log), not here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
#[non_exhaustive]
pub enum Body {
    /// Begins a circle; its author becomes facilitator.
    Genesis {
        /// Makes the circle's id unlike any other.
        nonce: Nonce,
        /// The author's sealing key.
        sealing: SealingPublic,
    },
    /// Offers a place in the circle to whoever holds the invite's secret.
    Invite {
        /// The public half of the invite key.
        invite: DeviceKey,
        /// The role that a join gives.
        role: Role,
        /// Judged by the accepter's clock alone.
        expires: Timestamp,
    },
    /// Enters the circle; countersigned by the member device that accepts it.
    Join {
        /// The invite that is used.
        invite: RecordId,
        /// The invite key over [`join_message`](crate::join_message).
        proof: Signature,
        /// The author's sealing key.
        sealing: SealingPublic,
    },
    /// Gives a person another role.
    Grant {
        /// Whom.
        person: PersonId,
        /// Which role.
        role: Role,
    },
    /// Adds a device to the author's person.
    Link {
        /// The new device.
        device: DeviceKey,
        /// The new device over [`link_message`](crate::link_message).
        consent: Signature,
        /// The new device's sealing key.
        sealing: SealingPublic,
    },
    /// Announces a document that has no known key.
    Doc {
        /// Which.
        document: DocumentRef,
    },
    /// Makes a draft readable: its text stands in `target` from now on, the draft is closed.
    Share {
        /// The draft.
        source: DocumentRef,
        /// The heads of the draft whose text was shared, ascending.
        heads: Vec<ChangeHash>,
        /// The voice.
        target: DocumentRef,
    },
    /// Fixes what the circle agreed on.
    Snapshot {
        /// Hash of the manifest, which stands beside the log (rule N2).
        manifest: ManifestHash,
        /// The author's JWS signature over the manifest with purpose `snapshot`.
        signature: Signature,
        /// The snapshot that this one follows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prev: Option<RecordId>,
    },
    /// Agrees to a snapshot.
    Cosign {
        /// The snapshot.
        snapshot: RecordId,
        /// The author's JWS signature over the manifest with purpose `cosign`.
        signature: Signature,
    },
    /// A statement of the method; the model judges what it means.
    Statement {
        /// What it is about.
        about: String,
        /// What it says.
        value: Value,
    },
    /// Something a newer version says: kept and passed on, and counts for nothing.
    #[serde(untagged)]
    Unknown(Value),
}

/// The kinds of this version, as they stand in records.
const KINDS: [&str; 10] = [
    "genesis",
    "invite",
    "join",
    "grant",
    "link",
    "doc",
    "share",
    "snapshot",
    "cosign",
    "statement",
];

impl Body {
    /// The kind as it stands in the record.
    pub fn kind(&self) -> &str {
        match self {
            Self::Genesis { .. } => "genesis",
            Self::Invite { .. } => "invite",
            Self::Join { .. } => "join",
            Self::Grant { .. } => "grant",
            Self::Link { .. } => "link",
            Self::Doc { .. } => "doc",
            Self::Share { .. } => "share",
            Self::Snapshot { .. } => "snapshot",
            Self::Cosign { .. } => "cosign",
            Self::Statement { .. } => "statement",
            Self::Unknown(value) => value
                .get("kind")
                .and_then(Value::as_str)
                .unwrap_or_default(),
        }
    }

    /// Checks what the types do not: limits, order, and that a known kind was read as itself.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        match self {
            Self::Unknown(value) => check_unknown(value),
            Self::Doc { document } => check_key(document),
            Self::Share {
                source,
                heads,
                target,
            } => {
                check_key(source)?;
                check_key(target)?;
                check_heads(heads)
            }
            Self::Statement { about, value } => check_statement(about, value),
            _ => Ok(()),
        }
    }
}

fn check_unknown(value: &Value) -> Result<(), &'static str> {
    let Some(kind) = value.get("kind").and_then(Value::as_str) else {
        return Err("its body has no kind");
    };
    if !crate::jcs::is_plain(value) {
        return Err("its body holds a fraction, a large number or deep nesting");
    }
    if KINDS.contains(&kind) && !names_later_word(kind, value) {
        return Err("its body does not have the fields of its kind");
    }
    Ok(())
}

/// Whether a known kind could not be read because it names a role or a document kind that a newer
/// version knows: such a record counts for nothing here, but the ones that build on it do.
fn names_later_word(kind: &str, value: &Value) -> bool {
    let text = |path: &str| value.pointer(path).and_then(Value::as_str);
    match kind {
        "invite" | "grant" => text("/role").is_some_and(|name| Role::from_name(name).is_none()),
        "doc" => text("/document/kind").is_some_and(|name| Kind::from_name(name).is_none()),
        _ => false,
    }
}

fn check_key(document: &DocumentRef) -> Result<(), &'static str> {
    if document.key.len() > DOCUMENT_KEY_BYTES_MAX {
        Err("a document key is too long")
    } else {
        Ok(())
    }
}

fn check_heads(heads: &[ChangeHash]) -> Result<(), &'static str> {
    if heads.is_empty() || heads.len() > HEADS_MAX {
        return Err("it names no heads, or too many");
    }
    if !heads.is_sorted_by(|a, b| a < b) {
        return Err("its heads are not ascending");
    }
    Ok(())
}

fn check_statement(about: &str, value: &Value) -> Result<(), &'static str> {
    if about.is_empty() || about.len() > ABOUT_BYTES_MAX {
        return Err("it says nothing of what it is about, or too much");
    }
    if !crate::jcs::is_plain(value) {
        return Err("its value holds a fraction, a large number or deep nesting");
    }
    Ok(())
}
