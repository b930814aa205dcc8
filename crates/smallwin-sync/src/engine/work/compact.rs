//! Many raw changes become one snapshot that stands for them (rule K3).

use std::collections::BTreeSet;
use std::sync::Arc;

use automerge::{Automerge, Change};

/// Makes a snapshot of a document and proves that nothing is lost in it.
#[derive(Clone, Debug)]
pub(crate) struct Compact {
    /// The snapshot so far.
    pub(crate) base: Option<Arc<[u8]>>,
    /// The raw changes since, in causal order.
    pub(crate) tail: Vec<Arc<[u8]>>,
    /// What the snapshot has to load back to, ascending.
    pub(crate) heads: Vec<[u8; 32]>,
    pub(crate) hashes: BTreeSet<[u8; 32]>,
    /// Bytes that a snapshot may have.
    pub(crate) bytes_max: usize,
}

/// A snapshot that was loaded back.
#[derive(Clone, Debug)]
pub(crate) struct Compacted {
    pub(crate) bytes: Arc<[u8]>,
    /// BLAKE3 of the bytes: the name under which it is stored.
    pub(crate) name: [u8; 32],
}

impl Compact {
    pub(crate) fn bytes(&self) -> usize {
        let tail: usize = self.tail.iter().map(|bytes| bytes.len()).sum();
        self.base.as_ref().map_or(0, |base| base.len()) + tail
    }

    /// The caller catches panics.
    pub(crate) fn run(self) -> Result<Compacted, &'static str> {
        let mut view = match &self.base {
            Some(base) => Automerge::load(base).map_err(|_| "the last snapshot does not load")?,
            None => Automerge::new(),
        };
        let changes: Result<Vec<Change>, _> = self
            .tail
            .iter()
            .map(|bytes| Change::from_bytes(bytes.to_vec()))
            .collect();
        view.apply_changes(changes.map_err(|_| "a change cannot be read")?)
            .map_err(|_| "a change does not apply")?;
        self.check(&view)?;
        let bytes = view.save();
        if bytes.len() > self.bytes_max {
            return Err("the snapshot is longer than storage takes");
        }
        let back = Automerge::load(&bytes).map_err(|_| "the snapshot does not load back")?;
        self.check(&back)?;
        Ok(Compacted {
            name: *blake3::hash(&bytes).as_bytes(),
            bytes: bytes.into(),
        })
    }

    /// Same heads, and the same changes: a hash names all bytes of a change.
    fn check(&self, document: &Automerge) -> Result<(), &'static str> {
        let mut heads: Vec<[u8; 32]> = document.get_heads().iter().map(|head| head.0).collect();
        heads.sort_unstable();
        if heads != self.heads {
            return Err("the snapshot has other heads");
        }
        let changes = document.get_changes(&[]);
        let hashes: BTreeSet<[u8; 32]> = changes.iter().map(|change| change.hash().0).collect();
        if hashes == self.hashes {
            Ok(())
        } else {
            Err("the snapshot has other changes")
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "a test may panic"
    )]
    use automerge::transaction::Transactable as _;
    use automerge::{ActorId, AutoCommit, ROOT};

    use super::*;

    /// A document of a few changes, as work that is well described.
    fn work() -> Compact {
        let mut document = AutoCommit::new().with_actor(ActorId::from(vec![1; 40]));
        for number in 0..5_i64 {
            document.put(ROOT, "a", number).unwrap();
            document.commit();
        }
        let changes = document.get_changes(&[]);
        Compact {
            base: None,
            tail: changes.iter().map(|it| it.raw_bytes().into()).collect(),
            heads: document.get_heads().iter().map(|head| head.0).collect(),
            hashes: changes.iter().map(|change| change.hash().0).collect(),
            bytes_max: usize::MAX,
        }
    }

    #[test]
    fn k3_a_snapshot_has_the_same_heads_and_the_same_changes() {
        let whole = work();
        let done = whole.clone().run().unwrap();
        assert_eq!(done.name, *blake3::hash(&done.bytes).as_bytes());
        // From a snapshot and what came since.
        let mut first = work();
        first.tail.truncate(3);
        first.heads = vec![hash_of(&first.tail[2])];
        first.hashes = first.tail.iter().map(|bytes| hash_of(bytes)).collect();
        let base = first.run().unwrap().bytes;
        let mut second = work();
        second.base = Some(base);
        second.tail.drain(..3);
        assert_eq!(second.run().unwrap().bytes, done.bytes);
    }

    #[test]
    fn k3_a_snapshot_that_lacks_something_or_has_more_is_none() {
        fn lacks<T>(bend: impl FnOnce(&mut Compact) -> T) -> &'static str {
            let mut work = work();
            bend(&mut work);
            work.run().unwrap_err()
        }
        let other_heads = "the snapshot has other heads";
        let other_changes = "the snapshot has other changes";
        assert_eq!(lacks(|work| work.tail.pop()), other_heads);
        assert_eq!(lacks(|work| work.heads[0] = [9; 32]), other_heads);
        assert_eq!(lacks(|work| work.tail.remove(1)), other_heads);
        assert_eq!(lacks(|work| work.hashes.insert([9; 32])), other_changes);
        assert_eq!(lacks(|work| work.hashes.pop_first()), other_changes);
        let too_long = "the snapshot is longer than storage takes";
        assert_eq!(lacks(|work| work.bytes_max = 10), too_long);
    }

    fn hash_of(bytes: &[u8]) -> [u8; 32] {
        smallwin_gate::read_change(bytes).unwrap().hash
    }
}
