//! sled, held at arm's length: no panic, no hang and no error of it reaches further than this file.

use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::Trouble;
use crate::limits::{INDEX_CLOSE_MS_MAX, INDEX_OPEN_MS_MAX};

/// How often, and with what pause, a lock that is held is tried again. The store's own lock keeps other
/// programs out, so it is held by our own past.
const LOCK_TRIES: u32 = 200;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// A sorted table of rows in sled. Nothing is durable before [`SledRows::sync`].
pub(crate) struct SledRows {
    /// Absent only while it is being dropped.
    db: Option<sled::Db>,
    dir: PathBuf,
}

impl SledRows {
    /// Opens or creates the table, on a thread of its own: sled has been seen to hang here.
    pub(crate) fn open(dir: &Path, cache_bytes: u64) -> Result<Self, Trouble> {
        let config = sled::Config::new()
            .path(dir)
            .cache_capacity(cache_bytes)
            .mode(sled::Mode::LowSpace)
            .use_compression(false)
            // The journal makes things durable; an idle node does not touch the disk.
            .flush_every_ms(None);
        let opened = on_a_thread(INDEX_OPEN_MS_MAX, move || open_when_free(&config));
        let db =
            opened.unwrap_or_else(|| Err(Trouble::Engine("it did not open in time".into())))?;
        Ok(Self {
            db: Some(db),
            dir: dir.to_owned(),
        })
    }

    pub(crate) fn insert(&self, key: &[u8], value: Vec<u8>) -> Result<Option<sled::IVec>, Trouble> {
        guarded(|| self.db()?.insert(key, value))
    }

    pub(crate) fn remove(&self, key: &[u8]) -> Result<Option<sled::IVec>, Trouble> {
        guarded(|| self.db()?.remove(key))
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<sled::IVec>, Trouble> {
        guarded(|| self.db()?.get(key))
    }

    /// Visits the rows whose key starts with `prefix`, from `after` (exclusive) on, in order.
    pub(crate) fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        mut visit: impl FnMut(&[u8], &[u8]),
    ) -> Result<(), Trouble> {
        use std::ops::Bound::{Excluded, Included, Unbounded};
        guarded(|| {
            let from = after.map_or(Included(prefix), Excluded);
            let rows = self.db()?.range::<&[u8], _>((from, Unbounded));
            for row in rows.take(limit) {
                let (key, value) = row?;
                if !key.starts_with(prefix) {
                    break;
                }
                visit(&key, &value);
            }
            Ok(())
        })
    }

    /// Makes all rows durable. sled's own flush leaves files and names unsynced, so both are done here.
    pub(crate) fn sync(&self) -> Result<(), Trouble> {
        guarded(|| self.db()?.flush())?;
        sync_tree(&self.dir).map_err(|error| Trouble::Engine(error.to_string()))
    }

    /// Closes it and removes its files, and does not wait for that: it takes as long as sled likes.
    pub(crate) fn discard(mut self) {
        let (db, dir) = (self.db.take(), self.dir.clone());
        // Without a thread it is dropped here, and the files stay until the next checkpoint.
        let _thread = thread::Builder::new()
            .name("smallwin-index".into())
            .spawn(move || {
                let _closed = guarded(|| {
                    drop(db);
                    Ok(())
                });
                let _later = fs::remove_dir_all(dir);
            });
    }

    fn db(&self) -> sled::Result<&sled::Db> {
        self.db
            .as_ref()
            .ok_or_else(|| sled::Error::ReportableBug("closed".into()))
    }
}

impl Drop for SledRows {
    /// On a full disk sled's own drop never returns; then it is left behind.
    fn drop(&mut self) {
        let Some(db) = self.db.take() else { return };
        let dropped = on_a_thread(INDEX_CLOSE_MS_MAX, move || {
            guarded(|| {
                drop(db);
                Ok(())
            })
        });
        if dropped.is_none() {
            tracing::warn!("the index did not close in time");
        }
    }
}

/// Opens sled. One that was closed a moment ago may hold its lock a little longer, on a thread of its own.
fn open_when_free(config: &sled::Config) -> Result<sled::Db, Trouble> {
    let mut tries = LOCK_TRIES;
    loop {
        match guarded(|| config.open()) {
            Err(Trouble::Engine(why)) if tries > 0 && why.contains("could not acquire lock") => {
                tries -= 1;
                thread::sleep(LOCK_PAUSE);
            }
            opened => return opened,
        }
    }
}

fn guarded<T>(run: impl FnOnce() -> sled::Result<T>) -> Result<T, Trouble> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Trouble::Engine(error.to_string())),
        Err(_) => Err(Trouble::Engine("it panicked".into())),
    }
}

/// Runs on another thread and waits; `None` when that takes too long.
fn on_a_thread<T: Send + 'static>(
    ms_max: u64,
    run: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (tell, told) = mpsc::sync_channel(1);
    let started = thread::Builder::new()
        .name("smallwin-index".into())
        .spawn(move || {
            // Nobody listens any more when it took too long.
            let _ = tell.send(run());
        });
    started.ok()?;
    told.recv_timeout(Duration::from_millis(ms_max)).ok()
}

fn sync_tree(dir: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            sync_tree(&path)?;
        } else {
            File::open(&path)?.sync_all()?;
        }
    }
    #[cfg(unix)]
    File::open(dir)?.sync_all()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, reason = "a test may panic")]
    use super::*;

    #[test]
    fn a_panic_and_a_hang_reach_no_further() {
        let panicked = guarded::<()>(|| panic!("as sled does"));
        assert!(matches!(panicked, Err(Trouble::Engine(why)) if why == "it panicked"));
        let (end, hangs) = mpsc::channel::<()>();
        // It goes on to hang when nobody waits for it any more.
        let hung = on_a_thread(1, move || hangs.recv().is_err());
        assert_eq!(hung, None);
        drop(end);
        assert_eq!(on_a_thread(60_000, || 7), Some(7));
    }
}
