//! What a state is made of.

use crate::document::DocumentRef;
use crate::ids::{ChangeHash, CircleId, ManifestHash, PersonId, ReasonHash, RecordId};
use crate::keys::{DeviceKey, Signature};
use crate::record::Stance;
use crate::role::Role;
use crate::timestamp::Timestamp;

/// A person in the circle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub person: PersonId,
    /// Their role; none while their join is contested.
    pub role: Option<Role>,
    /// Their devices: the one they entered with first, if it is still theirs, then ascending.
    pub devices: Vec<DeviceKey>,
    /// Whether their join is contested, so that it gives them no role.
    pub contested: bool,
    /// Whether their join waits for somebody who compares the spoken words.
    pub unconfirmed: bool,
    /// Whether a second person vouched for them, or there was nobody who could (rule R3).
    pub vouched: bool,
    /// The record that removed them, or by which they left.
    pub removed: Option<RecordId>,
}

impl Member {
    /// Whether the person has a vote: of the inner circle or up, vouched for, with a device left.
    pub fn has_vote(&self) -> bool {
        self.vouched && self.role >= Some(Role::Inner) && !self.devices.is_empty()
    }
}

/// A valid invite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteState {
    /// The record.
    pub record: RecordId,
    /// Who invites.
    pub author: DeviceKey,
    /// The invite key.
    pub invite: DeviceKey,
    /// The role that a join gives.
    pub role: Role,
    /// Until when a member device may accept a join.
    pub expires: Timestamp,
    /// The valid joins; those of several people are contested.
    pub used_by: Vec<RecordId>,
    /// Whether it is an offer: a join gives no role until somebody confirms it.
    pub confirm: bool,
}

/// A valid share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareState {
    /// The record.
    pub record: RecordId,
    /// Which device shared.
    pub author: DeviceKey,
    /// The draft.
    pub source: DocumentRef,
    /// Its heads whose text was shared.
    pub heads: Vec<ChangeHash>,
    /// The voice.
    pub target: DocumentRef,
    /// When the author claims to have shared it.
    pub claimed: Timestamp,
}

/// A valid snapshot with its valid co-signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotState {
    /// The record.
    pub record: RecordId,
    /// Which facilitator's device made it.
    pub author: DeviceKey,
    /// The hash of the manifest.
    pub manifest: ManifestHash,
    /// The author's signature over the manifest.
    pub signature: Signature,
    /// The snapshot that it follows.
    pub prev: Option<RecordId>,
    /// When the author claims to have made it.
    pub claimed: Timestamp,
    /// The records that agree to it and their authors.
    pub cosigns: Vec<(RecordId, DeviceKey)>,
    /// The records that say that it was read, and their authors.
    pub acknowledged: Vec<(RecordId, DeviceKey)>,
    /// The record that takes it back.
    pub withdrawn: Option<RecordId>,
}

/// A valid statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementState {
    /// The record.
    pub record: RecordId,
    /// Whose device states it.
    pub author: DeviceKey,
    /// What it is about.
    pub about: String,
    /// What it says.
    pub value: serde_json::Value,
    /// When the author claims to have stated it.
    pub claimed: Timestamp,
}

/// A valid decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionState {
    /// The record.
    pub record: RecordId,
    /// Which facilitator's device recorded it.
    pub author: DeviceKey,
    /// What it is about.
    pub about: String,
    /// The word of the method for what was decided.
    pub outcome: String,
    /// The hash of the reason.
    pub reason: Option<ReasonHash>,
    /// When the author claims to have recorded it.
    pub claimed: Timestamp,
}

/// A valid commitment; the model judges whether it is the person's newest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitState {
    /// The record.
    pub record: RecordId,
    /// Whose device says it.
    pub author: DeviceKey,
    /// What opened the round.
    pub round: RecordId,
    /// Where the person stands.
    pub stance: Stance,
    /// The hash of the reason or the concern.
    pub reason: Option<ReasonHash>,
    /// When the author claims to have said it.
    pub claimed: Timestamp,
}

/// A valid retirement of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetireState {
    /// The record.
    pub record: RecordId,
    /// Whose device takes it away.
    pub author: DeviceKey,
    /// Which document.
    pub document: DocumentRef,
    /// The document that stands in its place.
    pub successor: Option<DocumentRef>,
    /// The hash of the reason.
    pub reason: Option<ReasonHash>,
    /// When the author claims to have done it.
    pub claimed: Timestamp,
    /// The records that say that it was erased, and the devices where it was.
    pub erased: Vec<(RecordId, DeviceKey)>,
}

/// What the circle continues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForkState {
    /// The record.
    pub record: RecordId,
    /// The other circle.
    pub parent: CircleId,
    /// The heads of its log that the founder had seen.
    pub heads: Vec<RecordId>,
}

/// How many of whom must agree to something that needs a quorum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quorum {
    /// The people who have a vote about it, in the order in which they entered.
    pub voters: Vec<PersonId>,
    /// How many of them it takes, the one who makes the statement included.
    pub needed: usize,
}

impl Quorum {
    /// Whether there are enough people to agree at all; otherwise only a fork helps (rule R8).
    pub fn is_possible(&self) -> bool {
        self.voters.len() >= self.needed
    }
}
