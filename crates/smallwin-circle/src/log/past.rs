//! The set of records before a record, by their places in the ledger.

/// A set of places: all below a bound, and some above it.
///
/// A record whose author had seen everything has a past without `rest`, so an honest log costs next to
/// nothing, and records beside one another cost a bit for each place since they parted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Past {
    /// How many words of 64 places are full.
    full: usize,
    /// The words after them.
    rest: Vec<u64>,
}

impl Past {
    /// Whether the record at this place is in the past.
    pub(crate) fn contains(&self, place: usize) -> bool {
        let word = place / 64;
        if word < self.full {
            return true;
        }
        self.rest
            .get(word - self.full)
            .is_some_and(|bits| bits >> (place % 64) & 1 == 1)
    }

    /// Adds one place.
    pub(crate) fn add(&mut self, place: usize) {
        let word = place / 64;
        if word < self.full {
            return;
        }
        let at = word - self.full;
        if self.rest.len() <= at {
            self.rest.resize(at + 1, 0);
        }
        if let Some(bits) = self.rest.get_mut(at) {
            *bits |= 1 << (place % 64);
        }
        self.settle();
    }

    /// Adds every place of another past.
    pub(crate) fn join(&mut self, other: &Self) {
        if other.full > self.full {
            self.rest
                .drain(..(other.full - self.full).min(self.rest.len()));
            self.full = other.full;
        }
        let skip = self.full - other.full;
        let others = other.rest.get(skip..).unwrap_or_default();
        if self.rest.len() < others.len() {
            self.rest.resize(others.len(), 0);
        }
        self.rest
            .iter_mut()
            .zip(others)
            .for_each(|(mine, theirs)| *mine |= theirs);
        self.settle();
    }

    /// The places, ascending.
    pub(crate) fn places(&self) -> impl Iterator<Item = usize> + '_ {
        let end = (self.full + self.rest.len()) * 64;
        (0..end).filter(|place| self.contains(*place))
    }

    fn settle(&mut self) {
        let full = self
            .rest
            .iter()
            .take_while(|bits| **bits == u64::MAX)
            .count();
        self.rest.drain(..full);
        self.full += full;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn past_of(places: &BTreeSet<usize>) -> Past {
        let mut past = Past::default();
        places.iter().for_each(|place| past.add(*place));
        past
    }

    fn sets() -> impl Strategy<Value = BTreeSet<usize>> {
        (0usize..200, prop::collection::btree_set(0usize..300, 0..40))
            .prop_map(|(below, some)| (0..below).chain(some).collect())
    }

    proptest! {
        #[test]
        fn behaves_as_a_set(a in sets(), b in sets()) {
            let mut joined = past_of(&a);
            joined.join(&past_of(&b));
            let union: BTreeSet<usize> = a.union(&b).copied().collect();
            prop_assert_eq!(joined.places().collect::<BTreeSet<_>>(), union.clone());
            prop_assert_eq!(&joined, &past_of(&union));
            prop_assert!((0..400).all(|place| joined.contains(place) == union.contains(&place)));
        }
    }
}
