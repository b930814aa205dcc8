//! The constant first change of each kind of document (rule F1).

use std::collections::BTreeMap;

use smallwin_circle::Kind;

/// The actor of every first change: 39 zero bytes and a one.
///
/// It is no device key, so nobody can sign for it; its changes are allowed by
/// their hash alone.
pub const RESERVED_ACTOR: [u8; 40] = {
    let mut actor = [0; 40];
    actor[39] = 1;
    actor
};

/// Gives the first change of a document kind as one raw change chunk.
///
/// Devices that start a document apart from each other both start from these
/// bytes, so that neither creates rival texts. The bytes never change; a new
/// schema gets a new kind of first change. Kinds that this version only knows
/// by name have none.
#[must_use]
pub fn first_change(kind: Kind) -> Option<&'static [u8]> {
    match kind {
        Kind::Case => Some(include_bytes!("../data/first-changes/case.change")),
        Kind::CheckIn => Some(include_bytes!("../data/first-changes/checkin.change")),
        Kind::Draft => Some(include_bytes!("../data/first-changes/draft.change")),
        Kind::Voice => Some(include_bytes!("../data/first-changes/voice.change")),
        Kind::Step => Some(include_bytes!("../data/first-changes/step.change")),
        _ => None,
    }
}

/// Gives all first changes, for the engine's allow-list.
#[must_use]
pub fn first_changes() -> BTreeMap<Kind, Vec<u8>> {
    [
        Kind::Case,
        Kind::CheckIn,
        Kind::Draft,
        Kind::Voice,
        Kind::Step,
    ]
    .into_iter()
    .filter_map(|kind| Some((kind, first_change(kind)?.to_vec())))
    .collect()
}
