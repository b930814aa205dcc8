//! Who may remove whom, and when enough people agree (rules R1 to R3).

use std::collections::BTreeSet;

use super::judge::{Judgement, takes_part};
use super::view::View;
use crate::ids::{PersonId, RecordId};
use crate::keys::DeviceKey;
use crate::record::{Body, Payload};
use crate::role::Role;

/// What a vote is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) person: PersonId,
    pub(crate) role: Option<Role>,
    pub(crate) device: Option<DeviceKey>,
    pub(crate) to: DeviceKey,
}

impl Question {
    /// What a statement of a quorum asks, and the approvals it names.
    fn of(payload: &Payload) -> Option<(Self, &[RecordId])> {
        let to = payload.author;
        match &payload.body {
            Body::Promote { person, approvals } => Some((
                Self {
                    person: *person,
                    role: Some(Role::Facilitator),
                    device: None,
                    to,
                },
                approvals,
            )),
            Body::Revoke {
                person,
                device,
                role,
                approvals,
                ..
            } => Some((
                Self {
                    person: *person,
                    role: *role,
                    device: *device,
                    to,
                },
                approvals,
            )),
            _ => None,
        }
    }
}

/// Whether the author and those who approved are more than half, and at least two, of the people other
/// than the target who have a vote in the statement's own past.
pub(super) fn reached(payload: &Payload, past: &View<'_>) -> bool {
    let Some((question, approvals)) = Question::of(payload) else {
        return false;
    };
    let mut voters: BTreeSet<PersonId> = past.voters();
    voters.remove(&question.person);
    let own = past.person_of(&payload.author);
    let approved = approvals
        .iter()
        .filter_map(|id| approver(id, &question, past));
    let agree: BTreeSet<PersonId> = approved
        .chain(own)
        .filter(|person| voters.contains(person))
        .collect();
    own.is_some_and(|own| agree.contains(&own))
        && agree.len() >= 2
        && agree.len() * 2 > voters.len()
}

/// The person who approved, when this approval is one for the question and still unspent: what the
/// circle decided about the person since, its giver has not approved.
pub(crate) fn approver(id: &RecordId, question: &Question, past: &View<'_>) -> Option<PersonId> {
    let entry = past.effective_id(id)?;
    let Body::Approve {
        person,
        role,
        device,
        to,
    } = entry.record.payload().body
    else {
        return None;
    };
    let asked = Question {
        person,
        role,
        device,
        to,
    };
    let decided = past.ledger().facts.quorums.get(&person);
    let mut later = decided.into_iter().flatten();
    let is_spent =
        later.any(|place| past.effective(*place).is_some() && !entry.past.contains(*place));
    (asked == *question && !is_spent && !past.is_withdrawn(id))
        .then_some(entry.person)
        .flatten()
}

pub(super) fn judge_revoke(payload: &Payload, role: Role, past: &View<'_>) -> Judgement {
    let Body::Revoke {
        person,
        device,
        role: to,
        branches,
        approvals,
        ..
    } = &payload.body
    else {
        return Judgement::needing(Role::Outer);
    };
    let own = past.person_of(&payload.author);
    let is_own = own == Some(*person);
    let by_quorum = !is_own && !approvals.is_empty();
    let needs = match (is_own, by_quorum) {
        (true, _) => Role::Outer,
        (false, true) => Role::Inner,
        (false, false) => Role::Facilitator,
    };
    let unless = |fits: bool, reason: &'static str| (!fits).then_some(reason);
    let now = past.role_of(person);
    let judgement = Judgement::needing(needs)
        .or(|| unless(takes_part(person, past), "the person does not take part"))
        .or(|| {
            let fits = device.is_none_or(|device| {
                past.person_of(&device) == Some(*person) && !past.is_removed_device(&device)
            });
            unless(fits, "it is not a device of that person")
        })
        .or(|| {
            unless(
                to.is_none_or(|to| now > Some(to)),
                "the person has no higher role",
            )
        })
        .or(|| {
            unless(
                branches_fit(branches, person, device.as_ref(), past),
                "it chooses what is not the end of a branch",
            )
        })
        .or(|| {
            if is_own {
                None
            } else if by_quorum {
                unless(reached(payload, past), "too few agree")
            } else if role < Role::Facilitator {
                Some("its author is not a facilitator")
            } else {
                let is_frozen = device.is_some_and(|device| past.frozen_from(&device).is_some());
                unless(
                    now < Some(Role::Facilitator) || is_frozen,
                    "a facilitator is removed by themselves or by a quorum",
                )
            }
        });
    Judgement {
        gives: *to,
        by_quorum,
        ..judgement
    }
}

/// Every branch is the newest record, on its branch, of a device that is removed and made two records
/// under one number; one branch for each such device.
fn branches_fit(
    branches: &[RecordId],
    person: &PersonId,
    device: Option<&DeviceKey>,
    past: &View<'_>,
) -> bool {
    let mut seen: BTreeSet<DeviceKey> = BTreeSet::new();
    branches.iter().all(|id| {
        let Some((place, entry)) = past.ledger().find(id) else {
            return false;
        };
        let payload = entry.record.payload();
        let is_theirs = device.is_none_or(|device| *device == payload.author)
            && past.person_of(&payload.author) == Some(*person);
        let chain = past.ledger().chains.get(&payload.author);
        let next = chain.and_then(|chain| chain.get(&(payload.seq + 1)));
        let mut followers = next.into_iter().flatten();
        let is_end = !followers.any(|place| {
            past.contains(*place)
                && past
                    .ledger()
                    .entry(*place)
                    .is_some_and(|later| later.record.payload().prev == Some(*id))
        });
        past.contains(place)
            && is_theirs
            && is_end
            && past.frozen_from(&payload.author).is_some()
            && seen.insert(payload.author)
    })
}
