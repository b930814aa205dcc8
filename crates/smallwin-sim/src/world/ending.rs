//! The end of a run: heal, wait until nothing moves, check; start everything anew, and again.

use super::World;
use crate::oracle::Violation;
use crate::site::{Process, Site};

impl World {
    /// Heals, checks, restarts everything, checks again.
    pub(super) fn end_well(&mut self) -> Result<(), Violation> {
        self.end_trouble();
        self.until_quiet()?;
        self.hold_convergence()?;
        self.check_everything()?;
        self.restart_all()?;
        let frames_before = self.counts.frames;
        self.until_quiet()?;
        self.hold_frames_down(self.counts.frames - frames_before)?;
        self.check_everything()?;
        self.stay_quiet()
    }

    /// Runs until nothing has moved for a while and nobody has a goal left.
    fn until_quiet(&mut self) -> Result<(), Violation> {
        let (began_ms, frames_before) = (self.now_ms(), self.counts.frames);
        loop {
            self.run_until(self.now_ms() + 500)?;
            let still_ms = self.now_ms() - self.moved_ms;
            if still_ms >= QUIET_MS
                && self.network.under_way() == 0
                && !self.goals_are_open()
                && self.all_are_connected()
                && self.guests_are_connected()
            {
                self.say("world", format_args!("is quiet"));
                return Ok(());
            }
            if self.now_ms() - began_ms > PATIENCE_MS {
                return Err(Violation::new("quiet", self.unrest(frames_before)));
            }
        }
    }

    /// What keeps the world from being quiet.
    fn unrest(&self, frames_before: u64) -> String {
        let frames = self.counts.frames - frames_before;
        let under_way = self.network.under_way();
        let strangers: Vec<&str> = self
            .sites
            .iter()
            .filter(|site| !site.is_gone && !self.is_member(site.id))
            .map(|site| site.name)
            .collect();
        let alone: Vec<&str> = self
            .sites
            .iter()
            .filter(|site| !self.is_connected(site))
            .map(|site| site.name)
            .collect();
        let guests = self.guests_are_connected();
        format!(
            "no quiet after {PATIENCE_MS} ms: {frames} frames, {under_way} still under way, not members: {strangers:?}, not connected: {alone:?}, stock peers connected: {guests}"
        )
    }

    /// Whether every site has proved itself to all that it dials.
    fn all_are_connected(&self) -> bool {
        self.sites.iter().all(|site| self.is_connected(site))
    }

    fn is_connected(&self, site: &Site) -> bool {
        let is_ready = |process: &Process| process.ready_dialled().len() == process.dialled.len();
        site.is_gone || site.process.as_ref().is_some_and(is_ready)
    }

    fn restart_all(&mut self) -> Result<(), Violation> {
        self.say("world", format_args!("restarts everything"));
        for site in self.site_ids() {
            self.crash(site, 50);
        }
        let living = self.sites.iter().filter(|site| !site.is_gone).count();
        self.counts.crashes -= living as u64;
        for site in self.site_ids() {
            self.start(site);
        }
        self.run_until(self.now_ms())
    }

    /// Meeting again without news costs a bounded number of frames.
    fn hold_frames_down(&self, frames: u64) -> Result<(), Violation> {
        let of_sites = self.sites.iter().map(|site| site.dials.len() as u64);
        let of_guests = self.guests.iter().map(|guest| guest.dials.len() as u64);
        let conns: u64 = of_sites.chain(of_guests).sum();
        let documents = self.names.len() as u64;
        let most = conns * (FRAMES_PER_CONN + documents * FRAMES_PER_DOCUMENT);
        if frames <= most {
            return Ok(());
        }
        Err(Violation::new(
            "quiet",
            format!("{frames} frames to meet again without news, more than {most}"),
        ))
    }

    /// When all is said, nothing is sent.
    fn stay_quiet(&mut self) -> Result<(), Violation> {
        let frames_before = self.counts.frames;
        self.run_until(self.now_ms() + QUIET_MS * 2)?;
        match self.counts.frames - frames_before {
            0 => Ok(()),
            frames => Err(Violation::new(
                "quiet",
                format!("{frames} frames although all is said"),
            )),
        }
    }
}

/// Longer than anything an engine waits for by itself.
const QUIET_MS: u64 = 15_000;

/// How long healing may take: people pause between attempts to join.
const PATIENCE_MS: u64 = 600_000;

/// Handshake, circles, log and cards, both ways.
const FRAMES_PER_CONN: u64 = 40;

/// A sync of equal documents takes two or three; news of what reached whom as many.
const FRAMES_PER_DOCUMENT: u64 = 12;
