//! The signed part of a record.

use serde::{Deserialize, Serialize};

use super::body::Body;
use crate::ids::{CircleId, RecordId};
use crate::keys::DeviceKey;
use crate::limits::{DEPS_MAX, INTEGER_MAX};
use crate::timestamp::Timestamp;

const VERSION: u64 = 1;

/// The signed part of a record: who says what, after having seen what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// The device that speaks.
    pub author: DeviceKey,
    /// What it says.
    pub body: Body,
    /// The circle; absent in the genesis record, whose own id it becomes.
    pub circle: Option<CircleId>,
    /// When the author claims to have said it; never judged.
    pub claimed: Timestamp,
    /// The heads of the log the author had seen, ascending.
    pub deps: Vec<RecordId>,
    /// The author's record before this one; absent at `seq` 0.
    pub prev: Option<RecordId>,
    /// How many records of this circle the author had made before, from 0.
    pub seq: u64,
}

impl Payload {
    /// The canonical bytes that are signed and hashed.
    pub fn to_bytes(&self) -> Vec<u8> {
        crate::jcs::to_bytes(&Form::from(self.clone()))
    }

    /// The id of a record with this payload.
    pub fn id(&self) -> RecordId {
        RecordId::from_bytes(*blake3::hash(&self.to_bytes()).as_bytes())
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let form: Form = crate::jcs::from_canonical(bytes)?;
        if form.v != VERSION {
            return Err(format!(
                "its version is {}, and this program reads {VERSION}",
                form.v
            ));
        }
        let mut payload = Self::from(form);
        payload.body = payload.body.settled();
        payload.check()?;
        Ok(payload)
    }

    /// Checks what every record owes, whatever the log holds.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        self.body.check()?;
        let is_genesis = matches!(self.body, Body::Genesis { .. });
        if self.seq > INTEGER_MAX {
            return Err("its number is too large");
        }
        if self.prev.is_some() != (self.seq > 0) {
            return Err("it must name the author's record before it, unless it is the first");
        }
        if self.circle.is_none() != is_genesis || self.deps.is_empty() != is_genesis {
            return Err(
                "it must name its circle and what its author had seen, unless it is a genesis",
            );
        }
        if is_genesis && self.seq > 0 {
            return Err("a genesis is its author's first record");
        }
        if self.deps.len() > DEPS_MAX || !self.deps.is_sorted_by(|a, b| a < b) {
            return Err("its dependencies are too many or not ascending");
        }
        Ok(())
    }
}

/// A payload as it stands in JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    author: DeviceKey,
    body: Body,
    #[serde(skip_serializing_if = "Option::is_none")]
    circle: Option<CircleId>,
    claimed: Timestamp,
    deps: Vec<RecordId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prev: Option<RecordId>,
    seq: u64,
    v: u64,
}

impl From<Payload> for Form {
    fn from(payload: Payload) -> Self {
        let Payload {
            author,
            body,
            circle,
            claimed,
            deps,
            prev,
            seq,
        } = payload;
        Self {
            author,
            body,
            circle,
            claimed,
            deps,
            prev,
            seq,
            v: VERSION,
        }
    }
}

impl From<Form> for Payload {
    fn from(form: Form) -> Self {
        let Form {
            author,
            body,
            circle,
            claimed,
            deps,
            prev,
            seq,
            v: _,
        } = form;
        Self {
            author,
            body,
            circle,
            claimed,
            deps,
            prev,
            seq,
        }
    }
}
