//! The three names that storage knows: a document, a chunk, a point in time.

use std::fmt;

/// Names a document: one byte for the name space, sixteen for the id. Storage reads no meaning into it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocKey([u8; 17]);

/// Names a chunk within its document. The caller chooses it (the hash of a change, the hash of a
/// snapshot's heads); storage checks the bytes by a checksum of its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChunkHash([u8; 32]);

/// Counts the commits of one store from 1; 0 stands for "before the first".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Seq(pub u64);

impl Seq {
    /// The point before the first commit: `since(Seq::ZERO, …)` starts at the beginning.
    pub const ZERO: Self = Self(0);

    /// The next commit's number.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! byte_key {
    ($name:ident, $bytes:literal) => {
        impl $name {
            /// Takes the bytes as they are.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $bytes]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(f, &self.0)
            }
        }

        impl fmt::Debug for $name {
            /// The first four bytes: enough to follow one through a log.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(f, self.0.get(..4).unwrap_or_default())?;
                f.write_str("…")
            }
        }
    };
}

byte_key!(DocKey, 17);
byte_key!(ChunkHash, 32);

fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_print_as_hex() {
        let doc = DocKey::from_bytes([0xab; 17]);
        assert_eq!(doc.to_string(), "ab".repeat(17));
        assert_eq!(format!("{doc:?}"), "abababab…");
    }

    #[test]
    fn the_first_commit_follows_zero() {
        assert_eq!(Seq::ZERO.next(), Seq(1));
    }
}
