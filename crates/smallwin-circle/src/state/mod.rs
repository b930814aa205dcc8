//! The state of a circle: what its records, taken together, say.

mod items;
mod note;
mod ranked;

use std::collections::{BTreeMap, BTreeSet};

pub use self::items::{
    CommitState, DecisionState, ForkState, InviteState, Member, Quorum, RetireState, ShareState,
    SnapshotState, StatementState,
};
use self::ranked::Ranked;
use crate::document::{DocumentRef, Kind, Zone};
use crate::ids::{ChangeHash, CircleId, DocumentId, PersonId, RecordId};
use crate::keys::DeviceKey;
use crate::log::Rank;
use crate::may::{Action, may};
use crate::role::Role;

/// Who takes part, which documents there are, what was shared, agreed and stated.
///
/// A pure function of the set of records (rules C1 and S1): equal sets give equal states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    circle: CircleId,
    members: BTreeMap<Rank, Member>,
    ranks: BTreeMap<PersonId, Rank>,
    devices: BTreeMap<DeviceKey, PersonId>,
    owners: BTreeMap<DeviceKey, PersonId>,
    relays: BTreeMap<DeviceKey, BTreeSet<Zone>>,
    revisions: BTreeSet<u32>,
    documents: BTreeMap<DocumentId, DocumentRef>,
    shared: BTreeSet<String>,
    invites: BTreeMap<RecordId, InviteState>,
    invite_keys: BTreeMap<DeviceKey, BTreeSet<Rank>>,
    shares: Ranked<ShareState>,
    snapshots: Ranked<SnapshotState>,
    statements: Ranked<StatementState>,
    decisions: Ranked<DecisionState>,
    commits: Ranked<CommitState>,
    retired: Ranked<RetireState>,
    retired_ids: BTreeSet<DocumentId>,
    pins: BTreeMap<DocumentId, BTreeSet<ChangeHash>>,
    forks: Ranked<ForkState>,
}

impl State {
    /// The circle.
    pub fn circle(&self) -> CircleId {
        self.circle
    }

    /// Whose device it is; also of a person whose join is contested or who was removed. A device that
    /// was removed alone is nobody's; [`State::owner_of`] says whose it was.
    pub fn person_of(&self, device: &DeviceKey) -> Option<PersonId> {
        self.devices.get(device).copied()
    }

    /// The person's role.
    pub fn role_of(&self, person: &PersonId) -> Option<Role> {
        self.member(person)?.role
    }

    /// The role of the person whose device it is. A device with a role is a *member device*.
    pub fn role_of_device(&self, device: &DeviceKey) -> Option<Role> {
        self.role_of(&self.person_of(device)?)
    }

    /// The person, if they ever entered.
    pub fn member(&self, person: &PersonId) -> Option<&Member> {
        self.members.get(self.ranks.get(person)?)
    }

    /// Everybody who entered, in order of joining.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// The documents that exist, in order of their ids: those with known keys and those announced.
    pub fn documents(&self) -> Vec<DocumentRef> {
        self.documents.values().cloned().collect()
    }

    /// The documents that exist with their ids, ascending.
    pub fn documents_by_id(&self) -> impl Iterator<Item = (&DocumentId, &DocumentRef)> {
        self.documents.iter()
    }

    /// The document with this id.
    pub fn document(&self, id: &DocumentId) -> Option<&DocumentRef> {
        self.documents.get(id)
    }

    /// Whether the circle has this document.
    pub fn has_document(&self, document: &DocumentRef) -> bool {
        self.documents.contains_key(&document.id(&self.circle))
    }

    /// Whether a valid share names this draft or voice.
    pub fn is_shared(&self, document: &DocumentRef) -> bool {
        matches!(document.kind, Kind::Draft | Kind::Voice) && self.shared.contains(&document.key)
    }

    /// The valid invite with this record.
    pub fn invite(&self, record: &RecordId) -> Option<&InviteState> {
        self.invites.get(record)
    }

    /// The valid invite with this key; the earliest, should there be several.
    pub fn invite_by_key(&self, key: &DeviceKey) -> Option<&InviteState> {
        self.invites.get(&self.invite_keys.get(key)?.first()?.1)
    }

    /// The valid invites, in order of their ids.
    pub fn invites(&self) -> impl Iterator<Item = &InviteState> {
        self.invites.values()
    }

    /// The valid shares, earliest first.
    pub fn shares(&self) -> &[ShareState] {
        &self.shares.items
    }

    /// The valid snapshots, earliest first.
    pub fn snapshots(&self) -> &[SnapshotState] {
        &self.snapshots.items
    }

    /// The valid statements, earliest first.
    pub fn statements(&self) -> &[StatementState] {
        &self.statements.items
    }

    /// Whose device it is or was, to name the author of what it signed.
    pub fn owner_of(&self, device: &DeviceKey) -> Option<PersonId> {
        self.owners.get(device).copied()
    }

    /// The zones that a relay may carry; none for anybody else.
    pub fn relay_zones(&self, relay: &DeviceKey) -> impl Iterator<Item = Zone> + '_ {
        self.relays.get(relay).into_iter().flatten().copied()
    }

    /// The valid decisions, earliest first.
    pub fn decisions(&self) -> &[DecisionState] {
        &self.decisions.items
    }

    /// The valid commitments, earliest first.
    pub fn commits(&self) -> &[CommitState] {
        &self.commits.items
    }

    /// The documents that were taken away, earliest first.
    pub fn retired(&self) -> &[RetireState] {
        &self.retired.items
    }

    /// Whether the document was taken away: nobody reads or writes it, and its bytes go.
    pub fn is_retired(&self, document: &DocumentId) -> bool {
        self.retired_ids.contains(document)
    }

    /// The circle that this one continues.
    pub fn parent(&self) -> Option<&ForkState> {
        self.forks.items.first()
    }

    /// The devices that may write the document now.
    pub fn writers(&self, document: &DocumentRef) -> BTreeSet<DeviceKey> {
        let may_write = |device: &&DeviceKey| may(self, device, Action::Write, document).is_ok();
        self.devices.keys().filter(may_write).copied().collect()
    }

    /// Whether the device may ever have had the right to write the document: what is admitted by a pin
    /// is by such devices (rule R9).
    pub fn may_have_written(&self, device: &DeviceKey, document: &DocumentRef) -> bool {
        match (self.owner_of(device), document.person()) {
            (Some(owner), Some(person)) => owner == person,
            (owner, None) => owner.is_some(),
            (None, _) => false,
        }
    }

    /// The heads below which the document stays as it is, whoever may write it now: those that valid
    /// removals, departures and adoptions name.
    pub fn pins(&self, document: &DocumentId) -> impl Iterator<Item = &ChangeHash> {
        self.pins.get(document).into_iter().flatten()
    }

    /// Who decides about a facilitator, or about making this person one.
    pub fn quorum(&self, about: &PersonId) -> Quorum {
        let voters = self.members().filter(|member| member.has_vote());
        let others = voters
            .map(|member| member.person)
            .filter(|person| person != about);
        let voters: Vec<PersonId> = others.collect();
        let needed = (voters.len() / 2 + 1).max(2);
        Quorum { voters, needed }
    }

    /// Whether somebody with a device left is facilitator; without one, a quorum makes one, or a
    /// fork goes on (rule R8).
    pub fn has_facilitator(&self) -> bool {
        let mut members = self.members();
        members.any(|member| member.role == Some(Role::Facilitator) && !member.devices.is_empty())
    }

    pub(crate) fn new(circle: CircleId) -> Self {
        let mut state = Self {
            circle,
            members: BTreeMap::new(),
            ranks: BTreeMap::new(),
            devices: BTreeMap::new(),
            owners: BTreeMap::new(),
            relays: BTreeMap::new(),
            revisions: BTreeSet::new(),
            documents: BTreeMap::new(),
            shared: BTreeSet::new(),
            invites: BTreeMap::new(),
            invite_keys: BTreeMap::new(),
            shares: Ranked::default(),
            snapshots: Ranked::default(),
            statements: Ranked::default(),
            decisions: Ranked::default(),
            commits: Ranked::default(),
            retired: Ranked::default(),
            retired_ids: BTreeSet::new(),
            pins: BTreeMap::new(),
            forks: Ranked::default(),
        };
        state.add_document(DocumentRef::case());
        state.add_document(DocumentRef::step());
        state.add_revision(1);
        state
    }
}
