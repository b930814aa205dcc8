//! Looks over what a store holds, as far as its meaning goes: signatures, logs, documents, and whether all
//! that something builds on is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::{Automerge, Change, ReadDoc};
use smallwin_circle::{Card, CircleId, DocumentId, DocumentRef, Frontier, Inserted, Log, Record};
use smallwin_storage::{ChunkKind, Progress, Store, StoreError};
use smallwin_sync::{DocKey, Space, Table};

/// What [`diagnose`] found.
#[derive(Debug, Default)]
pub struct Diagnosis {
    /// Small Wins with a readable log.
    pub circles: usize,
    /// Records in these logs.
    pub records: usize,
    /// Documents with a change.
    pub documents: usize,
    /// Changes in them.
    pub changes: usize,
    /// What is not as it should be.
    pub findings: Vec<Finding>,
}

/// Something that is not as it should be. Names ids only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Where: a circle, a document.
    pub place: String,
    /// What.
    pub what: Fault,
    /// How often.
    pub count: usize,
}

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Fault {
    /// A record is not one, or its signature does not fit.
    BadRecord,
    /// A log has no beginning.
    NoGenesis,
    /// A record builds on one that is not here.
    RecordMissing,
    /// A card is not one, or its signature does not fit.
    BadCard,
    /// The text of a snapshot is not what its name says.
    BadManifest,
    /// A chunk's bytes cannot be read.
    Unreadable,
    /// A chunk is not the change that its name says.
    BadChange,
    /// A document's changes in one piece, as compaction keeps them, are not what their name says, or do not
    /// load.
    BadSnapshot,
    /// A change builds on one that is not here, or a signed one is not here.
    ChangeMissing,
    /// The signature of a row of changes does not fit.
    BadFrontier,
    /// The document does not load.
    DoesNotLoad,
}

impl Fault {
    /// Whether other nodes, which have it too, send it at the next connection.
    #[must_use]
    pub const fn is_fetched_again(self) -> bool {
        !matches!(self, Self::NoGenesis)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadRecord => "records that are damaged or not signed by their author",
            Self::NoGenesis => "the log has lost its beginning",
            Self::RecordMissing => "records that build on one that is not here",
            Self::BadCard => "cards that are damaged or not signed by their person",
            Self::BadManifest => "texts of snapshots that are damaged",
            Self::Unreadable => "changes whose bytes are damaged",
            Self::BadChange => "changes that are not what their name says",
            Self::BadSnapshot => "summaries of changes that are damaged",
            Self::ChangeMissing => "changes that are not here, and others build on them",
            Self::BadFrontier => "signatures of changes that do not fit",
            Self::DoesNotLoad => "the document does not load",
        })
    }
}

/// Reads all that a store holds and judges it. Nothing is changed.
///
/// # Errors
/// When the store cannot be read at all.
pub fn diagnose(store: &dyn Store, progress: &Progress) -> Result<Diagnosis, StoreError> {
    let mut doctor = Doctor::default();
    doctor.logs(store)?;
    doctor.beside(store)?;
    let documents = store.documents()?;
    for (document, done) in documents.iter().zip(1..) {
        if let Some(key) = DocKey::from_bytes(document.as_bytes()) {
            doctor.document(store, key)?;
        }
        progress.tell("reading the documents", done, documents.len() as u64);
    }
    Ok(doctor.diagnosis())
}

#[derive(Default)]
struct Doctor {
    logs: BTreeMap<CircleId, Log>,
    homes: BTreeMap<DocumentId, (CircleId, DocumentRef)>,
    faults: BTreeMap<(String, Fault), usize>,
    documents: usize,
    changes: usize,
}

impl Doctor {
    fn found(&mut self, place: &str, fault: Fault) {
        *self.faults.entry((place.to_owned(), fault)).or_default() += 1;
    }

    fn logs(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        let mut records: BTreeMap<[u8; 32], Vec<Record>> = BTreeMap::new();
        store.scan(Table::Record.number(), &[], &mut |key, value| {
            let circle: [u8; 32] = key.first_chunk().copied().unwrap_or_default();
            let record = Record::parse(value)
                .ok()
                .filter(|record| key.get(32..) == Some(record.id().as_bytes()));
            let known = records.entry(circle).or_default();
            match record {
                Some(record) => known.push(record),
                None => self.found(&in_circle(&circle), Fault::BadRecord),
            }
            ControlFlow::Continue(())
        })?;
        for (circle, records) in records {
            self.log(&circle, records);
        }
        Ok(())
    }

    fn log(&mut self, circle: &[u8; 32], mut records: Vec<Record>) {
        let place = in_circle(circle);
        let genesis = records
            .iter()
            .position(|record| record.id().as_bytes() == circle);
        let log = genesis.map(|at| Log::new(records.swap_remove(at)));
        let Some(Ok(mut log)) = log else {
            self.found(&place, Fault::NoGenesis);
            return;
        };
        // Rows come in the order of their ids, so most wait for others first.
        while !records.is_empty() {
            let before = records.len();
            records.retain(|record| {
                if !log.knows_all(&record.payload().deps) {
                    return true;
                }
                if !matches!(
                    log.insert(record.clone()),
                    Ok(Inserted::New(_) | Inserted::Known)
                ) {
                    self.found(&place, Fault::BadRecord);
                }
                false
            });
            if records.len() == before {
                records
                    .iter()
                    .for_each(|_| self.found(&place, Fault::RecordMissing));
                break;
            }
        }
        let known = log.state().documents_by_id();
        self.homes
            .extend(known.map(|(id, document)| (*id, (log.circle(), document.clone()))));
        self.logs.insert(log.circle(), log);
    }

    fn beside(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        store.scan(Table::Card.number(), &[], &mut |key, value| {
            if Card::parse(value).is_err() {
                let circle = key.first_chunk().copied().unwrap_or_default();
                self.found(&in_circle(&circle), Fault::BadCard);
            }
            ControlFlow::Continue(())
        })?;
        store.scan(Table::Manifest.number(), &[], &mut |key, value| {
            if blake3::hash(value).as_bytes() != key {
                self.found("snapshots", Fault::BadManifest);
            }
            ControlFlow::Continue(())
        })
    }

    fn document(&mut self, store: &dyn Store, key: DocKey) -> Result<(), StoreError> {
        let place = format!("document {}", key.wire_id());
        let chunks = match store.load(&smallwin_storage::DocKey::from_bytes(key.to_bytes())) {
            Ok(chunks) => chunks,
            Err(StoreError::Corrupted { .. }) => {
                self.found(&place, Fault::Unreadable);
                return Ok(());
            }
            Err(other) => return Err(other),
        };
        self.documents += 1;
        let mut changes = BTreeMap::new();
        let mut base = Automerge::new();
        for chunk in chunks {
            if chunk.kind == ChunkKind::Snapshot && key.space == Space::Circles {
                let is_named = blake3::hash(&chunk.bytes).as_bytes() == chunk.hash.as_bytes();
                match loaded(&chunk.bytes).filter(|_| is_named) {
                    Some(document) => base = document,
                    None => self.found(&place, Fault::BadSnapshot),
                }
                continue;
            }
            match change(chunk.bytes) {
                Some(change) if change.hash().0 == *chunk.hash.as_bytes() => {
                    self.changes += 1;
                    changes.insert(change.hash().0, change);
                }
                // The open space keeps snapshots of stock clients under a hash of their bytes.
                _ if key.space == Space::Open => self.changes += 1,
                _ => self.found(&place, Fault::BadChange),
            }
        }
        let home = self.homes.get(&DocumentId::from_bytes(key.id)).cloned();
        let first = home
            .as_ref()
            .and_then(|(_, document)| smallwin_model::first_change(document.kind))
            .and_then(|bytes| change(bytes.to_vec()));
        let mut known: BTreeSet<[u8; 32]> = changes.keys().copied().collect();
        known.extend(first.as_ref().map(|first| first.hash().0));
        let in_base = base.get_changes(&[]);
        self.changes += in_base.len();
        known.extend(in_base.iter().map(|change| change.hash().0));
        if key.space == Space::Open {
            return Ok(());
        }
        let missing: BTreeSet<[u8; 32]> = changes
            .values()
            .flat_map(|change| change.deps().iter().map(|dep| dep.0))
            .filter(|dep| !known.contains(dep))
            .collect();
        missing
            .iter()
            .for_each(|_| self.found(&place, Fault::ChangeMissing));
        let has_all = missing.is_empty();
        self.frontiers(store, key, &place, &home, &known)?;
        if has_all && !loads(base, first, changes) {
            self.found(&place, Fault::DoesNotLoad);
        }
        Ok(())
    }

    fn frontiers(
        &mut self,
        store: &dyn Store,
        key: DocKey,
        place: &str,
        home: &Option<(CircleId, DocumentRef)>,
        known: &BTreeSet<[u8; 32]>,
    ) -> Result<(), StoreError> {
        let mut known = known.clone();
        store.scan(Table::Refused.number(), &key.to_bytes(), &mut |row, _| {
            known.extend(row.last_chunk::<32>());
            ControlFlow::Continue(())
        })?;
        store.scan(
            Table::Frontier.number(),
            &key.to_bytes(),
            &mut |_, value| {
                match (Frontier::decode(value), home) {
                    (Ok(frontier), Some((circle, document))) => {
                        if frontier.verify(circle, &document.id(circle)).is_err() {
                            self.found(place, Fault::BadFrontier);
                        } else if !known.contains(&frontier.hash) {
                            self.found(place, Fault::ChangeMissing);
                        }
                    }
                    (Ok(_), None) => {}
                    (Err(_), _) => self.found(place, Fault::BadFrontier),
                }
                ControlFlow::Continue(())
            },
        )
    }

    fn diagnosis(self) -> Diagnosis {
        let findings = self.faults.into_iter();
        Diagnosis {
            circles: self.logs.len(),
            records: self.logs.values().map(Log::len).sum(),
            documents: self.documents,
            changes: self.changes,
            findings: findings
                .map(|((place, what), count)| Finding { place, what, count })
                .collect(),
        }
    }
}

fn in_circle(circle: &[u8; 32]) -> String {
    format!("Small Win {}", CircleId::from_bytes(*circle))
}

/// A change, when the bytes are one; whatever they are, they do no harm.
fn change(bytes: Vec<u8>) -> Option<Change> {
    catch_unwind(AssertUnwindSafe(|| Change::from_bytes(bytes).ok()))
        .ok()
        .flatten()
}

/// A whole document, when the bytes are one; whatever they are, they do no harm.
fn loaded(bytes: &[u8]) -> Option<Automerge> {
    catch_unwind(AssertUnwindSafe(|| Automerge::load(bytes).ok()))
        .ok()
        .flatten()
}

/// Whether Automerge takes all changes, none of which lacks another, on top of what it has.
fn loads(
    mut document: Automerge,
    first: Option<Change>,
    changes: BTreeMap<[u8; 32], Change>,
) -> bool {
    let hashes: Vec<_> = changes.values().map(Change::hash).collect();
    let load = || {
        let all: Vec<Change> = first.into_iter().chain(changes.into_values()).collect();
        document.apply_changes(all).is_ok()
            && hashes
                .iter()
                .all(|hash| document.get_change_by_hash(hash).is_some())
    };
    catch_unwind(AssertUnwindSafe(load)).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use automerge::transaction::Transactable;
    use automerge::{AutoCommit, ROOT};
    use smallwin_storage::{Batch, Chunk, ChunkHash, Memory, Op};

    use super::*;

    fn found(chunks: Vec<Chunk>) -> (usize, Vec<Fault>) {
        let key = DocKey {
            space: Space::Circles,
            id: [7; 16],
        };
        let doc = smallwin_storage::DocKey::from_bytes(key.to_bytes());
        let mut store = Memory::new();
        let puts = chunks.into_iter().map(|chunk| Op::PutChunk { doc, chunk });
        store.commit(&Batch(puts.collect())).unwrap();
        let diagnosis = diagnose(&store, &Progress::default()).unwrap();
        let faults = diagnosis.findings.iter().map(|finding| finding.what);
        (diagnosis.changes, faults.collect())
    }

    fn chunk(kind: ChunkKind, hash: [u8; 32], bytes: Vec<u8>) -> Chunk {
        Chunk {
            hash: ChunkHash::from_bytes(hash),
            kind,
            epoch: 0,
            bytes,
        }
    }

    #[test]
    fn a_snapshot_stands_for_the_changes_in_it() {
        let mut document = AutoCommit::new();
        document.put(ROOT, "a", 1).unwrap();
        let bytes = document.save();
        document.put(ROOT, "a", 2).unwrap();
        let mut last = document.get_last_local_change().unwrap().clone();
        let change = chunk(ChunkKind::Change, last.hash().0, last.bytes().to_vec());
        let named = |bytes: &[u8]| *blake3::hash(bytes).as_bytes();
        let whole = chunk(ChunkKind::Snapshot, named(&bytes), bytes.clone());
        assert_eq!(found(vec![whole, change.clone()]), (2, vec![]));
        assert_eq!(found(vec![change.clone()]), (1, vec![Fault::ChangeMissing]));
        let misnamed = chunk(ChunkKind::Snapshot, [1; 32], bytes.clone());
        let expect = (1, vec![Fault::BadSnapshot, Fault::ChangeMissing]);
        assert_eq!(found(vec![misnamed, change.clone()]), expect);
        let mut cut = bytes;
        cut.pop();
        let cut = chunk(ChunkKind::Snapshot, named(&cut), cut);
        assert_eq!(found(vec![cut, change]), expect);
    }
}
