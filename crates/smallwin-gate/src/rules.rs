//! What a document asks of its changes, and why one is not admitted.

use std::collections::BTreeSet;

use thiserror::Error;

use crate::limits::{EXTRA_BYTES_MAX, MESSAGE_BYTES_MAX, TIME_MAX};
use crate::{ChangeHeader, OpFault};

/// What a document asks of its changes.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Hashes of the constant first changes; these pass whatever their actor.
    pub first_changes: BTreeSet<[u8; 32]>,
    /// Which space the document lives in.
    pub space: Space,
}

impl Rules {
    /// Holds what needs no other change against the rules.
    pub(crate) fn check_form(&self, change: &ChangeHeader) -> Result<(), Refused> {
        if self.first_changes.contains(&change.hash) {
            return Ok(());
        }
        let extra_allowed = match self.space {
            Space::Circles => 0,
            // Automerge 0.12 panics on an author's name after an actor's first change.
            Space::Open if change.seq == 1 => EXTRA_BYTES_MAX,
            Space::Open => 0,
        };
        if self.space == Space::Circles && change.actor.len() != ACTOR_BYTES {
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
    /// One of its operations does not fit the document as the change's author saw it.
    #[error("operation {position}: {fault}")]
    Op {
        /// Position in the change, from 0.
        position: u64,
        /// What is wrong with it.
        fault: OpFault,
    },
}

/// Bytes of an actor id in a circle: a device key and 8 random bytes (rule K2).
pub(crate) const ACTOR_BYTES: usize = 40;
