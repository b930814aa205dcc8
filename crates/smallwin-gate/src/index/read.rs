//! What relays and callers ask of the admitted changes.

use super::ChangeIndex;

impl ChangeIndex {
    /// Hashes of the changes on which no other builds, ascending.
    #[must_use]
    pub fn heads(&self) -> Vec<[u8; 32]> {
        let heads = self.heads.iter().filter_map(|head| self.entry(*head));
        let mut heads: Vec<_> = heads.map(|entry| entry.hash).collect();
        heads.sort_unstable();
        heads
    }

    /// Place of a change in the order of admission, from 0.
    #[must_use]
    pub fn position(&self, hash: &[u8; 32]) -> Option<usize> {
        self.find(hash).map(|number| number as usize)
    }

    /// Hash of the change at a place in the order of admission.
    #[must_use]
    pub fn hash_at(&self, position: usize) -> Option<[u8; 32]> {
        self.changes.get(position).map(|entry| entry.hash)
    }

    /// Hashes of the changes that a change builds on directly, as many as it names; nothing for
    /// one that is not admitted.
    #[must_use]
    pub fn deps(&self, hash: &[u8; 32]) -> Option<Vec<[u8; 32]>> {
        let entry = self.entry(self.find(hash)?)?;
        let deps = entry.deps.iter().filter_map(|dep| self.entry(*dep));
        Some(deps.map(|dep| dep.hash).collect())
    }

    /// The actor that made a change; nothing for one that is not admitted.
    #[must_use]
    pub fn actor_of(&self, hash: &[u8; 32]) -> Option<&[u8]> {
        self.actor_id(self.entry(self.find(hash)?)?.actor)
    }

    /// Hashes of the changes that are neither among `heads` nor in their past, in order of
    /// admission; heads that are not admitted count for nothing. It costs a walk to the next
    /// kept clocks and what it gives, not the whole history.
    #[must_use]
    pub fn since(&self, heads: &[[u8; 32]]) -> Vec<[u8; 32]> {
        let past = self.clock(heads);
        // An actor's changes build on each other, so its past is a number.
        let mut numbers: Vec<u32> = self
            .actors
            .iter()
            .zip(&past)
            .flat_map(|(actor, seq)| actor.changes.iter().skip(*seq as usize))
            .copied()
            .collect();
        numbers.sort_unstable();
        let entries = numbers.into_iter().filter_map(|number| self.entry(number));
        entries.map(|entry| entry.hash).collect()
    }
}
