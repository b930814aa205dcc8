//! The log: the grow-only set of a circle's records.

mod cuts;
#[cfg(test)]
mod hostile;
mod judge;
mod ledger;
mod past;
mod pending;
mod quorum;
mod view;

use std::collections::{BTreeSet, VecDeque};

pub(crate) use ledger::{Entry, Rank};
pub(crate) use past::Past;
pub(crate) use view::View;

use self::cuts::Cuts;
use self::judge::judge;
use self::ledger::Ledger;
use self::pending::Pending;
use self::quorum::Question;
use crate::ids::{CircleId, PersonId, RecordId};
use crate::keys::DeviceKey;
use crate::limits::{DEPS_MAX, RECORDS_MAX};
use crate::record::{Body, Record};
use crate::role::Role;
use crate::state::State;

/// A circle's records, each judged once by what its author had seen (rule C1).
///
/// The same set gives the same [`State`], in whatever order it came. A record whose dependencies are
/// missing waits, within the limits of [`crate::limits`].
#[derive(Debug, Clone)]
pub struct Log {
    ledger: Ledger,
    heads: BTreeSet<RecordId>,
    pending: Pending,
    cuts: Cuts,
    state: State,
}

/// What came of an insertion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inserted {
    /// These records joined the set, in this order: the inserted one and those that waited for it.
    New(Vec<RecordId>),
    /// The record was there before.
    Known,
    /// It waits for a record that it names.
    Pending,
}

/// Why the log does not take a record. The log is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The log begins with a genesis record.
    #[error("a circle's log begins with a genesis record")]
    NotGenesis,
    /// The record belongs to another circle.
    #[error("the record belongs to another circle")]
    WrongCircle,
    /// The join lacks the accepter's signature.
    #[error("the join has not been accepted by a member's device")]
    NotAccepted,
    /// Made by a device that took no part when it was made, or accepted by one.
    #[error("the record comes from a device that did not take part in the circle")]
    Stranger,
    /// Its place in its author's chain or its dependencies contradict the records it names.
    #[error("the record does not fit the records it names: {0}")]
    Misplaced(&'static str),
    /// [`RECORDS_MAX`] is reached.
    #[error("the circle's log is full: it holds {RECORDS_MAX} records")]
    Full,
}

/// What a record of the log is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It counts.
    Valid,
    /// It counts for nothing, for this reason.
    Void(&'static str),
    /// A join whose invite was used by somebody else at the same time: it gives no role.
    Contested,
}

impl Log {
    /// Begins a log.
    ///
    /// # Errors
    /// When the record is no genesis record.
    pub fn new(genesis: Record) -> Result<Self, LogError> {
        if !matches!(genesis.payload().body, Body::Genesis { .. }) {
            return Err(LogError::NotGenesis);
        }
        let circle = CircleId::of(genesis.id());
        let mut log = Self {
            ledger: Ledger::new(circle),
            heads: BTreeSet::new(),
            pending: Pending::default(),
            cuts: Cuts::default(),
            state: State::new(circle),
        };
        log.take_in(genesis)?;
        Ok(log)
    }

    /// The circle.
    pub fn circle(&self) -> CircleId {
        self.ledger.circle
    }

    /// Takes a record in, judges it, and with it those that waited for it. A waiting record that turns
    /// out not to fit is dropped.
    ///
    /// # Errors
    /// When this record cannot belong to the log; nothing is changed then (rule B1).
    pub fn insert(&mut self, record: Record) -> Result<Inserted, LogError> {
        if self.contains(&record.id()) {
            return Ok(Inserted::Known);
        }
        if record.payload().circle != Some(self.circle()) {
            return Err(LogError::WrongCircle);
        }
        if record.is_open_join() {
            return Err(LogError::NotAccepted);
        }
        if let Some(missing) = self.missing(&record) {
            self.pending.add(record, missing);
            return Ok(Inserted::Pending);
        }
        let mut new = vec![self.take_in(record)?];
        let mut arrived = VecDeque::from(new.clone());
        while let Some(id) = arrived.pop_front() {
            for record in self.pending.take(&id) {
                if self.contains(&record.id()) {
                    continue;
                }
                if let Some(missing) = self.missing(&record) {
                    self.pending.add(record, missing);
                } else if let Ok(id) = self.take_in(record) {
                    new.push(id);
                    arrived.push_back(id);
                }
            }
        }
        Ok(Inserted::New(new))
    }

    /// The records that no other record names, ascending.
    pub fn heads(&self) -> Vec<RecordId> {
        self.heads.iter().copied().collect()
    }

    /// Every id in the set, ascending.
    pub fn ids(&self) -> impl Iterator<Item = RecordId> + '_ {
        self.ledger.places.keys().copied()
    }

    /// Every record in the set, each after those it names.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.ledger.entries.iter().map(|entry| &entry.record)
    }

    /// How many records the set holds.
    pub fn len(&self) -> usize {
        self.ledger.entries.len()
    }

    /// Never true: a log holds its genesis record.
    pub fn is_empty(&self) -> bool {
        self.ledger.entries.is_empty()
    }

    /// How many records wait, and how many bytes they are.
    pub fn pending(&self) -> (usize, usize) {
        (self.pending.len(), self.pending.bytes())
    }

    /// The record with this id.
    pub fn get(&self, id: &RecordId) -> Option<&Record> {
        self.ledger.find(id).map(|(_, entry)| &entry.record)
    }

    /// Whether the set holds it; waiting records do not count.
    pub fn contains(&self, id: &RecordId) -> bool {
        self.ledger.places.contains_key(id)
    }

    /// Whether the set holds them all.
    pub fn knows_all(&self, ids: &[RecordId]) -> bool {
        ids.iter().all(|id| self.contains(id))
    }

    /// What somebody lacks who holds the closure of these heads, each record after those it names.
    /// Heads that are not known here count for nothing.
    pub fn missing_for(&self, their_heads: &[RecordId]) -> Vec<&Record> {
        let (past, _) = self.ledger.past_of(their_heads);
        let lacking = self
            .ledger
            .entries
            .iter()
            .enumerate()
            .filter(|(place, _)| !past.contains(*place));
        lacking.map(|(_, entry)| &entry.record).collect()
    }

    /// The records whose ids are not among these, each after those it names.
    pub fn not_in(&self, ids: &BTreeSet<RecordId>) -> Vec<&Record> {
        self.records()
            .filter(|record| !ids.contains(&record.id()))
            .collect()
    }

    /// The records that these build on, and these, in the order that all devices agree on.
    pub fn closure(&self, ids: &[RecordId]) -> Vec<&Record> {
        let (past, _) = self.ledger.past_of(ids);
        let mut entries: Vec<&Entry> = past
            .places()
            .filter_map(|place| self.ledger.entry(place))
            .collect();
        entries.sort_by_key(|entry| entry.rank);
        entries.into_iter().map(|entry| &entry.record).collect()
    }

    /// What the author's next record must carry: `seq`, `prev` and `deps`.
    pub fn next(&self, author: &DeviceKey) -> (u64, Option<RecordId>, Vec<RecordId>) {
        let last = self
            .ledger
            .chains
            .get(author)
            .and_then(|chain| chain.last_key_value());
        let tip = last.and_then(|(seq, places)| {
            let ids = places
                .iter()
                .filter_map(|place| self.ledger.entry(*place))
                .map(|entry| entry.rank.1);
            Some((*seq, ids.min()?))
        });
        match tip {
            None => (0, None, self.some_heads(None)),
            Some((seq, id)) => (seq + 1, Some(id), self.some_heads(Some(&id))),
        }
    }

    /// The state of the whole set.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The state as it was for somebody who had seen the closure of these heads.
    pub fn state_at(&self, heads: &[RecordId]) -> State {
        let (past, _) = self.ledger.past_of(heads);
        State::of(&View::at(&self.ledger, &past, &self.cuts), past.places())
    }

    /// What the record is worth in the whole set.
    pub fn verdict(&self, id: &RecordId) -> Verdict {
        let Some((place, entry)) = self.ledger.find(id) else {
            return Verdict::Void("it is not in the log");
        };
        let view = View::all(&self.ledger, &self.cuts);
        match entry.judgement.void {
            Some(reason) => Verdict::Void(reason),
            None if view.is_cut(place) => {
                Verdict::Void("a removal took away its author's right to it")
            }
            None if view.effective(place).is_none() => {
                Verdict::Void("its author made two records under one number")
            }
            None if view.is_contested(entry) => Verdict::Contested,
            None => Verdict::Valid,
        }
    }

    /// The author's person and role in the record's own past.
    pub fn role_before(&self, id: &RecordId) -> Option<(PersonId, Role)> {
        let (_, entry) = self.ledger.find(id)?;
        let view = View::at(&self.ledger, &entry.past, &self.cuts);
        let person = view.person_of(&entry.record.payload().author)?;
        Some((person, view.role_of(&person)?))
    }

    /// The approvals that a statement by `to` could name now: that it makes the person facilitator
    /// (`role` is that), lowers their role, or removes them or one of their devices.
    pub fn approvals(
        &self,
        person: &PersonId,
        role: Option<Role>,
        device: Option<&DeviceKey>,
        to: &DeviceKey,
    ) -> Vec<RecordId> {
        let view = View::all(&self.ledger, &self.cuts);
        let question = Question {
            person: *person,
            role,
            device: device.copied(),
            to: *to,
        };
        let mut ids: Vec<RecordId> = self
            .records()
            .filter(|record| matches!(record.payload().body, Body::Approve { .. }))
            .map(Record::id)
            .filter(|id| quorum::approver(id, &question, &view).is_some())
            .collect();
        ids.sort_unstable();
        ids
    }

    /// The ends of the branches of a device that made two records under one number, ascending; a
    /// removal chooses one of them. Empty for a device that did not.
    pub fn branches(&self, device: &DeviceKey) -> Vec<RecordId> {
        if self.ledger.forked_from(device, None).is_none() {
            return Vec::new();
        }
        let chain = self.ledger.chains.get(device).into_iter().flatten();
        let places: Vec<usize> = chain.flat_map(|(_, places)| places).copied().collect();
        let entries: Vec<&Entry> = places
            .iter()
            .filter_map(|place| self.ledger.entry(*place))
            .collect();
        let followed: BTreeSet<RecordId> = entries
            .iter()
            .filter_map(|entry| entry.record.payload().prev)
            .collect();
        let ids: BTreeSet<RecordId> = entries.iter().map(|entry| entry.rank.1).collect();
        ids.difference(&followed).copied().collect()
    }

    fn missing(&self, record: &Record) -> Option<RecordId> {
        record
            .payload()
            .deps
            .iter()
            .copied()
            .find(|id| !self.contains(id))
    }

    /// Judges a record whose dependencies are here, and adds it.
    fn take_in(&mut self, record: Record) -> Result<RecordId, LogError> {
        if self.ledger.entries.len() >= RECORDS_MAX {
            return Err(LogError::Full);
        }
        let (past, depth) = self.ledger.past_of(&record.payload().deps);
        self.check_place(&record, &past)?;
        let before = View::at(&self.ledger, &past, &self.cuts);
        let judgement = judge(&record, &before).map_err(|_| LogError::Stranger)?;
        let id = record.id();
        let author = record.payload().author;
        for dep in &record.payload().deps {
            self.heads.remove(dep);
        }
        self.heads.insert(id);
        let person = match record.payload().body {
            Body::Genesis { .. } | Body::Join { .. } => Some(PersonId::of(&author)),
            _ => before.person_of(&author),
        };
        let accepter = record.accepter().and_then(|key| before.person_of(key));
        let frozen = self.ledger.forked_from(&author, None);
        // A removal that chooses a branch lets records on it count again.
        let chooses =
            matches!(&record.payload().body, Body::Revoke { branches, .. } if !branches.is_empty());
        let place = self.ledger.push(Entry {
            record,
            past,
            rank: (depth, id),
            person,
            accepter,
            judgement,
        });
        let cuts = self.cuts.after(&self.ledger, place);
        let is_same =
            !chooses && cuts.is_none() && self.ledger.forked_from(&author, None) == frozen;
        if let Some(cuts) = cuts {
            self.cuts = cuts;
        }
        let view = View::all(&self.ledger, &self.cuts);
        if is_same {
            self.state.note(&view, place);
        } else {
            self.state = State::of(&view, 0..self.ledger.entries.len());
        }
        Ok(id)
    }

    /// Checks that the dependencies are heads of one past and that the record follows its author's last.
    fn check_place(&self, record: &Record, past: &Past) -> Result<(), LogError> {
        let payload = record.payload();
        let deps = payload.deps.iter().filter_map(|id| self.ledger.find(id));
        let places: Vec<usize> = deps.clone().map(|(place, _)| place).collect();
        if deps
            .clone()
            .any(|(_, dep)| places.iter().any(|place| dep.past.contains(*place)))
        {
            return Err(LogError::Misplaced(
                "one of its dependencies stands before another",
            ));
        }
        let chain = self.ledger.chains.get(&payload.author);
        let later = chain
            .into_iter()
            .flat_map(|chain| chain.range(payload.seq..));
        if later
            .flat_map(|(_, places)| places)
            .any(|place| past.contains(*place))
        {
            return Err(LogError::Misplaced("its author had used its number before"));
        }
        let Some(prev) = payload.prev else {
            return Ok(());
        };
        let fits = self.ledger.find(&prev).is_some_and(|(place, entry)| {
            let before = entry.record.payload();
            past.contains(place) && before.author == payload.author && before.seq + 1 == payload.seq
        });
        if fits {
            Ok(())
        } else {
            Err(LogError::Misplaced(
                "it does not follow its author's record before it",
            ))
        }
    }

    /// The heads, or so many of them as a record can name: first the one that stands for `tip`.
    fn some_heads(&self, tip: Option<&RecordId>) -> Vec<RecordId> {
        if self.heads.len() <= DEPS_MAX {
            return self.heads();
        }
        let place = tip
            .and_then(|tip| self.ledger.find(tip))
            .map(|(place, _)| place);
        let covers = |id: &&RecordId| {
            let found = self.ledger.find(id).zip(place);
            found.is_some_and(|((head, entry), place)| head == place || entry.past.contains(place))
        };
        let first = self.heads.iter().find(covers).or(self.heads.first());
        let rest = self
            .heads
            .iter()
            .filter(|id| Some(*id) != first)
            .take(DEPS_MAX - 1);
        let chosen: BTreeSet<RecordId> = first.into_iter().chain(rest).copied().collect();
        chosen.into_iter().collect()
    }
}
