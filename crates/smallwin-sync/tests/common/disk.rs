//! A disk in memory: what the engine wants kept, and what it gets back when it starts.

use std::collections::{BTreeMap, BTreeSet};

use automerge::Automerge;
use smallwin_circle::DeviceKey;
use smallwin_sync::{Boot, DocKey, Space, StoredDocument, StoredRefusal, Table, Write};

/// What one disk holds.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    pub chunks: BTreeMap<DocKey, BTreeMap<[u8; 32], Vec<u8>>>,
    pub rows: BTreeMap<(Table, Vec<u8>), Vec<u8>>,
}

impl Disk {
    pub fn write(&mut self, write: Write) {
        match write {
            Write::Chunk {
                document,
                hash,
                bytes,
            } => {
                self.chunks.entry(document).or_default().insert(hash, bytes);
            }
            Write::Replace {
                document,
                covered,
                hash,
                bytes,
            } => {
                assert_eq!(hash, *blake3::hash(&bytes).as_bytes());
                let hashes = change_hashes(&bytes);
                let chunks = self.chunks.entry(document).or_default();
                for removed in covered.iter().filter_map(|hash| chunks.remove(hash)) {
                    // K3: the snapshot holds all that it stands for.
                    assert!(change_hashes(&removed).is_subset(&hashes));
                }
                chunks.insert(hash, bytes.to_vec());
            }
            Write::Row { table, key, value } => {
                self.rows.insert((table, key), value);
            }
            Write::Delete { table, key } => {
                self.rows.remove(&(table, key));
            }
        }
    }

    fn table(&self, table: Table, prefix: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.rows
            .iter()
            .filter(|((of, key), _)| *of == table && key.starts_with(prefix))
            .map(|((_, key), value)| (key.clone(), value.clone()))
            .collect()
    }

    pub fn load(&self, document: &DocKey) -> StoredDocument {
        let prefix = document.to_bytes();
        StoredDocument {
            chunks: self
                .chunks
                .get(document)
                .map(|chunks| chunks.values().cloned().collect())
                .unwrap_or_default(),
            frontiers: self
                .table(Table::Frontier, &prefix)
                .into_iter()
                .map(|(_, value)| value)
                .collect(),
            refused: self
                .table(Table::Refused, &prefix)
                .into_iter()
                .map(|(_, value)| StoredRefusal(value))
                .collect(),
        }
    }

    pub fn boot(&self) -> Boot {
        let mut circles: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
        for (key, value) in self.table(Table::Record, &[]) {
            circles.entry(key[..32].to_vec()).or_default().push(value);
        }
        Boot {
            circles: circles.into_values().collect(),
            cards: self
                .table(Table::Card, &[])
                .into_iter()
                .map(|(_, value)| value)
                .collect(),
            manifests: self
                .table(Table::Manifest, &[])
                .into_iter()
                .map(|(_, value)| value)
                .collect(),
            paired: self
                .table(Table::Paired, &[])
                .into_iter()
                .map(|(key, value)| {
                    (
                        DeviceKey::from_bytes(key.try_into().unwrap()).unwrap(),
                        value,
                    )
                })
                .collect(),
            open_bytes: self
                .chunks
                .iter()
                .filter(|(key, _)| key.space == Space::Open)
                .map(|(_, chunks)| chunks.values().map(|bytes| bytes.len() as u64).sum::<u64>())
                .sum(),
        }
    }
}

/// The changes in a raw change or a snapshot.
fn change_hashes(chunk: &[u8]) -> BTreeSet<[u8; 32]> {
    match smallwin_gate::read_change(chunk) {
        Ok(header) => BTreeSet::from([header.hash]),
        Err(_) => {
            let changes = Automerge::load(chunk).unwrap().get_changes(&[]);
            changes.iter().map(|change| change.hash().0).collect()
        }
    }
}
