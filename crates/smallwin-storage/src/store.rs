//! What every engine promises.

use std::ops::ControlFlow;

use crate::{Batch, Chunk, DocKey, Page, Seq, StoreError};

/// Whether a store takes writes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Health {
    /// Reads and writes.
    Writable,
    /// Reads only, until it is opened anew.
    ReadOnly {
        /// What happened, for a person to read.
        why: String,
    },
}

/// Gets a row's key and value, and says whether to go on.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// A place where documents (sets of chunks) and small tables are kept.
///
/// A store holds two kinds of things, both of bytes that it does not understand. A *document* has a key of
/// 17 bytes and a set of chunks, each named by a hash that the caller vouches for; the first chunk of a name
/// stays. A *row* stands in one of 256 tables under a key of up to
/// [`ROW_KEY_BYTES_MAX`](crate::limits::ROW_KEY_BYTES_MAX) bytes. Rows are read in the order of their keys,
/// byte by byte; there are few of them beside the chunks, and most are small.
///
/// One thread owns the store (usually the [`Committer`](crate::Committer)'s), so it needs no locks and may
/// keep caches behind `&self`. It must not panic, whatever lies on the disk.
///
/// # To add an engine
/// 1. Implement this trait. Five promises matter most: a batch is kept whole or not at all, over documents
///    and tables alike; it is durable before `commit` returns (K1); after a failed write nothing is written
///    any more; bytes that are not those that were kept are an error and never an answer (K4); what was
///    purged is nowhere on the disk (K5).
/// 2. Run [`conformance::all`](crate::conformance::all) over it, and
///    [`conformance::follows_model`](crate::conformance::follows_model) with random histories, as this
///    crate's `tests/conformance.rs` does for three engines: a [`Fixture`](crate::conformance::Fixture)
///    makes a store and opens it again. The suite is the definition.
/// 3. What a suite cannot check is durability and damage. `tests/crash.rs` (kills), `tests/power.rs` (power
///    cuts), `tests/faults.rs` (a disk that fails at each step) and `tests/damage.rs` (flipped bits) do,
///    with the suite's [`Model`](crate::conformance::Model), and are short enough to be carried over.
pub trait Store: Send {
    /// Applies all operations in order, or none. On return the batch is durable: it survives the death of
    /// the process and a loss of power (rule K1 rests on it). Each batch that changes something gets the
    /// next number; a batch in which every operation puts a chunk that is kept already writes nothing and
    /// returns the last number.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] changes nothing. After any other error nobody knows whether the batch was
    /// kept; the store takes no more writes until it is opened again, which settles it.
    fn commit(&mut self, batch: &Batch) -> Result<Seq, StoreError>;

    /// The last commit's number.
    fn last(&self) -> Seq;

    /// All chunks of a document: snapshots first, then changes, each in the order they were committed.
    /// An unknown document has none.
    ///
    /// # Errors
    /// [`StoreError::Corrupted`] when a chunk's bytes are not those that were kept.
    fn load(&self, doc: &DocKey) -> Result<Vec<Chunk>, StoreError>;

    /// Chunks that were kept after `cursor` and still are, in the order they were committed. A page ends
    /// after the commit in which it reaches `limit` chunks (or the limits of this crate), so one large
    /// commit may make it longer.
    ///
    /// # Errors
    /// [`StoreError::Corrupted`] as for [`Store::load`].
    fn since(&self, cursor: Seq, limit: usize) -> Result<Page, StoreError>;

    /// All documents that have a chunk, in the order of their keys.
    ///
    /// # Errors
    /// Those of the engine.
    fn documents(&self) -> Result<Vec<DocKey>, StoreError>;

    /// A row of a table.
    ///
    /// # Errors
    /// [`StoreError::Corrupted`] when the bytes are not those that were kept.
    fn get(&self, table: u8, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Visits the rows of a table whose key starts with `prefix`, in the order of their keys, until the
    /// visitor breaks.
    ///
    /// # Errors
    /// [`StoreError::Corrupted`] as for [`Store::get`]; rows before the fault were visited.
    fn scan(&self, table: u8, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError>;

    /// Does one small piece of work that can wait, such as giving space back, and says whether more waits.
    /// Whoever owns the store calls it after every commit, and again and again while there is nothing else
    /// to do and more waits. No commit and no read depends on it. An engine without such work does nothing.
    ///
    /// # Errors
    /// Those of the engine. [`Store::health`] says whether writes are still taken.
    fn tend(&mut self) -> Result<bool, StoreError> {
        Ok(false)
    }

    /// Whether it takes writes.
    fn health(&self) -> Health;

    /// Closes in good order, so that the next open is fast. Dropping a store loses nothing.
    ///
    /// # Errors
    /// When the closing work failed; all commits are safe all the same.
    fn close(self: Box<Self>) -> Result<(), StoreError>;
}
