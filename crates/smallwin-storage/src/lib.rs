//! Where bytes are kept: the trait, its conformance suite, memory, and the journal with its sled index.
//!
//! One call, from end to end: the node fills a [`Batch`] and gives it to a [`Committer`]. Its thread
//! drains all batches that wait, hands them to [`Store::commit`] as one, and only after that came back
//! runs each submitter's completion (rule K1: kept before told). [`JournalStore`] writes the group as one
//! checksummed record, calls `fdatasync` once, and notes in its index where the bytes lie.
//!
//! Space comes back by [`JournalStore::compact`], which runs by itself. [`copy`] backs a store up while it is
//! in use, [`examine`] looks one over without changing it, [`repair`] makes a damaged one usable.
//!
//! The crate knows keys and bytes and nothing else: no document, no circle, no person.
//!
//! ```
//! use smallwin_storage::{Batch, Chunk, ChunkHash, ChunkKind, DocKey, Memory, Op, Store};
//!
//! let mut store = Memory::new();
//! let doc = DocKey::from_bytes([7; 17]);
//! let chunk = Chunk {
//!     hash: ChunkHash::from_bytes([1; 32]),
//!     kind: ChunkKind::Change,
//!     epoch: 0,
//!     bytes: b"a change".to_vec(),
//! };
//! store.commit(&Batch(vec![Op::PutChunk { doc, chunk: chunk.clone() }]))?;
//! assert_eq!(store.load(&doc)?, vec![chunk]);
//! # Ok::<(), smallwin_storage::StoreError>(())
//! ```

mod batch;
mod chunk;
mod committer;
pub mod conformance;
mod disk;
mod error;
mod examine;
mod faulty;
mod index;
mod journal;
mod journal_store;
mod key;
pub mod limits;
mod lock;
mod memory;
mod page;
mod progress;
mod store;

pub use batch::{Batch, Op};
pub use chunk::{Chunk, ChunkKind};
pub use committer::{Committer, Done, Refused, Rows, SubmitError};
pub use disk::{Disk, Failure, Fault};
pub use error::{OpenError, StoreError};
pub use examine::{Copied, Examined, IndexFound, copy, examine, repair};
pub use faulty::Faulty;
pub use journal::Damage;
pub use journal_store::{Compacted, JournalStore, Options};
pub use key::{ChunkHash, DocKey, Seq};
pub use lock::Lock;
pub use memory::Memory;
pub use page::{Entry, Page};
pub use progress::Progress;
pub use store::{Health, Store, Visit};
