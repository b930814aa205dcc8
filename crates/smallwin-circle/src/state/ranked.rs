//! Items in the order that all devices agree on.

use crate::log::Rank;

/// Items in the order that all devices agree on, however they arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ranked<T> {
    ranks: Vec<Rank>,
    pub(super) items: Vec<T>,
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
    pub(super) fn insert(&mut self, rank: Rank, item: T) {
        let at = self.ranks.partition_point(|other| *other < rank);
        self.ranks.insert(at, rank);
        self.items.insert(at, item);
    }
}
