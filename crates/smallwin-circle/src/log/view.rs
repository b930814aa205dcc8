//! The facts of the ledger as they stand in some set of records that is closed under the past.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::cuts::Cuts;
use super::judge::offers;
use super::ledger::{Entry, Ledger};
use super::past::Past;
use crate::document::Zone;
use crate::ids::{PersonId, RecordId};
use crate::keys::DeviceKey;
use crate::record::Body;
use crate::role::Role;

/// The ledger seen from a record's past, or as a whole. Every answer depends on the set only.
#[derive(Debug, Clone)]
pub(crate) struct View<'a> {
    ledger: &'a Ledger,
    scope: Option<&'a Past>,
    cuts: Cow<'a, Cuts>,
}

impl<'a> View<'a> {
    /// Everything in the ledger, with the cuts of everything.
    pub(crate) fn all(ledger: &'a Ledger, cuts: &'a Cuts) -> Self {
        Self {
            ledger,
            scope: None,
            cuts: Cow::Borrowed(cuts),
        }
    }

    /// What was known to somebody who had seen this past. `cuts` are those of the whole ledger.
    pub(crate) fn at(ledger: &'a Ledger, past: &'a Past, cuts: &'a Cuts) -> Self {
        Self {
            ledger,
            scope: Some(past),
            cuts: cuts.within(ledger, past),
        }
    }

    pub(crate) fn ledger(&self) -> &'a Ledger {
        self.ledger
    }

    pub(crate) fn contains(&self, place: usize) -> bool {
        self.scope.is_none_or(|past| past.contains(place))
    }

    /// Whether a removal took the record at this place away (rules R4 and R5).
    pub(crate) fn is_cut(&self, place: usize) -> bool {
        self.cuts.contains(place)
    }

    /// The first number under which the author made several records: from there on they count for
    /// nothing, because no two devices could agree on which of them came first (rule R6).
    pub(crate) fn frozen_from(&self, author: &DeviceKey) -> Option<u64> {
        self.ledger.forked_from(author, self.scope)
    }

    /// The record at this place, when it is in view, was valid in its past, is not cut and not frozen.
    pub(crate) fn effective(&self, place: usize) -> Option<&'a Entry> {
        let entry = self.ledger.entry(place).filter(|_| self.contains(place))?;
        let counts = entry.judgement.void.is_none() && !self.is_cut(place);
        (counts && !self.is_frozen(place, entry)).then_some(entry)
    }

    /// Whether the record stands on or after its author's equivocation. What decides about people
    /// stands: nobody takes back a removal by making another record beside it.
    fn is_frozen(&self, place: usize, entry: &Entry) -> bool {
        let payload = entry.record.payload();
        let is_decision = matches!(
            payload.body,
            Body::Revoke { .. } | Body::Leave { .. } | Body::Withdraw { .. } | Body::Promote { .. }
        );
        let frozen = self
            .frozen_from(&payload.author)
            .is_some_and(|from| payload.seq >= from);
        frozen && !is_decision && !self.is_on_chosen_branch(place, entry)
    }

    fn is_on_chosen_branch(&self, place: usize, entry: &Entry) -> bool {
        let Some(person) = entry.person else {
            return false;
        };
        self.removals_of(&person)
            .any(|removal| self.ledger.chooses(removal, place, entry))
    }

    /// The effective record with this id.
    pub(crate) fn effective_id(&self, id: &RecordId) -> Option<&'a Entry> {
        self.effective(*self.ledger.places.get(id)?)
    }

    fn effective_at<'v>(
        &'v self,
        places: Option<&'a Vec<usize>>,
    ) -> impl Iterator<Item = &'a Entry> + use<'v, 'a> {
        let places = places.map(Vec::as_slice).unwrap_or_default();
        places.iter().filter_map(|place| self.effective(*place))
    }

    /// The effective joins of an invite: those of one person make a member, those of several are contested.
    pub(crate) fn joins(&self, invite: &RecordId) -> impl Iterator<Item = &'a Entry> {
        self.effective_at(self.ledger.facts.joins.get(invite))
    }

    fn is_confirmed(&self, join: &RecordId) -> bool {
        self.effective_at(self.ledger.facts.confirms.get(join))
            .any(|confirm| confirm.judgement.gives.is_some())
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

    /// Whether one of the joins by which this person entered is contested.
    pub(crate) fn is_contested_person(&self, person: &PersonId) -> bool {
        self.effective_at(self.ledger.facts.roles.get(person))
            .any(|entry| self.is_contested(entry))
    }

    /// Whether the invite or approval was taken back.
    pub(crate) fn is_withdrawn(&self, record: &RecordId) -> bool {
        self.withdrawal_of(record).is_some()
    }

    /// The record that takes an invite, offer, snapshot or approval back: the first in the common order.
    pub(crate) fn withdrawal_of(&self, record: &RecordId) -> Option<&'a Entry> {
        self.effective_at(self.ledger.facts.withdrawals.get(record))
            .min_by_key(|entry| entry.rank)
    }

    /// The role that the invite or offer of this join names.
    pub(crate) fn invited_role(&self, join: &Entry) -> Option<Role> {
        let Body::Join { invite, .. } = &join.record.payload().body else {
            return None;
        };
        // That the invite was valid was judged with the join and is final.
        offers(&self.ledger.find(invite)?.1.record).map(|(_, role, _)| role)
    }

    /// The people who made the invites by which this person entered.
    pub(crate) fn inviters(&self, person: &PersonId) -> BTreeSet<PersonId> {
        self.effective_at(self.ledger.facts.roles.get(person))
            .filter_map(|entry| match &entry.record.payload().body {
                Body::Join { invite, .. } => self.ledger.find(invite)?.1.person,
                _ => None,
            })
            .collect()
    }

    /// Whose device it is: of the records that bind it, those not followed by another; of several, the
    /// one with the smallest id. Also of a device that was removed.
    pub(crate) fn person_of(&self, device: &DeviceKey) -> Option<PersonId> {
        let places = self.ledger.facts.bindings.get(device)?;
        let newest = self.not_followed(places, |_| true);
        newest
            .into_iter()
            .min_by_key(|entry| entry.rank.1)
            .and_then(|entry| entry.person)
    }

    /// The role of a person: of the records that give one, those not followed by another; of several,
    /// the lowest (rule R7). A contested join and a removed person have none.
    pub(crate) fn role_of(&self, person: &PersonId) -> Option<Role> {
        let places = self.ledger.facts.roles.get(person)?;
        if self.removal_of(person).is_some() {
            return None;
        }
        let newest = self.not_followed(places, |entry| self.counts_for_role(entry));
        newest
            .into_iter()
            .filter_map(|entry| entry.judgement.gives)
            .min()
    }

    fn counts_for_role(&self, entry: &Entry) -> bool {
        match &entry.record.payload().body {
            Body::Join { .. } => entry.judgement.gives.is_some() && !self.is_contested(entry),
            // Two people confirmed by two others who used one invite are as contested as before.
            Body::Confirm { join } => {
                let invite = self.ledger.find(join).map(|(_, join)| join);
                let Some(Body::Join { invite, .. }) =
                    invite.map(|join| &join.record.payload().body)
                else {
                    return false;
                };
                let own = self
                    .ledger
                    .find(join)
                    .map(|(_, join)| join.record.payload().author);
                !self.joins(invite).any(|rival| {
                    Some(rival.record.payload().author) != own
                        && self.is_confirmed(&rival.record.id())
                })
            }
            _ => true,
        }
    }

    /// The role of the person whose device it is; a removed device has none.
    pub(crate) fn role_of_device(&self, device: &DeviceKey) -> Option<Role> {
        let person = self.person_of(device)?;
        if self.device_removal(&person, device).is_some() {
            return None;
        }
        self.role_of(&person)
    }

    /// The effective removals of a person and of their devices, and changes of their role, by place.
    fn removals_of(&self, person: &PersonId) -> impl Iterator<Item = &'a Entry> {
        self.effective_at(self.ledger.facts.removals_of.get(person))
    }

    /// The record that removed the person: the first in the common order.
    pub(crate) fn removal_of(&self, person: &PersonId) -> Option<&'a Entry> {
        let removals = self.removals_of(person).filter(|entry| {
            matches!(
                entry.record.payload().body,
                Body::Leave { .. }
                    | Body::Revoke {
                        device: None,
                        role: None,
                        ..
                    }
            )
        });
        removals.min_by_key(|entry| entry.rank)
    }

    /// The record that removed this one device of the person.
    pub(crate) fn device_removal(
        &self,
        person: &PersonId,
        device: &DeviceKey,
    ) -> Option<&'a Entry> {
        let is_of = |entry: &&Entry| matches!(&entry.record.payload().body, Body::Revoke { device: Some(removed), .. } if removed == device);
        self.removals_of(person)
            .filter(is_of)
            .min_by_key(|entry| entry.rank)
    }

    /// Whether the device was removed, alone or with its person.
    pub(crate) fn is_removed_device(&self, device: &DeviceKey) -> bool {
        self.person_of(device).is_some_and(|person| {
            self.removal_of(&person).is_some() || self.device_removal(&person, device).is_some()
        })
    }

    /// Whether a second person vouched for this one, or there was nobody who could (rule R3).
    pub(crate) fn is_vouched(&self, person: &PersonId) -> bool {
        self.effective_at(self.ledger.facts.vouchers.get(person))
            .next()
            .is_some()
    }

    /// Whether the person has a vote: of the inner circle or up, vouched for, with a device left.
    pub(crate) fn has_vote(&self, person: &PersonId) -> bool {
        self.is_vouched(person)
            && self.role_of(person) >= Some(Role::Inner)
            && self.has_device(person)
    }

    fn has_device(&self, person: &PersonId) -> bool {
        let mut devices = self.ledger.facts.devices.get(person).into_iter().flatten();
        devices.any(|device| {
            self.person_of(device) == Some(*person) && self.device_removal(person, device).is_none()
        })
    }

    /// Everybody who has a vote.
    pub(crate) fn voters(&self) -> BTreeSet<PersonId> {
        let people = self.ledger.facts.vouchers.keys();
        people
            .filter(|person| self.has_vote(person))
            .copied()
            .collect()
    }

    /// Whether nobody, or one person, has a vote.
    pub(crate) fn voters_at_most_one(&self) -> bool {
        let people = self.ledger.facts.vouchers.keys();
        people
            .filter(|person| self.has_vote(person))
            .nth(1)
            .is_none()
    }

    /// The zones that a relay may carry: of the records about it, those not followed by another; of
    /// several, what all of them name.
    pub(crate) fn relay_zones(&self, relay: &DeviceKey) -> BTreeSet<Zone> {
        let places = self.ledger.facts.relays.get(relay);
        let newest = self.not_followed(places.map(Vec::as_slice).unwrap_or_default(), |_| true);
        let named = |zone: &Zone| {
            newest.iter().all(|entry| {
                matches!(&entry.record.payload().body, Body::Zone { zones, .. } if zones.contains(zone))
            })
        };
        let all = Zone::ALL.into_iter().filter(|_| !newest.is_empty());
        all.filter(named).collect()
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
