use smallwin_sync::{LocalError, WriteRefused};

use crate::engine::CallError;

/// Why something that was asked of a node did not happen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandleError {
    /// The engine refused, or the node has stopped.
    #[error(transparent)]
    Call(CallError),
    /// Rights do not allow it; the code as in `smallwin/refused`.
    #[error("{}", not_allowed(.code))]
    NotAllowed {
        /// The code.
        code: String,
    },
    /// It did not happen in time.
    #[error("{what} did not happen in time; check the connection and try again")]
    Timeout {
        /// What was waited for.
        what: &'static str,
    },
    /// The record would count for nothing.
    #[error("this is not possible in this Small Win: {why}; nothing was changed")]
    Void {
        /// Why.
        why: &'static str,
    },
    /// The circle is not known here.
    #[error("this Small Win is not known here")]
    UnknownCircle,
    /// The device does not take part in the circle.
    #[error("you do not take part in this Small Win")]
    NotMember,
    /// The link names no node that can be dialled.
    #[error("the invite link names no node that can be dialled; ask for a new link")]
    NoAddress,
    /// No node of the link could be reached.
    #[error(
        "no node of the invite link can be reached: {why}; check that the other computer is on and try again"
    )]
    Unreachable {
        /// What the dial said.
        why: String,
    },
    /// The invite was not accepted; the code as in `smallwin/notice`.
    #[error("{}", join_refused(.code))]
    JoinRefused {
        /// The code.
        code: String,
    },
    /// The node beside could not be asked.
    #[error("the running node does not answer; check its log, or stop it and try again")]
    NodeSilent,
    /// The data directory was restored, and nobody of the circle was met since.
    #[error(
        "this computer was restored from a backup or repaired, and signs nothing in this Small Win before it \
        met another device of it, which may know what it signed since; let it connect, then try again (if no \
        other device has this Small Win any more, delete {})", .file.display()
    )]
    Restored {
        /// The list of what waits.
        file: std::path::PathBuf,
    },
    /// The list of what waits after a restore cannot be read.
    #[error("the data directory cannot be read: {0}")]
    Data(#[from] std::io::Error),
    /// A record, card or manifest could not be made.
    #[error("this cannot be signed: {0}")]
    Sign(String),
    /// A document could not be read or written.
    #[error("the document cannot be used: {0}")]
    Document(String),
    /// There is no such snapshot, or its text is not here.
    #[error("there is no snapshot {0} here, or its text has not arrived yet")]
    NoSnapshot(String),
    /// More peers than a node may have.
    #[error(transparent)]
    Peers(#[from] crate::dialer::TooManyPeers),
}

impl HandleError {
    /// Whether a record lost its number to another one of this device, and may be signed again.
    pub(super) fn is_stale(&self) -> bool {
        matches!(self, Self::Call(CallError::Local(LocalError::Stale)))
    }
}

impl From<CallError> for HandleError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Local(LocalError::NotAllowed(code)) => Self::NotAllowed {
                code: code.to_owned(),
            },
            CallError::Refused(WriteRefused::Refused { reason, .. }) => {
                Self::NotAllowed { code: reason }
            }
            error => Self::Call(error),
        }
    }
}

/// What a person is told when their rights do not suffice.
fn not_allowed(code: &str) -> String {
    match code {
        "not-writer" => String::from(
            "your role in this Small Win does not allow this; nothing was changed; ask a facilitator for another role",
        ),
        "not-reader" => String::from("this text is another person's and was not shared"),
        "shared" => String::from(
            "these answers were shared already and are closed; write in the shared ones",
        ),
        "unknown-document" => String::from("this Small Win has no such document"),
        _ => format!("this was refused ({code}); nothing was changed"),
    }
}

/// What a person is told when their invite is not accepted.
fn join_refused(code: &str) -> String {
    let (what, advice) = match code {
        "invite-used" => (
            "this invite was used already",
            "ask the facilitator for a new one",
        ),
        "invite-expired" => (
            "this invite has expired",
            "ask the facilitator for a new one",
        ),
        "invite-unknown" => (
            "this invite is not known in the Small Win",
            "check the link, or ask for a new one",
        ),
        "already-member" => (
            "you take part in this Small Win already",
            "nothing needs to be done",
        ),
        "no-accepter" => (
            "nobody who can accept the invite is connected",
            "try again when the facilitator's computer is on",
        ),
        _ => return format!("the invite was refused ({code}); ask the facilitator for a new one"),
    };
    format!("{what}; {advice}")
}
