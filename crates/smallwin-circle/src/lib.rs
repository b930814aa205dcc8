//! Who takes part and what they may do: keys, the signed log, roles, zones, frontiers and snapshots.
//!
//! The life of one call: bytes of a peer become a [`Record`] ([`Record::parse`] checks form, size and
//! signatures), [`Log::insert`] judges it in its own causal past, [`Log::state`] says who is a member,
//! and [`may`] answers whether a device may read or write a document. A write itself is proved by a
//! [`Frontier`], an agreed text by a [`SnapshotFile`]. Everything here is a pure function of its
//! arguments: no clock, no chance, no files (rules C1 and S1 of `docs/spec.md`).
//!
//! ```
//! use smallwin_circle::*;
//!
//! let anna = SigningKey::from_seed([1; 32]);
//! let claimed = Timestamp::from_unix_s(1_795_000_000);
//! let genesis = Payload {
//!     author: anna.public(),
//!     body: Body::Genesis {
//!         nonce: Nonce::from_bytes([7; 16]),
//!         sealing: SealingKey::from_seed([2; 32]).public(),
//!     },
//!     circle: None,
//!     claimed,
//!     deps: Vec::new(),
//!     prev: None,
//!     seq: 0,
//! };
//! let mut log = Log::new(Record::sign(&genesis, &anna)?)?;
//!
//! // What follows names what its author had seen.
//! let (seq, prev, deps) = log.next(&anna.public());
//! let document = DocumentRef::report("first-talk");
//! let body = Body::Doc { document: document.clone() };
//! let circle = Some(log.circle());
//! let payload = Payload { author: anna.public(), body, circle, claimed, deps, prev, seq };
//! let record = Record::sign(&payload, &anna)?;
//!
//! // Another device reads the bytes, judges the record, and answers from the state alone.
//! log.insert(Record::parse(record.bytes())?)?;
//! assert_eq!(log.verdict(&record.id()), Verdict::Valid);
//! may(log.state(), &anna.public(), Action::Write, &document)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
mod rights;
mod role;
mod sealing;
pub mod snapshot;
mod state;
mod timestamp;

pub use bytes::BytesError;
pub use card::{Card, CardError, CardFields};
pub use document::{DocumentRef, DocumentRefError, Kind, Zone};
pub use frontier::{Frontier, FrontierError};
pub use ids::{
    ChangeHash, CircleId, DocumentId, ManifestHash, Nonce, PersonId, ReasonHash, RecordId,
};
pub use invite_link::{Hint, InviteLink, InviteLinkError};
pub use keys::{DeviceKey, KeyError, Signature, SigningKey, verify};
pub use log::{Inserted, Log, LogError, Verdict};
pub use manifest::{Manifest, ManifestDocument, ManifestError, Purpose, TextHash};
pub use may::{Action, Refusal, may};
pub use messages::{
    Side, channel_message, channel_transcript, circle_message, circle_tag, join_message,
    link_message,
};
pub use record::{Body, Payload, Pin, Record, RecordError, Stance};
pub use rights::{Act, may_act};
pub use role::Role;
pub use sealing::{SealingKey, SealingPublic};
pub use snapshot::{Report, Signer, SnapshotError, SnapshotFile};
pub use state::{
    CommitState, DecisionState, ForkState, InviteState, Member, Quorum, RetireState, ShareState,
    SnapshotState, State, StatementState,
};
pub use timestamp::{Timestamp, TimestampError};
