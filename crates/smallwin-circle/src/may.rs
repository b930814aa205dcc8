//! Whether a device may read or write a document.

use crate::document::{DocumentRef, Kind, Zone};
use crate::ids::PersonId;
use crate::keys::DeviceKey;
use crate::rights::least_to_write;
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
    /// The document was taken away.
    #[error("the document was taken away")]
    Retired,
}

impl Refusal {
    /// The stable code, as in `smallwin/refused` frames.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotMember | Self::NotWriter => "not-writer",
            Self::NotReader => "not-reader",
            Self::Shared => "shared",
            Self::UnknownDocument => "unknown-document",
            Self::Retired => "retired",
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
    let person = state.person_of(device);
    let member = person.and_then(|person| Some((person, state.role_of(&person)?)));
    if member.is_none() && state.relay_zones(device).next().is_none() {
        return Err(Refusal::NotMember);
    }
    if !state.has_document(document) {
        return Err(Refusal::UnknownDocument);
    }
    if state.is_retired(&document.id(&state.circle())) {
        return Err(Refusal::Retired);
    }
    match (action, member) {
        (Action::Read, Some((person, _))) => may_read(state, &person, document),
        (Action::Write, Some((person, role))) => may_write(state, &person, role, document),
        (Action::Read, None) => may_carry(state, device, document),
        (Action::Write, None) => Err(Refusal::NotWriter),
    }
}

/// A relay carries the zones it was given: never what facilitators keep to themselves, and of what is
/// one person's own only what was shared, as long as nothing is encrypted.
fn may_carry(state: &State, relay: &DeviceKey, document: &DocumentRef) -> Result<(), Refusal> {
    let zone = document.kind.zone();
    let is_open = match zone {
        Zone::Together | Zone::Core => true,
        Zone::Own => document.kind == Kind::Voice && state.is_shared(document),
        Zone::Guide => false,
    };
    if is_open && state.relay_zones(relay).any(|named| named == zone) {
        Ok(())
    } else {
        Err(Refusal::NotReader)
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
        Kind::Case | Kind::Step | Kind::CheckIn | Kind::Report => role >= least_to_write(document),
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
