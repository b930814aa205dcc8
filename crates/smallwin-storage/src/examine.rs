//! Looking a store over without changing it, copying it, and repairing it.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use crate::batch::Chunks;
use crate::disk::Disk;
use crate::index::checkpoint::{Checkpoint, State};
use crate::index::{self, Index, Trouble};
use crate::journal::{Damage, Journal, Mark, Record, Salvaged, salvage};
use crate::limits::{INDEX_CACHE_BYTES, SEGMENT_BYTES};
use crate::{JournalStore, Lock, OpenError, Options, Progress, Seq, StoreError};

/// What was copied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Copied {
    /// The last commit in the copy.
    pub last: Seq,
    /// Journal segments.
    pub segments: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// What [`examine`] found.
#[derive(Debug)]
pub struct Examined {
    /// The last commit.
    pub last: Seq,
    /// Journal segments.
    pub segments: usize,
    /// Their bytes, without what is damaged.
    pub bytes: u64,
    /// Every place that cannot be read.
    pub damage: Vec<Damage>,
    /// Commits that the checkpoint knows and the journal lacks: its end was lost.
    pub lost_end: Option<(Seq, Seq)>,
    /// How the index stands to the journal.
    pub index: IndexFound,
}

/// How the index stands to the journal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IndexFound {
    /// It holds what the journal says, row by row.
    Equal,
    /// It does not; it is built anew when the store is opened.
    Differs(String),
    /// It was not compared, because another process has the store open and writes to it.
    InUse,
    /// It was not compared, for this reason.
    NotCompared(String),
}

/// Copies the store in `dir`, which may be in use, as the store `to`, a folder that must not exist. The
/// copy is all that was durable at one moment. Its index is built when it is opened.
///
/// # Errors
/// [`OpenError`]; nothing is left at `to` then. A damaged store is not copied: repair it first.
pub fn copy(dir: &Path, to: &Path, progress: &Progress) -> Result<Copied, OpenError> {
    let disk = Disk::default();
    disk.create_dir(to)?;
    let copied = salvage::copy(&dir.join("journal"), &to.join("journal"), progress);
    match copied {
        Ok(copied) => Ok(Copied {
            last: copied.last,
            segments: copied.segments,
            bytes: copied.bytes,
        }),
        Err(error) => {
            disk.remove(to)?;
            Err(error)
        }
    }
}

/// Reads the whole store in `dir` and changes nothing in it: every record's check, the numbers, and whether
/// the index is what the journal says. What is sound is copied into the folder `scratch`, which must not
/// exist, and opened there: whoever wants to look further reads that store.
///
/// # Errors
/// [`OpenError`] when the folder cannot be read, or `scratch` not be written. Damage is no error here.
pub fn examine(
    dir: &Path,
    scratch: &Path,
    progress: &Progress,
) -> Result<(Examined, JournalStore), OpenError> {
    Disk::default().create_dir(scratch)?;
    let lock = match Lock::take(dir) {
        Ok(lock) => Some(lock),
        Err(OpenError::Locked { .. }) => None,
        Err(other) => return Err(other),
    };
    if lock.is_some() {
        undo_half_repair(dir, &Disk::default())?;
    }
    let store = scratch.join("store");
    Disk::default().create_dir(&store)?;
    let (from, to) = (dir.join("journal"), store.join("journal"));
    let salvaged = match &lock {
        Some(_) => salvage::salvage(&from, &to, progress)?,
        None => salvage::copy(&from, &to, progress)?,
    };
    let checkpoint = Checkpoint::read(dir);
    let lost_end = lost_end(&salvaged, &checkpoint);
    let index = match (&lock, salvaged.damage.is_empty() && lost_end.is_none()) {
        (None, _) => IndexFound::InUse,
        (_, false) => IndexFound::NotCompared("the journal is damaged".into()),
        (Some(_), true) => compare(dir, &store, scratch, &checkpoint, progress)?,
    };
    let examined = Examined {
        last: salvaged.last,
        segments: salvaged.segments,
        bytes: salvaged.bytes,
        damage: salvaged.damage,
        lost_end,
        index,
    };
    let options = Options {
        progress: progress.clone(),
        free_bytes_min: 0,
        ..Options::default()
    };
    Ok((examined, JournalStore::open(&store, options)?))
}

/// Makes a damaged store usable: what is sound stays, what is damaged becomes a gap, and the index is to be
/// built anew at the next opening. The damaged journal is kept beside it as `damaged`. Returns what was
/// found; without damage the journal is left as it is.
///
/// # Errors
/// [`OpenError`]; the store is then as it was, or the work can be done again.
pub fn repair(dir: &Path, progress: &Progress) -> Result<Vec<Damage>, OpenError> {
    let disk = Disk::default();
    let _lock = Lock::take(dir)?;
    let (journal, new, damaged) = (
        dir.join("journal"),
        dir.join("journal.repaired"),
        dir.join("damaged"),
    );
    undo_half_repair(dir, &disk)?;
    disk.remove(&new)?;
    let salvaged = salvage::salvage(&journal, &new, progress)?;
    if salvaged.damage.is_empty() {
        disk.remove(&new)?;
    } else {
        disk.remove(&damaged)?;
        disk.rename(&journal, &damaged)?;
        disk.rename(&new, &journal)?;
        disk.sync_dir(dir)?;
    }
    // Without it nothing but the journal counts.
    disk.remove(&dir.join("CHECKPOINT"))?;
    disk.sync_dir(dir)?;
    Ok(salvaged.damage)
}

/// Puts the journal back that a repair had set aside when it was interrupted between its two renames. The
/// caller holds the lock.
pub(crate) fn undo_half_repair(dir: &Path, disk: &Disk) -> Result<(), StoreError> {
    let (journal, damaged) = (dir.join("journal"), dir.join("damaged"));
    if !journal.exists() && damaged.exists() {
        disk.rename(&damaged, &journal)?;
        disk.sync_dir(dir)?;
    }
    Ok(())
}

fn lost_end(salvaged: &Salvaged, checkpoint: &Checkpoint) -> Option<(Seq, Seq)> {
    let kept = checkpoint.mark.seq;
    (kept > salvaged.last).then(|| (salvaged.last.next(), kept))
}

/// Compares three things at the checkpoint's commit: what the checkpoint says of the index, a copy of the
/// index, and an index that is built from the journal.
fn compare(
    dir: &Path,
    store: &Path,
    scratch: &Path,
    checkpoint: &Checkpoint,
    progress: &Progress,
) -> Result<IndexFound, OpenError> {
    if checkpoint.state == State::Moving {
        return Ok(IndexFound::NotCompared(
            "the program was stopped while it wrote the index".into(),
        ));
    }
    let copied = scratch.join("index-copy");
    if let Err(error) = copy_folder(&index::index_path(dir, checkpoint.generation), &copied) {
        return Ok(IndexFound::Differs(error.to_string()));
    }
    match index::digest_of(&copied, INDEX_CACHE_BYTES) {
        Ok(digest) if digest == checkpoint.digest => {}
        Ok(_) => {
            return Ok(IndexFound::Differs(
                "its rows are others than were written".into(),
            ));
        }
        Err(Trouble::Engine(why)) => return Ok(IndexFound::Differs(why)),
        Err(Trouble::Store(error)) => return Err(error.into()),
    }
    let built = digest_at(
        store,
        &scratch.join("compared"),
        checkpoint.mark.seq,
        progress,
    );
    match built {
        Ok(digest) if digest == checkpoint.digest => Ok(IndexFound::Equal),
        Ok(_) => Ok(IndexFound::Differs(
            "its rows are not what the journal says".into(),
        )),
        Err(Trouble::Engine(why)) => Ok(IndexFound::NotCompared(why)),
        Err(Trouble::Store(error)) => Err(error.into()),
    }
}

/// What an index built from the journal of `store` holds at a commit.
fn digest_at(
    store: &Path,
    at: &Path,
    until: Seq,
    progress: &Progress,
) -> Result<index::checkpoint::Digest, Trouble> {
    let disk = Disk::default();
    disk.create_dir(at)?;
    let journal = Journal::open(
        &store.join("journal"),
        disk.clone(),
        SEGMENT_BYTES,
        Mark::default(),
    )
    .map_err(|error| Trouble::Engine(error.to_string()))?;
    let mut index = Index::new(at, disk, INDEX_CACHE_BYTES, Checkpoint::default());
    index.begin_anew()?;
    journal.replay(Seq::ZERO, &mut |record: &Record<'_>| {
        if record.seq > until {
            return Ok(ControlFlow::Break(()));
        }
        let ops = journal.ops(record)?;
        index.apply(record, &ops, Chunks::Unsure)?;
        if index.is_full() {
            index.spill()?;
        }
        progress.tell("comparing the index", record.seq.0, until.0);
        Ok::<_, Trouble>(ControlFlow::Continue(()))
    })?;
    index.spill()?;
    Ok(index.digest())
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::create_dir_all(to).map_err(StoreError::io("create", to))?;
    for entry in fs::read_dir(from).map_err(StoreError::io("list", from))? {
        let path = entry.map_err(StoreError::io("list", from))?.path();
        let target = path.file_name().map(|name| to.join(name));
        let Some(target) = target else { continue };
        if path.is_dir() {
            copy_folder(&path, &target)?;
        } else {
            fs::copy(&path, &target).map_err(StoreError::io("copy", &path))?;
        }
    }
    Ok(())
}
