//! Where bytes went when their segments were written anew.

use std::collections::BTreeMap;

/// For every segment that was written anew the one it went into, and where in it each kept chunk or large
/// value lies now: eight bytes for each.
#[derive(Debug, Default)]
pub(crate) struct Moves(BTreeMap<u32, Moved>);

#[derive(Debug)]
struct Moved {
    to: u32,
    /// (old offset, new offset), ascending.
    offsets: Vec<(u32, u32)>,
}

/// A place now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Now {
    /// Its segment did not move.
    Same,
    /// In this segment at this offset.
    At(u32, u32),
    /// It was dropped.
    Gone,
}

impl Moves {
    /// A segment is being written into `to`.
    pub(super) fn begin(&mut self, segment: u32, to: u32) {
        let moved = || Moved {
            to,
            offsets: Vec::new(),
        };
        self.0.entry(segment).or_insert_with(moved);
    }

    /// Something moved, behind all that moved before in its segment. Segments are bounded far below what a
    /// u32 counts.
    pub(super) fn add(&mut self, segment: u32, old: u64, new: u64) {
        if let (Some(moved), Ok(old), Ok(new)) = (
            self.0.get_mut(&segment),
            u32::try_from(old),
            u32::try_from(new),
        ) {
            moved.offsets.push((old, new));
        }
    }

    /// Nothing went into `to` after all.
    pub(super) fn forget(&mut self, to: u32) {
        self.0.retain(|_, moved| moved.to != to);
    }

    /// Where a place is now.
    pub(crate) fn find(&self, segment: u32, offset: u32) -> Now {
        let Some(moved) = self.0.get(&segment) else {
            return Now::Same;
        };
        let at = moved.offsets.binary_search_by_key(&offset, |(old, _)| *old);
        match at.ok().and_then(|at| moved.offsets.get(at)) {
            Some((_, new)) => Now::At(moved.to, *new),
            None => Now::Gone,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moved_is_found_and_what_was_dropped_is_gone() {
        let mut moves = Moves::default();
        moves.begin(1, 1);
        moves.add(1, 100, 64);
        moves.add(1, 300, 90);
        moves.begin(2, 1);
        moves.add(2, 100, 200);
        moves.begin(3, 3);
        let expect = [
            ((1, 100), Now::At(1, 64)),
            ((1, 300), Now::At(1, 90)),
            ((1, 200), Now::Gone),
            ((2, 100), Now::At(1, 200)),
            ((3, 100), Now::Gone),
            ((4, 100), Now::Same),
        ];
        for ((segment, offset), now) in expect {
            assert_eq!(moves.find(segment, offset), now, "{segment} {offset}");
        }
        moves.forget(1);
        assert_eq!(moves.find(1, 100), Now::Same);
        assert_eq!(moves.find(3, 100), Now::Gone);
    }
}
