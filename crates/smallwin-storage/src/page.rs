//! What came after a point in time.

use crate::limits::{PAGE_BYTES_MAX, PAGE_CHUNKS_MAX};
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

impl Page {
    /// An empty page after `cursor`.
    pub(crate) fn begin(cursor: Seq) -> Self {
        Self {
            entries: Vec::new(),
            next: cursor,
            complete: false,
        }
    }

    /// Whether the page is full and `seq` begins another commit than its last entry's; if so it is done.
    pub(crate) fn ends_before(&mut self, seq: Seq, limit: usize) -> bool {
        let Some(last) = self
            .entries
            .last()
            .map(|entry| entry.seq)
            .filter(|last| *last != seq)
        else {
            return false;
        };
        self.next = last;
        let bytes: usize = self
            .entries
            .iter()
            .map(|entry| entry.chunk.bytes.len())
            .sum();
        self.entries.len() >= limit.clamp(1, PAGE_CHUNKS_MAX) || bytes >= PAGE_BYTES_MAX
    }

    pub(crate) fn push(&mut self, seq: Seq, doc: DocKey, chunk: Chunk) {
        self.entries.push(Entry { seq, doc, chunk });
    }

    /// The store has nothing after `last`.
    pub(crate) fn finish(&mut self, last: Seq) {
        self.next = self.next.max(last);
        self.complete = true;
    }
}
