//! Every limit of this crate, with its reason.

/// Bytes of one batch, and of one group of batches, at most. Sixteen frames of the largest size fit; a
/// record of this size still leaves a segment more than half empty.
pub const BATCH_BYTES_MAX: usize = 32 << 20;

/// Bytes of a row's key at most. Every key we use is a few ids long.
pub const ROW_KEY_BYTES_MAX: usize = 1024;

/// Chunks after which [`Store::since`](crate::Store::since) ends its page, whatever limit was asked for.
pub const PAGE_CHUNKS_MAX: usize = 4096;

/// Bytes after which [`Store::since`](crate::Store::since) ends its page.
pub const PAGE_BYTES_MAX: usize = 8 << 20;

/// Bytes that may wait for the disk thread. A full queue refuses, and the caller slows its peers down.
pub const QUEUE_BYTES_MAX: usize = 64 << 20;

/// Jobs that may wait for the disk thread.
pub const QUEUE_JOBS_MAX: usize = 4096;

/// Bytes that are made durable together. Larger groups gain nothing more and make the first one wait.
pub const GROUP_BYTES_MAX: usize = 4 << 20;

/// Batches that are made durable together.
pub const GROUP_BATCHES_MAX: usize = 1024;

/// Bytes after which a journal segment is closed and the next one begun, which also writes a checkpoint:
/// a crash costs the replay of one segment at most, about half a second.
pub const SEGMENT_BYTES: u64 = 64 << 20;

/// Bytes of zeros written ahead in the active segment. Enough for some thousand changes between two
/// extensions, and little enough that writing them is not felt.
pub const RESERVE_BYTES: u64 = 1 << 20;

/// Bytes of a segment that are read at a time when it is replayed.
pub const REPLAY_BYTES: usize = 4 << 20;

/// Bytes that one step of a compaction works through, of a segment or of the index: read, judged, written
/// and synced in about the time of some commits. No commit waits for more than one step.
pub const COMPACTION_STEP_BYTES: usize = 1 << 20;

/// A step works through at least so many times the bytes that were committed since the last one, so that a
/// compaction comes to its end however much is written.
pub const COMPACTION_PACE: usize = 4;

/// Bytes of a kept chunk in the journal beside its content: the operation's head and, at worst, a record's
/// frame of its own.
pub const CHUNK_OVERHEAD_BYTES: u64 = 96;

/// Bytes of one journal record's payload at most: a group, and the names that go with its bytes. A length
/// field that says more is damage.
pub const RECORD_BYTES_MAX: usize = 2 * BATCH_BYTES_MAX;

/// Bytes of a row's value up to which it lies in the index as well; larger ones lie in the journal alone.
/// Sixteen of them must stay well below 128 kB, from where on sled writes files that it never syncs.
pub const ROW_INLINE_BYTES_MAX: usize = 4096;

/// Extents in one row of the index; with 65 bytes each a full row stays below [`ROW_INLINE_BYTES_MAX`].
pub const EXTENTS_PER_ROW: usize = 56;

/// Bytes of the index that may wait in memory before a checkpoint moves them to sled.
pub const OVERLAY_BYTES_MAX: usize = 32 << 20;

/// What sled is asked to keep in its cache, in bytes. It takes this for a hint.
pub const INDEX_CACHE_BYTES: u64 = 32 << 20;

/// How long sled may take to open before the index is built anew. It has been seen to hang.
pub const INDEX_OPEN_MS_MAX: u64 = 60_000;

/// How long to wait for sled to close. On a full disk it never comes back.
pub const INDEX_CLOSE_MS_MAX: u64 = 10_000;

/// Free bytes on the disk below which the store takes no writes. The store needs some room to be opened
/// again, and a machine without any is a worse problem than a node that waits.
pub const FREE_BYTES_MIN: u64 = 64 << 20;

/// Rows that a scan fetches from the index at a time.
pub const SCAN_ROWS: usize = 256;

/// Journal segments that stay open for reading.
pub const READERS_MAX: usize = 64;
