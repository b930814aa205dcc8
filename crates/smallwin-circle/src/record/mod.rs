//! Records: the signed statements that make up a circle's log.

mod body;
mod check;
mod payload;

use std::fmt;
use std::sync::Arc;

pub use body::{Body, Pin, Stance};
pub use payload::Payload;

use crate::b64u;
use crate::ids::RecordId;
use crate::jws::{Entry, General};
use crate::keys::{DeviceKey, SigningKey};
use crate::limits::RECORD_BYTES_MAX;

/// A record whose form, size and signatures were checked; cheap to clone.
///
/// Whether it *counts* depends on the records before it: that is the [`Log`](crate::Log)'s judgement.
#[derive(Clone)]
pub struct Record(Arc<Inner>);

struct Inner {
    id: RecordId,
    payload: Payload,
    accepter: Option<DeviceKey>,
    bytes: Vec<u8>,
}

/// Why bytes are not a record, or a record cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Longer than [`RECORD_BYTES_MAX`].
    #[error("the record is {0} bytes long, more than {RECORD_BYTES_MAX}")]
    TooLarge(usize),
    /// Not the JSON that a record is.
    #[error("the record is malformed: {0}")]
    Malformed(String),
    /// A signature does not fit.
    #[error("the record's {0} signature does not fit")]
    Signature(&'static str),
    /// Signed by another key than the payload's author.
    #[error("the record is signed by another key than its author's")]
    WrongKey,
    /// Only a join carries the signature of an accepter, and only one.
    #[error("only a join that is not accepted yet can be countersigned")]
    NotAcceptable,
}

impl Record {
    /// Makes the author's record of this payload. A join still needs [`Record::countersign`].
    ///
    /// # Errors
    /// When the key is not the author's, the payload breaks a rule, or the record becomes too large.
    pub fn sign(payload: &Payload, key: &SigningKey) -> Result<Self, RecordError> {
        if key.public() != payload.author {
            return Err(RecordError::WrongKey);
        }
        payload
            .check()
            .map_err(|fault| RecordError::Malformed(fault.to_owned()))?;
        let signed = payload.to_bytes();
        let entry = Entry::sign(&signed, None, key);
        // Reading it back holds what we make to the rule for what we take.
        Self::parse(&write(&signed, vec![entry]))
    }

    /// Adds the accepter's signature to a join.
    ///
    /// # Errors
    /// When it is no join, or has been accepted before.
    pub fn countersign(self, accepter: &SigningKey) -> Result<Self, RecordError> {
        if !self.is_open_join() {
            return Err(RecordError::NotAcceptable);
        }
        let mut general: General =
            crate::jcs::from_canonical(self.bytes()).map_err(RecordError::Malformed)?;
        let signed = self.payload().to_bytes();
        general
            .signatures
            .push(Entry::sign(&signed, None, accepter));
        Self::parse(&crate::jcs::to_bytes(&general))
    }

    /// Reads a record and checks all that can be checked without the log: size, canonical form, the
    /// fields of its kind, and every signature.
    ///
    /// # Errors
    /// Says what is wrong; bytes of a peer never panic.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        if bytes.len() > RECORD_BYTES_MAX {
            return Err(RecordError::TooLarge(bytes.len()));
        }
        let general: General = crate::jcs::from_canonical(bytes).map_err(RecordError::Malformed)?;
        let malformed = |fault: &str| RecordError::Malformed(fault.to_owned());
        let signed = b64u::decode(&general.payload)
            .ok_or_else(|| malformed("its payload is not base64url"))?;
        let payload = Payload::parse(&signed).map_err(RecordError::Malformed)?;
        let accepter = check_signatures(&general.signatures, &signed, &payload)?;
        let id = RecordId::from_bytes(*blake3::hash(&signed).as_bytes());
        Ok(Self(Arc::new(Inner {
            id,
            payload,
            accepter,
            bytes: bytes.to_vec(),
        })))
    }

    /// A record nobody signed, so that tests can make hundreds of thousands of them.
    #[cfg(test)]
    pub(crate) fn unsigned(payload: Payload, accepter: Option<DeviceKey>) -> Self {
        let id = payload.id();
        let bytes = [
            id.as_bytes().as_slice(),
            accepter.as_ref().map_or(&[], |key| key.as_bytes()),
        ];
        Self(Arc::new(Inner {
            id,
            payload,
            accepter,
            bytes: bytes.concat(),
        }))
    }

    /// The bytes as they travel and are kept.
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// The hash of the payload.
    pub fn id(&self) -> RecordId {
        self.0.id
    }

    /// What was signed.
    pub fn payload(&self) -> &Payload {
        &self.0.payload
    }

    /// The device that accepted this join.
    pub fn accepter(&self) -> Option<&DeviceKey> {
        self.0.accepter.as_ref()
    }

    /// Whether this is a join that nobody has accepted yet.
    pub fn is_open_join(&self) -> bool {
        matches!(self.payload().body, Body::Join { .. }) && self.accepter().is_none()
    }
}

impl PartialEq for Record {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Record {}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Record({:?}, {} {})",
            self.id(),
            self.payload().body.kind(),
            self.payload().seq
        )
    }
}

fn write(signed: &[u8], signatures: Vec<Entry>) -> Vec<u8> {
    crate::jcs::to_bytes(&General {
        payload: b64u::encode(signed),
        signatures,
    })
}

/// Checks the author's signature and, for a join, the accepter's, whose key it returns.
fn check_signatures(
    entries: &[Entry],
    signed: &[u8],
    payload: &Payload,
) -> Result<Option<DeviceKey>, RecordError> {
    let malformed = |fault: &str| Err(RecordError::Malformed(fault.to_owned()));
    let is_join = matches!(payload.body, Body::Join { .. });
    let (author, accepter) = match entries {
        [author] => (author, None),
        [author, accepter] if is_join => (author, Some(accepter)),
        _ => return malformed("it has too few or too many signatures"),
    };
    if !author.verifies(signed, None, &payload.author) {
        return Err(RecordError::Signature("author's"));
    }
    let Some(entry) = accepter else {
        return Ok(None);
    };
    match entry.header() {
        Some((key, None)) if entry.verifies(signed, None, &key) => Ok(Some(key)),
        Some((_, None)) => Err(RecordError::Signature("accepter's")),
        _ => malformed("the header of the accepter's signature is not the expected one"),
    }
}
