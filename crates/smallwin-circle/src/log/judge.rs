//! The verdict on a record in its own causal past.

use super::view::View;
use crate::document::Kind;
use crate::ids::{PersonId, RecordId};
use crate::keys::{DeviceKey, verify};
use crate::messages::{join_message, link_message};
use crate::record::{Body, Payload, Record};
use crate::role::Role;

/// A record was made by nobody who takes part: it is not kept.
#[derive(Debug)]
pub(super) struct Stranger;

/// Judges a record by what its author had seen. `Ok(Some(reason))`: it is kept and counts for nothing.
pub(super) fn judge(record: &Record, past: &View<'_>) -> Result<Option<&'static str>, Stranger> {
    let payload = record.payload();
    if matches!(payload.body, Body::Genesis { .. }) {
        return Ok(None);
    }
    let role = match payload.body {
        Body::Join { .. } => {
            let accepter = record.accepter().ok_or(Stranger)?;
            past.role_of_device(accepter).ok_or(Stranger)?;
            None
        }
        _ => Some(past.role_of_device(&payload.author).ok_or(Stranger)?),
    };
    if past.frozen_from(&payload.author).is_some() {
        return Ok(Some("its author had made two records under one number"));
    }
    Ok(match role {
        None => judge_join(payload, past),
        Some(role) => judge_member(payload, role, past),
    })
}

fn judge_join(payload: &Payload, past: &View<'_>) -> Option<&'static str> {
    let Body::Join {
        invite,
        proof,
        sealing,
    } = &payload.body
    else {
        return Some("it is no join");
    };
    let Some(invite_key) = invite_key(invite, past) else {
        return Some("the invite is not valid");
    };
    let message = join_message(&past.ledger().circle, &payload.author, sealing);
    if past.joins(invite).next().is_some() {
        return Some("the invite was used");
    }
    if past.role_of_device(&payload.author).is_some() {
        return Some("its author takes part already");
    }
    (!verify(&invite_key, &message, proof)).then_some("the invite's proof does not fit")
}

fn invite_key(invite: &RecordId, past: &View<'_>) -> Option<DeviceKey> {
    match past.effective_id(invite)?.record.payload().body {
        Body::Invite { invite, .. } => Some(invite),
        _ => None,
    }
}

fn judge_member(payload: &Payload, role: Role, past: &View<'_>) -> Option<&'static str> {
    let own = past.person_of(&payload.author);
    let unless = |fits: bool, reason: &'static str| (!fits).then_some(reason);
    let is_facilitator = unless(role == Role::Facilitator, "its author is not a facilitator");
    match &payload.body {
        Body::Genesis { .. } | Body::Join { .. } => Some("it is of another kind"),
        Body::Unknown(_) => Some("its kind is unknown"),
        Body::Statement { .. } => None,
        Body::Invite { .. } => is_facilitator,
        Body::Grant { person, role } => is_facilitator.or_else(|| judge_grant(person, *role, past)),
        Body::Link {
            device, consent, ..
        } => {
            let message = link_message(&payload.author, device);
            unless(
                past.role_of_device(device).is_none(),
                "the device takes part already",
            )
            .or_else(|| {
                unless(
                    verify(device, &message, consent),
                    "the device's consent does not fit",
                )
            })
        }
        Body::Doc { document } => {
            unless(document.is_announced(), "such a document is not announced")
        }
        Body::Share { source, target, .. } => {
            let fits = source.kind == Kind::Draft
                && target.kind == Kind::Voice
                && source.key == target.key;
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
        Body::Snapshot { prev, .. } => is_facilitator.or_else(|| {
            unless(
                prev.is_none_or(|prev| is_snapshot(&prev, past)),
                "the snapshot it follows is not valid",
            )
        }),
        Body::Cosign { snapshot, .. } => {
            unless(role >= Role::Inner, "its author is not of the inner circle")
                .or_else(|| unless(is_snapshot(snapshot, past), "the snapshot is not valid"))
        }
    }
}

/// A grant raises a role. Lowering one shrinks the set of writers and needs the heads at which it does,
/// which a grant does not carry; and two facilitators could end one another's role.
fn judge_grant(person: &PersonId, role: Role, past: &View<'_>) -> Option<&'static str> {
    let places = past
        .ledger()
        .roles
        .get(person)
        .map(Vec::as_slice)
        .unwrap_or_default();
    if !places.iter().any(|place| past.effective(*place).is_some()) {
        return Some("the person does not take part");
    }
    // Somebody whose join is contested has no role, and any role is more.
    (past.role_of(person) >= Some(role)).then_some("the person has that role or a higher one")
}

fn is_snapshot(id: &RecordId, past: &View<'_>) -> bool {
    let entry = past.effective_id(id);
    entry.is_some_and(|entry| matches!(entry.record.payload().body, Body::Snapshot { .. }))
}
