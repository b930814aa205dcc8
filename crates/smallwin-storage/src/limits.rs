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
