//! Changes that wait for what they build on.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use crate::limits::{ORPHAN_BYTES_MAX, ORPHAN_BYTES_PER_PEER_MAX, ORPHANS_PER_PEER_MAX};

/// Changes of one document that came before their dependencies, with quotas for
/// each peer that brought them.
///
/// Automerge has such a queue of its own, in which a change that waits for ever
/// keeps out the genuine one of the same actor and number (rule G3). Here it
/// only takes room, and only of the peer that carried it: others keep theirs.
/// Nothing is judged here; a released change goes to the index like any other.
///
/// The way of a change: [`OpIndex::admit`](crate::OpIndex::admit) says
/// [`Refused::MissingDeps`](crate::Refused::MissingDeps) → [`Orphans::park`] with
/// those hashes → for each change that is admitted later, [`Orphans::admitted`]
/// gives those that wait for nothing more → admit them, and so on. For a change
/// that is refused for good, [`Orphans::refused`] drops all that builds on it.
#[derive(Debug, Clone)]
pub struct Orphans<P> {
    parked: BTreeMap<[u8; 32], Parked<P>>,
    /// For each missing change, the parked ones that build on it.
    waiting_for: BTreeMap<[u8; 32], BTreeSet<[u8; 32]>>,
    held: BTreeMap<P, Held>,
    bytes: usize,
}

#[derive(Debug, Clone)]
struct Parked<P> {
    peer: P,
    bytes: Vec<u8>,
    missing: BTreeSet<[u8; 32]>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Held {
    count: usize,
    bytes: usize,
}

/// A change that waits for nothing more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released<P> {
    /// The peer that brought it.
    pub peer: P,
    /// Its hash.
    pub hash: [u8; 32],
    /// Its bytes, as they were parked.
    pub bytes: Vec<u8>,
}

/// There is no room for another waiting change. It is not kept; its sender may
/// send it again after what it builds on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OrphansFull {
    /// The peer has as many changes waiting as one may have.
    #[error("peer has {ORPHANS_PER_PEER_MAX} changes waiting for others")]
    Count,
    /// The peer's waiting changes take as many bytes as one may have.
    #[error("waiting changes of a peer take more than {ORPHAN_BYTES_PER_PEER_MAX} bytes")]
    Bytes,
    /// The waiting changes of all peers take as many bytes as a document may have.
    #[error("waiting changes take more than {ORPHAN_BYTES_MAX} bytes")]
    Document,
}

impl<P: Ord + Clone> Orphans<P> {
    /// Gives an empty queue.
    #[must_use]
    pub fn new() -> Self {
        Self {
            parked: BTreeMap::new(),
            waiting_for: BTreeMap::new(),
            held: BTreeMap::new(),
            bytes: 0,
        }
    }

    /// Keeps a change until `missing` were admitted, on the account of `peer`.
    /// One that waits already is fine and costs nothing more.
    ///
    /// # Errors
    /// Says which quota is used up; nothing is changed then.
    pub fn park(
        &mut self,
        peer: P,
        hash: [u8; 32],
        bytes: Vec<u8>,
        missing: &[[u8; 32]],
    ) -> Result<(), OrphansFull> {
        if self.parked.contains_key(&hash) {
            return Ok(());
        }
        let held = self.held.get(&peer).copied().unwrap_or_default();
        // What it waits for is kept too, so it counts.
        let size = bytes.len() + missing.len() * HASH_BYTES;
        if held.count >= ORPHANS_PER_PEER_MAX {
            return Err(OrphansFull::Count);
        }
        if held.bytes + size > ORPHAN_BYTES_PER_PEER_MAX {
            return Err(OrphansFull::Bytes);
        }
        if self.bytes + size > ORPHAN_BYTES_MAX {
            return Err(OrphansFull::Document);
        }
        let held = Held {
            count: held.count + 1,
            bytes: held.bytes + size,
        };
        self.held.insert(peer.clone(), held);
        self.bytes += size;
        for dep in missing {
            self.waiting_for.entry(*dep).or_default().insert(hash);
        }
        let parked = Parked {
            peer,
            bytes,
            missing: missing.iter().copied().collect(),
        };
        self.parked.insert(hash, parked);
        Ok(())
    }

    /// Says that a change was admitted; gives those that waited for it last, by hash.
    pub fn admitted(&mut self, hash: &[u8; 32]) -> Vec<Released<P>> {
        // It may itself be parked, when it came again from elsewhere.
        self.take(hash);
        let mut released = Vec::new();
        for waiting in self.waiting_for.remove(hash).unwrap_or_default() {
            let Some(parked) = self.parked.get_mut(&waiting) else {
                continue;
            };
            parked.missing.remove(hash);
            self.account(&waiting, HASH_BYTES);
            if self
                .parked
                .get(&waiting)
                .is_some_and(|parked| parked.missing.is_empty())
                && let Some(parked) = self.take(&waiting)
            {
                released.push(Released {
                    peer: parked.peer,
                    hash: waiting,
                    bytes: parked.bytes,
                });
            }
        }
        released
    }

    /// Says that a change will never be admitted; drops all that builds on it and gives their hashes.
    pub fn refused(&mut self, hash: &[u8; 32]) -> Vec<[u8; 32]> {
        self.take(hash);
        let mut dropped = Vec::new();
        let mut left: Vec<[u8; 32]> = vec![*hash];
        while let Some(refused) = left.pop() {
            for waiting in self.waiting_for.remove(&refused).unwrap_or_default() {
                if self.take(&waiting).is_some() {
                    dropped.push(waiting);
                    left.push(waiting);
                }
            }
        }
        dropped
    }

    /// Drops what a peer brought, for when it is gone or shut out.
    pub fn forget(&mut self, peer: &P) {
        let of_peer =
            |(hash, parked): (&[u8; 32], &Parked<P>)| (parked.peer == *peer).then_some(*hash);
        let hashes: Vec<_> = self.parked.iter().filter_map(of_peer).collect();
        for hash in hashes {
            self.take(&hash);
        }
    }

    /// The changes to ask for: what parked ones build on and is not parked itself.
    pub fn missing(&self) -> impl Iterator<Item = &[u8; 32]> {
        self.waiting_for
            .keys()
            .filter(|hash| !self.parked.contains_key(*hash))
    }

    /// Says whether a change waits here.
    #[must_use]
    pub fn contains(&self, hash: &[u8; 32]) -> bool {
        self.parked.contains_key(hash)
    }

    /// Number of waiting changes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parked.len()
    }

    /// Says whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parked.is_empty()
    }

    /// Bytes of the waiting changes and of the hashes they wait for.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn take(&mut self, hash: &[u8; 32]) -> Option<Parked<P>> {
        let parked = self.parked.get(hash)?;
        let size = parked.bytes.len() + parked.missing.len() * HASH_BYTES;
        let peer = parked.peer.clone();
        self.account(hash, size);
        if let Some(held) = self.held.get_mut(&peer) {
            held.count -= 1;
            if held.count == 0 {
                self.held.remove(&peer);
            }
        }
        let parked = self.parked.remove(hash)?;
        for dep in &parked.missing {
            if let Some(waiting) = self.waiting_for.get_mut(dep) {
                waiting.remove(hash);
                if waiting.is_empty() {
                    self.waiting_for.remove(dep);
                }
            }
        }
        Some(parked)
    }

    /// Takes bytes off the account of a parked change's peer.
    fn account(&mut self, hash: &[u8; 32], bytes: usize) {
        self.bytes -= bytes;
        if let Some(parked) = self.parked.get(hash)
            && let Some(held) = self.held.get_mut(&parked.peer)
        {
            held.bytes -= bytes;
        }
    }
}

impl<P: Ord + Clone> Default for Orphans<P> {
    fn default() -> Self {
        Self::new()
    }
}

const HASH_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    fn park(orphans: &mut Orphans<u8>, peer: u8, hash: u8, missing: &[u8]) {
        let missing: Vec<_> = missing.iter().map(|dep| [*dep; 32]).collect();
        orphans
            .park(peer, [hash; 32], vec![hash; 10], &missing)
            .unwrap();
    }

    #[test]
    fn releases_what_waits_for_nothing_more_g3() {
        let mut orphans = Orphans::new();
        park(&mut orphans, 1, 5, &[1, 2]);
        park(&mut orphans, 2, 6, &[1]);
        park(&mut orphans, 1, 7, &[5]);
        assert_eq!(orphans.missing().collect::<Vec<_>>(), [&[1; 32], &[2; 32]]);
        let released: Vec<_> = orphans
            .admitted(&[1; 32])
            .into_iter()
            .map(|one| one.hash)
            .collect();
        assert_eq!(released, [[6; 32]]);
        assert_eq!(orphans.admitted(&[2; 32]).len(), 1);
        assert_eq!(orphans.admitted(&[5; 32]).len(), 1);
        assert!(orphans.is_empty() && orphans.bytes() == 0);
        assert!(orphans.held.is_empty() && orphans.waiting_for.is_empty());
    }

    #[test]
    fn drops_what_builds_on_the_refused_g3() {
        let mut orphans = Orphans::new();
        park(&mut orphans, 1, 5, &[1]);
        park(&mut orphans, 2, 6, &[5, 9]);
        park(&mut orphans, 2, 7, &[9]);
        assert_eq!(orphans.refused(&[1; 32]), [[5; 32], [6; 32]]);
        assert_eq!(orphans.len(), 1);
        orphans.forget(&2);
        assert!(orphans.is_empty() && orphans.bytes() == 0 && orphans.waiting_for.is_empty());
    }

    /// A hundred thousand orphans of one peer leave room for another's.
    #[test]
    fn one_peer_does_not_use_up_the_room_of_others_g2() {
        let mut orphans = Orphans::new();
        let mut taken = 0;
        for number in 0..100_000_u32 {
            let mut hash = [0; 32];
            hash.iter_mut()
                .zip(number.to_be_bytes())
                .for_each(|(to, from)| *to = from);
            taken += usize::from(orphans.park(1, hash, vec![0; 100], &[[255; 32]]).is_ok());
        }
        assert_eq!(taken, ORPHANS_PER_PEER_MAX);
        park(&mut orphans, 2, 7, &[255]);
        let huge = vec![0; ORPHAN_BYTES_PER_PEER_MAX];
        assert_eq!(
            orphans.park(3, [8; 32], huge, &[[1; 32]]),
            Err(OrphansFull::Bytes)
        );
        assert_eq!(orphans.admitted(&[255; 32]).len(), ORPHANS_PER_PEER_MAX + 1);
        assert_eq!(orphans.bytes(), 0);
    }

    #[test]
    fn all_peers_together_have_a_limit_g2() {
        let mut orphans = Orphans::new();
        let mut last = Ok(());
        for peer in 0..20_u8 {
            let bytes = vec![0; ORPHAN_BYTES_PER_PEER_MAX - 32];
            last = orphans.park(peer, [peer; 32], bytes, &[[255; 32]]);
        }
        assert_eq!(last, Err(OrphansFull::Document));
        assert!(orphans.bytes() <= ORPHAN_BYTES_MAX);
    }
}
