//! Processes and their disks: start, beat, keep, read, die.

use std::panic::{AssertUnwindSafe, catch_unwind};

use smallwin_sync::{Config, DocKey, Effect, Engine, Event, Ticket, Write};

use super::{Happening, World};
use crate::network::SiteId;
use crate::options::Plant;
use crate::site::Process;

impl World {
    pub(super) fn start(&mut self, site: SiteId) {
        if self.site(site).process.is_some() || self.site(site).is_gone {
            return;
        }
        self.moved();
        let boot = self.site(site).disk.boot();
        let records: usize = boot.circles.iter().map(Vec::len).sum();
        self.tell(site, format_args!("starts with {records} records on disk"));
        let limits = self.limits();
        let state = self.site(site);
        let config = Config {
            node_key: state.node_key.clone(),
            device_key: state.device.clone(),
            sealing: state.sealing.public(),
            authorities: state.authority.clone().into_iter().collect(),
            first_changes: self.first_changes.clone(),
            open_space: self.open_nodes.contains(&site),
            limits,
        };
        let mut engine = match Engine::new(config, boot) {
            Ok(engine) => engine,
            Err(error) => return self.violated("start", error.to_string()),
        };
        if let Some(Plant::Engine(fault)) = self.options.plant {
            engine.plant(fault);
        }
        let state = self.site_mut(site);
        state.starts += 1;
        state.process = Some(Process::new(engine, &state.dials));
        let starts = state.starts;
        let dials = state.dials.clone();
        let tick_ms = self.chance.between(1, 1000);
        self.agenda.put(tick_ms, Happening::Tick(site, starts));
        let think_ms = self.chance.between(1, self.pace.think_ms);
        self.agenda.put(think_ms, Happening::Think(site, starts));
        for to in dials {
            self.plan_dial(site, to, true);
        }
    }

    pub(super) fn tick(&mut self, site: SiteId, starts: u64) {
        if self.site(site).runs(starts) {
            self.agenda.put(1000, Happening::Tick(site, starts));
            self.wake(site, Event::Tick);
        }
    }

    /// The process dies. With `power`, what was not durable is gone from the disk but for some luck.
    pub(super) fn crash(&mut self, site: SiteId, slowest_ms: u64) {
        if self.site_mut(site).process.take().is_none() {
            return;
        }
        self.moved();
        self.counts.crashes += 1;
        let disk = &self.site(site).disk;
        let (unsynced, pretended) = (disk.unsynced(), disk.pretended());
        let at_stake = unsynced + pretended;
        let survivors = self.chance.below(at_stake as u64 + 1) as usize;
        self.tell(
            site,
            format_args!(
                "crashes; {survivors} of {at_stake} unsynced writes are on the disk, which said of {pretended} that they are durable"
            ),
        );
        let lied = self.site_mut(site).disk.crash(survivors);
        self.note_news(site);
        if lied {
            self.forgive(site);
        }
        for end in self.network.ends_at(site) {
            self.network.down(end);
            self.lose(end, slowest_ms);
        }
        self.check_disk(site);
    }

    /// Gives the engine an event and does what it says.
    pub(super) fn wake(&mut self, site: SiteId, event: Event) {
        let now = self.clock(site);
        let Some(process) = &mut self.site_mut(site).process else {
            return;
        };
        let engine = &mut process.engine;
        let effects = catch_unwind(AssertUnwindSafe(|| engine.handle(now, event)));
        match effects {
            Ok(effects) => self.obey(site, effects),
            Err(panic) => self.panicked(site, panic.as_ref()),
        }
    }

    pub(super) fn panicked(&mut self, site: SiteId, panic: &(dyn std::any::Any + Send)) {
        let why = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("without a word");
        self.violated(
            "no panic",
            format!("the engine of {} panicked: {why}", self.site(site).name),
        );
    }

    pub(super) fn obey(&mut self, site: SiteId, effects: Vec<Effect>) {
        for effect in effects {
            if self.broken.is_some() {
                return;
            }
            match effect {
                Effect::Send { conn, bytes } => self.send(site, conn, &bytes),
                Effect::Close { conn, code, reason } => self.close(site, conn, code, reason),
                Effect::Keep { ticket, writes } => self.keep(site, ticket, writes),
                Effect::Load { document } => self.load(site, document),
                Effect::Work { job, work } => self.hand_out(site, job, work),
                Effect::Dial { url, .. } => self.tell(site, format_args!("is asked to dial {url}")),
                Effect::Answer { what, .. } => self.tell(site, format_args!("is asked for {what}")),
                Effect::Notice(notice) => self.notice(site, notice),
            }
        }
    }

    fn keep(&mut self, site: SiteId, ticket: Ticket, writes: Vec<Write>) {
        self.moved();
        self.tell(
            site,
            format_args!("keeps {} writes as {}", writes.len(), ticket.0),
        );
        let is_snapshot = |write: &&Write| matches!(write, Write::Replace { .. });
        self.counts.snapshots += writes.iter().filter(is_snapshot).count() as u64;
        let starts = self.site(site).starts;
        if let Err(why) = self.site_mut(site).disk.write(ticket, writes) {
            self.agenda
                .put(1, Happening::NotKept(site, starts, vec![ticket], why));
            return;
        }
        if self.plant(Plant::ToldBeforeKept) || self.plant(Plant::ToldBeforeKeptUnseen) {
            self.agenda
                .put(1, Happening::Kept(site, starts, vec![ticket]));
        }
        self.sync(site);
    }

    fn sync(&mut self, site: SiteId) {
        if self.site_mut(site).disk.begin_sync() {
            let starts = self.site(site).starts;
            let slow = self.site(site).disk.slow.max(1);
            let after_ms = self.chance.between(1, self.pace.disk_ms) * slow;
            self.agenda.put(after_ms, Happening::Synced(site, starts));
        }
    }

    pub(super) fn synced(&mut self, site: SiteId, starts: u64) {
        if !self.site(site).runs(starts) {
            return;
        }
        self.moved();
        // The process learns of it a moment later: it may die in between.
        let after_ms = self.chance.between(0, 3);
        let early = self.plant(Plant::ToldBeforeKept) || self.plant(Plant::ToldBeforeKeptUnseen);
        let ended = self.site_mut(site).disk.end_sync();
        self.note_news(site);
        match ended {
            Ok(_) if early => {}
            Ok(tickets) => self
                .agenda
                .put(after_ms, Happening::Kept(site, starts, tickets)),
            Err((tickets, why)) => {
                self.counts.failed_disks += 1;
                self.tell(site, format_args!("its disk fails"));
                self.agenda
                    .put(after_ms, Happening::NotKept(site, starts, tickets, why));
            }
        }
        self.sync(site);
    }

    pub(super) fn kept(&mut self, site: SiteId, starts: u64, tickets: &[Ticket]) {
        for ticket in tickets {
            if !self.site(site).runs(starts) || self.broken.is_some() {
                return;
            }
            self.tell(site, format_args!("has kept {}", ticket.0));
            self.wake(site, Event::Kept { ticket: *ticket });
        }
    }

    pub(super) fn not_kept(&mut self, site: SiteId, starts: u64, tickets: &[Ticket], why: &str) {
        for ticket in tickets {
            if self.site(site).runs(starts) {
                self.wake(
                    site,
                    Event::KeepFailed {
                        ticket: *ticket,
                        why: why.to_owned(),
                    },
                );
            }
        }
    }

    fn load(&mut self, site: SiteId, document: DocKey) {
        self.moved();
        let starts = self.site(site).starts;
        let after_ms = self.chance.between(0, self.pace.disk_ms);
        self.agenda
            .put(after_ms, Happening::Read(site, starts, document));
    }

    pub(super) fn read(&mut self, site: SiteId, starts: u64, document: DocKey) {
        if self.site(site).runs(starts) {
            let stored = self.site(site).disk.read(&document);
            let chunks = stored
                .as_ref()
                .map(|stored| stored.chunks.len())
                .unwrap_or_default();
            let name = self.name(&document);
            self.tell(site, format_args!("reads {name}: {chunks} changes"));
            self.wake(site, Event::Loaded { document, stored });
        }
    }
}
