//! What every body owes, whatever the log holds.

use serde_json::Value;

use super::body::{Body, Pin};
use crate::document::{DocumentRef, Kind};
use crate::limits::{
    ABOUT_BYTES_MAX, APPROVALS_MAX, BRANCHES_MAX, DEPS_MAX, DOCUMENT_KEY_BYTES_MAX, HEADS_MAX,
    OUTCOME_BYTES_MAX, PINS_MAX,
};
use crate::role::Role;

/// The kinds of the first version. Their fields are strict; those of later kinds are not, because logs
/// hold records of the first version that use the same words for something unknown.
const FIRST_KINDS: [&str; 10] = [
    "genesis",
    "invite",
    "join",
    "grant",
    "link",
    "doc",
    "share",
    "snapshot",
    "cosign",
    "statement",
];

pub(super) fn is_first(kind: &str) -> bool {
    FIRST_KINDS.contains(&kind)
}

pub(super) fn check(body: &Body) -> Result<(), &'static str> {
    match body {
        Body::Unknown(value) => check_unknown(value),
        Body::Doc { document } => check_key(document),
        Body::Share {
            source,
            heads,
            target,
        } => {
            check_key(source)?;
            check_key(target)?;
            check_ids(heads, 1, HEADS_MAX)
        }
        Body::Statement { about, value } => check_statement(about, value),
        Body::Promote { approvals, .. } => check_ids(approvals, 1, APPROVALS_MAX),
        Body::Approve { role, device, .. } => check_scope(role.is_some(), device.is_some()),
        Body::Revoke {
            device,
            role,
            branches,
            pins,
            approvals,
            ..
        } => {
            check_scope(role.is_some(), device.is_some())?;
            check_ids(branches, 0, BRANCHES_MAX)?;
            check_ids(approvals, 0, APPROVALS_MAX)?;
            check_pins(pins)
        }
        Body::Leave { pins } => check_pins(pins),
        Body::Retire {
            document,
            successor,
            ..
        } => {
            check_key(document)?;
            successor.as_ref().map_or(Ok(()), check_key)
        }
        Body::Adopt { document, heads } => {
            check_key(document)?;
            check_ids(heads, 1, HEADS_MAX)
        }
        Body::Decide { about, outcome, .. } => {
            check_text(about, ABOUT_BYTES_MAX)?;
            check_text(outcome, OUTCOME_BYTES_MAX)
        }
        Body::Zone { zones, .. } => {
            let fits = zones.is_sorted_by(|a, b| a.name() < b.name());
            fits.then_some(()).ok_or("its zones are not ascending")
        }
        Body::Fork { heads, .. } => check_ids(heads, 1, DEPS_MAX),
        _ => Ok(()),
    }
}

fn check_unknown(value: &Value) -> Result<(), &'static str> {
    let Some(kind) = value.get("kind").and_then(Value::as_str) else {
        return Err("its body has no kind");
    };
    if !crate::jcs::is_plain(value) {
        return Err("its body holds a fraction, a large number or deep nesting");
    }
    if is_first(kind) && !names_later_word(kind, value) {
        return Err("its body does not have the fields of its kind");
    }
    Ok(())
}

/// Whether a known kind could not be read because it names a role or a document kind that a newer
/// version knows: such a record counts for nothing here, but the ones that build on it do.
fn names_later_word(kind: &str, value: &Value) -> bool {
    let text = |path: &str| value.pointer(path).and_then(Value::as_str);
    match kind {
        "invite" | "grant" => text("/role").is_some_and(|name| Role::from_name(name).is_none()),
        "doc" => text("/document/kind").is_some_and(|name| Kind::from_name(name).is_none()),
        _ => false,
    }
}

fn check_key(document: &DocumentRef) -> Result<(), &'static str> {
    if document.key.len() > DOCUMENT_KEY_BYTES_MAX {
        Err("a document key is too long")
    } else {
        Ok(())
    }
}

fn check_ids<T: Ord>(ids: &[T], least: usize, most: usize) -> Result<(), &'static str> {
    if ids.len() < least || ids.len() > most {
        return Err("it names too few or too many");
    }
    if !ids.is_sorted_by(|a, b| a < b) {
        return Err("what it names is not ascending");
    }
    Ok(())
}

fn check_pins(pins: &[Pin]) -> Result<(), &'static str> {
    if pins.len() > PINS_MAX || !pins.is_sorted_by(|a, b| a.document < b.document) {
        return Err("it pins too many documents, or not ascending");
    }
    pins.iter()
        .try_for_each(|pin| check_ids(&pin.heads, 1, HEADS_MAX))
}

fn check_scope(has_role: bool, has_device: bool) -> Result<(), &'static str> {
    if has_role && has_device {
        Err("a role is a person's, not a device's")
    } else {
        Ok(())
    }
}

fn check_text(text: &str, bytes_max: usize) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > bytes_max {
        Err("a text is empty or too long")
    } else {
        Ok(())
    }
}

fn check_statement(about: &str, value: &Value) -> Result<(), &'static str> {
    if about.is_empty() || about.len() > ABOUT_BYTES_MAX {
        return Err("it says nothing of what it is about, or too much");
    }
    if !crate::jcs::is_plain(value) {
        return Err("its value holds a fraction, a large number or deep nesting");
    }
    Ok(())
}
