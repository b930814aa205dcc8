//! Who takes part and what they may do: keys, the signed log, roles, zones, frontiers and snapshots.
//!
//! The life of one call: bytes of a peer become a [`Record`] ([`Record::parse`] checks form, size and
//! signatures), [`Log::insert`] judges it in its own causal past, [`Log::state`] says who is a member,
//! and [`may`] answers whether a device may read or write a document. A write itself is proved by a
//! [`Frontier`], an agreed text by a [`SnapshotFile`]. Everything here is a pure function of its
//! arguments: no clock, no chance, no files (rules C1 and S1 of `docs/spec.md`).

mod b64u;
mod bytes;
mod card;
mod document;
mod frontier;
mod ids;
mod invite_link;
mod jcs;
mod jws;
mod keys;
pub mod limits;
mod log;
mod manifest;
mod may;
mod messages;
mod record;
mod role;
mod sealing;
pub mod snapshot;
mod state;
mod timestamp;

pub use bytes::BytesError;
pub use card::{Card, CardError, CardFields};
pub use document::{DocumentRef, DocumentRefError, Kind, Zone};
pub use frontier::{Frontier, FrontierError};
pub use ids::{ChangeHash, CircleId, DocumentId, ManifestHash, Nonce, PersonId, RecordId};
pub use invite_link::{Hint, InviteLink, InviteLinkError};
pub use keys::{DeviceKey, KeyError, Signature, SigningKey, verify};
pub use log::{Inserted, Log, LogError, Verdict};
pub use manifest::{Manifest, ManifestDocument, ManifestError, Purpose, TextHash};
pub use may::{Action, Refusal, may};
pub use messages::{
    Side, channel_message, channel_transcript, circle_message, circle_tag, join_message,
    link_message,
};
pub use record::{Body, Payload, Record, RecordError};
pub use role::Role;
pub use sealing::{SealingKey, SealingPublic};
pub use snapshot::{Report, Signer, SnapshotError, SnapshotFile};
pub use state::{InviteState, Member, ShareState, SnapshotState, State, StatementState};
pub use timestamp::{Timestamp, TimestampError};
