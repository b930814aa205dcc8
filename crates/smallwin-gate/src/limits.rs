//! Every limit of the gate, with its reason.
//!
//! They bound what one frame of a stranger can cost (rule G2). Honest devices
//! stay far below them; the tests hold random honest histories against them.

/// Bytes of one WebSocket frame. The saved form of a text of a hundred thousand
/// letters with its whole history is 150 kB; this leaves room for fifty of them.
pub const FRAME_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Levels of maps and arrays in a frame. `smallwin/reached` needs three, a stock
/// peer's `remote-heads-changed` four.
pub const FRAME_DEPTH_MAX: usize = 8;

/// Entries of one map in a frame. Own frames have at most 10; a stock peer names
/// one storage per entry.
pub const MAP_ENTRIES_MAX: u64 = 64;

/// Entries of one array in a frame: a circle's log in one frame.
pub const ARRAY_ENTRIES_MAX: u64 = 16_384;

/// Bytes of a key in a map of a frame. Storage ids take 36.
pub const KEY_BYTES_MAX: u64 = 256;

/// Bytes of one text in a frame. The longest is the status that `smallwin/told` carries.
pub const TEXT_BYTES_MAX: u64 = 64 * 1024;

/// Hashes in `heads` and `need` of a sync message (specification, section 6).
pub const HASHES_MAX: u64 = 1_024;

/// Entries of `have` in a sync message: each costs a walk over the whole history.
pub const HAVE_MAX: u64 = 1;

/// Hashes in `last_sync` of a sync message.
pub const LAST_SYNC_MAX: u64 = 64;

/// Bits per entry of a bloom filter: the one figure that Automerge writes.
pub const BLOOM_BITS: u64 = 10;

/// Probes of a bloom filter: the one figure that Automerge writes.
pub const BLOOM_PROBES: u64 = 7;

/// Bytes of the flags at the end of a sync message; Automerge writes 2.
pub const FLAG_BYTES_MAX: u64 = 16;

/// Chunks in one sync message. A change takes at least 30 bytes beyond its hash.
pub const CHUNKS_MAX: usize = 65_536;

/// Bytes of one actor id. Ours have 40; Automerge makes 45 for work in isolation.
pub const ACTOR_BYTES_MAX: u64 = 64;

/// Dependencies of one change: as many as there can be heads.
pub const DEPS_MAX: u64 = 1_024;

/// Bytes of a change's message that can be parsed at all.
pub const MESSAGE_BYTES_PARSED_MAX: u64 = 4_096;

/// Bytes of a change's message that are admitted: a label, never content.
pub const MESSAGE_BYTES_MAX: u64 = 256;

/// Bytes behind the columns of a first change of an actor in the open space,
/// where Automerge keeps an author's name.
pub const EXTRA_BYTES_MAX: u64 = 256;

/// Latest time of a change: the year 9999 in milliseconds (Automerge means
/// seconds, some programs write milliseconds). Constant, since no clock is
/// read here.
pub const TIME_MAX: i64 = 253_402_300_799_999;

/// Highest operation counter. Automerge breaks at 2^32; the margin keeps sums safe.
pub const OP_COUNTER_MAX: u64 = 1 << 30;

/// Furthest from zero that a counter may start: what JavaScript counts exactly.
pub const COUNTER_MAX: u64 = 1 << 53;

/// Most that one increment may add or take. With [`OP_COUNTER_MAX`] increments
/// the sum of a counter still fits 64 bits, beyond which Automerge overflows.
pub const INCREMENT_MAX: u64 = 1 << 32;

/// Operations of one change. Deleting the longest text we measured (105,000
/// letters) in one act must fit; one operation costs Automerge about 385 bytes.
pub const OPS_PER_CHANGE_MAX: u64 = 1 << 18;

/// Operations other than deletions that a change may have whatever its size: maps, lists and
/// null values leave no bytes behind.
pub const OPS_PER_CHANGE_FREE: u64 = 16_384;

/// Rows of operations of one document chunk: six times the largest trace we measured.
pub const OPS_PER_DOCUMENT_MAX: u64 = 1 << 20;

/// Changes of one document chunk: twice the largest trace we measured.
pub const CHANGES_PER_DOCUMENT_MAX: u64 = 1 << 19;

/// Rows that a document chunk may have whatever its size: ten thousand typed
/// letters can be saved in 249 bytes.
pub const ROWS_PER_DOCUMENT_FREE: u64 = 65_536;

/// Rows for each byte after inflating. A letter takes a byte of its own, a typed
/// text has about two rows for each.
pub const ROWS_PER_BYTE: u64 = 4;

/// Bytes that one chunk may inflate to.
pub const INFLATED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bytes that all chunks of one frame may inflate to.
pub const INFLATED_BYTES_PER_FRAME_MAX: usize = 32 * 1024 * 1024;

/// What all chunks of one frame may cost: [`COST_OF_OP`] for an operation of a
/// change, 1 for a row of a document.
pub const COST_PER_FRAME_MAX: u64 = 1 << 20;

/// Cost of an operation in a change. Automerge holds it unpacked, four times as
/// dear as a row of a document.
pub const COST_OF_OP: u64 = 4;

/// Cost of a change in a document chunk, unpacked when its hash is computed.
pub const COST_OF_CHANGE: u64 = 2;

/// Columns of one table of a chunk. Automerge knows 16.
pub const COLUMNS_MAX: u64 = 24;

/// Changes that a walk over the history may visit before the clock of the
/// change above them is kept, so that the next walk ends there.
pub const CLOCK_STEPS_MAX: u32 = 256;

/// Bytes of kept clocks for each change of a document. A clock takes 4 bytes for
/// each actor: with a hundred actors, one clock for three changes would still fit.
pub const CLOCK_BYTES_PER_CHANGE: usize = 128;

/// Bytes of kept clocks that a document may have whatever its size.
pub const CLOCK_BYTES_FREE: usize = 64 * 1024;

/// Steps over runs of elements to find the order of all marks of one change. A
/// text in ten thousand runs takes at most twenty thousand for one mark; a step
/// takes about 50 ns.
pub const MARK_STEPS_MAX: u64 = 1 << 20;

/// Changes of one peer that may wait for what they build on. A peer that sends
/// in causal order has none; one reconnecting in the middle has a few.
pub const ORPHANS_PER_PEER_MAX: usize = 1_000;

/// Bytes of the changes of one peer that may wait.
pub const ORPHAN_BYTES_PER_PEER_MAX: usize = 8 * 1024 * 1024;

/// Bytes of all changes of a document that may wait, whatever the number of peers.
pub const ORPHAN_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Contradictions that are kept for one actor: one proves it, a few show how far it goes.
pub const EVIDENCE_PER_ACTOR_MAX: usize = 4;

/// Contradictions that are kept for one document.
pub const EVIDENCE_MAX: usize = 256;

/// Bytes of a contradicting change that are kept; of a longer one only the hash is.
pub const EVIDENCE_BYTES_MAX: usize = 64 * 1024;
