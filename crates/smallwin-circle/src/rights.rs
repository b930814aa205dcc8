//! The least role that each act asks for.

use crate::document::{DocumentRef, Kind};
use crate::keys::DeviceKey;
use crate::may::Refusal;
use crate::role::Role;
use crate::state::State;

/// What a member does with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Act {
    /// Offers a place in the circle.
    Invite,
    /// Raises a role alone.
    Grant,
    /// Removes somebody below facilitator, or lowers their role, alone.
    Remove,
    /// Takes back an invite or a snapshot.
    Withdraw,
    /// Takes away a document that is not one's own.
    Retire,
    /// Records a decision.
    Decide,
    /// Fixes what was agreed.
    Snapshot,
    /// Names the zones of a relay.
    Relay,
    /// Agrees to a snapshot.
    Cosign,
    /// Says where one stands in a round of consent.
    Commit,
    /// Votes about a facilitator; who has no vote yet is refused by the log.
    Vote,
    /// Says that a snapshot was read.
    Acknowledge,
    /// Shares one's own voice.
    Share,
    /// Announces a document.
    Announce,
    /// States something of the method.
    State,
    /// Links or removes a device of one's own.
    Link,
    /// Leaves.
    Leave,
}

impl Act {
    /// Every act.
    pub const ALL: [Self; 17] = [
        Self::Invite,
        Self::Grant,
        Self::Remove,
        Self::Withdraw,
        Self::Retire,
        Self::Decide,
        Self::Snapshot,
        Self::Relay,
        Self::Cosign,
        Self::Commit,
        Self::Vote,
        Self::Acknowledge,
        Self::Share,
        Self::Announce,
        Self::State,
        Self::Link,
        Self::Leave,
    ];

    /// The lowest role that may do it.
    pub const fn least(self) -> Role {
        match self {
            Self::Invite
            | Self::Grant
            | Self::Remove
            | Self::Withdraw
            | Self::Retire
            | Self::Decide
            | Self::Snapshot
            | Self::Relay => Role::Facilitator,
            Self::Cosign | Self::Commit | Self::Vote => Role::Inner,
            Self::Acknowledge
            | Self::Share
            | Self::Announce
            | Self::State
            | Self::Link
            | Self::Leave => Role::Outer,
        }
    }
}

/// Answers from the state alone whether a record of this device that does so would count.
///
/// # Errors
/// The reason it would not.
pub fn may_act(state: &State, device: &DeviceKey, act: Act) -> Result<(), Refusal> {
    let role = state.role_of_device(device).ok_or(Refusal::NotMember)?;
    if role >= act.least() {
        Ok(())
    } else {
        Err(Refusal::NotWriter)
    }
}

/// The lowest role that writes a document of this kind; whose own it is, and whether it was shared, is
/// asked elsewhere.
pub(crate) const fn least_to_write(document: &DocumentRef) -> Role {
    match document.kind {
        Kind::Case | Kind::Step => Role::Inner,
        Kind::CheckIn | Kind::Report | Kind::Draft | Kind::Voice => Role::Outer,
    }
}
