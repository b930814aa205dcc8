//! Giving space back: what nothing names any more leaves the journal, and sled begins anew. All of it in
//! steps, between which commits and reads go on as always.
//!
//! 1. **Look**: where the chunks lie that the index names, document by document.
//! 2. **Sift**: the closed segments are written anew with what is of use, oldest first. Each new file takes
//!    its name when it is whole. From here on `CHECKPOINT` says that the index is not at rest: after a crash
//!    it is built anew from the journal, which is right at every moment.
//! 3. **Renew**: the index is copied with the places as they are now. Until that is done the old index and
//!    the old files answer.
//!
//! Nothing that takes back (a covered hash, a deletion, a purge) is needed in a segment that was sifted: all
//! that it took back stands before it, in segments that were sifted before it or in itself.

use std::collections::BTreeMap;

use super::{JournalStore, warn};
use crate::index::{Index, RowValue, Trouble};
use crate::journal::ops::{StoredChunk, StoredOp};
use crate::journal::{Keep, Record, Sift};
use crate::limits::COMPACTION_PACE;
use crate::{DocKey, StoreError};

/// When to compact.
#[derive(Debug, Default)]
pub(super) struct Waste {
    /// What was of use when the last compaction began, as it is counted, and the bytes it made of that.
    measured: Option<Measured>,
    /// What was of use when the one under way began.
    live_bytes: u64,
    /// A damaged segment stands in the way until the store is repaired.
    off: bool,
    /// What was committed since the last step.
    pub(super) committed_bytes: usize,
}

#[derive(Clone, Copy, Debug)]
struct Measured {
    live_bytes: u64,
    bytes: u64,
}

/// A compaction under way.
#[derive(Debug)]
pub(super) enum Round {
    Look {
        places: Places,
        after: Option<DocKey>,
        /// The segments that were closed when it began: only of those it is known what is of use.
        sift: Sift,
    },
    Sift {
        places: Places,
        sift: Sift,
    },
    Renew,
}

/// For each segment the offsets of the chunks that the index named when it was looked at. Those in closed
/// segments can only become fewer.
type Places = BTreeMap<u32, Vec<u32>>;

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
    /// value of every row. Then copies the index, for sled never shrinks. [`Store::tend`](crate::Store::tend)
    /// does the same in small steps, and begins by itself when about a third of the journal is waste.
    ///
    /// A crash at any moment loses nothing.
    ///
    /// # Errors
    /// [`StoreError::Corrupted`] when a segment is damaged: those before it are compacted, the rest stays as
    /// it is. After any other error the store takes no more writes until it is opened again.
    pub fn compact(&mut self) -> Result<Compacted, StoreError> {
        self.writable()?;
        let bytes_before = self.journal.bytes();
        self.end_round()?;
        self.begin_compaction()?;
        let progress = self.options.progress.clone();
        let total = self.left_to_sift();
        let step_bytes = self.options.step_bytes;
        while self.guarded_step(step_bytes)? {
            let done = total.saturating_sub(self.left_to_sift());
            progress.tell("giving space back", done, total + 1);
        }
        progress.tell("giving space back", 1, 1);
        let bytes_after = self.journal.bytes();
        Ok(Compacted {
            bytes_before,
            bytes_after,
        })
    }

    /// Begins to compact, if it does not already: [`Store::tend`](crate::Store::tend) carries it on.
    ///
    /// # Errors
    /// As [`JournalStore::compact`].
    pub fn begin_compaction(&mut self) -> Result<(), StoreError> {
        self.writable()?;
        if self.round.is_none() {
            let begun = self.journal.roll().and_then(|()| self.rest());
            self.breaking(begun)?;
            self.waste.live_bytes = self.index.get_mut().live_bytes();
            self.round = Some(Round::Look {
                places: Places::new(),
                after: None,
                sift: Sift::of(&self.journal),
            });
        }
        Ok(())
    }

    /// Does a step of a compaction, or begins one that is worth it; says whether more is to be done.
    pub(super) fn tend_round(&mut self) -> Result<bool, StoreError> {
        let committed = std::mem::take(&mut self.waste.committed_bytes);
        if self.writable().is_err() || self.waste.off {
            return Ok(false);
        }
        if self.round.is_some() {
            let bytes = committed.saturating_mul(COMPACTION_PACE);
            return match self.guarded_step(bytes.max(self.options.step_bytes)) {
                Err(error @ StoreError::Corrupted { .. }) => {
                    tracing::error!(%error, "no space is given back before the store is repaired");
                    Ok(false)
                }
                stepped => stepped,
            };
        }
        if !self.is_wasteful() || !self.has_room() {
            return Ok(false);
        }
        self.begin_compaction()?;
        Ok(true)
    }

    /// Ends a compaction early: what is sifted stays so, the rest as it was.
    pub(super) fn end_round(&mut self) -> Result<(), StoreError> {
        let moves = match self.round.take() {
            None | Some(Round::Look { .. }) => return Ok(()),
            Some(Round::Sift { sift, .. }) => {
                self.journal.stop_sift(&sift)?;
                Some(sift.into_moves())
            }
            Some(Round::Renew) => None,
        };
        if self.journal.has_sifted() {
            let index = self.index.get_mut();
            let renewed = moves
                .map_or(Ok(()), |moves| index.begin_renewal(moves))
                .and_then(|()| {
                    while index.renew(usize::MAX)? {}
                    index.finish_renewal()
                });
            self.go_on_to_sifted(renewed)?;
        }
        self.rest()
    }

    /// Whether `CHECKPOINT` must not say that the index is at rest.
    pub(super) fn is_sifting(&self) -> bool {
        matches!(self.round, Some(Round::Sift { .. } | Round::Renew)) || self.journal.has_sifted()
    }

    /// Whether the waste is more than half of what is of use, and more than a sixteenth of a segment.
    fn is_wasteful(&self) -> bool {
        let (bytes, live_bytes) = (self.journal.bytes(), self.index.borrow().live_bytes());
        let useful = self.useful_bytes();
        let waste = bytes.saturating_sub(useful.max(live_bytes));
        waste > useful / 2 + self.options.segment_bytes / 16
    }

    /// About how many bytes a compaction would leave. Small chunks take more room than they are counted
    /// for; what the last compaction left is the measure of that.
    fn useful_bytes(&self) -> u64 {
        let live_bytes = self.index.borrow().live_bytes();
        match self.waste.measured {
            Some(last) if last.bytes > last.live_bytes => {
                let scaled = u128::from(live_bytes) * u128::from(last.bytes);
                let scaled = scaled / u128::from(last.live_bytes.max(1));
                u64::try_from(scaled).unwrap_or(u64::MAX)
            }
            _ => live_bytes,
        }
    }

    /// Whether the disk has room for the old files and the new ones.
    fn has_room(&self) -> bool {
        let free_bytes = self.options.disk.free_bytes(&self.dir);
        let needed = self.useful_bytes().saturating_mul(2);
        free_bytes.is_none_or(|free| free >= self.options.free_bytes_min.saturating_add(needed))
    }

    fn left_to_sift(&self) -> u64 {
        match &self.round {
            Some(Round::Look { sift, .. } | Round::Sift { sift, .. }) => sift.waiting() as u64,
            Some(Round::Renew) | None => 0,
        }
    }

    /// A step. A damaged segment ends the compaction, any other error the writing.
    fn guarded_step(&mut self, bytes: usize) -> Result<bool, StoreError> {
        let stepped = self.step(bytes);
        match stepped {
            Err(StoreError::Corrupted { .. }) if self.journal.broken().is_none() => {
                self.waste.off = true;
                let ended = self.end_round();
                self.breaking(ended)?;
                stepped
            }
            stepped => self.breaking(stepped),
        }
    }

    fn step(&mut self, bytes: usize) -> Result<bool, StoreError> {
        match &mut self.round {
            None => Ok(false),
            Some(Round::Look { .. }) => self.step_look(bytes),
            Some(Round::Sift { .. }) => self.step_sift(bytes),
            Some(Round::Renew) => self.step_renew(bytes),
        }
    }

    fn step_look(&mut self, bytes: usize) -> Result<bool, StoreError> {
        let Some(Round::Look {
            mut places,
            after,
            sift,
        }) = self.round.take()
        else {
            return Ok(false);
        };
        let looked = self.healed(|index| index.look(after.as_ref(), bytes))?;
        for (segment, offset) in looked.places {
            places.entry(segment).or_default().push(offset);
        }
        self.round = Some(match looked.last {
            Some(last) => Round::Look {
                places,
                after: Some(last),
                sift,
            },
            None => {
                self.index.get_mut().move_on()?;
                Round::Sift { places, sift }
            }
        });
        Ok(true)
    }

    fn step_sift(&mut self, bytes: usize) -> Result<bool, StoreError> {
        let Some(Round::Sift { places, sift }) = &mut self.round else {
            return Ok(false);
        };
        // Sorting what is sorted costs next to nothing.
        let of_this = sift.next().and_then(|number| places.get_mut(&number));
        of_this.into_iter().for_each(|list| list.sort_unstable());
        let index = self.index.get_mut();
        let sifted = self.journal.sift(sift, bytes, &mut |record, op| {
            judge(index, places, record, op)
        });
        match sifted {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(Trouble::Store(error)) => return Err(error),
            Err(Trouble::Engine(why)) => {
                warn(&self.journal, &why);
                self.journal.stop_sift(sift)?;
                self.round = None;
                return self
                    .go_on_to_sifted(Err(Trouble::Engine(why)))
                    .map(|()| false);
            }
        }
        let Some(Round::Sift { sift, .. }) = self.round.replace(Round::Renew) else {
            return Ok(false);
        };
        match index.begin_renewal(sift.into_moves()) {
            Ok(()) => Ok(true),
            failed => {
                self.round = None;
                self.go_on_to_sifted(failed).map(|()| false)
            }
        }
    }

    fn step_renew(&mut self, bytes: usize) -> Result<bool, StoreError> {
        let index = self.index.get_mut();
        let renewed = match index.renew(bytes) {
            Ok(true) => return Ok(true),
            renewed => renewed.and_then(|_| index.finish_renewal()),
        };
        self.round = None;
        self.waste.measured = Some(Measured {
            live_bytes: self.waste.live_bytes,
            bytes: self.journal.sifted_bytes(),
        });
        self.go_on_to_sifted(renewed)?;
        self.rest()?;
        Ok(false)
    }

    /// Lets reads go to the new files. When sled failed to fit them, the index is built anew; when the disk
    /// did, the old files and the old index go on to answer.
    fn go_on_to_sifted(&mut self, renewed: Result<(), Trouble>) -> Result<(), StoreError> {
        let failed = match renewed {
            Err(Trouble::Store(error)) => return Err(error),
            Err(Trouble::Engine(why)) => Some(why),
            Ok(()) => None,
        };
        self.journal.release();
        self.named.take();
        match failed {
            None => Ok(()),
            Some(why) => {
                warn(&self.journal, &why);
                self.rebuild(&mut self.index.borrow_mut())
            }
        }
    }

    fn breaking<T>(&mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(error) = &result {
            self.broken.get_or_insert(error.to_string());
        }
        result
    }
}

/// What of an operation is still of use.
fn judge(
    index: &Index,
    places: &Places,
    record: &Record<'_>,
    op: &StoredOp<'_>,
) -> Result<Keep, Trouble> {
    let named = |chunk: &StoredChunk<'_>| {
        let offset = u32::try_from(record.at + chunk.at as u64).unwrap_or(u32::MAX);
        places
            .get(&record.segment)
            .is_some_and(|offsets| offsets.binary_search(&offset).is_ok())
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
