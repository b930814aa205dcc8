//! Which bytes may touch Automerge: bounded parsing and admission of changes from strangers.
//!
//! Automerge 0.12 trusts its input: a change of 49 bytes can make it take 385 MB,
//! a sync message of 15 bytes can end the process. So every byte of a peer passes
//! here first (rule G1), at a cost bounded by its size and by [`limits`] (rule G2).
//!
//! The way of one frame: [`check_frame`] before decoding its CBOR;
//! [`check_sync_message`] on the sync message in it, which finds the chunks;
//! [`open_change_within`] or [`check_document_chunk_within`] on each chunk, all on
//! one [`Budget`]; then [`OpIndex::admit`] for each change, in causal order
//! (rule G3). A change whose dependencies are missing waits in [`Orphans`]; an
//! actor's second change with a number it used goes into [`Evidence`]. No change
//! is known that passes all this and breaks Automerge 0.12, but more may exist,
//! so callers apply to a copy and catch panics.
//!
//! [`read_change`] with [`ChangeIndex`] looks at headers only, for who keeps
//! changes without ever giving them to Automerge.
//!
//! ```
//! use smallwin_gate::{OpIndex, Refused, Rules, open_change};
//!
//! // A first change by one actor, which puts 1 under `a`: envelope, header, columns.
//! let mut bytes = vec![0x85, 0x6f, 0x4a, 0x83, 0x72, 0x3b, 0xac, 0x47, 1, 71, 0, 40];
//! bytes.extend([1; 40]);
//! bytes.extend([1, 1, 0, 0, 0, 6, 0x15, 3, 0x34, 1, 0x42, 2, 0x56, 2, 0x57, 1, 0x70, 2]);
//! bytes.extend([0x7f, 1, b'a', 1, 0x7f, 1, 0x7f, 0x14, 1, 0x7f, 0]);
//!
//! let mut index = OpIndex::new();
//! let change = open_change(&bytes)?;
//! index.admit(&change, &Rules::default())?;
//! assert_eq!(index.changes().last_seq(&[1; 40]), 1);
//!
//! // One bit more or less, and it is another change, or none.
//! bytes[10] ^= 1;
//! assert!(open_change(&bytes).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The gate knows neither people nor rights, keeps no bytes and reads no clock.

mod budget;
mod change;
mod chunk;
mod columns;
mod cursor;
mod document;
mod error;
mod evidence;
mod fault;
mod frame;
mod index;
mod inflate;
pub mod limits;
mod op_index;
mod ops;
mod orphans;
mod reader;
mod rules;
mod runs;
mod segments;
mod sync_message;

pub use budget::Budget;
pub use change::{
    ChangeHeader, OpenChange, open_change, open_change_within, raw_change, read_change,
    read_change_within,
};
pub use chunk::{Chunk, ChunkKind};
pub use document::{DocumentShape, check_document_chunk, check_document_chunk_within};
pub use error::GateError;
pub use evidence::{Contradiction, Evidence};
pub use fault::OpFault;
pub use frame::check_frame;
pub use index::ChangeIndex;
pub use op_index::{Mark, OpIndex};
pub use orphans::{Orphans, OrphansFull, Released};
pub use rules::{Refused, Rules, Space};
pub use sync_message::{Flags, Have, SyncShape, SyncVersion, check_sync_message};
