//! Names of connections, tickets, times and documents.

use std::fmt;

pub use smallwin_circle::Side;

/// Names one connection for as long as the engine lives; the caller never reuses one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

/// Names one [`Effect::Keep`](crate::Effect::Keep); tickets complete in ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// Names one [`Effect::Work`](crate::Effect::Work); jobs may end in any order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// Names one call of [`Engine::local`](crate::Engine::local), chosen by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Request(pub u64);

/// A time in milliseconds since 1970, given by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub u64);

impl Millis {
    /// The milliseconds from `earlier` to this time, 0 when it lies ahead.
    pub fn since(self, earlier: Millis) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Which of the two separate namespaces a connection or document belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Space {
    /// Documents of circles, for peers that prove keys.
    Circles,
    /// Unlisted documents for stock clients, for whoever knows the id.
    Open,
}

/// A document in its namespace; the same id in both spaces names two documents.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocKey {
    /// The namespace.
    pub space: Space,
    /// The sixteen bytes of the document id.
    pub id: [u8; 16],
}

impl DocKey {
    /// A document of a circle.
    pub fn circles(id: &smallwin_circle::DocumentId) -> DocKey {
        DocKey {
            space: Space::Circles,
            id: *id.as_bytes(),
        }
    }

    /// The key under which storage knows it: one byte for the space (0 circles, 1 open), then the id.
    pub fn to_bytes(&self) -> [u8; 17] {
        let mut bytes = [0; 17];
        let (space, id) = bytes.split_at_mut(1);
        space.fill(match self.space {
            Space::Circles => 0,
            Space::Open => 1,
        });
        id.copy_from_slice(&self.id);
        bytes
    }

    /// The document that storage knows under `bytes`; nothing when they name none.
    pub fn from_bytes(bytes: &[u8]) -> Option<DocKey> {
        let (space, id) = bytes.split_first()?;
        let space = match space {
            0 => Space::Circles,
            1 => Space::Open,
            _ => return None,
        };
        Some(DocKey {
            space,
            id: id.try_into().ok()?,
        })
    }

    /// The id as it stands on the wire and in URLs (base58check).
    pub fn wire_id(&self) -> String {
        crate::wire::document_id::encode(&self.id)
    }
}

impl fmt::Debug for DocKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}/{}", self.space, self.wire_id())
    }
}
