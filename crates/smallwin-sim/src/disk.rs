//! A site's disk: writes take time, and a power cut takes what was not durable. It may be slow, full,
//! or lie.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::ControlFlow;

use automerge::Automerge;
use smallwin_circle::DeviceKey;
use smallwin_storage::{
    Batch, Chunk, ChunkHash, ChunkKind, DocKey as StorageKey, Faulty, Op, Store as _,
};
use smallwin_sync::{Boot, DocKey, StoredDocument, StoredRefusal, Table, Ticket, Write};

/// A disk with one sync at a time that covers all that was written when it began (group commit).
#[derive(Debug, Default)]
pub(crate) struct Disk {
    faulty: Faulty,
    written: VecDeque<(Ticket, Vec<Write>)>,
    syncing: usize,
    durable: Durable,
    /// What became durable and the oracle has not taken note of.
    news: Vec<[u8; 32]>,
    /// It takes no writes until there is room again.
    pub(crate) full: bool,
    /// How many times longer than usual a sync takes; 0 is as usual.
    pub(crate) slow: u64,
    /// Since when it lies, if it does.
    lie: Option<Box<Lie>>,
}

/// A disk that says durable and did not write: what it really holds, and what it pretends to.
#[derive(Debug)]
struct Lie {
    faulty: Faulty,
    durable: Durable,
    pretended: VecDeque<Vec<Write>>,
}

/// What the disk certainly holds: the oracle's way to look at it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Durable {
    /// Change hashes per document.
    pub(crate) changes: BTreeMap<DocKey, BTreeSet<[u8; 32]>>,
    /// Ids of records, of all circles.
    pub(crate) records: BTreeSet<[u8; 32]>,
    /// BLAKE3 of cards and manifests.
    pub(crate) beside: BTreeSet<[u8; 32]>,
}

impl Disk {
    /// Writes without making durable.
    pub(crate) fn write(&mut self, ticket: Ticket, writes: Vec<Write>) -> Result<(), String> {
        if self.full {
            return Err("no space left on the disk".to_owned());
        }
        let batch = batch(&writes);
        self.faulty
            .submit(batch)
            .map_err(|error| error.to_string())?;
        self.written.push_back((ticket, writes));
        Ok(())
    }

    /// Begins a sync of all that is written; false when one runs or nothing waits.
    pub(crate) fn begin_sync(&mut self) -> bool {
        let begins = self.syncing == 0 && !self.written.is_empty();
        if begins {
            self.syncing = self.written.len();
        }
        begins
    }

    /// The sync is over: the tickets that are durable now, or all that will never be.
    pub(crate) fn end_sync(&mut self) -> Result<Vec<Ticket>, (Vec<Ticket>, String)> {
        let count = std::mem::take(&mut self.syncing);
        for _ in 0..count {
            if let Err(error) = self.faulty.sync() {
                let tickets = self.written.drain(..).map(|(ticket, _)| ticket).collect();
                return Err((tickets, error.to_string()));
            }
        }
        let durable: Vec<_> = self.written.drain(..count).collect();
        let mut tickets = Vec::new();
        for (ticket, writes) in durable {
            self.durable.note(&writes, &mut self.news);
            tickets.push(ticket);
            if let Some(lie) = &mut self.lie {
                lie.pretended.push_back(writes);
            }
        }
        Ok(tickets)
    }

    /// From now on it says durable and does not write.
    pub(crate) fn begin_to_lie(&mut self) {
        if self.lie.is_none() {
            self.lie = Some(Box::new(Lie {
                faulty: self.faulty.clone(),
                durable: self.durable.clone(),
                pretended: VecDeque::new(),
            }));
        }
    }

    /// It writes all that it pretended to have written, and is honest again.
    pub(crate) fn end_lie(&mut self) {
        self.lie = None;
    }

    /// How many batches it said are durable and are not.
    pub(crate) fn pretended(&self) -> usize {
        self.lie.as_ref().map_or(0, |lie| lie.pretended.len())
    }

    /// Hashes of changes, records, cards and manifests that became durable since the last call.
    pub(crate) fn take_news(&mut self) -> Vec<[u8; 32]> {
        std::mem::take(&mut self.news)
    }

    /// How many writes are not durable yet.
    pub(crate) fn unsynced(&self) -> usize {
        self.written.len()
    }

    /// The next sync fails, and the disk takes nothing until the process starts anew.
    pub(crate) fn fail_next_sync(&mut self) {
        self.faulty.fail_next_sync();
    }

    /// The power fails: of what was not durable, pretended or not, the first `survivors` batches are
    /// there all the same. Says whether the disk had lied about what is lost.
    pub(crate) fn crash(&mut self, survivors: usize) -> bool {
        self.syncing = 0;
        let written = self.written.drain(..).map(|(_, writes)| writes);
        let Some(lie) = self.lie.take() else {
            for writes in written.take(survivors) {
                self.durable.note(&writes, &mut self.news);
            }
            self.faulty.crash(survivors);
            return false;
        };
        let lied = survivors < lie.pretended.len();
        let left: Vec<_> = lie.pretended.into_iter().chain(written).collect();
        (self.faulty, self.durable) = (lie.faulty, lie.durable);
        self.faulty.crash(0);
        for writes in left.into_iter().take(survivors) {
            let kept = self.faulty.commit(&batch(&writes));
            kept.expect("it took this before");
            self.durable.note(&writes, &mut self.news);
        }
        lied
    }

    /// What certainly is on the disk.
    pub(crate) fn durable(&self) -> &Durable {
        &self.durable
    }

    /// What a process that starts now reads first.
    pub(crate) fn boot(&self) -> Boot {
        let mut circles: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
        for (key, record) in self.rows(Table::Record, &[]) {
            circles.entry(key[..32].to_vec()).or_default().push(record);
        }
        let values = |table| {
            self.rows(table, &[])
                .into_iter()
                .map(|(_, value)| value)
                .collect()
        };
        let paired = |(key, value): (Vec<u8>, Vec<u8>)| {
            Some((DeviceKey::from_bytes(key.try_into().ok()?).ok()?, value))
        };
        Boot {
            circles: circles.into_values().collect(),
            cards: values(Table::Card),
            manifests: values(Table::Manifest),
            paired: self
                .rows(Table::Paired, &[])
                .into_iter()
                .filter_map(paired)
                .collect(),
            open_bytes: 0,
        }
    }

    /// What is durable of one document.
    pub(crate) fn read(&self, document: &DocKey) -> Result<StoredDocument, String> {
        let key = document.to_bytes();
        let chunks = self
            .faulty
            .load(&StorageKey::from_bytes(key))
            .map_err(|error| error.to_string())?;
        let rows = |table| self.rows(table, &key).into_iter().map(|(_, value)| value);
        Ok(StoredDocument {
            chunks: chunks.into_iter().map(|chunk| chunk.bytes).collect(),
            frontiers: rows(Table::Frontier).collect(),
            refused: rows(Table::Refused).map(StoredRefusal).collect(),
        })
    }

    fn rows(&self, table: Table, prefix: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut rows = Vec::new();
        let visited = self.faulty.scan(table.number(), prefix, &mut |key, value| {
            rows.push((key.to_vec(), value.to_vec()));
            ControlFlow::Continue(())
        });
        visited.expect("a disk in memory can be read");
        rows
    }
}

impl Durable {
    fn note(&mut self, writes: &[Write], news: &mut Vec<[u8; 32]>) {
        for write in writes {
            let (is_new, hash) = match write {
                Write::Chunk { document, hash, .. } => (
                    self.changes.entry(*document).or_default().insert(*hash),
                    *hash,
                ),
                Write::Row {
                    table: Table::Record,
                    key,
                    ..
                } => {
                    let id = key[32..].try_into().expect("circle and record id");
                    (self.records.insert(id), id)
                }
                Write::Row {
                    table: Table::Card | Table::Manifest,
                    value,
                    ..
                } => {
                    let hash = *blake3::hash(value).as_bytes();
                    (self.beside.insert(hash), hash)
                }
                Write::Replace {
                    document,
                    covered,
                    bytes,
                    ..
                } => {
                    self.replace(document, covered, bytes);
                    continue;
                }
                Write::Row { .. } | Write::Delete { .. } => continue,
            };
            if is_new {
                news.push(hash);
            }
        }
    }

    /// What a snapshot covers and does not hold is gone (rule K3: that never happens).
    fn replace(&mut self, document: &DocKey, covered: &[[u8; 32]], snapshot: &[u8]) {
        let inside = Automerge::load(snapshot).map(|document| document.get_changes(&[]));
        let inside: BTreeSet<[u8; 32]> = inside
            .unwrap_or_default()
            .iter()
            .map(|change| change.hash().0)
            .collect();
        let held = self.changes.entry(*document).or_default();
        held.retain(|hash| inside.contains(hash) || !covered.contains(hash));
    }
}

fn batch(writes: &[Write]) -> Batch {
    Batch(writes.iter().map(op).collect())
}

fn op(write: &Write) -> Op {
    match write {
        Write::Chunk {
            document,
            hash,
            bytes,
        } => Op::PutChunk {
            doc: StorageKey::from_bytes(document.to_bytes()),
            chunk: Chunk {
                hash: ChunkHash::from_bytes(*hash),
                kind: ChunkKind::Change,
                epoch: 0,
                bytes: bytes.clone(),
            },
        },
        Write::Replace {
            document,
            covered,
            hash,
            bytes,
        } => Op::Replace {
            doc: StorageKey::from_bytes(document.to_bytes()),
            covered: covered.iter().copied().map(ChunkHash::from_bytes).collect(),
            snapshot: Chunk {
                hash: ChunkHash::from_bytes(*hash),
                kind: ChunkKind::Snapshot,
                epoch: 0,
                bytes: bytes.to_vec(),
            },
        },
        Write::Row { table, key, value } => Op::Put {
            table: table.number(),
            key: key.clone(),
            value: value.clone(),
        },
        Write::Delete { table, key } => Op::Delete {
            table: table.number(),
            key: key.clone(),
        },
    }
}

#[cfg(test)]
mod tests {
    use smallwin_sync::Space;

    use super::*;

    const DOCUMENT: DocKey = DocKey {
        space: Space::Circles,
        id: [7; 16],
    };

    fn chunk(byte: u8) -> Vec<Write> {
        vec![Write::Chunk {
            document: DOCUMENT,
            hash: [byte; 32],
            bytes: vec![byte],
        }]
    }

    fn held(disk: &Disk) -> Vec<u8> {
        let read = disk.read(&DOCUMENT).unwrap().chunks.concat();
        let noted = disk
            .durable()
            .changes
            .get(&DOCUMENT)
            .map(BTreeSet::len)
            .unwrap_or_default();
        assert_eq!(read.len(), noted, "the note of what is durable is true");
        read
    }

    #[test]
    fn k1_a_sync_covers_what_was_written_when_it_began() {
        let mut disk = Disk::default();
        disk.write(Ticket(1), chunk(1)).unwrap();
        disk.write(Ticket(2), chunk(2)).unwrap();
        assert!(disk.begin_sync() && !disk.begin_sync());
        disk.write(Ticket(3), chunk(3)).unwrap();
        assert!(held(&disk).is_empty());
        assert_eq!(disk.end_sync(), Ok(vec![Ticket(1), Ticket(2)]));
        assert_eq!(held(&disk), [1, 2]);
        disk.crash(0);
        assert_eq!(held(&disk), [1, 2]);
    }

    #[test]
    fn a_power_cut_may_spare_some_of_what_nobody_was_told() {
        let mut disk = Disk::default();
        for byte in 1..=3 {
            disk.write(Ticket(byte.into()), chunk(byte)).unwrap();
        }
        assert!(disk.begin_sync());
        disk.crash(1);
        assert_eq!(held(&disk), [1]);
        assert_eq!((disk.unsynced(), disk.begin_sync()), (0, false));
    }

    #[test]
    fn a_lying_disk_loses_what_it_said_is_durable() {
        let mut disk = Disk::default();
        let keep = |disk: &mut Disk, byte: u8| {
            disk.write(Ticket(byte.into()), chunk(byte)).unwrap();
            assert!(disk.begin_sync());
            assert_eq!(disk.end_sync(), Ok(vec![Ticket(byte.into())]));
        };
        keep(&mut disk, 1);
        disk.begin_to_lie();
        for byte in 2..=4 {
            keep(&mut disk, byte);
        }
        assert_eq!((held(&disk), disk.pretended()), (vec![1, 2, 3, 4], 3));
        assert!(disk.crash(1));
        assert_eq!(held(&disk), [1, 2]);
        disk.begin_to_lie();
        keep(&mut disk, 5);
        disk.end_lie();
        assert!(!disk.crash(0));
        assert_eq!(held(&disk), [1, 2, 5]);
    }

    #[test]
    fn a_full_disk_takes_writes_when_there_is_room_again() {
        let mut disk = Disk {
            full: true,
            ..Disk::default()
        };
        assert!(disk.write(Ticket(1), chunk(1)).is_err());
        disk.full = false;
        assert!(disk.write(Ticket(2), chunk(2)).is_ok());
    }

    #[test]
    fn a_failed_sync_fails_all_that_waits() {
        let mut disk = Disk::default();
        disk.fail_next_sync();
        disk.write(Ticket(1), chunk(1)).unwrap();
        assert!(disk.begin_sync());
        disk.write(Ticket(2), chunk(2)).unwrap();
        let (tickets, _) = disk.end_sync().unwrap_err();
        assert_eq!(tickets, [Ticket(1), Ticket(2)]);
        assert!(disk.write(Ticket(3), chunk(3)).is_err());
        disk.crash(0);
        assert!(disk.write(Ticket(4), chunk(4)).is_ok());
    }
}
