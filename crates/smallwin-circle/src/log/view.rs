//! The facts of the ledger as they stand in some set of records that is closed under the past.

use super::ledger::{Entry, Ledger};
use super::past::Past;
use crate::ids::{PersonId, RecordId};
use crate::keys::DeviceKey;
use crate::record::Body;
use crate::role::Role;

/// The ledger seen from a record's past, or as a whole. Every answer depends on the set only.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    ledger: &'a Ledger,
    scope: Option<&'a Past>,
}

impl<'a> View<'a> {
    /// Everything in the ledger.
    pub(crate) fn all(ledger: &'a Ledger) -> Self {
        Self {
            ledger,
            scope: None,
        }
    }

    /// What was known to somebody who had seen this past.
    pub(crate) fn at(ledger: &'a Ledger, past: &'a Past) -> Self {
        Self {
            ledger,
            scope: Some(past),
        }
    }

    pub(crate) fn ledger(&self) -> &'a Ledger {
        self.ledger
    }

    pub(crate) fn contains(&self, place: usize) -> bool {
        self.scope.is_none_or(|past| past.contains(place))
    }

    /// The first number under which the author made several records: from there on they count for
    /// nothing, because no two devices could agree on which of them came first.
    ///
    /// Joins beside joins are no such thing: who got no answer asks again, having seen more of the log,
    /// and both may be accepted. Each is judged for itself.
    pub(crate) fn frozen_from(&self, author: &DeviceKey) -> Option<u64> {
        let forks = self.ledger.forks.get(author)?;
        let chain = self.ledger.chains.get(author)?;
        let is_fork = |seq: &u64| {
            let rivals = chain.get(seq).map(Vec::as_slice).unwrap_or_default();
            let mut seen = rivals.iter().filter(|place| self.contains(**place));
            let is_join = seen.next().is_some_and(|place| self.is_join(*place));
            // Two are enough to know; a hostile author may have made thousands.
            seen.any(|place| !(is_join && self.is_join(*place)))
        };
        forks.iter().copied().find(is_fork)
    }

    fn is_join(&self, place: usize) -> bool {
        let entry = self.ledger.entry(place);
        entry.is_some_and(|entry| matches!(entry.record.payload().body, Body::Join { .. }))
    }

    /// The record at this place, when it is in view, was valid in its past, and is not frozen.
    pub(crate) fn effective(&self, place: usize) -> Option<&'a Entry> {
        let entry = self.ledger.entry(place).filter(|_| self.contains(place))?;
        let payload = entry.record.payload();
        let frozen = self
            .frozen_from(&payload.author)
            .is_some_and(|from| payload.seq >= from);
        (entry.void.is_none() && !frozen).then_some(entry)
    }

    /// The effective record with this id.
    pub(crate) fn effective_id(&self, id: &RecordId) -> Option<&'a Entry> {
        self.effective(*self.ledger.places.get(id)?)
    }

    /// The effective joins of an invite: those of one person make a member, those of several are contested.
    pub(crate) fn joins(&self, invite: &RecordId) -> impl Iterator<Item = &'a Entry> + use<'a> {
        let view = *self;
        let places = self
            .ledger
            .joins
            .get(invite)
            .map(Vec::as_slice)
            .unwrap_or_default();
        places
            .iter()
            .filter_map(move |place| view.effective(*place))
    }

    /// Whether the record is a join whose invite somebody else used too.
    pub(crate) fn is_contested(&self, entry: &Entry) -> bool {
        match &entry.record.payload().body {
            Body::Join { invite, .. } => {
                let author = &entry.record.payload().author;
                self.joins(invite)
                    .any(|rival| rival.record.payload().author != *author)
            }
            _ => false,
        }
    }

    /// Whose device it is: of the records that bind it, those not followed by another; of several, the
    /// one with the smallest id.
    pub(crate) fn person_of(&self, device: &DeviceKey) -> Option<PersonId> {
        let places = self.ledger.bindings.get(device)?;
        let newest = self.not_followed(places, |_| true);
        newest
            .into_iter()
            .min_by_key(|entry| entry.rank.1)
            .and_then(|entry| entry.person)
    }

    /// The role of a person: of the records that give one, those not followed by another; of several,
    /// the lowest. A contested join gives none.
    pub(crate) fn role_of(&self, person: &PersonId) -> Option<Role> {
        let places = self.ledger.roles.get(person)?;
        let newest = self.not_followed(places, |entry| !self.is_contested(entry));
        newest
            .into_iter()
            .filter_map(|entry| self.gives(entry))
            .min()
    }

    fn gives(&self, entry: &Entry) -> Option<Role> {
        match &entry.record.payload().body {
            Body::Genesis { .. } => Some(Role::Facilitator),
            Body::Grant { role, .. } => Some(*role),
            // That the invite was valid was judged with the join and is final.
            Body::Join { invite, .. } => match self.ledger.find(invite)?.1.record.payload().body {
                Body::Invite { role, .. } => Some(role),
                _ => None,
            },
            _ => None,
        }
    }

    /// The role of the person whose device it is.
    pub(crate) fn role_of_device(&self, device: &DeviceKey) -> Option<Role> {
        self.role_of(&self.person_of(device)?)
    }

    /// Of the effective records at these places that count, those that no other of them follows.
    fn not_followed(&self, places: &[usize], counts: impl Fn(&Entry) -> bool) -> Vec<&'a Entry> {
        let mut newest: Vec<&Entry> = Vec::new();
        // A record stands after its past, so going backwards the followers come first.
        for place in places.iter().rev() {
            if newest.iter().any(|later| later.past.contains(*place)) {
                continue;
            }
            newest.extend(self.effective(*place).filter(|entry| counts(entry)));
        }
        newest
    }
}
