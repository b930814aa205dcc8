//! The verdict on a record in its own causal past.

use super::quorum;
use super::view::View;
use crate::document::{DocumentRef, Kind};
use crate::ids::{PersonId, RecordId};
use crate::keys::{DeviceKey, verify};
use crate::messages::{join_message, link_message};
use crate::record::{Body, Payload, Record};
use crate::rights::{Act, least_to_write};
use crate::role::Role;

/// A record was made by nobody who takes part: it is not kept.
#[derive(Debug)]
pub(super) struct Stranger;

/// What a record is worth in its own past; final.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Judgement {
    /// Why it counts for nothing.
    pub(crate) void: Option<&'static str>,
    /// The role that its author must have for it to count.
    pub(crate) needs: Role,
    /// The role it gives to the person it is about.
    pub(crate) gives: Option<Role>,
    /// Whether a quorum makes it, so that only a quorum can undo its author's right to it (rule R2).
    pub(crate) by_quorum: bool,
    /// Whether it helps the person it is about to a vote (rule R3).
    pub(crate) vouches: bool,
}

impl Judgement {
    fn of(needs: Role, void: Option<&'static str>) -> Self {
        Self {
            void,
            needs,
            gives: None,
            by_quorum: false,
            vouches: false,
        }
    }
}

/// Judges a record by what its author had seen.
pub(super) fn judge(record: &Record, past: &View<'_>) -> Result<Judgement, Stranger> {
    let payload = record.payload();
    let role = match payload.body {
        Body::Genesis { .. } => {
            return Ok(Judgement {
                gives: Some(Role::Facilitator),
                vouches: true,
                ..Judgement::of(Role::Outer, None)
            });
        }
        Body::Join { .. } => {
            let accepter = record.accepter().ok_or(Stranger)?;
            past.role_of_device(accepter).ok_or(Stranger)?;
            None
        }
        _ => Some(past.role_of_device(&payload.author).ok_or(Stranger)?),
    };
    let mut judgement = match role {
        None => judge_join(payload, past),
        Some(role) => judge_member(payload, role, past),
    };
    if past.frozen_from(&payload.author).is_some() {
        judgement.void = Some("its author had made two records under one number");
    }
    Ok(judgement)
}

fn judge_join(payload: &Payload, past: &View<'_>) -> Judgement {
    let mut judgement = Judgement::of(Role::Outer, None);
    let Body::Join {
        invite,
        proof,
        sealing,
    } = &payload.body
    else {
        return judgement;
    };
    let place = past.effective_id(invite);
    let Some((key, role, is_offer)) = place.and_then(|entry| offers(&entry.record)) else {
        judgement.void = Some("the invite is not valid");
        return judgement;
    };
    judgement.gives = (!is_offer).then_some(role);
    judgement.vouches = past.voters_at_most_one();
    let message = join_message(&past.ledger().circle, &payload.author, sealing);
    judgement.void = if past.is_withdrawn(invite) {
        Some("the invite was withdrawn")
    } else if past.joins(invite).next().is_some() {
        Some("the invite was used")
    } else if past.role_of_device(&payload.author).is_some() {
        Some("its author takes part already")
    } else if past.is_removed_device(&payload.author) {
        Some("its author was removed")
    } else {
        (!verify(&key, &message, proof)).then_some("the invite's proof does not fit")
    };
    judgement
}

/// The key and role of an invite or offer, and whether a join needs a confirmation.
pub(crate) fn offers(record: &Record) -> Option<(DeviceKey, Role, bool)> {
    match record.payload().body {
        Body::Invite { invite, role, .. } => Some((invite, role, false)),
        Body::Offer { invite, role, .. } => Some((invite, role, true)),
        _ => None,
    }
}

fn unless(fits: bool, reason: &'static str) -> Option<&'static str> {
    (!fits).then_some(reason)
}

/// Judges a record that asks for the role of an act.
fn asks(act: Act, role: Role) -> Judgement {
    let least = act.least();
    let reason = match least {
        Role::Facilitator => "its author is not a facilitator",
        _ => "its author is not of the inner circle",
    };
    Judgement::of(least, unless(role >= least, reason))
}

fn judge_member(payload: &Payload, role: Role, past: &View<'_>) -> Judgement {
    match &payload.body {
        Body::Genesis { .. } | Body::Join { .. } => {
            Judgement::of(Role::Outer, Some("it is of another kind"))
        }
        Body::Unknown(_) => Judgement::of(Role::Outer, Some("its kind is unknown")),
        Body::Statement { .. } | Body::Leave { .. } => Judgement::of(Role::Outer, None),
        Body::Invite { .. } | Body::Offer { .. } => asks(Act::Invite, role),
        Body::Decide { .. } => asks(Act::Decide, role),
        Body::Grant { person, role: to } => {
            let judgement = asks(Act::Grant, role).or(|| judge_grant(person, *to, past));
            let own = past.person_of(&payload.author);
            let vouches = own.is_some_and(|own| vouches_for(&own, person, past));
            Judgement {
                gives: Some(*to),
                vouches,
                ..judgement
            }
        }
        Body::Link {
            device, consent, ..
        } => {
            let message = link_message(&payload.author, device);
            Judgement::of(Role::Outer, None)
                .or(|| {
                    unless(
                        past.role_of_device(device).is_none(),
                        "the device takes part already",
                    )
                })
                .or(|| unless(!past.is_removed_device(device), "the device was removed"))
                .or(|| {
                    unless(
                        verify(device, &message, consent),
                        "the device's consent does not fit",
                    )
                })
        }
        Body::Doc { document } => Judgement::of(
            Role::Outer,
            unless(document.is_announced(), "such a document is not announced"),
        ),
        Body::Share { source, target, .. } => {
            Judgement::of(Role::Outer, judge_share(source, target, payload, past))
        }
        Body::Snapshot { prev, .. } => asks(Act::Snapshot, role).or(|| {
            unless(
                prev.is_none_or(|prev| is_snapshot(&prev, past)),
                "the snapshot it follows is not valid",
            )
        }),
        Body::Cosign { snapshot, .. } => asks(Act::Cosign, role)
            .or(|| unless(is_snapshot(snapshot, past), "the snapshot is not valid")),
        Body::Confirm { join } => judge_confirm(join, role, payload, past),
        Body::Approve { person, .. } => {
            let own = past.person_of(&payload.author);
            asks(Act::Vote, role)
                .or(|| unless(own != Some(*person), "nobody votes about themselves"))
                .or(|| unless(has_vote(payload, past), "its author has no vote"))
        }
        Body::Promote { person, .. } => {
            let judgement = asks(Act::Vote, role)
                .or(|| judge_grant(person, Role::Facilitator, past))
                .or(|| unless(quorum::reached(payload, past), "too few agree"));
            Judgement {
                gives: Some(Role::Facilitator),
                by_quorum: true,
                ..judgement
            }
        }
        Body::Revoke { .. } => quorum::judge_revoke(payload, role, past),
        Body::Withdraw { record } => judge_withdraw(record, role, payload, past),
        Body::Retire { document, .. } => {
            let own = past.person_of(&payload.author);
            if own.is_some() && document.person() == own {
                Judgement::of(Role::Outer, None)
            } else {
                asks(Act::Retire, role)
            }
        }
        Body::Adopt { document, .. } => {
            let own = past.person_of(&payload.author);
            let least = least_to_write(document);
            let fits = role >= least && document.person().is_none_or(|person| Some(person) == own);
            Judgement::of(least, unless(fits, "its author may not write the document"))
        }
        Body::Commit { round, .. } => {
            asks(Act::Commit, role).or(|| unless(is_round(round, past), "the round is not valid"))
        }
        Body::Acknowledge { record } => Judgement::of(
            Role::Outer,
            unless(
                is_acknowledged(record, past),
                "there is nothing to acknowledge",
            ),
        ),
        Body::Zone { relay, .. } => asks(Act::Relay, role).or(|| {
            unless(
                past.role_of_device(relay).is_none(),
                "the device takes part already",
            )
        }),
        Body::Fork { .. } => {
            let founder = past.ledger().entry(0);
            let is_founder =
                founder.is_some_and(|entry| entry.record.payload().author == payload.author);
            Judgement::of(
                Role::Outer,
                unless(is_founder, "only its founder says what a circle continues"),
            )
        }
    }
}

impl Judgement {
    /// Judges further, when nothing was found yet.
    pub(super) fn or(self, further: impl FnOnce() -> Option<&'static str>) -> Self {
        let void = self.void.or_else(further);
        Self { void, ..self }
    }

    pub(super) fn needing(needs: Role) -> Self {
        Self::of(needs, None)
    }
}

fn judge_share(
    source: &DocumentRef,
    target: &DocumentRef,
    payload: &Payload,
    past: &View<'_>,
) -> Option<&'static str> {
    let fits = source.kind == Kind::Draft && target.kind == Kind::Voice && source.key == target.key;
    let own = past.person_of(&payload.author);
    unless(
        fits,
        "it does not share a draft as the voice of the same name",
    )
    .or_else(|| {
        unless(
            source.person().is_some_and(|person| own == Some(person)),
            "the draft is not its author's",
        )
    })
}

/// A grant raises a role. Lowering one shrinks the set of writers and needs the heads at which it does,
/// which a grant does not carry; and two facilitators could end one another's role.
fn judge_grant(person: &PersonId, role: Role, past: &View<'_>) -> Option<&'static str> {
    if !takes_part(person, past) {
        return Some("the person does not take part");
    }
    // Somebody whose join is contested has no role, and any role is more.
    (past.role_of(person) >= Some(role)).then_some("the person has that role or a higher one")
}

/// Whether the person entered, also by a contested or unconfirmed join, and was not removed.
pub(super) fn takes_part(person: &PersonId, past: &View<'_>) -> bool {
    let roles = past.ledger().facts.roles.get(person);
    let places = roles.map(Vec::as_slice).unwrap_or_default();
    past.removal_of(person).is_none() && places.iter().any(|place| past.effective(*place).is_some())
}

fn judge_confirm(join: &RecordId, role: Role, payload: &Payload, past: &View<'_>) -> Judgement {
    let own = past.person_of(&payload.author);
    let entry = past
        .effective_id(join)
        .filter(|entry| matches!(entry.record.payload().body, Body::Join { .. }));
    let Some(entry) = entry else {
        return Judgement::needing(Role::Inner).or(|| Some("the join is not valid"));
    };
    let joined = PersonId::of(&entry.record.payload().author);
    let offered = past.invited_role(entry);
    let is_facilitator = role == Role::Facilitator;
    let fits = is_facilitator || (has_vote(payload, past) && offered <= Some(Role::Inner));
    let needs = if offered <= Some(Role::Inner) {
        Role::Inner
    } else {
        Role::Facilitator
    };
    let judgement = Judgement::needing(needs)
        .or(|| unless(own != Some(joined), "nobody confirms themselves"))
        .or(|| unless(fits, "its author may not confirm that"));
    Judgement {
        gives: offered.filter(|_| past.role_of(&joined).is_none()),
        vouches: own.is_some_and(|own| vouches_for(&own, &joined, past)),
        ..judgement
    }
}

fn has_vote(payload: &Payload, past: &View<'_>) -> bool {
    past.person_of(&payload.author)
        .is_some_and(|person| past.has_vote(&person))
}

/// A second person vouches: one who has a vote, and did not make the invite by which the other entered.
fn vouches_for(own: &PersonId, person: &PersonId, past: &View<'_>) -> bool {
    own != person && past.has_vote(own) && !past.inviters(person).contains(own)
}

fn judge_withdraw(record: &RecordId, role: Role, payload: &Payload, past: &View<'_>) -> Judgement {
    let own = past.person_of(&payload.author);
    let entry = past.effective_id(record);
    match entry.map(|entry| (&entry.record.payload().body, entry.person)) {
        Some((Body::Invite { .. } | Body::Offer { .. } | Body::Snapshot { .. }, _)) => {
            asks(Act::Withdraw, role)
        }
        Some((Body::Approve { .. }, author)) if author == own => Judgement::needing(Role::Outer),
        _ => Judgement::needing(Role::Outer).or(|| Some("there is nothing to withdraw")),
    }
}

fn is_snapshot(id: &RecordId, past: &View<'_>) -> bool {
    let entry = past.effective_id(id);
    entry.is_some_and(|entry| matches!(entry.record.payload().body, Body::Snapshot { .. }))
}

fn is_round(id: &RecordId, past: &View<'_>) -> bool {
    let entry = past.effective_id(id);
    entry.is_some_and(|entry| {
        matches!(
            entry.record.payload().body,
            Body::Statement { .. } | Body::Decide { .. }
        )
    })
}

fn is_acknowledged(id: &RecordId, past: &View<'_>) -> bool {
    let entry = past.effective_id(id);
    entry.is_some_and(|entry| {
        matches!(
            entry.record.payload().body,
            Body::Snapshot { .. } | Body::Retire { .. }
        )
    })
}
