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
