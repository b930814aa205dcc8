//! What proves that an actor contradicts itself.

use std::collections::BTreeMap;

use crate::limits::{EVIDENCE_BYTES_MAX, EVIDENCE_MAX, EVIDENCE_PER_ACTOR_MAX};

/// Contradictions of one document: two changes of one actor with one number.
///
/// Automerge drops the whole batch in which it sees one, honest changes too, and
/// two replicas that each took one never merge again. Here the first to come
/// stays, the other is kept as proof and goes no further, and only its author's
/// later work is hurt. The engine fills it from
/// [`Refused::Equivocation`](crate::Refused::Equivocation); since each side may have
/// taken another one first, it should pass the proof on and let the log decide
/// which of the two stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    of: BTreeMap<Vec<u8>, Vec<Contradiction>>,
    count: usize,
}

/// Two changes with one number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction {
    /// The number that both have.
    pub seq: u64,
    /// The change that was admitted.
    pub admitted: [u8; 32],
    /// The change that came later.
    pub other: [u8; 32],
    /// Its bytes, absent when there are more than [`EVIDENCE_BYTES_MAX`].
    pub bytes: Option<Vec<u8>>,
}

impl Evidence {
    /// Gives an empty collection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps a contradiction, unless it is known or there is enough of its kind;
    /// says whether it was kept.
    pub fn keep(
        &mut self,
        actor: &[u8],
        seq: u64,
        admitted: [u8; 32],
        other: [u8; 32],
        bytes: &[u8],
    ) -> bool {
        let known = self.of(actor);
        let is_known = known.iter().any(|one| one.other == other);
        if is_known || known.len() >= EVIDENCE_PER_ACTOR_MAX || self.count >= EVIDENCE_MAX {
            return false;
        }
        let bytes = (bytes.len() <= EVIDENCE_BYTES_MAX).then(|| bytes.to_vec());
        let contradiction = Contradiction {
            seq,
            admitted,
            other,
            bytes,
        };
        self.of
            .entry(actor.to_vec())
            .or_default()
            .push(contradiction);
        self.count += 1;
        true
    }

    /// The contradictions of an actor, in the order in which they came.
    #[must_use]
    pub fn of(&self, actor: &[u8]) -> &[Contradiction] {
        self.of.get(actor).map_or(&[], |of| of)
    }

    /// All actors that contradicted themselves.
    pub fn actors(&self) -> impl Iterator<Item = (&[u8], &[Contradiction])> {
        self.of.iter().map(|(actor, of)| (&**actor, &**of))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_a_few_of_each_actor_g2() {
        let mut evidence = Evidence::new();
        assert!(evidence.keep(b"anna", 2, [1; 32], [2; 32], b"other"));
        assert!(!evidence.keep(b"anna", 2, [1; 32], [2; 32], b"other"));
        for other in 3..100 {
            evidence.keep(
                b"anna",
                2,
                [1; 32],
                [other; 32],
                &[0; EVIDENCE_BYTES_MAX + 1],
            );
        }
        assert_eq!(evidence.of(b"anna").len(), EVIDENCE_PER_ACTOR_MAX);
        let kept = evidence.of(b"anna").iter().map(|one| one.bytes.is_some());
        assert_eq!(kept.collect::<Vec<_>>(), [true, false, false, false]);
        assert_eq!(evidence.of(b"bram"), []);
        for actor in 0..=255 {
            evidence.keep(&[actor], 1, [1; 32], [2; 32], b"other");
        }
        assert_eq!(
            evidence.actors().count(),
            EVIDENCE_MAX - EVIDENCE_PER_ACTOR_MAX + 1
        );
    }
}
