//! Cards: the names of people, outside history and log, so that they can be erased (rule N1).

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::b64u;
use crate::ids::{CircleId, PersonId};
use crate::jws::{Entry, General};
use crate::keys::{DeviceKey, SigningKey};
use crate::limits::{CARD_BYTES_MAX, INTEGER_MAX};
use crate::state::State;

const TYPE: &str = "smallwin/card@1";

/// What a card says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardFields {
    /// The device that wrote it; it must be one of the person's.
    pub author: DeviceKey,
    /// The circle it is for.
    pub circle: CircleId,
    /// The person's name.
    pub name: String,
    /// Where they work.
    pub organisation: Option<String>,
    /// From which side they look at the practice issue.
    pub perspective: Option<String>,
    /// Whose card it is.
    pub person: PersonId,
    /// Counts the person's cards; the highest one counts.
    pub rev: u64,
}

/// A card whose form, size and signature were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    fields: CardFields,
    hash: [u8; 32],
    bytes: Vec<u8>,
}

/// Why bytes are not a card, or a card cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CardError {
    /// Longer than [`CARD_BYTES_MAX`].
    #[error("the card is {0} bytes long, more than {CARD_BYTES_MAX}")]
    TooLarge(usize),
    /// Not the JSON that a card is.
    #[error("the card is malformed: {0}")]
    Malformed(String),
    /// The signature does not fit.
    #[error("the card's signature does not fit")]
    Signature,
    /// Signed by another key than its author's.
    #[error("the card is signed by another key than its author's")]
    WrongKey,
}

impl Card {
    /// Makes a card.
    ///
    /// # Errors
    /// When the key is not the author's or the card becomes too large.
    pub fn sign(fields: &CardFields, key: &SigningKey) -> Result<Self, CardError> {
        if key.public() != fields.author {
            return Err(CardError::WrongKey);
        }
        let signed = crate::jcs::to_bytes(&Form::from(fields.clone()));
        let entry = Entry::sign(&signed, None, key);
        let general = General {
            payload: b64u::encode(&signed),
            signatures: vec![entry],
        };
        Self::parse(&crate::jcs::to_bytes(&general))
    }

    /// Reads a card and checks size, canonical form and signature.
    ///
    /// # Errors
    /// Says what is wrong; bytes of a peer never panic.
    pub fn parse(bytes: &[u8]) -> Result<Self, CardError> {
        if bytes.len() > CARD_BYTES_MAX {
            return Err(CardError::TooLarge(bytes.len()));
        }
        let malformed = |fault: &str| CardError::Malformed(fault.to_owned());
        let general: General = crate::jcs::from_canonical(bytes).map_err(CardError::Malformed)?;
        let signed = b64u::decode(&general.payload)
            .ok_or_else(|| malformed("its payload is not base64url"))?;
        let form: Form = crate::jcs::from_canonical(&signed).map_err(CardError::Malformed)?;
        if form.r#type != TYPE || form.rev > INTEGER_MAX {
            return Err(malformed(
                "it is of another type, or its number is too large",
            ));
        }
        let fields = CardFields::from(form);
        let [entry] = general.signatures.as_slice() else {
            return Err(malformed("it has too few or too many signatures"));
        };
        if !entry.verifies(&signed, None, &fields.author) {
            return Err(CardError::Signature);
        }
        let hash = *blake3::hash(&signed).as_bytes();
        Ok(Self {
            fields,
            hash,
            bytes: bytes.to_vec(),
        })
    }

    /// The bytes as they travel and are kept.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What it says.
    pub fn fields(&self) -> &CardFields {
        &self.fields
    }

    /// Whether this card replaces the other one of the same person: higher `rev`, or at the same `rev`
    /// the larger BLAKE3 of the payload.
    pub fn newer_than(&self, other: &Self) -> bool {
        let order = self
            .fields
            .rev
            .cmp(&other.fields.rev)
            .then(self.hash.cmp(&other.hash));
        order == Ordering::Greater
    }

    /// Whether its author may write it: the device is one of the person's, in this circle.
    pub fn fits(&self, state: &State) -> bool {
        self.fields.circle == state.circle()
            && state.person_of(&self.fields.author) == Some(self.fields.person)
    }
}

/// A card's payload as it stands in JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    author: DeviceKey,
    circle: CircleId,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    organisation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    perspective: Option<String>,
    person: PersonId,
    rev: u64,
    r#type: String,
}

impl From<CardFields> for Form {
    fn from(fields: CardFields) -> Self {
        let CardFields {
            author,
            circle,
            name,
            organisation,
            perspective,
            person,
            rev,
        } = fields;
        Self {
            author,
            circle,
            name,
            organisation,
            perspective,
            person,
            rev,
            r#type: TYPE.to_owned(),
        }
    }
}

impl From<Form> for CardFields {
    fn from(form: Form) -> Self {
        let Form {
            author,
            circle,
            name,
            organisation,
            perspective,
            person,
            rev,
            r#type: _,
        } = form;
        Self {
            author,
            circle,
            name,
            organisation,
            perspective,
            person,
            rev,
        }
    }
}
