//! What can go wrong, apart from each other: damage is never reported as a failed read.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why an operation on an open store failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The operating system refused. A failed write makes the store read-only.
    #[error("could not {action} {}: {source}", file.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which file or folder.
        file: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// Kept bytes are not those that were written.
    #[error("{} is damaged at byte {offset}: {what}; restore it from a backup or let peers send the document again", file.display())]
    Corrupted {
        /// The damaged file.
        file: PathBuf,
        /// Where in it, in bytes.
        offset: u64,
        /// What does not fit.
        what: &'static str,
    },
    /// The store takes no writes any more.
    #[error("the store is read-only until it is opened again: {why}")]
    ReadOnly {
        /// What happened.
        why: String,
    },
    /// The disk is nearly full; nothing was written.
    #[error("only {} MB are free on the disk of {}, and below {} MB nothing is written: make room, then start again", free_bytes >> 20, dir.display(), free_bytes_min >> 20)]
    DiskFull {
        /// The store's folder.
        dir: PathBuf,
        /// What is free, in bytes.
        free_bytes: u64,
        /// The limit.
        free_bytes_min: u64,
    },
    /// A batch or key over its limit; nothing was written.
    #[error("{bytes} bytes are more than the limit of {bytes_max}")]
    TooLarge {
        /// The size found.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The index failed and could not be rebuilt from the journal.
    #[error(
        "the index could not be rebuilt: {why}; the journal is untouched, open the store again"
    )]
    Index {
        /// What the index engine said.
        why: String,
    },
}

/// Why a store could not be opened. Nothing was changed, except where the variant says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has it open.
    #[error("{} is in use by {}; stop that program first, or choose another data directory", dir.display(), match pid { Some(pid) => format!("process {pid}"), None => "another process".into() })]
    Locked {
        /// The folder.
        dir: PathBuf,
        /// The other process, when its number could be read.
        pid: Option<u32>,
    },
    /// The journal is damaged at a place that a crash cannot explain.
    #[error("{} is damaged at byte {offset}: {what}; keep the folder as it is and restore a backup, or start with an empty one and let peers send all again", file.display())]
    Corrupted {
        /// The damaged file.
        file: PathBuf,
        /// Where in it, in bytes.
        offset: u64,
        /// What does not fit.
        what: &'static str,
    },
    /// The journal ends before a commit that was certainly durable.
    #[error(
        "the journal ends at commit {found}, but commit {expected} was kept: its end was lost; restore the journal from a backup"
    )]
    TailLost {
        /// The last commit that the checkpoint saw.
        expected: u64,
        /// The last commit in the journal.
        found: u64,
    },
    /// A newer version of the program wrote it.
    #[error("{} has format {version}, which this program is too old for; install the newer version", file.display())]
    TooNew {
        /// The file.
        file: PathBuf,
        /// Its format.
        version: u32,
    },
    /// The operating system refused.
    #[error("could not {action} {}: {source}", file.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which file or folder.
        file: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// The index could not be made, not even anew.
    #[error("the index could not be built: {why}; the journal is untouched")]
    Index {
        /// What the index engine said.
        why: String,
    },
}

impl StoreError {
    /// For `map_err`: an operating system's error with what was tried on which file.
    pub(crate) fn io(action: &'static str, file: &Path) -> impl FnOnce(io::Error) -> Self {
        let file = file.to_owned();
        move |source| Self::Io {
            action,
            file,
            source: Arc::new(source),
        }
    }
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Io {
                action,
                file,
                source,
            } => Self::Io {
                action,
                file,
                source,
            },
            StoreError::Corrupted { file, offset, what } => Self::Corrupted { file, offset, what },
            StoreError::Index { why } | StoreError::ReadOnly { why } => Self::Index { why },
            error @ (StoreError::TooLarge { .. } | StoreError::DiskFull { .. }) => Self::Index {
                why: error.to_string(),
            },
        }
    }
}
