//! Who reads what arrives, and how fast.

use std::collections::BTreeMap;

use smallwin_sync::ConnId;

use super::{Happening, World};
use crate::network::SiteId;

/// Sites that do not read as fast as frames come.
#[derive(Debug, Default)]
pub(super) struct Reading {
    slow: BTreeMap<SiteId, Slowness>,
    /// When an end of a slow site takes its next frame.
    next_ms: BTreeMap<ConnId, u64>,
}

/// How a slow site reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slowness {
    /// One frame per connection in so many milliseconds.
    OneIn(u64),
    /// Not at all.
    Never,
}

impl World {
    /// In how many milliseconds an end reads what is there: 0 is now, none is not before
    /// somebody says so.
    pub(super) fn reads_in_ms(&mut self, end: ConnId) -> Option<u64> {
        let Some((site, _)) = self.network.sites(end) else {
            return Some(0);
        };
        let now_ms = self.now_ms();
        let slowness = self.reading.slow.get(&site).copied();
        match slowness {
            None => Some(self.owes_ms(site, end).min(OWES_MS_MAX)),
            Some(Slowness::Never) => None,
            Some(Slowness::OneIn(gap_ms)) => {
                let next_ms = self.reading.next_ms.get(&end).copied();
                let wait_ms = next_ms.unwrap_or_default().saturating_sub(now_ms);
                if wait_ms == 0 {
                    self.reading.next_ms.insert(end, now_ms + gap_ms);
                }
                Some(wait_ms)
            }
        }
    }

    /// Like a node, a site does not read from a peer that is over its budget.
    fn owes_ms(&self, site: SiteId, end: ConnId) -> u64 {
        if self.guest(site).is_some() {
            return 0;
        }
        let engine = self.site(site).engine();
        engine.map_or(0, |engine| engine.owes_ms(end))
    }

    /// A site reads slowly from now on, or not at all.
    pub(super) fn read_slowly(&mut self, site: SiteId, slowness: Slowness) {
        self.reading.slow.insert(site, slowness);
    }

    /// It reads as usual again, first what waited.
    pub(super) fn read_well(&mut self, site: SiteId) {
        if self.reading.slow.remove(&site).is_none() {
            return;
        }
        self.reading.next_ms.clear();
        self.tell(site, format_args!("reads as usual again"));
        for (end, waiting) in self.network.waiting_for(site) {
            for _ in 0..waiting {
                self.agenda.put(1, Happening::Arrive(end));
            }
        }
    }

    /// Every site that does not read as usual.
    pub(super) fn slow_readers(&self) -> Vec<SiteId> {
        self.reading.slow.keys().copied().collect()
    }
}

/// A driver looks again at least so often whether a peer is within its budget.
const OWES_MS_MAX: u64 = 1000;
