//! Ids of records, circles, people and documents.

use std::fmt;
use std::str::FromStr;

use crate::bytes::{BytesError, bytes_type};
use crate::keys::DeviceKey;

bytes_type!(
    /// Names a record: BLAKE3-256 of its canonical payload.
    RecordId, 32
);
bytes_type!(
    /// Names a circle: the id of its genesis record.
    CircleId, 32
);
bytes_type!(
    /// Names a person: the device key with which they entered the circle.
    PersonId, 32
);
bytes_type!(
    /// The hash of an Automerge change.
    ChangeHash, 32
);
bytes_type!(
    /// BLAKE3-256 of the bytes of a snapshot's manifest.
    ManifestHash, 32
);
bytes_type!(
    /// BLAKE3-256 of a reason in UTF-8, which stands beside the log and can be erased (rule N2).
    ReasonHash, 32
);
bytes_type!(
    /// Random bytes that make a genesis record unlike any other.
    Nonce, 16
);

impl CircleId {
    /// The circle that begins with this genesis record.
    pub const fn of(genesis: RecordId) -> Self {
        Self(*genesis.as_bytes())
    }

    /// The id of the circle's genesis record.
    pub const fn genesis(&self) -> RecordId {
        RecordId(self.0)
    }
}

impl PersonId {
    /// The person who entered with this device.
    pub const fn of(device: &DeviceKey) -> Self {
        Self(*device.as_bytes())
    }
}

/// Names a document on the wire; its text form is base58check, as automerge-repo writes it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentId([u8; 16]);

impl DocumentId {
    /// Length in bytes.
    pub const LENGTH: usize = 16;

    /// Takes the bytes as they are.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bs58::encode(self.0).with_check().into_string())
    }
}

impl fmt::Debug for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.to_string();
        write!(f, "DocumentId({}…)", text.get(..8).unwrap_or(&text))
    }
}

impl FromStr for DocumentId {
    type Err = BytesError;

    fn from_str(text: &str) -> Result<Self, BytesError> {
        let fault = BytesError {
            what: "DocumentId",
            length: Self::LENGTH,
        };
        // 16 bytes and a checksum of 4 are at most 28 digits; longer text is not even decoded.
        if text.len() > 28 {
            return Err(fault);
        }
        let bytes = bs58::decode(text)
            .with_check(None)
            .into_vec()
            .map_err(|_| fault)?;
        Ok(Self(bytes.try_into().map_err(|_| fault)?))
    }
}

impl serde::Serialize for DocumentId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for DocumentId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
