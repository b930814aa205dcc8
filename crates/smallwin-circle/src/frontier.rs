//! Frontiers: one signature for all that an actor wrote in a document.

use crate::ids::{ChangeHash, CircleId, DocumentId};
use crate::keys::{DeviceKey, KeyError, Signature, SigningKey, verify};
use crate::limits::INTEGER_MAX;

const DOMAIN: &[u8] = b"smallwin/frontier/1";

/// Says that an actor's chain of changes in a document, up to `seq` and `hash`, is its device's work.
///
/// The layout, 144 bytes: `actor(40) ‖ seq:u64 big-endian ‖ hash(32) ‖ signature(64)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frontier {
    /// Device key ‖ 8 random bytes (rule K2).
    pub actor: [u8; 40],
    /// The actor's newest change that is covered, from 1.
    pub seq: u64,
    /// The hash of that change.
    pub hash: [u8; 32],
    /// The device key's signature.
    pub signature: Signature,
}

/// Why a frontier proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrontierError {
    /// Not 144 bytes.
    #[error("a frontier is 144 bytes long, not {0}")]
    Length(usize),
    /// The actor does not begin with a usable device key.
    #[error("the actor does not begin with a device key: {0}")]
    Actor(#[from] KeyError),
    /// Changes are counted from 1, and JavaScript counts to 2^53 − 1.
    #[error("a frontier covers changes from 1 to 2^53 - 1, not {0}")]
    Seq(u64),
    /// The key that should sign is not the actor's.
    #[error("the signing key is not the actor's device key")]
    WrongKey,
    /// The signature does not fit.
    #[error("the frontier's signature does not fit")]
    Signature,
}

impl Frontier {
    /// Length in bytes.
    pub const LENGTH: usize = 144;

    /// Signs the actor's chain up to its change `seq` with this hash.
    ///
    /// # Errors
    /// When the actor is not one of this key's.
    pub fn sign(
        circle: &CircleId,
        document: &DocumentId,
        actor: [u8; 40],
        seq: u64,
        hash: [u8; 32],
        key: &SigningKey,
    ) -> Result<Self, FrontierError> {
        if actor.first_chunk() != Some(key.public().as_bytes()) {
            return Err(FrontierError::WrongKey);
        }
        let signature = key.sign(&message(circle, document, &actor, seq, &hash));
        Ok(Self {
            actor,
            seq,
            hash,
            signature,
        })
    }

    /// The device whose work this is.
    ///
    /// # Errors
    /// When the actor does not begin with a usable key, as that of the first change does not.
    pub fn device(&self) -> Result<DeviceKey, FrontierError> {
        let key = self
            .actor
            .first_chunk()
            .copied()
            .ok_or(FrontierError::Actor(KeyError::NotAPoint))?;
        Ok(DeviceKey::from_bytes(key)?)
    }

    /// Checks the signature for this circle and document, and returns the device whose work it is.
    ///
    /// # Errors
    /// When the actor has no usable key or the signature does not fit.
    pub fn verify(
        &self,
        circle: &CircleId,
        document: &DocumentId,
    ) -> Result<DeviceKey, FrontierError> {
        let device = self.device()?;
        let message = message(circle, document, &self.actor, self.seq, &self.hash);
        if verify(&device, &message, &self.signature) {
            Ok(device)
        } else {
            Err(FrontierError::Signature)
        }
    }

    /// The change hash as its own type.
    pub const fn change(&self) -> ChangeHash {
        ChangeHash::from_bytes(self.hash)
    }

    /// The 144 bytes.
    pub fn encode(&self) -> [u8; Self::LENGTH] {
        let seq = self.seq.to_be_bytes();
        let parts = self
            .actor
            .iter()
            .chain(&seq)
            .chain(&self.hash)
            .chain(self.signature.as_bytes());
        let mut bytes = [0; Self::LENGTH];
        bytes
            .iter_mut()
            .zip(parts)
            .for_each(|(to, from)| *to = *from);
        bytes
    }

    /// Reads the layout; the signature is not judged yet.
    ///
    /// # Errors
    /// When it is not 144 bytes, or counts what nobody counts.
    pub fn decode(bytes: &[u8]) -> Result<Self, FrontierError> {
        let length = FrontierError::Length(bytes.len());
        let (actor, rest) = bytes.split_first_chunk::<40>().ok_or(length)?;
        let (seq, rest) = rest.split_first_chunk::<8>().ok_or(length)?;
        let (hash, rest) = rest.split_first_chunk::<32>().ok_or(length)?;
        let signature = Signature::from_bytes(rest.try_into().map_err(|_| length)?);
        let seq = u64::from_be_bytes(*seq);
        if seq == 0 || seq > INTEGER_MAX {
            return Err(FrontierError::Seq(seq));
        }
        Ok(Self {
            actor: *actor,
            seq,
            hash: *hash,
            signature,
        })
    }
}

fn message(
    circle: &CircleId,
    document: &DocumentId,
    actor: &[u8; 40],
    seq: u64,
    hash: &[u8; 32],
) -> Vec<u8> {
    [
        DOMAIN,
        circle.as_bytes(),
        document.as_bytes(),
        actor,
        &seq.to_be_bytes(),
        hash,
    ]
    .concat()
}
