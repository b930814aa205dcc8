//! Remembers, outside the product, what was acknowledged, and holds the product to it.

use std::collections::{BTreeMap, BTreeSet};

use smallwin_sync::DocKey;

use crate::disk::Durable;
use crate::network::SiteId;

/// The hash of a change or the id of a record.
pub(crate) type Hash = [u8; 32];

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    /// The rule that is broken (`docs/spec.md`) or the check that failed.
    pub(crate) rule: &'static str,
    /// What was seen.
    pub(crate) what: String,
}

/// What each site acknowledged, and what nobody may ever take in.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    /// Changes that exist by definition (rule F1) and need no disk.
    constants: BTreeSet<Hash>,
    acknowledged: BTreeMap<SiteId, Acknowledged>,
    /// What sites acknowledged and lost because their disks lied: no fault of theirs.
    forgiven: BTreeSet<(SiteId, Hash)>,
    /// Changes made by those who may not, and who made them.
    forged: BTreeMap<Hash, &'static str>,
}

#[derive(Debug, Default)]
struct Acknowledged {
    changes: BTreeMap<DocKey, BTreeSet<Hash>>,
    records: BTreeSet<Hash>,
}

impl Oracle {
    /// An oracle that knows the first changes.
    pub(crate) fn new(constants: BTreeSet<Hash>) -> Oracle {
        Oracle {
            constants,
            ..Oracle::default()
        }
    }

    /// A site said to somebody (its own user or a peer) that it has these changes.
    pub(crate) fn told_changes(
        &mut self,
        site: SiteId,
        document: DocKey,
        hashes: impl IntoIterator<Item = Hash>,
        durable: &Durable,
    ) -> Result<(), Violation> {
        let held = durable.changes.get(&document);
        let told = self
            .acknowledged
            .entry(site)
            .or_default()
            .changes
            .entry(document)
            .or_default();
        for hash in hashes {
            if self.constants.contains(&hash) || !told.insert(hash) {
                continue;
            }
            if held.is_none_or(|held| !held.contains(&hash)) {
                return Err(too_early("change", &hash));
            }
        }
        Ok(())
    }

    /// A site said to somebody that it has these records.
    pub(crate) fn told_records(
        &mut self,
        site: SiteId,
        ids: impl IntoIterator<Item = Hash>,
        durable: &Durable,
    ) -> Result<(), Violation> {
        let told = &mut self.acknowledged.entry(site).or_default().records;
        for id in ids {
            if told.insert(id) && !durable.records.contains(&id) {
                return Err(too_early("record", &id));
            }
        }
        Ok(())
    }

    /// Whether a change exists by definition.
    pub(crate) fn is_constant(&self, hash: &Hash) -> bool {
        self.constants.contains(hash)
    }

    /// Holds a disk to all that its site acknowledged.
    pub(crate) fn check_disk(&self, site: SiteId, durable: &Durable) -> Result<(), Violation> {
        let Some(told) = self.acknowledged.get(&site) else {
            return Ok(());
        };
        let nothing = BTreeSet::new();
        for (document, hashes) in &told.changes {
            let held = durable.changes.get(document).unwrap_or(&nothing);
            if let Some(lost) = hashes.difference(held).next() {
                return Err(lost_violation("change", lost));
            }
        }
        match told.records.difference(&durable.records).next() {
            Some(lost) => Err(lost_violation("record", lost)),
            None => Ok(()),
        }
    }

    /// All changes of a document that anybody acknowledged.
    pub(crate) fn acknowledged(&self, document: &DocKey) -> BTreeSet<Hash> {
        let of = |told: &Acknowledged| told.changes.get(document).cloned().unwrap_or_default();
        self.acknowledged.values().flat_map(of).collect()
    }

    /// The site's disk lied: what it acknowledged and does not hold is not its fault. Says how much
    /// that is. Who else acknowledged the same is held to it all the same.
    pub(crate) fn forgive(&mut self, site: SiteId, durable: &Durable) -> u64 {
        let Some(told) = self.acknowledged.get_mut(&site) else {
            return 0;
        };
        let (nothing, mut lost) = (BTreeSet::new(), Vec::new());
        for (document, hashes) in &mut told.changes {
            let held = durable.changes.get(document).unwrap_or(&nothing);
            lost.extend(hashes.extract_if(.., |hash| !held.contains(hash)));
        }
        lost.extend(
            told.records
                .extract_if(.., |id| !durable.records.contains(id)),
        );
        let count = lost.len() as u64;
        self.forgiven
            .extend(lost.into_iter().map(|hash| (site, hash)));
        count
    }

    /// Whether a lying disk of this site lost it.
    pub(crate) fn is_forgiven(&self, site: SiteId, hash: &Hash) -> bool {
        self.forgiven.contains(&(site, *hash))
    }

    /// Nobody is held any more to what this site alone acknowledged: it is gone for good.
    pub(crate) fn forget(&mut self, site: SiteId) {
        self.acknowledged.remove(&site);
    }

    /// Somebody sends a change that may never be taken in.
    pub(crate) fn forged(&mut self, hash: Hash, how: &'static str) {
        self.forged.insert(hash, how);
    }

    /// How a change was forged, if it was.
    pub(crate) fn how_forged(&self, hash: &Hash) -> Option<&'static str> {
        self.forged.get(hash).copied()
    }
}

impl Violation {
    /// A violation in words.
    pub(crate) fn new(rule: &'static str, what: impl Into<String>) -> Violation {
        Violation {
            rule,
            what: what.into(),
        }
    }
}

/// The first four bytes in hex: enough to follow a change or record through a trace.
pub(crate) fn short(hash: &[u8]) -> String {
    hash.iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn too_early(what: &str, hash: &Hash) -> Violation {
    Violation::new(
        "K1",
        format!(
            "{what} {} was acknowledged before it was durable",
            short(hash)
        ),
    )
}

fn lost_violation(what: &str, hash: &Hash) -> Violation {
    Violation::new(
        "K1",
        format!("{what} {} was acknowledged and is lost", short(hash)),
    )
}

#[cfg(test)]
mod tests {
    use smallwin_sync::Space;

    use super::*;

    const SITE: SiteId = SiteId(0);
    const DOCUMENT: DocKey = DocKey {
        space: Space::Circles,
        id: [7; 16],
    };

    fn durable(hashes: &[u8]) -> Durable {
        let hashes: BTreeSet<Hash> = hashes.iter().map(|byte| [*byte; 32]).collect();
        Durable {
            records: hashes.clone(),
            beside: BTreeSet::new(),
            changes: BTreeMap::from([(DOCUMENT, hashes)]),
        }
    }

    #[test]
    fn k1_what_is_told_must_be_durable_and_stay() {
        let mut oracle = Oracle::new(BTreeSet::from([[9; 32]]));
        let mut tell = |hash: u8, durable: &Durable| {
            oracle.told_changes(SITE, DOCUMENT, [[hash; 32]], durable)
        };
        assert_eq!(tell(1, &durable(&[1])), Ok(()));
        assert_eq!(tell(9, &durable(&[])), Ok(()), "first changes need no disk");
        assert_eq!(tell(2, &durable(&[1])).unwrap_err().rule, "K1");
        let mut oracle = Oracle::default();
        assert_eq!(oracle.told_records(SITE, [[1; 32]], &durable(&[1])), Ok(()));
        assert_eq!(oracle.check_disk(SITE, &durable(&[1, 2])), Ok(()));
        assert_eq!(
            oracle.check_disk(SITE, &durable(&[2])).unwrap_err().rule,
            "K1"
        );
        assert!(
            oracle
                .told_records(SITE, [[3; 32]], &durable(&[1]))
                .is_err()
        );
    }

    #[test]
    fn a_lie_is_forgiven_to_who_was_lied_to() {
        let mut oracle = Oracle::default();
        let other = SiteId(1);
        for site in [SITE, other] {
            let told = oracle.told_changes(site, DOCUMENT, [[1; 32]], &durable(&[1]));
            assert_eq!(told, Ok(()));
        }
        assert_eq!(oracle.forgive(SITE, &durable(&[])), 1);
        assert_eq!(oracle.check_disk(SITE, &durable(&[])), Ok(()));
        assert!(oracle.is_forgiven(SITE, &[1; 32]) && !oracle.is_forgiven(other, &[1; 32]));
        assert_eq!(
            oracle.acknowledged(&DOCUMENT).len(),
            1,
            "the other holds it"
        );
        let again = oracle.told_changes(SITE, DOCUMENT, [[1; 32]], &durable(&[]));
        assert!(again.is_err(), "it may not say so again without having it");
    }

    #[test]
    fn remembers_forgeries() {
        let mut oracle = Oracle::default();
        oracle.forged([1; 32], "unsigned");
        assert_eq!(oracle.how_forged(&[1; 32]), Some("unsigned"));
        assert_eq!(oracle.how_forged(&[2; 32]), None);
    }
}
