//! What goes wrong, and how it heals.

use super::{Happening, Phase, World};
use crate::network::SiteId;

impl World {
    pub(super) fn trouble(&mut self) {
        if self.phase != Phase::Trouble {
            return;
        }
        let next_ms = self
            .chance
            .between(self.pace.trouble_ms / 2, self.pace.trouble_ms * 2);
        self.agenda.put(next_ms, Happening::Trouble);
        match self.chance.below(100) {
            0..30 => self.cut_a_way(),
            30..58 => self.lose_a_connection(),
            58..94 => self.crash_somebody(),
            _ => self.fail_a_disk(),
        }
    }

    fn cut_a_way(&mut self) {
        let ways: Vec<(SiteId, SiteId)> = self
            .sites
            .iter()
            .flat_map(|site| site.dials.iter().map(|to| (site.id, *to)))
            .collect();
        let Some((from, to)) = self.chance.pick(&ways).copied() else {
            return;
        };
        let for_ms = self.chance.between(200, 20_000);
        let directions = match self.chance.below(3) {
            0 => vec![(from, to)],
            1 => vec![(to, from)],
            _ => vec![(from, to), (to, from)],
        };
        for (from, to) in directions {
            self.counts.cuts += 1;
            let there = self.site(to).name;
            self.tell(
                from,
                format_args!("reaches {there} no more, for {for_ms} ms"),
            );
            self.network.cut(from, to);
            self.agenda.put(for_ms, Happening::Heal(from, to));
        }
        // A short cut is survived by most connections; the pings of a long one find it out.
        let survives = for_ms < PING_MS && self.chance.percent(60);
        if !survives {
            for end in self.ends_between(from, to) {
                self.lose(end, PING_MS);
            }
        }
    }

    pub(super) fn heal(&mut self, from: SiteId, to: SiteId) {
        if !self.network.is_cut(from, to) {
            return;
        }
        let there = self.site(to).name;
        self.tell(from, format_args!("reaches {there} again"));
        for (end, waiting) in self.network.heal(from, to) {
            for _ in 0..waiting {
                self.agenda.put(1, Happening::Arrive(end));
            }
        }
    }

    fn lose_a_connection(&mut self) {
        let conns = self.network.carrying();
        let Some(end) = self.chance.pick(&conns).copied() else {
            return;
        };
        let Some((from, to)) = self.network.sites(end) else {
            return;
        };
        self.counts.lost_conns += 1;
        let there = self.site(to).name;
        self.tell(
            from,
            format_args!("its connection {} with {there} breaks", end.0),
        );
        let slowest_ms = if self.chance.percent(50) { 50 } else { PING_MS };
        self.lose(end, slowest_ms);
    }

    fn crash_somebody(&mut self) {
        let site = SiteId(self.chance.below(self.sites.len() as u64) as usize);
        if self.site(site).process.is_none() {
            return;
        }
        // A dead process resets its connections; a dead machine leaves its peers to find out.
        let slowest_ms = if self.chance.percent(60) { 50 } else { PING_MS };
        self.crash(site, slowest_ms);
        let down_ms = self.chance.between(50, 12_000);
        self.agenda.put(down_ms, Happening::Start(site));
    }

    fn fail_a_disk(&mut self) {
        let site = SiteId(self.chance.below(self.sites.len() as u64) as usize);
        self.tell(site, format_args!("its next sync will fail"));
        self.site_mut(site).disk.fail_next_sync();
    }

    /// Ends all trouble: ways carry, disks work, everybody runs.
    pub(super) fn end_trouble(&mut self) {
        self.phase = Phase::Healing;
        self.say("world", format_args!("all trouble ends"));
        for (from, to) in self.network.all_cuts() {
            self.heal(from, to);
        }
        for site in self.site_ids() {
            if self.site(site).process.is_none() {
                self.start(site);
            }
        }
    }

    fn ends_between(&self, a: SiteId, b: SiteId) -> Vec<smallwin_sync::ConnId> {
        let is_between = |end: &smallwin_sync::ConnId| {
            self.network
                .sites(*end)
                .is_some_and(|sites| sites == (a, b) || sites == (b, a))
        };
        self.network
            .carrying()
            .into_iter()
            .filter(is_between)
            .collect()
    }
}

/// After how long pings find out that a connection is dead.
const PING_MS: u64 = 9000;
