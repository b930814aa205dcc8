//! What can go wrong at the surface.

/// Why an engine could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BootError {
    /// The first change of a kind is not one.
    #[error("the first change of {kind} is not a change: {why}")]
    FirstChange {
        /// The kind.
        kind: &'static str,
        /// Why.
        why: String,
    },
}

/// Why a local wish was refused at once; nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LocalError {
    /// Storage failed before.
    #[error("the storage failed before, so nothing more is taken in: {0}")]
    ReadOnly(String),
    /// No such connection, or it has not proven itself.
    #[error("there is no such connection, or it is not ready")]
    NoConnection,
    /// The circle is not known here.
    #[error("this circle is not known here")]
    UnknownCircle,
    /// The document is not known here.
    #[error("this document is not known here")]
    UnknownDocument,
    /// The document is not in memory; open it first.
    #[error("this document is not open")]
    NotOpen,
    /// Rights do not allow it; the code as in `smallwin/refused`.
    #[error("not allowed: {0}")]
    NotAllowed(&'static str),
    /// A record, card, manifest, change or frontier is not well formed.
    #[error("{what} is not valid: {why}")]
    Invalid {
        /// What.
        what: &'static str,
        /// Why.
        why: String,
    },
    /// The record's number was used meanwhile; sign again with [`Engine::next_record`](crate::Engine::next_record).
    #[error("another record took this one's number meanwhile; sign it again")]
    Stale,
    /// A limit of the engine is reached.
    #[error("a limit is reached: {0}")]
    Limit(&'static str),
}
