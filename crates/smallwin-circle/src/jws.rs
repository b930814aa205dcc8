//! JWS General JSON serialisation (RFC 7515), with EdDSA and one fixed protected header per purpose.

use serde::{Deserialize, Serialize};

use crate::b64u;
use crate::keys::{DeviceKey, Signature, SigningKey, verify};

/// The serialisation: a payload and who signed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct General {
    pub(crate) payload: String,
    pub(crate) signatures: Vec<Entry>,
}

/// One signature with its protected header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub(crate) protected: String,
    pub(crate) signature: Signature,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    kid: DeviceKey,
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<String>,
}

impl Entry {
    /// Signs `payload` (raw bytes) under this purpose.
    pub(crate) fn sign(payload: &[u8], purpose: Option<&str>, key: &SigningKey) -> Self {
        let protected = protected(&key.public(), purpose);
        let signature = key.sign(&signing_input(&protected, payload));
        Self {
            protected,
            signature,
        }
    }

    /// The entry for a signature made elsewhere.
    pub(crate) fn of(key: &DeviceKey, purpose: Option<&str>, signature: Signature) -> Self {
        Self {
            protected: protected(key, purpose),
            signature,
        }
    }

    /// The key and purpose that the header names, when it is exactly the header we would write.
    pub(crate) fn header(&self) -> Option<(DeviceKey, Option<String>)> {
        let header: Header = serde_json::from_slice(&b64u::decode(&self.protected)?).ok()?;
        let same = protected(&header.kid, header.purpose.as_deref()) == self.protected;
        same.then_some((header.kid, header.purpose))
    }

    /// Whether `key` made this signature over `payload` under `purpose`.
    pub(crate) fn verifies(&self, payload: &[u8], purpose: Option<&str>, key: &DeviceKey) -> bool {
        self.protected == protected(key, purpose)
            && verify(
                key,
                &signing_input(&self.protected, payload),
                &self.signature,
            )
    }
}

fn protected(kid: &DeviceKey, purpose: Option<&str>) -> String {
    let header = Header {
        alg: "EdDSA".to_owned(),
        kid: *kid,
        purpose: purpose.map(str::to_owned),
    };
    b64u::encode(&crate::jcs::to_bytes(&header))
}

fn signing_input(protected: &str, payload: &[u8]) -> Vec<u8> {
    format!("{protected}.{}", b64u::encode(payload)).into_bytes()
}
