//! What goes wrong, and how it heals.

use super::reading::Slowness;
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
            0..18 => self.cut_a_way(),
            18..26 => self.part_the_world(),
            26..46 => self.lose_a_connection(),
            46..72 => self.crash_somebody(),
            72..77 => self.slow_a_way(),
            77..83 => self.slow_a_reader(),
            83..93 => self.spoil_a_disk(),
            _ => self.set_a_clock(),
        }
    }

    fn cut_a_way(&mut self) {
        let ways: Vec<(SiteId, SiteId)> = self
            .sites
            .iter()
            .map(|site| (site.id, &site.dials))
            .chain(self.guests.iter().map(|guest| (guest.id, &guest.dials)))
            .flat_map(|(from, dials)| dials.iter().map(move |to| (from, *to)))
            .collect();
        let Some((from, to)) = self.chance.pick(&ways).copied() else {
            return;
        };
        let for_ms = self.chance.between(200, 20_000);
        let (there, back) = match self.chance.below(3) {
            0 => (true, false),
            1 => (false, true),
            _ => (true, true),
        };
        self.cut_for(&[(from, to)], there, back, for_ms);
    }

    /// Some sites no longer reach the others, or are no longer reached by them, or both.
    fn part_the_world(&mut self) {
        let mut sites = self.site_ids();
        let count = self.chance.between(1, sites.len() as u64 - 1);
        let mut part = Vec::new();
        for _ in 0..count {
            let at = self.chance.below(sites.len() as u64) as usize;
            part.push(sites.swap_remove(at));
        }
        let pairs: Vec<(SiteId, SiteId)> = part
            .iter()
            .flat_map(|from| sites.iter().map(|to| (*from, *to)))
            .filter(|(from, to)| {
                self.site(*from).dials.contains(to) || self.site(*to).dials.contains(from)
            })
            .collect();
        let for_ms = self.chance.between(1000, 40_000);
        let (there, back) = match self.chance.below(4) {
            0 => (true, false),
            1 => (false, true),
            _ => (true, true),
        };
        self.cut_for(&pairs, there, back, for_ms);
    }

    fn cut_for(&mut self, pairs: &[(SiteId, SiteId)], there: bool, back: bool, for_ms: u64) {
        // A short cut is survived by most connections; the pings of a long one find it out.
        let survives = for_ms < PING_MS && self.chance.percent(60);
        for (from, to) in pairs {
            let directions = [(there, *from, *to), (back, *to, *from)];
            for (_, from, to) in directions.into_iter().filter(|(is_cut, ..)| *is_cut) {
                self.counts.cuts += 1;
                let name = self.name_of(to);
                self.tell(
                    from,
                    format_args!("reaches {name} no more, for {for_ms} ms"),
                );
                self.network.cut(from, to);
                self.agenda.put(for_ms, Happening::Heal(from, to));
            }
            if !survives {
                for end in self.ends_between(*from, *to) {
                    self.lose(end, PING_MS);
                }
            }
        }
    }

    pub(super) fn heal(&mut self, from: SiteId, to: SiteId) {
        if !self.network.is_cut(from, to) {
            return;
        }
        let there = self.name_of(to);
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
        let there = self.name_of(to);
        self.tell(
            from,
            format_args!("its connection {} with {there} breaks", end.0),
        );
        let slowest_ms = if self.chance.percent(50) { 50 } else { PING_MS };
        self.lose(end, slowest_ms);
    }

    fn crash_somebody(&mut self) {
        let Some(site) = self.some_site() else { return };
        if self.site(site).process.is_none() {
            return;
        }
        // A dead process resets its connections; a dead machine leaves its peers to find out.
        let slowest_ms = if self.chance.percent(60) { 50 } else { PING_MS };
        self.crash(site, slowest_ms);
        let down_ms = self.chance.between(50, 12_000);
        self.agenda.put(down_ms, Happening::Start(site));
    }

    fn slow_a_way(&mut self) {
        let conns = self.network.carrying();
        let Some((from, to)) = self
            .chance
            .pick(&conns)
            .and_then(|end| self.network.sites(*end))
        else {
            return;
        };
        self.counts.slow_ways += 1;
        let (extra_ms, for_ms) = (
            self.chance.between(300, 5000),
            self.chance.between(1000, 30_000),
        );
        let there = self.name_of(to);
        self.tell(
            from,
            format_args!("frames to {there} take {extra_ms} ms more, for {for_ms} ms"),
        );
        self.slow_ways.insert((from, to), extra_ms);
        self.agenda.put(for_ms, Happening::WayWell(from, to));
    }

    pub(super) fn way_well(&mut self, from: SiteId, to: SiteId) {
        self.slow_ways.remove(&(from, to));
    }

    fn slow_a_reader(&mut self) {
        let Some(site) = self.some_site() else { return };
        self.counts.slow_readers += 1;
        let slowness = if self.chance.percent(40) {
            Slowness::Never
        } else {
            Slowness::OneIn(self.chance.between(100, 2500))
        };
        let for_ms = self.chance.between(1000, 30_000);
        self.tell(site, format_args!("reads {slowness:?}, for {for_ms} ms"));
        self.read_slowly(site, slowness);
        self.agenda.put(for_ms, Happening::ReadWell(site));
    }

    fn spoil_a_disk(&mut self) {
        let Some(site) = self.some_site() else { return };
        let for_ms = self.chance.between(500, 40_000);
        if self.site(site).is_gone {
            return;
        }
        match self.chance.below(100) {
            0..30 => {
                self.tell(site, format_args!("its next sync will fail"));
                self.site_mut(site).disk.fail_next_sync();
            }
            30..50 => {
                self.counts.full_disks += 1;
                self.tell(site, format_args!("its disk is full, for {for_ms} ms"));
                self.site_mut(site).disk.full = true;
                self.agenda.put(for_ms, Happening::DiskWell(site));
            }
            50..70 => {
                self.counts.slow_disks += 1;
                let slow = self.chance.between(5, 60);
                self.tell(
                    site,
                    format_args!("its disk is {slow} times slower, for {for_ms} ms"),
                );
                self.site_mut(site).disk.slow = slow;
                self.agenda.put(for_ms, Happening::DiskWell(site));
            }
            _ if self.may_be_lied_to(site) => {
                self.counts.lying_disks += 1;
                self.tell(
                    site,
                    format_args!("its disk says durable and does not write, for {for_ms} ms"),
                );
                self.site_mut(site).disk.begin_to_lie();
                self.agenda.put(for_ms, Happening::DiskWell(site));
            }
            _ => {}
        }
    }

    /// Whether a disk that lies can hurt no more than the promises of its own site. A device that
    /// forgets its own records and goes on is frozen for good (specification, equivocation); so
    /// it begins when nothing depends on them any more.
    fn may_be_lied_to(&self, site: SiteId) -> bool {
        let person = self.site(site).person;
        let all_in = |site: &crate::site::Site| {
            site.is_gone || self.is_member(site.id) && site.paired_or_first()
        };
        match person {
            0 => !self.goals_are_open() && self.sites.iter().all(all_in),
            _ => self
                .sites
                .iter()
                .filter(|site| site.person == person)
                .all(all_in),
        }
    }

    pub(super) fn disk_well(&mut self, site: SiteId) {
        // A lie is seldom found out before the power fails.
        if self.site(site).disk.pretended() > 0 && self.chance.percent(60) {
            self.crash(site, 50);
            self.agenda.put(100, Happening::Start(site));
        }
        let disk = &mut self.site_mut(site).disk;
        let was_ill = disk.full || disk.slow > 0;
        (disk.full, disk.slow) = (false, 0);
        disk.end_lie();
        if was_ill {
            self.tell(site, format_args!("its disk is well again"));
        }
    }

    /// The disk lied, so the site is not held to what it lost.
    pub(super) fn forgive(&mut self, site: SiteId) {
        let durable = self.sites[site.0].disk.durable();
        let count = self.oracle.forgive(site, durable);
        self.counts.lied_away += count;
        self.tell(
            site,
            format_args!("lost {count} acknowledged things, since its disk lied"),
        );
        let person = self.site(site).person;
        self.people[person].lost_records = true;
        for site in &mut self.sites {
            if site.person == person {
                site.paired = false;
            }
        }
    }

    fn set_a_clock(&mut self) {
        let Some(site) = self.some_site() else { return };
        let jumps = [-HOUR_MS, 0, HOUR_MS];
        let off_ms = self.chance.pick(&jumps).copied().unwrap_or_default();
        if self.site(site).clock_off_ms == off_ms {
            return;
        }
        self.counts.clock_jumps += 1;
        let minutes = off_ms / 60_000;
        self.tell(
            site,
            format_args!("its clock is set to {minutes} minutes from the true time"),
        );
        self.site_mut(site).clock_off_ms = off_ms;
    }

    /// Ends all trouble: ways carry, disks work, everybody runs and reads.
    pub(super) fn end_trouble(&mut self) {
        self.phase = Phase::Healing;
        self.send_rogues_away();
        self.spread.healed_ms = self.now_ms();
        self.say("world", format_args!("all trouble ends"));
        for (from, to) in self.network.all_cuts() {
            self.heal(from, to);
        }
        self.slow_ways.clear();
        for site in self.slow_readers() {
            self.read_well(site);
        }
        for site in self.site_ids() {
            self.disk_well(site);
            if self.site(site).process.is_none() {
                self.start(site);
            }
        }
    }

    /// Who never reads goes. Of the rogues some stay and say nothing, as who withholds does.
    fn send_rogues_away(&mut self) {
        let suspects = self.guests.iter().filter(|guest| guest.is_suspect());
        let suspects: Vec<(SiteId, bool)> = suspects
            .map(|guest| (guest.id, matches!(guest.kind, crate::guest::Kind::Deaf)))
            .collect();
        for (id, is_deaf) in suspects {
            if is_deaf || self.chance.percent(50) {
                self.go(id);
            }
        }
    }

    fn some_site(&mut self) -> Option<SiteId> {
        let sites = self.site_ids();
        self.chance.pick(&sites).copied()
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

const HOUR_MS: i64 = 3_600_000;
