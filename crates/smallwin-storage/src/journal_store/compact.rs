//! Giving space back: what nothing names any more leaves the journal, and sled begins anew.

use super::{JournalStore, build, warn};
use crate::index::{Index, RowValue, Trouble};
use crate::journal::ops::{StoredChunk, StoredOp};
use crate::journal::{Keep, Purges, Record};
use crate::{Store, StoreError};

/// When to compact.
#[derive(Debug, Default)]
pub(super) struct Waste {
    /// (bytes of the journal, bytes of use in it) after the last compaction: what is left then is no waste.
    after: Option<(u64, u64)>,
    /// A damaged segment stands in the way until the store is repaired.
    off: bool,
}

/// What compaction gained.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Compacted {
    /// Bytes of the journal before.
    pub bytes_before: u64,
    /// Bytes of the journal after.
    pub bytes_after: u64,
}

impl JournalStore {
    /// Writes all segments anew with what is still of use: chunks that no snapshot replaced, the newest
    /// value of every row. Then builds the index anew, for sled never shrinks. It happens by itself when
    /// about a third of the journal is waste, and takes about as long as opening after a crash.
    ///
    /// A crash at any moment loses nothing: each segment is swapped whole, oldest first, so what a later
    /// one takes back (a covered chunk, a deleted row) is gone before the taking back is.
    ///
    /// # Errors
    /// [`StoreError::Corrupted`] when a segment is damaged; nothing was changed. After any other error the
    /// store takes no more writes until it is opened again.
    pub fn compact(&mut self) -> Result<Compacted, StoreError> {
        if let crate::Health::ReadOnly { why } = self.health() {
            return Err(StoreError::ReadOnly { why });
        }
        self.journal.check_closed()?;
        let swept = self.sweep();
        if let Err(error) = &swept {
            self.broken.get_or_insert(error.to_string());
        }
        swept
    }

    /// Compacts when it gains enough.
    pub(super) fn compact_when_wasteful(&mut self) -> Result<(), StoreError> {
        if self.waste.off || !self.is_wasteful() {
            return Ok(());
        }
        match self.compact() {
            Err(error @ StoreError::Corrupted { .. }) if self.broken.is_none() => {
                tracing::error!(%error, "no space is given back before the store is repaired");
                self.waste.off = true;
                Ok(())
            }
            compacted => compacted.map(|gained| tracing::info!(?gained, "gave space back")),
        }
    }

    /// Whether the waste is more than half of what is of use, and more than a sixteenth of a segment.
    fn is_wasteful(&self) -> bool {
        let (bytes, live_bytes) = (self.journal.bytes(), self.index.borrow().live_bytes());
        // Small chunks take more room than they are counted for; what the last compaction left is the
        // measure of that.
        let useful = match self.waste.after {
            Some((bytes, of_use)) if bytes > of_use => {
                let scaled = u128::from(live_bytes) * u128::from(bytes) / u128::from(of_use.max(1));
                u64::try_from(scaled).unwrap_or(u64::MAX)
            }
            _ => live_bytes,
        };
        let waste = bytes.saturating_sub(useful);
        waste > useful / 2 + self.options.segment_bytes / 16
    }

    fn sweep(&mut self) -> Result<Compacted, StoreError> {
        let bytes_before = self.journal.bytes();
        self.named.take();
        self.journal.roll()?;
        let places = self.healed(|index| {
            index.move_on()?;
            index.places()
        })?;
        let closed = self.journal.closed();
        for (number, done) in closed.iter().zip(1..) {
            let index = self.index.get_mut();
            let sifted = self
                .journal
                .sift(*number, &mut |record, op| judge(index, &places, record, op));
            match sifted {
                Ok(()) => {}
                Err(Trouble::Store(error)) => return Err(error),
                Err(Trouble::Engine(why)) => {
                    // Begins the sweep's end early: what was sifted is sound, the rest waits.
                    warn(&self.journal, &why);
                    break;
                }
            }
            let progress = &self.options.progress;
            progress.tell("giving space back", done, closed.len() as u64);
        }
        self.renew_index()?;
        let bytes_after = self.journal.bytes();
        self.waste.after = Some((bytes_after, self.index.get_mut().live_bytes()));
        Ok(Compacted {
            bytes_before,
            bytes_after,
        })
    }
}

impl JournalStore {
    /// Builds an index of the sifted journal. Until that is done the old index and the old files answer,
    /// also when it fails.
    fn renew_index(&mut self) -> Result<(), StoreError> {
        let disk = self.options.disk.clone();
        let old = self.index.get_mut();
        if cfg!(windows) {
            // There a folder in use cannot be moved aside.
            old.let_go();
        }
        let mut new = Index::new(
            &self.dir,
            disk,
            self.options.index_cache_bytes,
            old.checkpoint(),
        );
        let retired = self.journal.release();
        let progress = &self.options.progress;
        if let Err(error) = build(&self.journal, &mut new, &mut Purges::new(), progress) {
            self.journal.retain(retired);
            return Err(error);
        }
        self.index.replace(new);
        self.rest()
    }
}

/// What of an operation is still of use. What takes back is not: all that it took back stands before it,
/// in segments that were sifted already or in this one.
fn judge(
    index: &Index,
    places: &[(u32, u32)],
    record: &Record<'_>,
    op: &StoredOp<'_>,
) -> Result<Keep, Trouble> {
    let named = |chunk: &StoredChunk<'_>| {
        let offset = u32::try_from(record.at + chunk.at as u64).unwrap_or(u32::MAX);
        places.binary_search(&(record.segment, offset)).is_ok()
    };
    Ok(match op {
        StoredOp::PutChunk { chunk, .. } if named(chunk) => Keep::All,
        StoredOp::Replace { snapshot, .. } if named(snapshot) => Keep::Chunk,
        StoredOp::Put {
            table,
            key,
            value,
            value_at,
        } => {
            let at = record.at + *value_at as u64;
            match index.row(*table, key)? {
                Some(RowValue::Inline(current)) if current == *value => Keep::All,
                Some(RowValue::InJournal(place))
                    if (place.segment, u64::from(place.offset)) == (record.segment, at) =>
                {
                    Keep::All
                }
                _ => Keep::Nothing,
            }
        }
        StoredOp::PutChunk { .. }
        | StoredOp::Replace { .. }
        | StoredOp::Delete { .. }
        | StoredOp::Purge { .. }
        | StoredOp::Erased => Keep::Nothing,
    })
}
