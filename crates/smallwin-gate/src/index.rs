//! Which changes of a document are admitted, and what may follow them.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use crate::ChangeHeader;
use crate::limits::{EXTRA_BYTES_MAX, MESSAGE_BYTES_MAX, TIME_MAX};

/// What a document asks of its changes.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Hashes of the constant first changes; these pass whatever their actor.
    pub first_changes: BTreeSet<[u8; 32]>,
    /// Which space the document lives in.
    pub space: Space,
}

/// The space of a document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Space {
    /// Documents of circles: actors are a device key and 8 random bytes, a change
    /// depends directly on its own predecessor, and nothing stands behind the columns.
    #[default]
    Circles,
    /// Unlisted documents of stock peers: any actor, and a predecessor may be a farther ancestor.
    Open,
}

/// Why a change is not admitted now.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refused {
    /// Changes that it builds on are not admitted; it may come again after them.
    #[error("{} dependencies are missing", .0.len())]
    MissingDeps(Vec<[u8; 32]>),
    /// The actor id is not a device key with 8 random bytes.
    #[error("actor id does not have 40 bytes")]
    Actor,
    /// Another change already has this actor and number: the actor contradicts itself.
    #[error("actor has two changes with number {seq}")]
    Equivocation {
        /// The number.
        seq: u64,
        /// The change that was admitted first.
        admitted: [u8; 32],
    },
    /// The actor's number is not the one after its last.
    #[error("number {found} where {expected} was due")]
    Seq {
        /// Number in the change.
        found: u64,
        /// Number that was due.
        expected: u64,
    },
    /// The change does not build on its own predecessor.
    #[error("does not build on its own predecessor")]
    Predecessor,
    /// The counter of the first operation does not follow from the dependencies.
    #[error("first operation {found} where {expected} was due")]
    StartOp {
        /// Counter in the change.
        found: u64,
        /// Counter that was due.
        expected: u64,
    },
    /// The time lies outside the constant range.
    #[error("time out of range")]
    Time,
    /// The message is longer than a label.
    #[error("message longer than {MESSAGE_BYTES_MAX} bytes")]
    Message,
    /// Bytes stand behind the columns where none may.
    #[error("bytes behind the columns")]
    ExtraBytes,
}

/// The admitted changes of one document.
///
/// Admission goes in causal order, so Automerge never gets a change with a
/// missing dependency (rule G3). A refusal changes nothing.
#[derive(Debug, Clone, Default)]
pub struct ChangeIndex {
    changes: BTreeMap<[u8; 32], Entry>,
    actors: BTreeMap<Vec<u8>, Vec<[u8; 32]>>,
}

#[derive(Debug, Clone)]
struct Entry {
    max_op: u64,
    deps: Vec<[u8; 32]>,
}

impl ChangeIndex {
    /// Gives the index of a document without changes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Admits a change, or says why not. A change that is already admitted is fine.
    ///
    /// # Errors
    /// Says which rule the change breaks; [`Refused::MissingDeps`] may be mended
    /// by what comes later, the others never.
    pub fn admit(&mut self, change: &ChangeHeader, rules: &Rules) -> Result<(), Refused> {
        if self.contains(&change.hash) {
            return Ok(());
        }
        if !rules.first_changes.contains(&change.hash) {
            check_form(change, rules.space)?;
        }
        self.check_seq(change)?;
        self.check_deps(change)?;
        self.check_predecessor(change, rules.space)?;
        self.check_start_op(change, rules.space)?;
        let entry = Entry {
            max_op: change.max_op(),
            deps: change.deps.clone(),
        };
        self.changes.insert(change.hash, entry);
        self.actors
            .entry(change.actor.clone())
            .or_default()
            .push(change.hash);
        Ok(())
    }

    /// Says whether a change is admitted.
    #[must_use]
    pub fn contains(&self, hash: &[u8; 32]) -> bool {
        self.changes.contains_key(hash)
    }

    /// Number of admitted changes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Says whether no change is admitted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Number of an actor's last admitted change; 0 when it has none.
    #[must_use]
    pub fn last_seq(&self, actor: &[u8]) -> u64 {
        self.actors
            .get(actor)
            .map_or(0, |hashes| hashes.len() as u64)
    }

    /// Hash of an actor's admitted change with this number.
    #[must_use]
    pub fn change_of(&self, actor: &[u8], seq: u64) -> Option<[u8; 32]> {
        let position = usize::try_from(seq.checked_sub(1)?).ok()?;
        self.actors.get(actor)?.get(position).copied()
    }

    fn check_seq(&self, change: &ChangeHeader) -> Result<(), Refused> {
        let seq = change.seq;
        if let Some(admitted) = self.change_of(&change.actor, seq) {
            return Err(Refused::Equivocation { seq, admitted });
        }
        // A gap is often only a change that has not come yet, which the missing
        // dependency says; that is for `check_deps` to find first.
        let expected = self.last_seq(&change.actor) + 1;
        let is_waiting = change.deps.iter().any(|dep| !self.contains(dep));
        if seq == expected || is_waiting {
            Ok(())
        } else {
            Err(Refused::Seq {
                found: seq,
                expected,
            })
        }
    }

    fn check_deps(&self, change: &ChangeHeader) -> Result<(), Refused> {
        let missing: Vec<_> = change
            .deps
            .iter()
            .filter(|dep| !self.contains(dep))
            .copied()
            .collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(Refused::MissingDeps(missing))
        }
    }

    fn check_predecessor(&self, change: &ChangeHeader, space: Space) -> Result<(), Refused> {
        let Some(own) = self.change_of(&change.actor, change.seq.saturating_sub(1)) else {
            return Ok(());
        };
        let is_built_on = match space {
            Space::Circles => change.deps.contains(&own),
            Space::Open => change.deps.contains(&own) || self.is_ancestor(&own, &change.deps),
        };
        if is_built_on {
            Ok(())
        } else {
            Err(Refused::Predecessor)
        }
    }

    fn check_start_op(&self, change: &ChangeHeader, space: Space) -> Result<(), Refused> {
        let highest = change
            .deps
            .iter()
            .filter_map(|dep| self.changes.get(dep))
            .map(|entry| entry.max_op)
            .max();
        let (found, expected) = (change.start_op, highest.unwrap_or(0) + 1);
        let follows = match space {
            Space::Circles => found == expected,
            // Work in isolation leaves room below.
            Space::Open => found >= expected,
        };
        if follows {
            Ok(())
        } else {
            Err(Refused::StartOp { found, expected })
        }
    }

    /// Says whether a change stands in the past of others.
    fn is_ancestor(&self, sought: &[u8; 32], of: &[[u8; 32]]) -> bool {
        let mut seen: BTreeSet<&[u8; 32]> = of.iter().collect();
        let mut left: Vec<_> = of.iter().collect();
        while let Some(hash) = left.pop() {
            if hash == sought {
                return true;
            }
            let deps = self.changes.get(hash).map_or(&[][..], |entry| &entry.deps);
            left.extend(deps.iter().filter(|dep| seen.insert(dep)));
        }
        false
    }
}

fn check_form(change: &ChangeHeader, space: Space) -> Result<(), Refused> {
    let extra_allowed = match space {
        Space::Circles => 0,
        // Automerge 0.12 panics on an author's name after an actor's first change.
        Space::Open if change.seq == 1 => EXTRA_BYTES_MAX,
        Space::Open => 0,
    };
    if space == Space::Circles && change.actor.len() != ACTOR_BYTES {
        return Err(Refused::Actor);
    }
    if !(0..=TIME_MAX).contains(&change.time) {
        return Err(Refused::Time);
    }
    if change.message_len > MESSAGE_BYTES_MAX {
        return Err(Refused::Message);
    }
    if change.extra_len > extra_allowed {
        return Err(Refused::ExtraBytes);
    }
    Ok(())
}

/// Bytes of an actor id in a circle: a device key and 8 random bytes (rule K2).
const ACTOR_BYTES: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ChunkKind;

    const ANNA: u8 = 1;
    const BRAM: u8 = 2;

    fn change(hash: u8, actor: u8, seq: u64, start_op: u64, deps: &[u8]) -> ChangeHeader {
        ChangeHeader {
            hash: [hash; 32],
            kind: ChunkKind::Change,
            actor: vec![actor; ACTOR_BYTES],
            seq,
            start_op,
            op_count: 2,
            deps: deps.iter().map(|dep| [*dep; 32]).collect(),
            time: 0,
            message_len: 0,
            extra_len: 0,
        }
    }

    /// Two changes of Anna, one of Bram beside her second.
    fn index(rules: &Rules) -> ChangeIndex {
        let mut index = ChangeIndex::new();
        assert_eq!(index.admit(&change(1, ANNA, 1, 1, &[]), rules), Ok(()));
        assert_eq!(index.admit(&change(2, ANNA, 2, 3, &[1]), rules), Ok(()));
        assert_eq!(index.admit(&change(3, BRAM, 1, 3, &[1]), rules), Ok(()));
        index
    }

    #[test]
    fn refuses_what_breaks_automerge_g3() {
        let rules = Rules::default();
        let check = |change: ChangeHeader, expected| {
            let mut index = index(&rules);
            assert_eq!(index.admit(&change, &rules), expected);
            assert_eq!(index.len(), if expected.is_ok() { 4 } else { 3 });
        };
        check(change(9, ANNA, 3, 5, &[2, 3]), Ok(()));
        check(
            change(9, ANNA, 3, 5, &[8]),
            Err(Refused::MissingDeps(vec![[8; 32]])),
        );
        check(change(9, ANNA, 3, 5, &[3]), Err(Refused::Predecessor));
        check(
            change(9, ANNA, 4, 5, &[2]),
            Err(Refused::Seq {
                found: 4,
                expected: 3,
            }),
        );
        check(
            change(9, ANNA, 3, 4, &[2]),
            Err(Refused::StartOp {
                found: 4,
                expected: 5,
            }),
        );
        check(
            change(9, ANNA, 3, 9, &[2]),
            Err(Refused::StartOp {
                found: 9,
                expected: 5,
            }),
        );
        check(
            change(9, ANNA, 2, 5, &[2]),
            Err(Refused::Equivocation {
                seq: 2,
                admitted: [2; 32],
            }),
        );
        check(
            ChangeHeader {
                extra_len: 1,
                ..change(9, ANNA, 3, 5, &[2])
            },
            Err(Refused::ExtraBytes),
        );
        check(
            ChangeHeader {
                time: -1,
                ..change(9, ANNA, 3, 5, &[2])
            },
            Err(Refused::Time),
        );
        check(
            ChangeHeader {
                message_len: 257,
                ..change(9, ANNA, 3, 5, &[2])
            },
            Err(Refused::Message),
        );
        check(
            ChangeHeader {
                actor: vec![7; 16],
                ..change(9, ANNA, 1, 5, &[2])
            },
            Err(Refused::Actor),
        );
    }

    #[test]
    fn an_orphan_does_not_take_the_place_of_the_genuine_change_g3() {
        let rules = Rules::default();
        let mut index = index(&rules);
        let orphan = change(8, ANNA, 3, 5, &[77]);
        assert_eq!(
            index.admit(&orphan, &rules),
            Err(Refused::MissingDeps(vec![[77; 32]]))
        );
        assert_eq!(index.admit(&change(9, ANNA, 3, 5, &[2]), &rules), Ok(()));
    }

    #[test]
    fn the_open_space_takes_a_farther_predecessor() {
        let rules = Rules {
            space: Space::Open,
            ..Rules::default()
        };
        let mut index = index(&rules);
        assert_eq!(index.admit(&change(4, BRAM, 2, 5, &[2, 3]), &rules), Ok(()));
        assert_eq!(index.admit(&change(5, ANNA, 3, 9, &[4]), &rules), Ok(()));
        assert_eq!(
            index.admit(&change(6, BRAM, 3, 9, &[2]), &rules),
            Err(Refused::Predecessor)
        );
    }

    #[test]
    fn a_first_change_passes_by_its_hash_f1() {
        let odd = ChangeHeader {
            actor: vec![0; 3],
            ..change(7, ANNA, 1, 1, &[])
        };
        let rules = Rules {
            first_changes: BTreeSet::from([[7; 32]]),
            ..Rules::default()
        };
        assert_eq!(ChangeIndex::new().admit(&odd, &rules), Ok(()));
        assert_eq!(
            ChangeIndex::new().admit(&odd, &Rules::default()),
            Err(Refused::Actor)
        );
    }
}
