//! Connections between sites: ordered, delayed, cut in one direction or both, lost with what was
//! under way.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use smallwin_sync::ConnId;

/// Names a site: one engine with its disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SiteId(pub(crate) usize);

/// What travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Parcel {
    /// One binary message.
    Frame(Vec<u8>),
    /// The sender closed in good order.
    Bye,
}

/// All connections. A connection has two ends, each a [`ConnId`] of its own: the even one dialled.
#[derive(Debug, Default)]
pub(crate) struct Network {
    ends: BTreeMap<ConnId, End>,
    cuts: BTreeSet<(SiteId, SiteId)>,
    conns: u64,
}

#[derive(Debug)]
struct End {
    site: SiteId,
    /// The engine there was told of it, and nothing ended it.
    up: bool,
    /// Its engine is still to be told.
    awaited: bool,
    /// The way to the other end still carries.
    carries: bool,
    under_way: VecDeque<Parcel>,
}

impl Network {
    /// A new connection: the dialer's end and the listener's end; neither engine knows yet.
    pub(crate) fn connect(&mut self, dialer: SiteId, listener: SiteId) -> (ConnId, ConnId) {
        let ends = (ConnId(self.conns * 2), ConnId(self.conns * 2 + 1));
        self.conns += 1;
        for (end, site) in [(ends.0, dialer), (ends.1, listener)] {
            let end_state = End {
                site,
                up: false,
                awaited: true,
                carries: true,
                under_way: VecDeque::new(),
            };
            self.ends.insert(end, end_state);
        }
        ends
    }

    /// The engine at this end is told; false when the connection is lost already.
    pub(crate) fn up(&mut self, end: ConnId) -> bool {
        let Some(state) = self.ends.get_mut(&end) else {
            return false;
        };
        state.awaited = false;
        state.up = state.carries;
        state.up
    }

    /// There is no engine any more that could be told of this end.
    pub(crate) fn dismiss(&mut self, end: ConnId) {
        if let Some(state) = self.ends.get_mut(&end) {
            state.awaited = false;
        }
    }

    /// Whether the engine at this end believes that it stands.
    pub(crate) fn is_up(&self, end: ConnId) -> bool {
        self.ends.get(&end).is_some_and(|state| state.up)
    }

    /// The site at this end, and the one at the other.
    pub(crate) fn sites(&self, end: ConnId) -> Option<(SiteId, SiteId)> {
        Some((self.ends.get(&end)?.site, self.ends.get(&other(end))?.site))
    }

    /// Puts a parcel on its way; false when it is lost at once.
    pub(crate) fn send(&mut self, end: ConnId, parcel: Parcel) -> bool {
        match self.ends.get_mut(&end) {
            Some(state) if state.up && state.carries => {
                state.under_way.push_back(parcel);
                true
            }
            _ => false,
        }
    }

    /// Takes the next parcel that this end sent, unless the way is cut or nothing is under way.
    /// What arrives at an end that is over is lost.
    pub(crate) fn arrive(&mut self, from: ConnId) -> Option<(ConnId, Parcel)> {
        let (here, there) = self.sites(from)?;
        let to = other(from);
        if self.cuts.contains(&(here, there)) {
            return None;
        }
        let parcel = self.ends.get_mut(&from)?.under_way.pop_front()?;
        self.is_up(to).then_some((to, parcel))
    }

    /// This end is over; nothing more is told or sent there. Whether it was up.
    pub(crate) fn down(&mut self, end: ConnId) -> bool {
        self.ends
            .get_mut(&end)
            .is_some_and(|state| std::mem::take(&mut state.up))
    }

    /// The connection is lost with all that is under way. The ends that do not know yet.
    pub(crate) fn lose(&mut self, end: ConnId) -> Vec<ConnId> {
        let mut unaware = Vec::new();
        for end in [end, other(end)] {
            if let Some(state) = self.ends.get_mut(&end) {
                state.carries = false;
                state.under_way.clear();
                if state.up {
                    unaware.push(end);
                }
            }
        }
        unaware
    }

    /// The way from one site to another carries nothing until it is healed; parcels wait.
    pub(crate) fn cut(&mut self, from: SiteId, to: SiteId) {
        self.cuts.insert((from, to));
    }

    /// Whether the way is cut.
    pub(crate) fn is_cut(&self, from: SiteId, to: SiteId) -> bool {
        self.cuts.contains(&(from, to))
    }

    /// The way carries again; each end with the number of its parcels that waited.
    pub(crate) fn heal(&mut self, from: SiteId, to: SiteId) -> Vec<(ConnId, usize)> {
        self.cuts.remove(&(from, to));
        self.ends
            .iter()
            .filter(|(end, state)| {
                state.site == from && self.ends.get(&other(**end)).is_some_and(|s| s.site == to)
            })
            .map(|(end, state)| (*end, state.under_way.len()))
            .collect()
    }

    /// Ends that sent something to this site which waits there, each with how much.
    pub(crate) fn waiting_for(&self, site: SiteId) -> Vec<(ConnId, usize)> {
        self.ends
            .iter()
            .filter(|(_, end)| end.site == site)
            .filter_map(|(id, _)| Some((other(*id), self.ends.get(&other(*id))?.under_way.len())))
            .filter(|(_, waiting)| *waiting > 0)
            .collect()
    }

    /// Every way that is cut.
    pub(crate) fn all_cuts(&self) -> Vec<(SiteId, SiteId)> {
        self.cuts.iter().copied().collect()
    }

    /// Ends at a site that are up.
    pub(crate) fn ends_at(&self, site: SiteId) -> Vec<ConnId> {
        self.ends
            .iter()
            .filter(|(_, end)| end.site == site && end.up)
            .map(|(id, _)| *id)
            .collect()
    }

    /// Dialers' ends of all connections that carry.
    pub(crate) fn carrying(&self) -> Vec<ConnId> {
        self.ends
            .iter()
            .filter(|(id, end)| id.0 % 2 == 0 && end.carries && end.up)
            .map(|(id, _)| *id)
            .collect()
    }

    /// Parcels under way everywhere.
    pub(crate) fn under_way(&self) -> usize {
        self.ends.values().map(|end| end.under_way.len()).sum()
    }

    /// Loses the last frame that this end sent and that did not arrive, silently: what a planted
    /// fault does, never the honest world. Whether there was one.
    pub(crate) fn lose_silently(&mut self, end: ConnId) -> bool {
        self.ends
            .get_mut(&end)
            .is_some_and(|state| state.under_way.pop_back().is_some())
    }

    /// Forgets connections that both ends know to be over.
    pub(crate) fn tidy(&mut self) {
        let is_over = |end: &End| !end.up && !end.awaited && !end.carries;
        let over: Vec<ConnId> = self
            .ends
            .iter()
            .filter(|(id, end)| is_over(end) && self.ends.get(&other(**id)).is_none_or(is_over))
            .map(|(id, _)| *id)
            .collect();
        for end in over {
            self.ends.remove(&end);
        }
    }
}

/// The other end of the same connection.
pub(crate) fn other(end: ConnId) -> ConnId {
    ConnId(end.0 ^ 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: SiteId = SiteId(0);
    const B: SiteId = SiteId(1);

    fn connected() -> (Network, ConnId, ConnId) {
        let mut network = Network::default();
        let (a, b) = network.connect(A, B);
        assert!(network.up(a) && network.up(b));
        (network, a, b)
    }

    fn frame(byte: u8) -> Parcel {
        Parcel::Frame(vec![byte])
    }

    #[test]
    fn parcels_keep_their_order() {
        let (mut network, a, b) = connected();
        assert!(
            network.send(a, frame(1)) && network.send(a, frame(2)) && network.send(a, Parcel::Bye)
        );
        assert_eq!(network.under_way(), 3);
        let arrived: Vec<_> = std::iter::from_fn(|| network.arrive(a)).collect();
        assert_eq!(arrived, [(b, frame(1)), (b, frame(2)), (b, Parcel::Bye)]);
    }

    #[test]
    fn a_cut_of_one_direction_holds_that_direction_only() {
        let (mut network, a, b) = connected();
        network.cut(A, B);
        assert!(network.send(a, frame(1)) && network.send(b, frame(2)));
        assert_eq!(network.arrive(a), None);
        assert_eq!(network.arrive(b), Some((a, frame(2))));
        assert_eq!(network.heal(A, B), [(a, 1)]);
        assert_eq!(network.arrive(a), Some((b, frame(1))));
    }

    #[test]
    fn a_lost_connection_takes_what_is_under_way_and_each_end_learns_by_itself() {
        let (mut network, a, b) = connected();
        assert!(network.send(a, frame(1)));
        assert_eq!(network.lose(b), [b, a]);
        assert_eq!(network.arrive(a), None);
        assert!(
            !network.send(a, frame(2)),
            "a half-open end sends into nothing"
        );
        assert!(network.down(a) && !network.down(a));
        assert_eq!(network.ends_at(B), [b]);
        assert!(network.down(b));
        network.tidy();
        assert_eq!(network.sites(a), None);
    }
}
