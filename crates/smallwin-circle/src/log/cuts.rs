//! Which records the removals in a set take away (rules R4 and R5).
//!
//! A removal strikes what its author had not seen of the removed: whatever is concurrent with it, and
//! the branches it did not choose. What rests on something struck falls with it. Removals strike one
//! another, so which of them stand is weighed in two strata: statements of a quorum are struck by such
//! statements only, everything else by any. In each stratum a removal stands when it would stand even if
//! all open ones stood, and falls when it is struck by those that stand; those that strike each other in a
//! circle all stand: in doubt, people are out and not in.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use super::ledger::{Entry, Ledger};
use super::past::Past;
use crate::ids::PersonId;
use crate::keys::DeviceKey;
use crate::limits::{CIRCLE_MAX, WEIGHING_ROUNDS_MAX};
use crate::record::Body;
use crate::role::Role;

/// The places of the records that are taken away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cuts {
    cut: BTreeSet<usize>,
    /// The removals that strike something, whether they stand or not: a past that holds all of them is
    /// cut as the whole is.
    strikers: BTreeSet<usize>,
    /// Whether a limit ended the weighing, so that a part of the set may weigh otherwise.
    is_rough: bool,
}

impl Cuts {
    pub(crate) fn contains(&self, place: usize) -> bool {
        self.cut.contains(&place)
    }

    /// The cuts as they are for somebody who has seen this past.
    pub(crate) fn within<'a>(&'a self, ledger: &Ledger, past: &Past) -> Cow<'a, Self> {
        if !self.is_rough && self.strikers.iter().all(|place| past.contains(*place)) {
            Cow::Borrowed(self)
        } else {
            Cow::Owned(Self::of(ledger, Some(past)))
        }
    }

    /// The cuts of the ledger after the record at `place`, its newest, was added, when they were these
    /// before. `None` when nothing that was there before is cut otherwise.
    pub(crate) fn after(&mut self, ledger: &Ledger, place: usize) -> Option<Self> {
        let entry = ledger.entry(place)?;
        if entry.judgement.void.is_some() {
            return None;
        }
        let removals = &ledger.facts.removals;
        let has_struck = removals.last() == Some(&place)
            && struck_by(ledger, place).any(|struck| {
                ledger
                    .entry(struck)
                    .is_some_and(|e| strikes(ledger, place, struck, e))
            });
        let is_struck = may_strike(ledger, entry)
            .any(|removal| removal != place && strikes(ledger, removal, place, entry));
        if !has_struck && !is_struck {
            let weigh = Weigh::new(ledger, None);
            if !self.cut.is_empty() && !weigh.is_supported(place, entry, &self.cut) {
                // Nothing rests on the newest record yet, and a removal that falls strikes nobody.
                self.cut.insert(place);
            }
            return None;
        }
        let new = Self::of(ledger, None);
        let changed = |cuts: &Self| cuts.cut.iter().filter(|cut| **cut != place).count();
        let same = changed(&new) == self.cut.len() && self.cut.is_subset(&new.cut);
        if same {
            *self = new;
            None
        } else {
            Some(new)
        }
    }

    /// The cuts of a set: the whole ledger, or a past.
    pub(crate) fn of(ledger: &Ledger, scope: Option<&Past>) -> Self {
        let mut weigh = Weigh::new(ledger, scope);
        weigh.find_struck();
        if weigh.struck.is_empty() {
            return Self::default();
        }
        let strikers = weigh.struck.values().flatten().copied().collect();
        let cut = weigh.run();
        let is_rough = weigh.is_rough.get();
        Self {
            cut,
            strikers,
            is_rough,
        }
    }
}

#[cfg(test)]
impl Cuts {
    /// What this removal would take away, if it alone stood.
    pub(super) fn by(ledger: &Ledger, removal: usize) -> BTreeSet<usize> {
        let mut weigh = Weigh::new(ledger, None);
        weigh.find_struck();
        let alone = BTreeSet::from([removal]);
        weigh.pass(&alone, &alone, &BTreeSet::new())
    }
}

struct Weigh<'a> {
    ledger: &'a Ledger,
    scope: Option<&'a Past>,
    /// The places that removals strike, each with those removals.
    struck: BTreeMap<usize, Vec<usize>>,
    is_rough: Cell<bool>,
}

impl<'a> Weigh<'a> {
    fn new(ledger: &'a Ledger, scope: Option<&'a Past>) -> Self {
        Self {
            ledger,
            scope,
            struck: BTreeMap::new(),
            is_rough: Cell::new(false),
        }
    }

    fn contains(&self, place: usize) -> bool {
        self.scope.is_none_or(|past| past.contains(place))
    }

    fn removals(&self) -> impl Iterator<Item = usize> {
        let removals = self.ledger.facts.removals.iter().copied();
        removals.filter(|place| self.contains(*place))
    }

    fn is_quorum(&self, place: usize) -> bool {
        self.ledger
            .entry(place)
            .is_some_and(|entry| entry.judgement.by_quorum)
    }

    fn find_struck(&mut self) {
        let mut struck: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for removal in self.removals() {
            for place in struck_by(self.ledger, removal).filter(|place| self.contains(*place)) {
                let entry = self.ledger.entry(place);
                if entry.is_some_and(|entry| strikes(self.ledger, removal, place, entry)) {
                    struck.entry(place).or_default().push(removal);
                }
            }
        }
        self.struck = struck;
    }

    /// Weighs both strata and returns what is cut when the removals that stand strike.
    fn run(&self) -> BTreeSet<usize> {
        let (quorums, others): (BTreeSet<usize>, BTreeSet<usize>) =
            self.removals().partition(|place| self.is_quorum(*place));
        let first = self.settle(&BTreeSet::new(), quorums, |standing| {
            self.struck_places(standing)
                .filter(|place| self.is_quorum(*place))
                .collect()
        });
        let none = BTreeSet::new();
        let all = self.settle(&first, others, |standing| {
            self.pass(standing, &first, &none)
        });
        self.pass(&all, &first, &all)
    }

    /// Decides which of the candidates stand beside those that stand already.
    fn settle(
        &self,
        before: &BTreeSet<usize>,
        mut open: BTreeSet<usize>,
        cut_by: impl Fn(&BTreeSet<usize>) -> BTreeSet<usize>,
    ) -> BTreeSet<usize> {
        let mut standing = before.clone();
        for _ in 0..WEIGHING_ROUNDS_MAX {
            let with_open = standing.union(&open).copied().collect();
            let most = cut_by(&with_open);
            let mut stands: BTreeSet<usize> = open.difference(&most).copied().collect();
            let count = open.len();
            open.retain(|place| most.contains(place));
            standing.extend(&stands);
            let least = cut_by(&standing);
            open.retain(|place| !least.contains(place));
            if open.is_empty() || open.len() > CIRCLE_MAX {
                break;
            }
            if open.len() == count {
                stands = circles(&standing, &open, &cut_by);
                open.retain(|place| !stands.contains(place));
                standing.extend(&stands);
            }
        }
        if !open.is_empty() {
            self.is_rough.set(true);
        }
        standing.extend(open);
        standing
    }

    fn struck_places<'s>(
        &'s self,
        standing: &'s BTreeSet<usize>,
    ) -> impl Iterator<Item = usize> + 's {
        let hit = self
            .struck
            .iter()
            .filter(|(_, by)| by.iter().any(|removal| standing.contains(removal)));
        hit.map(|(place, _)| *place)
    }

    /// What is cut when these removals stand; of the statements of a quorum, `quorums` stand. What was
    /// `settled` stands, also when others that were settled strike it.
    fn pass(
        &self,
        standing: &BTreeSet<usize>,
        quorums: &BTreeSet<usize>,
        settled: &BTreeSet<usize>,
    ) -> BTreeSet<usize> {
        let direct: BTreeSet<usize> = self.struck_places(standing).collect();
        let by_quorum: BTreeSet<usize> = self.struck_places(quorums).collect();
        let mut cut = BTreeSet::new();
        let Some(first) = direct.first() else {
            return cut;
        };
        // Whatever rests on a record stands after it.
        for place in *first..self.ledger.entries.len() {
            let Some(entry) = self.ledger.entry(place).filter(|_| self.contains(place)) else {
                continue;
            };
            if entry.judgement.void.is_some() || settled.contains(&place) {
                continue;
            }
            let is_cut = if entry.judgement.by_quorum {
                by_quorum.contains(&place)
            } else {
                direct.contains(&place) || !self.is_supported(place, entry, &cut)
            };
            if is_cut {
                cut.insert(place);
            }
        }
        cut
    }

    /// Whether its author's device and role, as the record's own past knew them, rest on something that
    /// is not cut; for a join, its invite and its accepter.
    fn is_supported(&self, place: usize, entry: &Entry, cut: &BTreeSet<usize>) -> bool {
        let payload = entry.record.payload();
        let rests = |device: &DeviceKey, person: Option<PersonId>, needs: Role| {
            person.is_some_and(|person| self.rests(device, &person, needs, &entry.past, cut))
        };
        match (&payload.body, entry.record.accepter()) {
            (Body::Genesis { .. }, _) => true,
            (Body::Join { invite, .. }, Some(accepter)) => {
                let invite = self.ledger.places.get(invite);
                invite.is_some_and(|invite| !cut.contains(invite))
                    && rests(accepter, entry.accepter, Role::Outer)
            }
            _ if entry.judgement.by_quorum => !cut.contains(&place),
            _ => rests(&payload.author, entry.person, entry.judgement.needs),
        }
    }

    fn rests(
        &self,
        device: &DeviceKey,
        person: &PersonId,
        needs: Role,
        past: &Past,
        cut: &BTreeSet<usize>,
    ) -> bool {
        let counts = |place: &&usize| past.contains(**place) && !cut.contains(*place);
        let entry_at = |place: &usize| self.ledger.entry(*place);
        let facts = &self.ledger.facts;
        let mut bindings = facts.bindings.get(device).into_iter().flatten();
        let mut roles = facts.roles.get(person).into_iter().flatten();
        let binds = |place: &usize| entry_at(place).is_some_and(|e| e.person == Some(*person));
        let gives =
            |place: &usize| entry_at(place).is_some_and(|e| e.judgement.gives >= Some(needs));
        bindings.any(|place| counts(&place) && binds(place))
            && roles.any(|place| counts(&place) && gives(place))
    }
}

/// Of the open removals, those that only strike, or take the ground from, one another in a circle: what
/// brings one of them down is brought down by it.
fn circles(
    standing: &BTreeSet<usize>,
    open: &BTreeSet<usize>,
    cut_by: impl Fn(&BTreeSet<usize>) -> BTreeSet<usize>,
) -> BTreeSet<usize> {
    let mut reach: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for removal in open {
        let mut with = standing.clone();
        with.insert(*removal);
        let mut falls = cut_by(&with);
        falls.retain(|place| open.contains(place) && place != removal);
        reach.insert(*removal, falls);
    }
    // What they bring down through others, one more step at a time.
    for through in open {
        let further = reach.get(through).cloned().unwrap_or_default();
        for falls in reach.values_mut().filter(|falls| falls.contains(through)) {
            falls.extend(&further);
        }
    }
    let reaches =
        |from: &usize, to: &usize| reach.get(from).is_some_and(|falls| falls.contains(to));
    let is_first = |place: &&usize| {
        open.iter()
            .all(|from| !reaches(from, place) || reaches(place, from))
    };
    open.iter().filter(is_first).copied().collect()
}

/// The removals that may strike this record.
fn may_strike<'l>(ledger: &'l Ledger, entry: &'l Entry) -> impl Iterator<Item = usize> + 'l {
    let facts = &ledger.facts;
    let of = |person: Option<PersonId>| person.and_then(|person| facts.removals_of.get(&person));
    let withdrawn = match &entry.record.payload().body {
        Body::Join { invite, .. } => facts.withdrawals.get(invite),
        _ => None,
    };
    let lists = [of(entry.person), of(entry.accepter), withdrawn];
    lists.into_iter().flatten().flatten().copied()
}

/// The places that this removal may strike.
fn struck_by(ledger: &Ledger, removal: usize) -> impl Iterator<Item = usize> + '_ {
    let facts = &ledger.facts;
    let entry = ledger.entry(removal);
    let lists = match entry.map(|entry| (&entry.record.payload().body, entry.person)) {
        Some((Body::Revoke { person, .. }, _)) => {
            [facts.by_person.get(person), facts.accepted.get(person)]
        }
        Some((Body::Leave { .. }, Some(person))) => {
            [facts.by_person.get(&person), facts.accepted.get(&person)]
        }
        Some((Body::Withdraw { record }, _)) => [facts.joins.get(record), None],
        _ => [None, None],
    };
    lists.into_iter().flatten().flatten().copied()
}

/// Whether the removal takes this record away, if it stands.
fn strikes(ledger: &Ledger, removal: usize, place: usize, entry: &Entry) -> bool {
    let Some(by) = ledger.entry(removal) else {
        return false;
    };
    // Who made a record in the knowledge of the removal was judged with it.
    if removal == place || entry.past.contains(removal) || entry.judgement.void.is_some() {
        return false;
    }
    let (person, device, role) = match &by.record.payload().body {
        Body::Revoke {
            person,
            device,
            role,
            ..
        } => (Some(*person), device.as_ref(), *role),
        Body::Leave { .. } => (by.person, None, None),
        Body::Withdraw { record } => {
            let uses = matches!(&entry.record.payload().body, Body::Join { invite, .. } if invite == record);
            return uses && !by.past.contains(place);
        }
        _ => return false,
    };
    let is_seen = by.past.contains(place);
    let is_accepted = role.is_none()
        && entry.accepter == person
        && device.is_none_or(|device| entry.record.accepter() == Some(device));
    if is_accepted && !is_seen {
        return true;
    }
    // A quorum's statement is undone by a quorum only.
    if entry.judgement.by_quorum && !by.judgement.by_quorum {
        return false;
    }
    let author = &entry.record.payload().author;
    let is_theirs = entry.person == person && device.is_none_or(|device| device == author);
    let needs_more = role.is_none_or(|role| entry.judgement.needs > role);
    is_theirs && needs_more && !(is_seen && ledger.keeps(by, place, entry))
}

impl Ledger {
    /// The first number under which the author made several records, as far as this past shows it.
    ///
    /// Joins beside joins are no such thing: who got no answer asks again, having seen more of the log,
    /// and both may be accepted. Each is judged for itself.
    pub(crate) fn forked_from(&self, author: &DeviceKey, scope: Option<&Past>) -> Option<u64> {
        let forks = self.forks.get(author)?;
        let chain = self.chains.get(author)?;
        let is_join = |place: usize| {
            let entry = self.entry(place);
            entry.is_some_and(|entry| matches!(entry.record.payload().body, Body::Join { .. }))
        };
        let is_fork = |seq: &u64| {
            let rivals = chain.get(seq).map(Vec::as_slice).unwrap_or_default();
            let mut seen = rivals
                .iter()
                .filter(|place| scope.is_none_or(|past| past.contains(**place)));
            let starts_with_join = seen.next().is_some_and(|place| is_join(*place));
            // Two are enough to know; a hostile author may have made thousands.
            seen.any(|place| !(starts_with_join && is_join(*place)))
        };
        forks.iter().copied().find(is_fork)
    }

    /// Whether a removal keeps this record, which its author had seen: it stands before any doubling of
    /// its number, or on the branch that the removal chose.
    fn keeps(&self, by: &Entry, place: usize, entry: &Entry) -> bool {
        let payload = entry.record.payload();
        let forked = self.forked_from(&payload.author, Some(&by.past));
        forked.is_none_or(|from| payload.seq < from) || self.chooses(by, place, entry)
    }

    /// Whether the record stands on a branch that this removal chose.
    pub(crate) fn chooses(&self, by: &Entry, place: usize, entry: &Entry) -> bool {
        let Body::Revoke { branches, .. } = &by.record.payload().body else {
            return false;
        };
        branches.iter().any(|end| {
            self.find(end).is_some_and(|(at, end)| {
                end.record.payload().author == entry.record.payload().author
                    && (at == place || end.past.contains(place))
            })
        })
    }
}
