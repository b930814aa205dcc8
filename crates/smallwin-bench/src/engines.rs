//! Durable groups of changes: our store against a bare log, redb and bare sled, in turn on one disk.
//!
//! redb commits in two phases, as one must let it with bytes of strangers. sled's `flush` is not durable, as
//! the storage crate's power tests show: its figure says what its promise would cost if it kept it.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use redb::{Database, ReadableDatabase, TableDefinition};
use smallwin_storage::{
    Batch, Chunk, ChunkHash, ChunkKind, DocKey, JournalStore, Op, Options, Store,
};

/// Groups of each size and engine; odd, so that the median is one that was run.
const ROUNDS: usize = 151;

/// Changes of 60 to 300 bytes go round these documents.
pub(crate) const DOCUMENTS: u64 = 500;

/// The engines by the names that `sizes` gives to its steps.
pub(crate) const NAMES: [&str; 3] = ["ours", "redb", "sled"];

const CHANGES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("changes");

/// Prints groups per second and their ratio to the bare log.
pub(crate) fn run() -> Result<()> {
    let folder = tempfile::tempdir_in(".")?;
    let bare: Box<dyn Engine> = Box::new(Bare(File::create(folder.path().join("bare"))?));
    let mut engines = vec![bare];
    for name in NAMES {
        engines.push(open(name, &folder.path().join(name))?);
    }
    println!(
        "durable changes per second, median of {ROUNDS} groups each, and the ratio to a bare log"
    );
    let mut next = 0;
    for group in [1, 16, 256] {
        let mut times = vec![Vec::with_capacity(ROUNDS); engines.len()];
        for _ in 0..ROUNDS {
            for (engine, times) in engines.iter_mut().zip(&mut times) {
                let changes: Vec<Change> = (0..group).map(|n| Change::number(next + n)).collect();
                next += group;
                times.push(seconds(|| engine.commit(changes))?);
            }
        }
        let medians: Vec<f64> = times.into_iter().map(median).collect();
        let bare = medians.first().copied().unwrap_or_default();
        for (engine, median) in engines.iter().zip(medians) {
            let rate = group as f64 / median;
            println!(
                "{group:4}  {:<28} {rate:9.0}  {:5.2}",
                engine.name(),
                bare / median
            );
        }
    }
    Ok(())
}

/// Opens an engine on its files, or makes them.
pub(crate) fn open(name: &str, path: &Path) -> Result<Box<dyn Engine>> {
    Ok(match name {
        "redb" => Box::new(Redb(Database::create(path)?)),
        "sled" => {
            let config = sled::Config::new().path(path).flush_every_ms(None);
            Box::new(Sled(config.open()?))
        }
        _ => Box::new(Ours(JournalStore::open(path, Options::default())?)),
    })
}

pub(crate) struct Change {
    doc: [u8; 17],
    hash: [u8; 32],
    bytes: Vec<u8>,
}

impl Change {
    pub(crate) fn number(n: u64) -> Self {
        let hash = *blake3::hash(&n.to_le_bytes()).as_bytes();
        let doc = document(n % DOCUMENTS);
        let len = usize::try_from(60 + n.wrapping_mul(7919) % 241).unwrap_or(60);
        let bytes = hash.iter().copied().cycle().take(len).collect();
        Self { doc, hash, bytes }
    }

    fn key(&self) -> Vec<u8> {
        [&self.doc[..], &self.hash].concat()
    }
}

/// The key of a document.
pub(crate) fn document(n: u64) -> [u8; 17] {
    let mut doc = [0; 17];
    doc.iter_mut()
        .zip(n.to_be_bytes())
        .for_each(|(to, from)| *to = from);
    doc
}

pub(crate) trait Engine {
    fn name(&self) -> &'static str;

    /// Keeps all of these durably, or none.
    fn commit(&mut self, changes: Vec<Change>) -> Result<()>;

    /// How many changes of a document there are; reads them all.
    fn scan(&self, doc: [u8; 17]) -> Result<usize>;

    /// Deletes all that is of a document.
    fn purge(&mut self, doc: [u8; 17]) -> Result<()>;

    /// Does what the engine does behind, and lets go of the files.
    fn close(self: Box<Self>) -> Result<()>;
}

struct Bare(File);

impl Engine for Bare {
    fn name(&self) -> &'static str {
        "bare log, fdatasync"
    }

    fn commit(&mut self, changes: Vec<Change>) -> Result<()> {
        let mut bytes = Vec::new();
        for change in changes {
            bytes.extend(change.key());
            bytes.extend(change.bytes);
        }
        self.0.write_all(&bytes)?;
        Ok(self.0.sync_data()?)
    }

    fn scan(&self, _doc: [u8; 17]) -> Result<usize> {
        Ok(0)
    }

    fn purge(&mut self, _doc: [u8; 17]) -> Result<()> {
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

struct Ours(JournalStore);

impl Engine for Ours {
    fn name(&self) -> &'static str {
        "journal and index (ours)"
    }

    fn commit(&mut self, changes: Vec<Change>) -> Result<()> {
        let put = |change: Change| Op::PutChunk {
            doc: DocKey::from_bytes(change.doc),
            chunk: Chunk {
                hash: ChunkHash::from_bytes(change.hash),
                kind: ChunkKind::Change,
                epoch: 0,
                bytes: change.bytes,
            },
        };
        self.0
            .commit(&Batch(changes.into_iter().map(put).collect()))?;
        Ok(())
    }

    fn scan(&self, doc: [u8; 17]) -> Result<usize> {
        Ok(self.0.load(&DocKey::from_bytes(doc))?.len())
    }

    fn purge(&mut self, doc: [u8; 17]) -> Result<()> {
        let doc = DocKey::from_bytes(doc);
        self.0.commit(&Batch(vec![Op::Purge { doc }]))?;
        Ok(())
    }

    fn close(mut self: Box<Self>) -> Result<()> {
        while self.0.tend()? {}
        let store: Box<dyn Store> = Box::new(self.0);
        Ok(store.close()?)
    }
}

struct Redb(Database);

impl Engine for Redb {
    fn name(&self) -> &'static str {
        "redb 4.6, two phases"
    }

    fn commit(&mut self, changes: Vec<Change>) -> Result<()> {
        let mut write = self.0.begin_write()?;
        write.set_two_phase_commit(true);
        {
            let mut table = write.open_table(CHANGES)?;
            for change in changes {
                table.insert(change.key().as_slice(), change.bytes.as_slice())?;
            }
        }
        Ok(write.commit()?)
    }

    fn scan(&self, doc: [u8; 17]) -> Result<usize> {
        let read = self.0.begin_read()?;
        let table = read.open_table(CHANGES)?;
        let mut count = 0;
        for row in table.range(doc.as_slice()..)? {
            let (key, value) = row?;
            if !key.value().starts_with(&doc) {
                break;
            }
            count += usize::from(!value.value().is_empty());
        }
        Ok(count)
    }

    fn purge(&mut self, doc: [u8; 17]) -> Result<()> {
        let mut write = self.0.begin_write()?;
        write.set_two_phase_commit(true);
        {
            let mut table = write.open_table(CHANGES)?;
            let end = [&doc[..], &[0xff; 33]].concat();
            table.retain_in(doc.as_slice()..end.as_slice(), |_, _| false)?;
        }
        Ok(write.commit()?)
    }

    fn close(mut self: Box<Self>) -> Result<()> {
        // It gives space back only when it is asked.
        while self.0.compact()? {}
        Ok(())
    }
}

struct Sled(sled::Db);

impl Engine for Sled {
    fn name(&self) -> &'static str {
        "sled 0.34, flush (not durable)"
    }

    fn commit(&mut self, changes: Vec<Change>) -> Result<()> {
        let mut batch = sled::Batch::default();
        for change in changes {
            batch.insert(change.key(), change.bytes);
        }
        self.0.apply_batch(batch)?;
        self.0.flush()?;
        Ok(())
    }

    fn scan(&self, doc: [u8; 17]) -> Result<usize> {
        let mut count = 0;
        for row in self.0.scan_prefix(doc) {
            count += usize::from(!row?.1.is_empty());
        }
        Ok(count)
    }

    fn purge(&mut self, doc: [u8; 17]) -> Result<()> {
        for key in self.0.scan_prefix(doc).keys() {
            self.0.remove(key?)?;
        }
        self.0.flush()?;
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<()> {
        self.0.flush()?;
        Ok(())
    }
}

#[allow(clippy::disallowed_methods, reason = "a benchmark looks at the clock")]
pub(crate) fn seconds(work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let begin = Instant::now();
    work()?;
    Ok(begin.elapsed().as_secs_f64())
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
