//! Connections: dialled, established, carried, lost.

use smallwin_sync::{ConnId, Event, Opened, Side, Space};

use super::{Happening, Phase, World};
use crate::network::{Parcel, SiteId, other};
use crate::options::Plant;

impl World {
    /// Puts the next attempt to dial on the agenda: full jitter, longer after each failure.
    pub(super) fn plan_dial(&mut self, site: SiteId, to: SiteId, soon: bool) {
        let starts = self.site(site).starts;
        let Some(process) = &mut self.site_mut(site).process else {
            return;
        };
        let Some(dialled) = process.dialled.get_mut(&to) else {
            return;
        };
        if dialled.planned || dialled.end.is_some() {
            return;
        }
        dialled.planned = true;
        let most_ms = if soon {
            500
        } else {
            500 << dialled.failures.min(5)
        };
        let after_ms = self.chance.between(50, most_ms);
        self.agenda.put(after_ms, Happening::Dial(site, starts, to));
    }

    pub(super) fn dial(&mut self, site: SiteId, starts: u64, to: SiteId) {
        if !self.site(site).runs(starts) {
            return;
        }
        let way_ms = self.way_ms();
        let listener_starts = self.site(to).starts;
        let reachable = self.site(to).process.is_some()
            && !self.network.is_cut(site, to)
            && !self.network.is_cut(to, site);
        let process = self.sites[site.0].process.as_mut().expect("it runs");
        let dialled = process
            .dialled
            .get_mut(&to)
            .expect("only what is dialled is planned");
        dialled.planned = false;
        if dialled.end.is_some() {
            return;
        }
        if !reachable {
            dialled.failures += 1;
            self.plan_dial(site, to, false);
            return;
        }
        let (end, listener) = self.network.connect(site, to);
        dialled.end = Some(end);
        dialled.failures = 0;
        self.agenda
            .put(way_ms, Happening::Accept(listener, listener_starts));
        self.agenda
            .put(way_ms * 2, Happening::Established(end, starts));
    }

    pub(super) fn accept(&mut self, end: ConnId, starts: u64) {
        let Some((site, _)) = self.network.sites(end) else {
            return;
        };
        if !self.site(site).runs(starts) {
            self.network.dismiss(end);
            return self.lose(end, 5000);
        }
        if !self.network.up(end) {
            return;
        }
        let opened = self.opened(end, Side::Listener, site, None);
        self.wake(site, Event::Opened(Box::new(opened)));
    }

    pub(super) fn established(&mut self, end: ConnId, starts: u64) {
        let Some((site, to)) = self.network.sites(end) else {
            return;
        };
        if self.guest(site).is_some() {
            return self.guest_established(site, end);
        }
        if !self.site(site).runs(starts) {
            self.network.dismiss(end);
            return self.lose(end, 5000);
        }
        if !self.network.up(end) {
            self.forget_dialled(end, site);
            return;
        }
        let opened = self.opened(end, Side::Dialer, site, Some(to));
        if let Some(process) = &mut self.site_mut(site).process {
            let secrets = opened.invites.iter().map(|(_, secret)| (end, *secret));
            process.presented.extend(secrets);
        }
        self.wake(site, Event::Opened(Box::new(opened)));
    }

    fn opened(&mut self, conn: ConnId, side: Side, site: SiteId, to: Option<SiteId>) -> Opened {
        let peer = other(conn);
        let dialled = to.map(|to| self.site(to));
        let channel = dialled
            .and_then(|to| to.authority.clone())
            .unwrap_or_default();
        let expect = dialled.map(|to| to.wire_key());
        let invites = match (to, self.circle, self.invite_of(site)) {
            (Some(_), Some(circle), Some(invite)) => vec![(circle, invite.secret)],
            _ => Vec::new(),
        };
        let other_site = self
            .network
            .sites(peer)
            .map(|(site, _)| self.name_of(site))
            .unwrap_or("?");
        let guest = self.network.sites(peer).map(|(site, _)| site);
        let guest = guest.and_then(|site| self.guest(site));
        let space = guest.map_or(Space::Circles, |guest| guest.space);
        self.tell(
            site,
            format_args!("opens {} with {other_site} as {side:?}", conn.0),
        );
        Opened {
            conn,
            side,
            space,
            channel,
            nonce: self.chance.bytes(),
            peer_nonce: self.chance.bytes(),
            expect,
            invites,
        }
    }

    /// Sends a frame of an engine, after listening to it.
    pub(super) fn send(&mut self, site: SiteId, conn: ConnId, bytes: &[u8]) {
        self.listen(site, conn, bytes);
        self.put_on_wire(conn, bytes.to_vec());
    }

    pub(super) fn put_on_wire(&mut self, conn: ConnId, bytes: Vec<u8>) {
        self.moved();
        self.counts.frames += 1;
        self.overhear(conn, &bytes);
        if !self.network.send(conn, Parcel::Frame(bytes)) {
            return;
        }
        if self.plant(Plant::LostGap) && self.chance.percent(3) && self.network.lose_silently(conn)
        {
            self.say("fault", format_args!("a frame of {} vanishes", conn.0));
            return;
        }
        let way_ms = self.way_of(conn);
        self.agenda.put(way_ms, Happening::Arrive(conn));
    }

    pub(super) fn arrive(&mut self, from: ConnId) {
        match self.reads_in_ms(other(from)) {
            Some(0) => {}
            Some(later_ms) => return self.agenda.put(later_ms, Happening::Arrive(from)),
            // It waits until the site reads again.
            None => return,
        }
        let Some((to, parcel)) = self.network.arrive(from) else {
            return;
        };
        let Some((site, sender)) = self.network.sites(to) else {
            return;
        };
        self.moved();
        match parcel {
            Parcel::Frame(bytes) => {
                if self.guest(site).is_some() {
                    return self.guest_hears(site, to, &bytes);
                }
                let from = self.name_of(sender);
                self.tell(
                    site,
                    format_args!("receives from {from} on {}, {} bytes", to.0, bytes.len()),
                );
                self.wake(site, Event::Frame { conn: to, bytes });
            }
            Parcel::Bye => {
                self.network.lose(to);
                self.end_is_over(to);
            }
        }
    }

    /// The engine closes: what it sent before still arrives, then the other end learns of it.
    pub(super) fn close(&mut self, site: SiteId, conn: ConnId, code: u16, reason: &str) {
        self.tell(
            site,
            format_args!("closes {} with {code}: {reason}", conn.0),
        );
        let tainted = self.tainted.contains(&conn) || self.tainted.contains(&other(conn));
        if PROTOCOL_CODES.contains(&code) && !tainted && !EXCUSED.contains(&reason) {
            self.violated(
                "honest peers stay",
                format!("{} closes with {code}: {reason}", self.site(site).name),
            );
        }
        if self.network.send(conn, Parcel::Bye) {
            let way_ms = self.way_of(conn);
            self.agenda.put(way_ms, Happening::Arrive(conn));
        }
        let starts = self.site(site).starts;
        self.agenda.put(1, Happening::Gone(conn, starts));
    }

    /// A connection is lost with what is under way; each end learns in its own time.
    pub(super) fn lose(&mut self, end: ConnId, slowest_ms: u64) {
        for unaware in self.network.lose(end) {
            let Some((site, _)) = self.network.sites(unaware) else {
                continue;
            };
            let starts = match self.guest(site) {
                Some(_) => 0,
                None => self.site(site).starts,
            };
            let after_ms = self.chance.between(1, slowest_ms);
            self.agenda.put(after_ms, Happening::Gone(unaware, starts));
        }
    }

    pub(super) fn gone(&mut self, end: ConnId, starts: u64) {
        let Some((site, _)) = self.network.sites(end) else {
            return;
        };
        if self.guest(site).is_some() || self.site(site).runs(starts) {
            self.end_is_over(end);
        }
    }

    /// Tells the engine at this end, unless it knows, and dials again from the dialer's end.
    fn end_is_over(&mut self, end: ConnId) {
        let Some((site, _)) = self.network.sites(end) else {
            return;
        };
        if self.guest(site).is_some() {
            self.network.down(end);
            self.guest_lost(site, end);
            return self.network.tidy();
        }
        if self.network.down(end) {
            self.tell(site, format_args!("loses {}", end.0));
            if let Some(process) = &mut self.site_mut(site).process {
                process.ready.remove(&end);
                process.addresses.remove(&end);
            }
            self.wake(site, Event::Closed { conn: end });
        }
        self.forget_dialled(end, site);
        self.network.tidy();
    }

    pub(super) fn forget_dialled(&mut self, end: ConnId, site: SiteId) {
        let soon = self.phase == Phase::Healing;
        let Some(process) = &mut self.site_mut(site).process else {
            return;
        };
        let to = process
            .dialled
            .iter()
            .find(|(_, dialled)| dialled.end == Some(end))
            .map(|(to, _)| *to);
        if let Some(to) = to {
            process.dialled.entry(to).or_default().end = None;
            self.plan_dial(site, to, soon);
        }
    }

    /// How long a parcel that this end sends now is under way.
    fn way_of(&mut self, from: ConnId) -> u64 {
        let ends = self.network.sites(from);
        let slow_ms = ends.and_then(|way| self.slow_ways.get(&way).copied());
        self.way_ms() + slow_ms.unwrap_or_default()
    }

    pub(super) fn way_ms(&mut self) -> u64 {
        self.pace.way_ms + self.chance.below(self.pace.way_jitter_ms)
    }
}

/// Frames of a handshake may be slow. And a stock peer that comes back before the node knows that
/// its old connection is dead might be anybody who takes its name.
const EXCUSED: [&str; 2] = ["handshake-too-slow", "this peer id is connected already"];

/// Close codes that say the peer broke the protocol, was refused or sent too much.
const PROTOCOL_CODES: [u16; 4] = [1002, 1008, 1009, 4003];
