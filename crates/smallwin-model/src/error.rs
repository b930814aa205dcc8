//! What can go wrong with a document.

use automerge::AutomergeError;
use smallwin_circle::Kind;
use thiserror::Error;

/// Why a document could not be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ModelError {
    /// This version has no schema for the kind.
    #[error("documents of kind `{}` are not known to this version", .0.name())]
    UnknownKind(Kind),
    /// The document has no such text; it was not started from its first change.
    #[error("the document has no text `{0}`")]
    NoText(String),
    /// The document does not have all of the changes that the heads name.
    #[error("the document does not have the change {0}")]
    UnknownHead(String),
    /// The document counts positions in a way that this crate does not write in.
    #[error("positions in grapheme clusters are not supported")]
    TextEncoding,
    /// Automerge refused.
    #[error("automerge refused")]
    Automerge(#[from] AutomergeError),
    /// The embedded example does not have the form that this version reads.
    #[error("the embedded example is malformed")]
    Example(#[from] serde_json::Error),
}
