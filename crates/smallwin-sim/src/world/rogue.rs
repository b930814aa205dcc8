//! Peers that forge, replay and withhold, with a member's key or without.

use automerge::{ActorId, Automerge, ReadDoc as _};
use smallwin_circle::{CircleId, DocumentRef, Frontier, SigningKey};
use smallwin_sync::Space;

use super::World;
use super::writes::change;
use crate::frames::{self, Line};
use crate::guest::{GuestEnd, Kind};
use crate::network::SiteId;
use crate::oracle::short;
use crate::site::Edit;

impl World {
    /// A member's device falls into the hands of somebody who writes their own program.
    pub(super) fn perhaps_turn(&mut self, site: SiteId) {
        let was = |guest: &crate::guest::Guest| match &guest.kind {
            Kind::Rogue(rogue) => rogue.was == Some(site),
            _ => false,
        };
        let Some(rogue) = self.guests.iter().find(|guest| was(guest)) else {
            return;
        };
        let rogue = rogue.id;
        if !self.is_member(site) || !self.chance.percent(10) {
            return;
        }
        self.tell(site, format_args!("turns: its device is a rogue's now"));
        self.crash(site, 50);
        self.counts.crashes -= 1;
        self.site_mut(site).is_gone = true;
        self.oracle.forget(site);
        self.come(rogue);
    }

    pub(super) fn rogue_acts(&mut self, id: SiteId) {
        let Some(guest) = self.guest(id) else { return };
        let (ready, space) = (guest.ready(), guest.space);
        let Some(own) = self.chance.pick(&ready).cloned() else {
            return;
        };
        for _ in 0..self.chance.between(1, 3) {
            match self.chance.below(100) {
                0..30 => self.replay(id, &own, 0),
                30..45 => self.replay(id, &own, 4),
                45..52 => self.replay_as_it_was(id, &own),
                52..68 => self.claim(id, &own),
                68..80 if space == Space::Circles => self.build_on_nothing(id, &own),
                80..93 => self.ask_around(id, &own),
                _ => {
                    self.tell(id, format_args!("drops its connections"));
                    return self.drop_ends(id);
                }
            }
        }
    }

    /// Sends what somebody else said, as its own, with so many bytes changed.
    fn replay(&mut self, id: SiteId, own: &GuestEnd, changed_max: u64) {
        let Some(frame) = self.some_overheard() else {
            return;
        };
        let Some(mut frame) = frames::readdress(&frame, line(own)) else {
            return;
        };
        for _ in 0..self.chance.below(changed_max + 1) {
            let at = self.chance.below(frame.len() as u64) as usize;
            frame[at] ^= 1 << self.chance.below(8);
        }
        self.rogue_sends(id, own, "replays something", frame);
    }

    fn replay_as_it_was(&mut self, id: SiteId, own: &GuestEnd) {
        if let Some(frame) = self.some_overheard() {
            self.rogue_sends(id, own, "replays something as it was", frame);
        }
    }

    /// Claims heads that nobody has, and never sends them.
    fn claim(&mut self, id: SiteId, own: &GuestEnd) {
        let Some(document) = self.some_document(id) else {
            return;
        };
        let head = self.chance.bytes();
        let message = frames::write_sync_message(&[head], &[]);
        let frame = frames::write_document(line(own), "sync", &document, "data", &message);
        self.rogue_sends(id, own, "claims heads that nobody has", frame);
    }

    /// Sends a signed change whose dependency it keeps back.
    fn build_on_nothing(&mut self, id: SiteId, own: &GuestEnd) {
        let (Some(circle), Some(guest)) = (self.circle, self.guest(id)) else {
            return;
        };
        let Kind::Rogue(rogue) = &guest.kind else {
            return;
        };
        let (key, document) = (rogue.key.clone(), DocumentRef::check_in(1));
        let (hash, bytes, frontier) = self.second_change(&circle, &document, &key);
        self.oracle.forged(hash, "without what it builds on");
        let name = document.id(&circle).to_string();
        let frontier =
            frames::write_document(line(own), "smallwin/frontier", &name, "items", &frontier);
        self.rogue_sends(id, own, "sends a frontier", frontier);
        let message = frames::write_sync_message(&[hash], &[&bytes]);
        let frame = frames::write_document(line(own), "sync", &name, "data", &message);
        let what = format!("sends {} and keeps back what it builds on", short(&hash));
        self.rogue_sends(id, own, &what, frame);
    }

    /// The second of two changes of one actor.
    fn second_change(
        &mut self,
        circle: &CircleId,
        document: &DocumentRef,
        by: &SigningKey,
    ) -> ([u8; 32], Vec<u8>, [u8; 144]) {
        let mut doc = Automerge::new();
        doc.load_incremental(&self.first_changes[&document.kind])
            .expect("the first change is one");
        let mut actor = [0; 40];
        actor[..32].copy_from_slice(by.public().as_bytes());
        actor[32..].copy_from_slice(&self.chance.bytes::<8>());
        doc.set_actor(ActorId::from(actor.as_slice()));
        let edit = Edit::Copy("withheld ".to_owned());
        let mut last = None;
        for _ in 0..2 {
            last = Some(change(&mut doc, document.kind, &edit, "", &mut self.chance));
        }
        let hash = last.expect("two were made");
        let change = doc.get_change_by_hash(&hash).expect("it was just made");
        let frontier = Frontier::sign(circle, &document.id(circle), actor, 2, hash.0, by);
        (
            hash.0,
            change.raw_bytes().to_vec(),
            frontier.expect("the actor is its own").encode(),
        )
    }

    /// Asks for documents that nobody has, or that are not its business.
    fn ask_around(&mut self, id: SiteId, own: &GuestEnd) {
        for _ in 0..self.chance.between(1, 10) {
            let unknown = super::stock::wire_id(&self.chance.bytes());
            let document = match self.chance.below(2) {
                0 => self.some_document(id).unwrap_or(unknown),
                _ => unknown,
            };
            let frame = frames::write_document(line(own), "request", &document, "data", NOTHING);
            self.rogue_sends(id, own, "asks around", frame);
        }
    }

    fn rogue_sends(&mut self, id: SiteId, own: &GuestEnd, what: &str, frame: Vec<u8>) {
        self.counts.rogue_frames += 1;
        let bytes = frame.len();
        self.tell(id, format_args!("→ {} {what}, {bytes} bytes", own.end.0));
        self.put_on_wire(own.end, frame);
    }

    fn some_overheard(&mut self) -> Option<Vec<u8>> {
        let at = self.chance.below(self.overheard.len() as u64) as usize;
        self.overheard.get(at).cloned()
    }

    /// A document of the space it is in.
    fn some_document(&mut self, id: SiteId) -> Option<String> {
        if self.guest(id)?.space == Space::Open {
            let document = self.chance.pick(&self.open_documents)?;
            return Some(super::stock::wire_id(document));
        }
        let names: Vec<_> = self.names.keys().copied().collect();
        self.chance.pick(&names).map(ToString::to_string)
    }
}

fn line(own: &GuestEnd) -> Line<'_> {
    Line {
        sender: &own.own_id,
        target: &own.node_id,
    }
}

/// The first message of a client that has nothing.
const NOTHING: &[u8] = &[0x42, 0, 0, 1, 0, 0, 0, 2, 2, 0x84];
