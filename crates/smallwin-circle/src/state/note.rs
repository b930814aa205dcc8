//! How the state follows the log, record by record.

use super::State;
use super::items::{
    CommitState, DecisionState, ForkState, InviteState, Member, RetireState, ShareState,
    SnapshotState, StatementState,
};
use crate::document::DocumentRef;
use crate::ids::{PersonId, RecordId};
use crate::keys::DeviceKey;
use crate::log::{Entry, Rank, View};
use crate::record::{Body, Pin};

impl State {
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
            Body::Invite { .. } | Body::Offer { .. } => self.note_invite(view, entry),
            Body::Confirm { join } => self.note_confirm(view, join),
            Body::Promote { person, .. } => self.note_role(view, person),
            Body::Revoke {
                person,
                device,
                pins,
                ..
            } => {
                self.note_pins(pins);
                if let Some(device) = device {
                    self.note_device(view, device);
                }
                self.note_role(view, person);
            }
            Body::Leave { pins } => {
                self.note_pins(pins);
                if let Some(person) = entry.person {
                    self.note_role(view, &person);
                }
            }
            Body::Withdraw { record } => self.note_withdrawal(view, record),
            Body::Retire { .. } => self.note_retirement(entry),
            Body::Adopt { document, heads } => {
                let id = document.id(&self.circle);
                self.pins.entry(id).or_default().extend(heads);
            }
            Body::Decide { .. } => self.note_decision(entry),
            Body::Commit { .. } => self.note_commit(entry),
            Body::Acknowledge { record } => self.note_acknowledgement(view, record, entry),
            Body::Zone { relay, .. } => {
                let zones = view.relay_zones(relay);
                self.relays.insert(*relay, zones);
            }
            Body::Fork { parent, heads } => {
                let (record, parent, heads) = (entry.record.id(), *parent, heads.clone());
                self.forks.insert(
                    entry.rank,
                    ForkState {
                        record,
                        parent,
                        heads,
                    },
                );
            }
            Body::Approve { .. } => {}
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
            Body::Snapshot { .. } => self.note_snapshot(view, entry),
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
            unconfirmed: false,
            vouched: false,
            removed: None,
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
            member.removed = view.removal_of(person).map(|entry| entry.record.id());
            member.vouched = view.is_vouched(person);
            let is_settled = role.is_some() || member.removed.is_some();
            member.contested = !is_settled && view.is_contested_person(person);
            member.unconfirmed = !is_settled && !member.contested;
        }
    }

    fn note_device(&mut self, view: &View<'_>, device: &DeviceKey) {
        let before = self.devices.remove(device);
        let owner = view.person_of(device);
        if let Some(person) = owner {
            self.owners.insert(*device, person);
        }
        let after = owner.filter(|person| view.device_removal(person, device).is_none());
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

    fn note_invite(&mut self, view: &View<'_>, entry: &Entry) {
        let (Body::Invite {
            invite,
            role,
            expires,
        }
        | Body::Offer {
            invite,
            role,
            expires,
        }) = entry.record.payload().body
        else {
            return;
        };
        let (record, author) = (entry.record.id(), entry.record.payload().author);
        if view.is_withdrawn(&record) {
            return;
        }
        let confirm = matches!(entry.record.payload().body, Body::Offer { .. });
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
                confirm,
            },
        );
        self.invite_keys
            .entry(invite)
            .or_default()
            .insert(entry.rank);
    }

    fn note_confirm(&mut self, view: &View<'_>, join: &RecordId) {
        let ledger = view.ledger();
        let Some((_, join)) = ledger.find(join) else {
            return;
        };
        self.note_role(view, &PersonId::of(&join.record.payload().author));
        // Of two who used one invite, the other's role may end with it.
        if let Body::Join { invite, .. } = &join.record.payload().body {
            for rival in view.joins(invite) {
                self.note_role(view, &PersonId::of(&rival.record.payload().author));
            }
        }
    }

    fn note_pins(&mut self, pins: &[Pin]) {
        for pin in pins {
            self.pins
                .entry(pin.document)
                .or_default()
                .extend(&pin.heads);
        }
    }

    /// An invite that was taken back is no invite; a snapshot that was stays and says so.
    fn note_withdrawal(&mut self, view: &View<'_>, record: &RecordId) {
        if let Some(invite) = self.invites.remove(record)
            && let Some(ranks) = self.invite_keys.get_mut(&invite.invite)
        {
            ranks.retain(|(_, id)| id != record);
            if ranks.is_empty() {
                self.invite_keys.remove(&invite.invite);
            }
        }
        let withdrawn = view.withdrawal_of(record).map(|entry| entry.record.id());
        let mut snapshots = self.snapshots.items.iter_mut();
        if let Some(state) = snapshots.find(|state| state.record == *record) {
            state.withdrawn = withdrawn;
        }
    }

    fn note_retirement(&mut self, entry: &Entry) {
        let payload = entry.record.payload();
        let Body::Retire {
            document,
            successor,
            reason,
        } = payload.body.clone()
        else {
            return;
        };
        self.retired_ids.insert(document.id(&self.circle));
        let (record, author, claimed) = (entry.record.id(), payload.author, payload.claimed);
        let erased = Vec::new();
        self.retired.insert(
            entry.rank,
            RetireState {
                record,
                author,
                document,
                successor,
                reason,
                claimed,
                erased,
            },
        );
    }

    fn note_decision(&mut self, entry: &Entry) {
        let payload = entry.record.payload();
        let Body::Decide {
            about,
            outcome,
            reason,
        } = payload.body.clone()
        else {
            return;
        };
        let (record, author, claimed) = (entry.record.id(), payload.author, payload.claimed);
        self.decisions.insert(
            entry.rank,
            DecisionState {
                record,
                author,
                about,
                outcome,
                reason,
                claimed,
            },
        );
    }

    fn note_commit(&mut self, entry: &Entry) {
        let payload = entry.record.payload();
        let Body::Commit {
            round,
            stance,
            reason,
        } = payload.body
        else {
            return;
        };
        let (record, author, claimed) = (entry.record.id(), payload.author, payload.claimed);
        self.commits.insert(
            entry.rank,
            CommitState {
                record,
                author,
                round,
                stance,
                reason,
                claimed,
            },
        );
    }

    /// An acknowledgement stands after what it names, which is there unless it was frozen or cut.
    fn note_acknowledgement(&mut self, view: &View<'_>, record: &RecordId, entry: &Entry) {
        let mut snapshots = self.snapshots.items.iter_mut();
        let snapshot = snapshots.find(|state| state.record == *record);
        let mut retired = self.retired.items.iter_mut();
        let retirement = retired.find(|state| state.record == *record);
        let list = match (snapshot, retirement) {
            (Some(state), _) => &mut state.acknowledged,
            (None, Some(state)) => &mut state.erased,
            (None, None) => return,
        };
        let at = list.partition_point(|(id, _)| rank_of(view, id) < Some(entry.rank));
        list.insert(at, (entry.rank.1, entry.record.payload().author));
    }

    fn note_snapshot(&mut self, view: &View<'_>, entry: &Entry) {
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
        let (cosigns, acknowledged) = (Vec::new(), Vec::new());
        let withdrawn = view.withdrawal_of(&record).map(|entry| entry.record.id());
        let snapshot = SnapshotState {
            record,
            author,
            manifest,
            signature,
            prev,
            claimed,
            cosigns,
            acknowledged,
            withdrawn,
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

    pub(super) fn add_document(&mut self, document: DocumentRef) {
        self.documents.insert(document.id(&self.circle), document);
    }

    pub(super) fn add_revision(&mut self, revision: u32) {
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
