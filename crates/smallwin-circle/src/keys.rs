//! Ed25519 keys and signatures, verified strictly.

use std::fmt;

use ed25519_dalek::Signer as _;

use crate::bytes::{bytes_text, bytes_type};

/// A device's (or node's, or invite's) Ed25519 public key: a canonical point that is not of small order.
///
/// A key of small order verifies a trivial signature over anything, and verifiers disagree about it;
/// devices that disagree about a signature diverge, so such a key does not become a `DeviceKey`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceKey([u8; 32]);

impl DeviceKey {
    /// Length in bytes.
    pub const LENGTH: usize = 32;

    /// Checks the bytes: a point, canonically encoded, not of small order.
    ///
    /// # Errors
    /// Says which of the three failed.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, KeyError> {
        let key =
            ed25519_dalek::VerifyingKey::from_bytes(&bytes).map_err(|_| KeyError::NotAPoint)?;
        if key.is_weak() {
            return Err(KeyError::SmallOrder);
        }
        if key.to_edwards().compress().to_bytes() != bytes {
            return Err(KeyError::NotCanonical);
        }
        Ok(Self(bytes))
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

bytes_text!(DeviceKey, 32, DeviceKey::from_bytes);

/// Why bytes are not a usable public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The bytes do not name a point of the curve.
    #[error("the key is not a point of the curve")]
    NotAPoint,
    /// The point has small order: signatures by it prove nothing.
    #[error("the key is of small order, so its signatures prove nothing")]
    SmallOrder,
    /// The same point has another, shorter encoding.
    #[error("the key is not encoded canonically")]
    NotCanonical,
}

bytes_type!(
    /// An Ed25519 signature as it stands in a message; [`verify`] judges it.
    Signature, 64
);

/// A secret Ed25519 key. `Debug` shows the public half only; the secret is wiped when dropped.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// The key that belongs to 32 random (or derived) bytes.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(&seed))
    }

    /// The secret bytes, for the key file of a data directory and nothing else.
    pub fn to_seed(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The public half.
    pub fn public(&self) -> DeviceKey {
        // The base point has prime order and the secret scalar is clamped, hence neither small nor odd.
        DeviceKey(self.0.verifying_key().to_bytes())
    }

    /// Signs a message.
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature::from_bytes(self.0.sign(message).to_bytes())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("public", &self.public())
            .finish_non_exhaustive()
    }
}

/// Whether `signature` is `key`'s over `message`, judged strictly: RFC 8032 without the cofactor,
/// canonical `R` and `S`, and neither `R` nor the key of small order.
pub fn verify(key: &DeviceKey, message: &[u8], signature: &Signature) -> bool {
    let signature = ed25519_dalek::Signature::from_bytes(signature.as_bytes());
    ed25519_dalek::VerifyingKey::from_bytes(key.as_bytes())
        .is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
}
