//! The state of a circle: what its records, taken together, say.

use std::collections::{BTreeMap, BTreeSet};

use crate::document::{DocumentRef, Kind};
use crate::ids::{ChangeHash, CircleId, DocumentId, ManifestHash, PersonId, RecordId};
use crate::keys::{DeviceKey, Signature};
use crate::log::{Entry, Rank, View};
use crate::record::Body;
use crate::role::Role;
use crate::timestamp::Timestamp;

/// Who takes part, which documents there are, what was shared, agreed and stated.
///
/// A pure function of the set of records (rules C1 and S1): equal sets give equal states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    circle: CircleId,
    members: BTreeMap<Rank, Member>,
    ranks: BTreeMap<PersonId, Rank>,
    devices: BTreeMap<DeviceKey, PersonId>,
    revisions: BTreeSet<u32>,
    documents: BTreeMap<DocumentId, DocumentRef>,
    shared: BTreeSet<String>,
    invites: BTreeMap<RecordId, InviteState>,
    invite_keys: BTreeMap<DeviceKey, BTreeSet<Rank>>,
    shares: Ranked<ShareState>,
    snapshots: Ranked<SnapshotState>,
    statements: Ranked<StatementState>,
}

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

impl State {
    /// The circle.
    pub fn circle(&self) -> CircleId {
        self.circle
    }

    /// Whose device it is; also of a person whose join is contested.
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

    pub(crate) fn new(circle: CircleId) -> Self {
        let mut state = Self {
            circle,
            members: BTreeMap::new(),
            ranks: BTreeMap::new(),
            devices: BTreeMap::new(),
            revisions: BTreeSet::new(),
            documents: BTreeMap::new(),
            shared: BTreeSet::new(),
            invites: BTreeMap::new(),
            invite_keys: BTreeMap::new(),
            shares: Ranked::default(),
            snapshots: Ranked::default(),
            statements: Ranked::default(),
        };
        state.add_document(DocumentRef::case());
        state.add_document(DocumentRef::step());
        state.add_revision(1);
        state
    }

    /// The state of a view, whose records stand at these places.
    pub(crate) fn of(view: &View<'_>, places: impl Iterator<Item = usize>) -> Self {
        let mut state = Self::new(view.ledger().circle);
        places.for_each(|place| state.note(view, place));
        state
    }

    /// Brings the state up to date with the record at this place, the newest of the view.
    pub(crate) fn note(&mut self, view: &View<'_>, place: usize) {
        let Some(entry) = view.effective(place) else {
            return;
        };
        let author = entry.record.payload().author;
        match &entry.record.payload().body {
            Body::Genesis { .. } => self.note_entry(view, entry),
            Body::Join { invite, .. } => {
                self.note_entry(view, entry);
                self.note_join(view, invite, entry);
            }
            Body::Grant { person, .. } => self.note_role(view, person),
            Body::Link { device, .. } => self.note_device(view, device),
            Body::Invite { .. } => self.note_invite(entry),
            Body::Doc { document } => match document.revision() {
                Some(revision) => self.add_revision(revision),
                None => self.add_document(document.clone()),
            },
            Body::Share {
                source,
                heads,
                target,
            } => {
                self.shared.insert(target.key.clone());
                let (record, claimed) = (entry.record.id(), entry.record.payload().claimed);
                let (source, heads, target) = (source.clone(), heads.clone(), target.clone());
                self.shares.insert(
                    entry.rank,
                    ShareState {
                        record,
                        author,
                        source,
                        heads,
                        target,
                        claimed,
                    },
                );
            }
            Body::Snapshot { .. } => self.note_snapshot(entry),
            Body::Cosign { snapshot, .. } => self.note_cosign(view, snapshot, entry),
            Body::Statement { about, value } => {
                let (record, claimed) = (entry.record.id(), entry.record.payload().claimed);
                let (about, value) = (about.clone(), value.clone());
                self.statements.insert(
                    entry.rank,
                    StatementState {
                        record,
                        author,
                        about,
                        value,
                        claimed,
                    },
                );
            }
            Body::Unknown(_) => {}
        }
    }

    /// A person enters, or enters again.
    fn note_entry(&mut self, view: &View<'_>, entry: &Entry) {
        let device = entry.record.payload().author;
        let person = PersonId::of(&device);
        let known = self.ranks.get(&person).copied();
        // A person stands where they first entered, whichever record of it came first.
        let rank = known.map_or(entry.rank, |known| known.min(entry.rank));
        let member = known.and_then(|known| self.members.remove(&known));
        let member = member.unwrap_or_else(|| Member {
            person,
            role: None,
            devices: Vec::new(),
            contested: false,
        });
        self.members.insert(rank, member);
        self.ranks.insert(person, rank);
        self.note_device(view, &device);
        self.note_role(view, &person);
        for revision in self.revisions.clone() {
            self.add_own_documents(revision, &person);
        }
    }

    /// A join is filed with its invite; the second person takes the first one's role.
    fn note_join(&mut self, view: &View<'_>, invite: &RecordId, join: &Entry) {
        // The invite of an effective join may be frozen since; then nobody looks it up either.
        if let Some(state) = self.invites.get_mut(invite) {
            let at = state
                .used_by
                .partition_point(|id| rank_of(view, id) < Some(join.rank));
            state.used_by.insert(at, join.rank.1);
        }
        // Whoever came between was noted as contested when they came.
        if let Some(first) = view.joins(invite).next() {
            self.note_role(view, &PersonId::of(&first.record.payload().author));
        }
    }

    fn note_role(&mut self, view: &View<'_>, person: &PersonId) {
        let role = view.role_of(person);
        let member = self
            .ranks
            .get(person)
            .and_then(|rank| self.members.get_mut(rank));
        if let Some(member) = member {
            member.role = role;
            member.contested = role.is_none();
        }
    }

    fn note_device(&mut self, view: &View<'_>, device: &DeviceKey) {
        let before = self.devices.remove(device);
        let after = view.person_of(device);
        if let Some(person) = after {
            self.devices.insert(*device, person);
        }
        for person in before.into_iter().chain(after) {
            self.note_devices(&person, device);
        }
    }

    fn note_devices(&mut self, person: &PersonId, device: &DeviceKey) {
        let is_theirs = self.devices.get(device) == Some(person);
        let member = self
            .ranks
            .get(person)
            .and_then(|rank| self.members.get_mut(rank));
        if let Some(member) = member {
            member.devices.retain(|other| other != device);
            if is_theirs {
                member.devices.push(*device);
            }
            member
                .devices
                .sort_by_key(|device| (PersonId::of(device) != *person, *device));
        }
    }

    fn note_invite(&mut self, entry: &Entry) {
        let Body::Invite {
            invite,
            role,
            expires,
        } = entry.record.payload().body
        else {
            return;
        };
        let (record, author) = (entry.record.id(), entry.record.payload().author);
        let used_by = Vec::new();
        self.invites.insert(
            record,
            InviteState {
                record,
                author,
                invite,
                role,
                expires,
                used_by,
            },
        );
        self.invite_keys
            .entry(invite)
            .or_default()
            .insert(entry.rank);
    }

    fn note_snapshot(&mut self, entry: &Entry) {
        let payload = entry.record.payload();
        let Body::Snapshot {
            manifest,
            signature,
            prev,
        } = payload.body
        else {
            return;
        };
        let (record, author, claimed) = (entry.record.id(), payload.author, payload.claimed);
        let cosigns = Vec::new();
        let snapshot = SnapshotState {
            record,
            author,
            manifest,
            signature,
            prev,
            claimed,
            cosigns,
        };
        self.snapshots.insert(entry.rank, snapshot);
    }

    /// A co-signature stands after its snapshot, so the snapshot is there unless it was frozen.
    fn note_cosign(&mut self, view: &View<'_>, snapshot: &RecordId, entry: &Entry) {
        let found = self
            .snapshots
            .items
            .iter_mut()
            .find(|state| state.record == *snapshot);
        let Some(state) = found else { return };
        let at = state
            .cosigns
            .partition_point(|(id, _)| rank_of(view, id) < Some(entry.rank));
        state
            .cosigns
            .insert(at, (entry.rank.1, entry.record.payload().author));
    }

    fn add_document(&mut self, document: DocumentRef) {
        self.documents.insert(document.id(&self.circle), document);
    }

    fn add_revision(&mut self, revision: u32) {
        self.revisions.insert(revision);
        self.add_document(DocumentRef::check_in(revision));
        let people: Vec<PersonId> = self.ranks.keys().copied().collect();
        people
            .iter()
            .for_each(|person| self.add_own_documents(revision, person));
    }

    fn add_own_documents(&mut self, revision: u32, person: &PersonId) {
        self.add_document(DocumentRef::draft_of(revision, person));
        self.add_document(DocumentRef::voice_of(revision, person));
    }
}

fn rank_of(view: &View<'_>, id: &RecordId) -> Option<Rank> {
    view.ledger().find(id).map(|(_, entry)| entry.rank)
}

/// Items in the order that all devices agree on, however they arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ranked<T> {
    ranks: Vec<Rank>,
    items: Vec<T>,
}

impl<T> Default for Ranked<T> {
    fn default() -> Self {
        Self {
            ranks: Vec::new(),
            items: Vec::new(),
        }
    }
}

impl<T> Ranked<T> {
    fn insert(&mut self, rank: Rank, item: T) {
        let at = self.ranks.partition_point(|other| *other < rank);
        self.ranks.insert(at, rank);
        self.items.insert(at, item);
    }
}
