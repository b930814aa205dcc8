//! What came after a point in time.

use crate::{Chunk, DocKey, Seq};

/// A chunk with the commit that kept it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The commit.
    pub seq: Seq,
    /// The document.
    pub doc: DocKey,
    /// The chunk.
    pub chunk: Chunk,
}

/// Part of an answer of [`Store::since`](crate::Store::since). It ends at the end of a commit, so its
/// cursor never stands inside one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    /// In the order they were committed.
    pub entries: Vec<Entry>,
    /// The cursor for the next call.
    pub next: Seq,
    /// Whether the store had nothing beyond `next`.
    pub complete: bool,
}
