//! The embedded engine: the journal is the truth, sled the index.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::batch::{Chunks, News};
use crate::disk::Disk;
use crate::examine::undo_half_repair;
use crate::index::checkpoint::Checkpoint;
use crate::index::{Index, Place, RowValue, Trouble};
use crate::journal::ops::{Stored, StoredOp};
use crate::journal::{Journal, Mark, Purges, Record};
use crate::limits::{
    COMPACTION_STEP_BYTES, FREE_BYTES_MIN, INDEX_CACHE_BYTES, SCAN_ROWS, SEGMENT_BYTES,
};
use crate::{
    Batch, Chunk, ChunkKind, DocKey, Health, Lock, OpenError, Page, Progress, Seq, Store,
    StoreError, Visit,
};

mod compact;
mod since;

pub use compact::Compacted;
use compact::{Round, Waste};
use since::Named;

/// Keeps everything in a folder: `journal/` holds the bytes, `index/` is sled, `CHECKPOINT` says how far
/// the index goes, `LOCK` keeps a second process out.
///
/// One commit is one record in the journal and one `fdatasync`. Losing or damaging the index costs time,
/// never data. What cannot be explained by a crash is a typed error that names the file and the place.
pub struct JournalStore {
    // Dropped in this order: the lock last.
    index: RefCell<Index>,
    journal: Journal,
    broken: Option<String>,
    rebuilt: Option<String>,
    waste: Waste,
    round: Option<Round>,
    named: RefCell<Option<Named>>,
    options: Options,
    dir: PathBuf,
    _lock: Lock,
}

/// How to open a [`JournalStore`].
#[derive(Clone, Debug)]
pub struct Options {
    /// Bytes after which a journal segment is closed, see [`SEGMENT_BYTES`].
    pub segment_bytes: u64,
    /// What sled may keep in its cache, in bytes, see [`INDEX_CACHE_BYTES`].
    pub index_cache_bytes: u64,
    /// Free bytes on the disk below which the store takes no writes, see [`FREE_BYTES_MIN`].
    pub free_bytes_min: u64,
    /// Bytes that one step of a compaction works through, see [`COMPACTION_STEP_BYTES`].
    pub step_bytes: usize,
    /// Told how far work is that can take long.
    pub progress: Progress,
    /// The file system; tests give one that fails.
    pub disk: Disk,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: SEGMENT_BYTES,
            index_cache_bytes: INDEX_CACHE_BYTES,
            free_bytes_min: FREE_BYTES_MIN,
            step_bytes: COMPACTION_STEP_BYTES,
            progress: Progress::default(),
            disk: Disk::default(),
        }
    }
}

impl JournalStore {
    /// Opens the store in `dir`, or begins one there. After a crash it replays what came after the last
    /// checkpoint; when the index is not to be trusted, all.
    ///
    /// # Errors
    /// [`OpenError`]; the journal is unchanged then.
    pub fn open(dir: &Path, options: Options) -> Result<Self, OpenError> {
        let disk = options.disk.clone();
        disk.create_dir(dir)?;
        let lock = Lock::take(dir)?;
        undo_half_repair(dir, &disk)?;
        let checkpoint = Checkpoint::read(dir);
        let journal = Journal::open(
            &dir.join("journal"),
            disk.clone(),
            options.segment_bytes,
            checkpoint.mark,
        )?;
        let mut index = Index::new(dir, disk, options.index_cache_bytes, checkpoint);
        let mut purges = Purges::new();
        let mark = index.mark();
        let resumed = index
            .resume()
            .and_then(|()| replay(&journal, &mut index, mark.seq, &mut purges));
        let rebuilt = match resumed {
            Ok(()) => None,
            Err(Trouble::Store(error)) => return Err(error.into()),
            Err(Trouble::Engine(why)) => {
                warn(&journal, &why);
                rebuild(&journal, &mut index, &mut purges, &options.progress)?;
                Some(why)
            }
        };
        let mut store = Self {
            index: RefCell::new(index),
            journal,
            broken: None,
            rebuilt,
            waste: Waste::default(),
            round: None,
            named: RefCell::default(),
            options,
            dir: dir.to_owned(),
            _lock: lock,
        };
        store.carry_out(&purges)?;
        if let Err(full) = store.check_free() {
            store.broken = Some(full.to_string());
        }
        Ok(store)
    }

    /// Why the index was built anew when the store was opened; `None` when it was as the checkpoint said.
    /// A new store builds one too.
    #[must_use]
    pub fn rebuilt(&self) -> Option<&str> {
        self.rebuilt.as_deref()
    }

    /// Builds the index anew from the journal.
    ///
    /// # Errors
    /// [`StoreError::Corrupted`] when the journal is damaged, or what the disk said.
    pub fn reindex(&mut self) -> Result<(), StoreError> {
        self.writable()?;
        self.end_round()?;
        self.rebuild(&mut self.index.borrow_mut())
    }

    /// Erases what the purges took, then writes a checkpoint: every purge before it is carried out, so only
    /// those after it are to be looked at when the store is opened.
    fn carry_out(&mut self, purges: &Purges) -> Result<(), StoreError> {
        if purges.is_empty() {
            return Ok(());
        }
        self.end_round()?;
        self.journal.roll()?;
        self.journal.erase(purges)?;
        // What a repair set aside may hold it too.
        self.options.disk.remove(&self.dir.join("damaged"))?;
        self.rest()
    }

    /// Writes a checkpoint. While a compaction has moved what the index does not know of, sled is written
    /// to all the same, and not to be trusted after a crash.
    fn rest(&self) -> Result<(), StoreError> {
        let mark = self.journal.mark();
        let is_sifting = self.is_sifting();
        // A rebuild does as much, so there is nothing left to do after one.
        self.healed_by_rebuild(|index| rest_or_spill(index, mark, is_sifting))
    }

    /// Runs on the index; when its engine fails, builds it anew and runs once more.
    fn healed<T>(
        &self,
        mut run: impl FnMut(&mut Index) -> Result<T, Trouble>,
    ) -> Result<T, StoreError> {
        let mut index = self.index.borrow_mut();
        match run(&mut index) {
            Ok(value) => Ok(value),
            Err(Trouble::Store(error)) => Err(error),
            Err(Trouble::Engine(why)) => {
                warn(&self.journal, &why);
                self.rebuild(&mut index)?;
                run(&mut index).map_err(StoreError::from)
            }
        }
    }

    /// As [`Self::healed`], for what a rebuild does by itself.
    fn healed_by_rebuild(
        &self,
        run: impl FnOnce(&mut Index) -> Result<(), Trouble>,
    ) -> Result<(), StoreError> {
        let mut index = self.index.borrow_mut();
        match run(&mut index) {
            Ok(()) => Ok(()),
            Err(Trouble::Store(error)) => Err(error),
            Err(Trouble::Engine(why)) => {
                warn(&self.journal, &why);
                self.rebuild(&mut index)
            }
        }
    }

    fn rebuild(&self, index: &mut Index) -> Result<(), StoreError> {
        let progress = &self.options.progress;
        build(&self.journal, index, &mut Purges::new(), progress)?;
        rest_or_spill(index, self.journal.mark(), self.is_sifting())?;
        Ok(())
    }

    /// Refuses while the disk is nearly full. What is left is needed to open the store again, and by the
    /// rest of the machine.
    fn check_free(&self) -> Result<(), StoreError> {
        let free_bytes_min = self.options.free_bytes_min;
        match self.options.disk.free_bytes(&self.dir) {
            Some(free_bytes) if free_bytes < free_bytes_min => Err(StoreError::DiskFull {
                dir: self.dir.clone(),
                free_bytes,
                free_bytes_min,
            }),
            // Where the system does not say, the write itself will.
            _ => Ok(()),
        }
    }

    fn commit_news(&mut self, news: &News<'_>) -> Result<Seq, StoreError> {
        if self.journal.is_full() {
            self.journal.roll()?;
            self.rest()?;
        }
        let appended = self.journal.append(news.ops.iter().copied())?;
        let record = appended.as_record();
        let ops = self.journal.ops(&record)?;
        if news.chunks == Chunks::Unsure {
            self.named.take();
        }
        self.healed_by_rebuild(|index| index.apply(&record, &ops, news.chunks))?;
        let mut purges = Purges::new();
        note_purges(&record, &ops, &mut purges);
        self.carry_out(&purges)?;
        if self.index.borrow().is_full() {
            self.rest()?;
        }
        Ok(self.journal.last())
    }

    fn read(&self, place: &Place) -> Result<Vec<u8>, StoreError> {
        let bytes = self
            .journal
            .read(place.segment, place.offset.into(), place.len as usize)?;
        place.verified(&self.journal.path_of(place.segment), bytes)
    }

    fn value(&self, value: RowValue) -> Result<Vec<u8>, StoreError> {
        match value {
            RowValue::Inline(bytes) => Ok(bytes),
            RowValue::InJournal(place) => self.read(&place),
        }
    }

    fn writable(&self) -> Result<(), StoreError> {
        match self.health() {
            Health::Writable => Ok(()),
            Health::ReadOnly { why } => Err(StoreError::ReadOnly { why }),
        }
    }
}

impl Store for JournalStore {
    fn commit(&mut self, batch: &Batch) -> Result<Seq, StoreError> {
        batch.check_size()?;
        self.writable()?;
        let news = batch.news(|doc, hash| self.healed(|index| index.knows(doc, hash)))?;
        if news.ops.is_empty() {
            return Ok(self.journal.last());
        }
        self.waste.committed_bytes += batch.bytes();
        let committed = self.check_free().and_then(|()| self.commit_news(&news));
        if let Err(error) = &committed {
            self.broken.get_or_insert(error.to_string());
        }
        committed
    }

    fn last(&self) -> Seq {
        self.journal.last()
    }

    fn load(&self, doc: &DocKey) -> Result<Vec<Chunk>, StoreError> {
        let mut extents = self.healed(|index| index.extents(doc))?;
        extents.sort_by_key(|extent| extent.kind != ChunkKind::Snapshot);
        extents
            .iter()
            .map(|extent| Ok(extent.chunk(self.read(&extent.place)?)))
            .collect()
    }

    fn since(&self, cursor: Seq, limit: usize) -> Result<Page, StoreError> {
        self.page_since(cursor, limit)
    }

    fn documents(&self) -> Result<Vec<DocKey>, StoreError> {
        self.healed(|index| {
            index
                .documents()
                .map(BTreeSet::into_iter)
                .map(Iterator::collect)
        })
    }

    fn get(&self, table: u8, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let value = self.healed(|index| index.row(table, key))?;
        value.map(|value| self.value(value)).transpose()
    }

    fn scan(&self, table: u8, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page =
                self.healed(|index| index.row_page(table, prefix, after.as_deref(), SCAN_ROWS))?;
            for (key, value) in page.rows {
                if visit(&key, &self.value(value)?).is_break() {
                    return Ok(());
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    fn health(&self) -> Health {
        match self.broken.as_deref().or(self.journal.broken()) {
            Some(why) => Health::ReadOnly { why: why.into() },
            None => Health::Writable,
        }
    }

    fn tend(&mut self) -> Result<bool, StoreError> {
        self.tend_round()
    }

    fn close(mut self: Box<Self>) -> Result<(), StoreError> {
        if self.writable().is_err() {
            return Ok(());
        }
        self.end_round()?;
        self.journal.trim()?;
        let rested = self.index.borrow().mark() == self.journal.mark();
        if rested { Ok(()) } else { self.rest() }
    }
}

impl fmt::Debug for JournalStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JournalStore")
            .field("last", &self.last())
            .field("health", &self.health())
            .finish_non_exhaustive()
    }
}

/// Applies the journal's records after `after` to the index, and notes the purges among them.
fn replay(
    journal: &Journal,
    index: &mut Index,
    after: Seq,
    purges: &mut Purges,
) -> Result<(), Trouble> {
    journal.replay(after, &mut |record: &Record<'_>| {
        let ops = journal.ops(record)?;
        index.apply(record, &ops, Chunks::Unsure)?;
        note_purges(record, &ops, purges);
        Ok(ControlFlow::Continue(()))
    })
}

fn rest_or_spill(index: &mut Index, mark: Mark, is_sifting: bool) -> Result<(), Trouble> {
    if is_sifting {
        index.spill()
    } else {
        index.rest(mark)
    }
}

/// Builds the index anew from the whole journal, and ends with a checkpoint.
fn rebuild(
    journal: &Journal,
    index: &mut Index,
    purges: &mut Purges,
    progress: &Progress,
) -> Result<(), StoreError> {
    build(journal, index, purges, progress)?;
    Ok(index.rest(journal.mark())?)
}

/// Builds the index anew from the whole journal.
fn build(
    journal: &Journal,
    index: &mut Index,
    purges: &mut Purges,
    progress: &Progress,
) -> Result<(), StoreError> {
    purges.clear();
    index.begin_anew()?;
    let total = journal.last().0;
    journal.replay(Seq::ZERO, &mut |record: &Record<'_>| {
        let ops = journal.ops(record)?;
        index.apply(record, &ops, Chunks::Unsure)?;
        note_purges(record, &ops, purges);
        if index.is_full() {
            index.spill()?;
        }
        progress.tell("building the index", record.seq.0, total);
        Ok::<_, Trouble>(ControlFlow::Continue(()))
    })?;
    index.complete();
    Ok(())
}

fn warn(journal: &Journal, why: &str) {
    if journal.last() > Seq::ZERO {
        tracing::warn!(why, "building the index anew from the journal");
    }
}

fn note_purges(record: &Record<'_>, ops: &[Stored<'_>], purges: &mut Purges) {
    for (at, Stored { op, .. }) in ops.iter().enumerate() {
        if let StoredOp::Purge { doc } = op {
            purges.insert(*doc, (record.seq, at));
        }
    }
}

impl From<Trouble> for StoreError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Engine(why) => Self::Index { why },
            Trouble::Store(error) => error,
        }
    }
}
