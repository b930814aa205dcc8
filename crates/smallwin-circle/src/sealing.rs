//! X25519 keys: announced now, used when encryption exists.

use std::fmt;

use crate::bytes::bytes_type;

bytes_type!(
    /// A device's X25519 public key, to which secrets will be sealed.
    SealingPublic, 32
);

/// A secret X25519 key. `Debug` shows the public half only; the secret is wiped when dropped.
#[derive(Clone)]
pub struct SealingKey(x25519_dalek::StaticSecret);

impl SealingKey {
    /// The key that belongs to 32 random bytes.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(x25519_dalek::StaticSecret::from(seed))
    }

    /// The secret bytes, for the key file of a data directory and nothing else.
    pub fn to_seed(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The public half.
    pub fn public(&self) -> SealingPublic {
        SealingPublic::from_bytes(x25519_dalek::PublicKey::from(&self.0).to_bytes())
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealingKey")
            .field("public", &self.public())
            .finish_non_exhaustive()
    }
}
