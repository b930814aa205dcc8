//! What a record says.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::check;
use crate::document::{DocumentRef, Zone};
use crate::ids::{
    ChangeHash, CircleId, DocumentId, ManifestHash, Nonce, PersonId, ReasonHash, RecordId,
};
use crate::keys::{DeviceKey, Signature};
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
    /// Offers a place like an invite, but a join gives no role until a `confirm` names it.
    Offer {
        /// The public half of the invite key.
        invite: DeviceKey,
        /// The role that a confirmed join gives.
        role: Role,
        /// Judged by the accepter's clock alone.
        expires: Timestamp,
    },
    /// Says that the author compared the spoken words with whoever joined: a second one vouches.
    Confirm {
        /// The join.
        join: RecordId,
    },
    /// Agrees that another device's person does what needs a quorum.
    Approve {
        /// Whom it is about.
        person: PersonId,
        /// The role they are to have; absent for a removal.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "present"
        )]
        role: Option<Role>,
        /// The only device that is to be removed.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "present"
        )]
        device: Option<DeviceKey>,
        /// The device that may make the statement; no other can use this approval.
        to: DeviceKey,
    },
    /// Makes a person facilitator by a quorum.
    Promote {
        /// Whom.
        person: PersonId,
        /// The approvals, ascending; the author approves by making it.
        approvals: Vec<RecordId>,
    },
    /// Removes a person or one of their devices for ever, or lowers a role.
    Revoke {
        /// Whom it is about.
        person: PersonId,
        /// The only device that is removed; absent when it is about the person.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "present"
        )]
        device: Option<DeviceKey>,
        /// The role that is left; absent for a removal.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "present"
        )]
        role: Option<Role>,
        /// The ends of the branches that count, for devices that made two records under one number;
        /// ascending. Everything else that the author has not seen is void.
        branches: Vec<RecordId>,
        /// The heads up to which documents stay as they are.
        pins: Vec<Pin>,
        /// The approvals of a quorum, ascending; none when a facilitator or the person decides alone.
        approvals: Vec<RecordId>,
    },
    /// Leaves the circle with all devices.
    Leave {
        /// The heads up to which documents stay as they are.
        pins: Vec<Pin>,
    },
    /// Takes back an invite, an offer, a snapshot, or one's own approval.
    Withdraw {
        /// What is taken back.
        record: RecordId,
    },
    /// Takes a document away, so that its bytes are erased everywhere.
    Retire {
        /// Which.
        document: DocumentRef,
        /// The document that stands in its place.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "present"
        )]
        successor: Option<DocumentRef>,
        /// The hash of the reason.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "present"
        )]
        reason: Option<ReasonHash>,
    },
    /// Takes changes of others into a document that the author may write.
    Adopt {
        /// Which.
        document: DocumentRef,
        /// The heads up to which it is taken, ascending.
        heads: Vec<ChangeHash>,
    },
    /// Records what was decided.
    Decide {
        /// What it is about.
        about: String,
        /// The word of the method for what was decided.
        outcome: String,
        /// The hash of the reason.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "present"
        )]
        reason: Option<ReasonHash>,
    },
    /// Says where the author stands in a round; the newest of a person counts.
    Commit {
        /// The statement or decision that opened the round.
        round: RecordId,
        /// Where.
        stance: Stance,
        /// The hash of the reason or the concern.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "present"
        )]
        reason: Option<ReasonHash>,
    },
    /// Says that a snapshot was read, or that a retired document was erased here.
    Acknowledge {
        /// The snapshot or retirement.
        record: RecordId,
    },
    /// Names the zones that a relay, which is no member, may carry.
    Zone {
        /// The relay's key.
        relay: DeviceKey,
        /// The zones, ascending by name; none takes the place away.
        zones: Vec<Zone>,
    },
    /// Says which circle this one continues.
    Fork {
        /// The other circle.
        parent: CircleId,
        /// The heads of its log that the founder had seen, ascending.
        heads: Vec<RecordId>,
    },
    /// Something a newer version says: kept and passed on, and counts for nothing.
    #[serde(untagged)]
    Unknown(Value),
}

/// The heads of a document that stay part of it whoever may write it since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// Which document.
    pub document: DocumentId,
    /// Its heads, ascending.
    pub heads: Vec<ChangeHash>,
}

/// Where somebody stands in a round of consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stance {
    /// Agrees.
    Agree,
    /// Agrees, with a concern.
    Concern,
    /// Objects, with a reason.
    Object,
}

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
            Self::Offer { .. } => "offer",
            Self::Confirm { .. } => "confirm",
            Self::Approve { .. } => "approve",
            Self::Promote { .. } => "promote",
            Self::Revoke { .. } => "revoke",
            Self::Leave { .. } => "leave",
            Self::Withdraw { .. } => "withdraw",
            Self::Retire { .. } => "retire",
            Self::Adopt { .. } => "adopt",
            Self::Decide { .. } => "decide",
            Self::Commit { .. } => "commit",
            Self::Acknowledge { .. } => "acknowledge",
            Self::Zone { .. } => "zone",
            Self::Fork { .. } => "fork",
            Self::Unknown(value) => value
                .get("kind")
                .and_then(Value::as_str)
                .unwrap_or_default(),
        }
    }

    /// Checks what the types do not: limits, order, and that a known kind was read as itself.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        check::check(self)
    }

    /// The body as read. A kind that the first version did not know may stand in logs with other fields
    /// than it has now; such a record stays what it was, unknown.
    pub(super) fn settled(self) -> Self {
        if check::is_first(self.kind()) || self.check().is_ok() {
            return self;
        }
        serde_json::to_value(&self).map_or(self, Self::Unknown)
    }
}

/// Reads a field that is there: `null` is not the same as absent.
fn present<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
