//! The byte strings that keys sign outside JSON. Every domain string of the project stands here or in
//! [`crate::frontier`], so that no two signatures can be taken for one another.

use crate::ids::CircleId;
use crate::keys::DeviceKey;
use crate::sealing::SealingPublic;

const JOIN: &[u8] = b"smallwin/join/1";
const LINK: &[u8] = b"smallwin/link/1";
const CHANNEL: &[u8] = b"smallwin/channel/1";
const CIRCLE: &[u8] = b"smallwin/circle/1";

/// Which end of a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The end that opened the connection.
    Dialer,
    /// The end that accepted it.
    Listener,
}

impl Side {
    /// The byte that stands for this side in signed messages.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Dialer => 0,
            Self::Listener => 1,
        }
    }

    /// The other end.
    pub const fn other(self) -> Self {
        match self {
            Self::Dialer => Self::Listener,
            Self::Listener => Self::Dialer,
        }
    }
}

/// What an invite key signs to let `author` join `circle`.
pub fn join_message(circle: &CircleId, author: &DeviceKey, sealing: &SealingPublic) -> Vec<u8> {
    [
        JOIN,
        circle.as_bytes(),
        author.as_bytes(),
        sealing.as_bytes(),
    ]
    .concat()
}

/// What `device` signs to agree that `author` links it to their person.
pub fn link_message(author: &DeviceKey, device: &DeviceKey) -> Vec<u8> {
    [LINK, author.as_bytes(), device.as_bytes()].concat()
}

/// The hash that binds a connection to both keys, both nonces and the authority the dialer dialled.
pub fn channel_transcript(
    dialer: &DeviceKey,
    listener: &DeviceKey,
    dialer_nonce: &[u8; 32],
    listener_nonce: &[u8; 32],
    channel: &str,
) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(dialer.as_bytes());
    hasher.update(listener.as_bytes());
    hasher.update(dialer_nonce);
    hasher.update(listener_nonce);
    hasher.update(channel.as_bytes());
    *hasher.finalize().as_bytes()
}

/// What a peer's key signs to prove itself on a connection.
pub fn channel_message(side: Side, transcript: &[u8; 32]) -> Vec<u8> {
    [CHANNEL, &[side.byte()], transcript].concat()
}

/// Names a circle on one connection: only who knows the circle can tell which one it is.
pub fn circle_tag(transcript: &[u8; 32], circle: &CircleId) -> [u8; 16] {
    first_16(blake3::keyed_hash(transcript, circle.as_bytes()))
}

/// What a device or invite key signs to show that it takes part in `circle` on a connection.
pub fn circle_message(circle: &CircleId, side: Side, transcript: &[u8; 32]) -> Vec<u8> {
    [CIRCLE, circle.as_bytes(), &[side.byte()], transcript].concat()
}

pub(crate) fn first_16(hash: blake3::Hash) -> [u8; 16] {
    let mut first = [0; 16];
    first
        .iter_mut()
        .zip(hash.as_bytes())
        .for_each(|(to, from)| *to = *from);
    first
}
