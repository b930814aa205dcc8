//! Peers without an engine: stock clients, peers that never read, and peers that do as they like.

use std::collections::BTreeMap;

use smallwin_circle::SigningKey;
use smallwin_sync::{ConnId, Space};

use crate::network::SiteId;
use crate::stock::Stock;

/// One of them. Its [`SiteId`] lies behind those of the sites.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) id: SiteId,
    pub(crate) name: &'static str,
    /// The nodes it dials.
    pub(crate) dials: Vec<SiteId>,
    /// Which namespace it asks for.
    pub(crate) space: Space,
    /// Whether it is there at all by now, and still.
    pub(crate) is_here: bool,
    pub(crate) ends: BTreeMap<SiteId, GuestEnd>,
    pub(crate) kind: Kind,
}

/// What it is.
#[derive(Debug)]
pub(crate) enum Kind {
    /// A stock client.
    Stock(Box<Stock>),
    /// A stock client, as far as anybody can tell, that asks and never reads.
    Deaf,
    /// Whoever does as they like.
    Rogue(Box<Rogue>),
}

/// A peer that forges, replays and withholds.
#[derive(Debug)]
pub(crate) struct Rogue {
    /// The key it proves in the circles' namespace.
    pub(crate) key: SigningKey,
    /// The site that turned into it: its device is a member. None for a stranger.
    pub(crate) was: Option<SiteId>,
}

/// Its connection with one node.
#[derive(Clone, Debug)]
pub(crate) struct GuestEnd {
    pub(crate) end: ConnId,
    pub(crate) nonce: [u8; 32],
    /// How it names itself on this connection, and the node.
    pub(crate) own_id: String,
    pub(crate) node_id: String,
    /// Whether frames flow.
    pub(crate) is_ready: bool,
}

/// Guests are numbered from here on.
const FIRST: usize = 1000;

/// The number of a guest.
pub(crate) fn guest_id(place: usize) -> SiteId {
    SiteId(FIRST + place)
}

/// The place of a guest among the guests; nothing for a site.
pub(crate) fn place_of(id: SiteId) -> Option<usize> {
    id.0.checked_sub(FIRST)
}

impl Guest {
    /// One that is not there yet.
    pub(crate) fn new(
        id: SiteId,
        name: &'static str,
        dials: Vec<SiteId>,
        space: Space,
        kind: Kind,
    ) -> Guest {
        Guest {
            id,
            name,
            dials,
            space,
            is_here: false,
            ends: BTreeMap::new(),
            kind,
        }
    }

    /// Whether nobody may be blamed for closing on it.
    pub(crate) fn is_suspect(&self) -> bool {
        !matches!(self.kind, Kind::Stock(_))
    }

    /// The node behind one of its ends.
    pub(crate) fn node_at(&self, end: ConnId) -> Option<SiteId> {
        let at = self.ends.iter().find(|(_, own)| own.end == end);
        at.map(|(node, _)| *node)
    }

    /// Its connections on which frames flow.
    pub(crate) fn ready(&self) -> Vec<GuestEnd> {
        let ready = self.ends.values().filter(|own| own.is_ready);
        ready.cloned().collect()
    }
}
