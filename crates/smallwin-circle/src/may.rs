//! Whether a device may read or write a document.

use crate::document::{DocumentRef, Kind};
use crate::ids::PersonId;
use crate::keys::DeviceKey;
use crate::role::Role;
use crate::state::State;

/// What a device wants to do with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Receive it.
    Read,
    /// Have changes admitted to it.
    Write,
}

/// Why a device may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The device belongs to nobody with a role in the circle.
    #[error("the device does not take part in the circle")]
    NotMember,
    /// The person's role does not write such documents, or it is another person's.
    #[error("the person may not write this document")]
    NotWriter,
    /// The document is another person's and not shared.
    #[error("the document is another person's and has not been shared")]
    NotReader,
    /// The draft was shared and is closed since.
    #[error("the draft has been shared and can only be read since")]
    Shared,
    /// The circle has no such document.
    #[error("the circle has no such document")]
    UnknownDocument,
}

impl Refusal {
    /// The stable code, as in `smallwin/refused` frames.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotMember | Self::NotWriter => "not-writer",
            Self::NotReader => "not-reader",
            Self::Shared => "shared",
            Self::UnknownDocument => "unknown-document",
        }
    }
}

/// Answers from the state alone whether the device may do that with the document.
///
/// # Errors
/// The reason it may not.
pub fn may(
    state: &State,
    device: &DeviceKey,
    action: Action,
    document: &DocumentRef,
) -> Result<(), Refusal> {
    let person = state.person_of(device).ok_or(Refusal::NotMember)?;
    let role = state.role_of(&person).ok_or(Refusal::NotMember)?;
    if !state.has_document(document) {
        return Err(Refusal::UnknownDocument);
    }
    match action {
        Action::Read => may_read(state, &person, document),
        Action::Write => may_write(state, &person, role, document),
    }
}

fn may_read(state: &State, person: &PersonId, document: &DocumentRef) -> Result<(), Refusal> {
    let is_own = document.person().as_ref() == Some(person);
    let allowed = match document.kind {
        Kind::Draft => is_own,
        // Rule V1: until it is shared, a voice goes nowhere but to its own person's devices.
        Kind::Voice => is_own || state.is_shared(document),
        Kind::Case | Kind::CheckIn | Kind::Step | Kind::Report => true,
    };
    if allowed {
        Ok(())
    } else {
        Err(Refusal::NotReader)
    }
}

fn may_write(
    state: &State,
    person: &PersonId,
    role: Role,
    document: &DocumentRef,
) -> Result<(), Refusal> {
    let is_own = document.person().as_ref() == Some(person);
    let allowed = match document.kind {
        Kind::Case | Kind::Step => role >= Role::Inner,
        Kind::CheckIn | Kind::Report => true,
        Kind::Draft if is_own && state.is_shared(document) => return Err(Refusal::Shared),
        Kind::Draft => is_own,
        Kind::Voice => is_own && state.is_shared(document),
    };
    if allowed {
        Ok(())
    } else {
        Err(Refusal::NotWriter)
    }
}
