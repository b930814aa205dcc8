//! Guests come, dial, say who they are, lose their connections and dial again.

use smallwin_circle::{DeviceKey, Side, channel_message, channel_transcript};
use smallwin_circle::{circle_message, circle_tag};
use smallwin_sync::{ConnId, Space};

use super::reading::Slowness;
use super::{Happening, Phase, World};
use crate::frames::{self, Line, Seen};
use crate::guest::{Guest, GuestEnd, Kind, place_of};
use crate::network::{SiteId, other};

impl World {
    pub(super) fn guest(&self, id: SiteId) -> Option<&Guest> {
        self.guests.get(place_of(id)?)
    }

    pub(super) fn guest_mut(&mut self, id: SiteId) -> Option<&mut Guest> {
        self.guests.get_mut(place_of(id)?)
    }

    /// It is there from now on.
    pub(super) fn come(&mut self, id: SiteId) {
        let Some(guest) = self.guest_mut(id).filter(|guest| !guest.is_here) else {
            return;
        };
        guest.is_here = true;
        let is_deaf = matches!(guest.kind, Kind::Deaf);
        let dials = guest.dials.clone();
        self.tell(id, format_args!("comes"));
        if is_deaf {
            self.read_slowly(id, Slowness::Never);
        }
        for node in dials {
            self.plan_guest_dial(id, node);
        }
        let after_ms = self.chance.between(1, self.pace.think_ms);
        self.agenda.put(after_ms, Happening::GuestThinks(id));
    }

    /// It goes for good, without a word.
    pub(super) fn go(&mut self, id: SiteId) {
        let Some(guest) = self.guest_mut(id).filter(|guest| guest.is_here) else {
            return;
        };
        guest.is_here = false;
        self.tell(id, format_args!("goes"));
        self.drop_ends(id);
    }

    /// Loses all its connections at once.
    pub(super) fn drop_ends(&mut self, id: SiteId) {
        for end in self.network.ends_at(id) {
            self.network.down(end);
            self.guest_lost(id, end);
            self.lose(end, 50);
        }
    }

    fn plan_guest_dial(&mut self, id: SiteId, node: SiteId) {
        let most_ms = if self.phase == Phase::Healing {
            500
        } else {
            4000
        };
        let after_ms = self.chance.between(50, most_ms);
        self.agenda.put(after_ms, Happening::GuestDials(id, node));
    }

    pub(super) fn guest_dials(&mut self, id: SiteId, node: SiteId) {
        let Some(guest) = self.guest(id) else { return };
        if !guest.is_here || guest.ends.contains_key(&node) {
            return;
        }
        let is_suspect = guest.is_suspect();
        if self.site(node).process.is_none() {
            return self.plan_guest_dial(id, node);
        }
        let (end, listener) = self.network.connect(id, node);
        if is_suspect {
            self.tainted.extend([end, listener]);
        }
        let own = GuestEnd {
            end,
            nonce: self.chance.bytes(),
            own_id: self.guest_peer_id(id),
            node_id: String::new(),
            is_ready: false,
        };
        self.guest_mut(id)
            .expect("looked at")
            .ends
            .insert(node, own);
        let (way_ms, starts) = (self.way_ms(), self.site(node).starts);
        self.agenda.put(way_ms, Happening::Accept(listener, starts));
        self.agenda.put(way_ms * 2, Happening::Established(end, 0));
    }

    fn guest_peer_id(&mut self, id: SiteId) -> String {
        let random = self.chance.below(1 << 40);
        let Some(guest) = self.guest(id) else {
            return String::new();
        };
        match &guest.kind {
            Kind::Stock(stock) => stock.peer_id.clone(),
            Kind::Rogue(rogue) if guest.space == Space::Circles => {
                format!("{}-{random:011x}", rogue.key.public())
            }
            Kind::Rogue(_) | Kind::Deaf => format!("{}-{random:x}", guest.name),
        }
    }

    /// Its connection stands: it says who it is.
    pub(super) fn guest_established(&mut self, id: SiteId, end: ConnId) {
        if !self.network.up(end) {
            return self.guest_lost(id, end);
        }
        let Some(guest) = self.guest(id) else { return };
        let Some(node) = guest.node_at(end) else {
            return;
        };
        let own = &guest.ends[&node];
        let hello = match &guest.kind {
            Kind::Rogue(rogue) if guest.space == Space::Circles => {
                let channel = self.site(node).authority.clone().unwrap_or_default();
                let key = rogue.key.public();
                frames::write_proving_join(&own.own_id, key.as_bytes(), &own.nonce, &channel)
            }
            _ => frames::write_join(&own.own_id),
        };
        self.tell(id, format_args!("joins on {}", end.0));
        self.put_on_wire(end, hello);
    }

    /// A frame reaches a guest.
    pub(super) fn guest_hears(&mut self, id: SiteId, end: ConnId, bytes: &[u8]) {
        let Ok(seen) = frames::read(bytes) else {
            return self.violated("wire", "a guest gets a frame that is none".to_owned());
        };
        let Some(guest) = self.guest_mut(id) else {
            return;
        };
        let (is_stock, is_deaf) = (
            matches!(guest.kind, Kind::Stock(_)),
            matches!(guest.kind, Kind::Deaf),
        );
        let Some(own) = guest.ends.values_mut().find(|own| own.end == end) else {
            return;
        };
        if seen.kind == "peer" && !own.is_ready {
            own.node_id.clone_from(&seen.sender);
            own.is_ready = true;
            return if is_stock {
                self.stock_ready(id, end)
            } else if !is_deaf {
                self.rogue_ready(id, end, &seen)
            };
        }
        if is_stock {
            self.stock_hears(id, end, &seen);
        }
    }

    fn rogue_ready(&mut self, id: SiteId, end: ConnId, seen: &Seen) {
        let (Some(guest), Some(circle)) = (self.guest(id), self.circle) else {
            return;
        };
        let (Kind::Rogue(rogue), Some(node)) = (&guest.kind, guest.node_at(end)) else {
            return;
        };
        if guest.space == Space::Open {
            return;
        }
        let own = guest.ends[&node].clone();
        let channel = self.site(node).authority.clone().unwrap_or_default();
        let (key, is_member) = (rogue.key.clone(), rogue.was.is_some());
        let node_key = DeviceKey::from_bytes(seen.key.as_slice().try_into().expect("a key"));
        let transcript = channel_transcript(
            &key.public(),
            &node_key.expect("a node's key"),
            &own.nonce,
            seen.nonce.as_slice().try_into().expect("a nonce"),
            &channel,
        );
        let line = Line {
            sender: &own.own_id,
            target: &own.node_id,
        };
        let proof = key.sign(&channel_message(Side::Dialer, &transcript));
        self.put_on_wire(end, frames::write_auth(line, proof.as_bytes()));
        if is_member {
            let proof = key.sign(&circle_message(&circle, Side::Dialer, &transcript));
            let tag = circle_tag(&transcript, &circle);
            let shown =
                frames::write_circles(line, &tag, key.public().as_bytes(), proof.as_bytes());
            self.put_on_wire(end, shown);
        }
    }

    /// An end of a guest is over; it dials again.
    pub(super) fn guest_lost(&mut self, id: SiteId, end: ConnId) {
        let remembers = self.chance.percent(50);
        let Some(guest) = self.guest_mut(id) else {
            return;
        };
        let Some(node) = guest.node_at(end) else {
            return;
        };
        guest.ends.remove(&node);
        if let Kind::Stock(stock) = &mut guest.kind {
            stock.part(end, node, remembers);
        }
        self.plan_guest_dial(id, node);
    }

    pub(super) fn guest_thinks(&mut self, id: SiteId) {
        let Some(guest) = self.guest(id).filter(|guest| guest.is_here) else {
            return;
        };
        let kind = match guest.kind {
            Kind::Stock(_) => 0,
            Kind::Rogue(_) => 1,
            Kind::Deaf => 2,
        };
        let after_ms = self
            .chance
            .between(self.pace.think_ms / 4, self.pace.think_ms * 2);
        self.agenda.put(after_ms, Happening::GuestThinks(id));
        if self.phase != Phase::Trouble {
            return;
        }
        match kind {
            0 => self.stock_acts(id),
            1 => self.rogue_acts(id),
            _ => self.deaf_asks(id),
        }
    }

    /// Asks for everything and reads no answer.
    fn deaf_asks(&mut self, id: SiteId) {
        let ready = self.network.ends_at(id);
        let Some(end) = self.chance.pick(&ready).copied() else {
            return;
        };
        let ids = self.open_documents.clone();
        let own_id = self
            .guest(id)
            .and_then(|guest| guest.ends.values().find(|own| own.end == end))
            .map(|own| own.own_id.clone());
        let line = Line {
            sender: &own_id.unwrap_or_default(),
            target: "",
        };
        let Some(document) = self.chance.pick(&ids) else {
            return;
        };
        let document = super::stock::wire_id(document);
        let frame = match self.chance.below(3) {
            0 => frames::write_presence(line, &document, self.now_ms(), "deaf"),
            _ => frames::write_document(line, "request", &document, "data", ASK),
        };
        self.put_on_wire(end, frame);
    }

    /// Whether every stock peer is connected with all that it dials.
    pub(super) fn guests_are_connected(&self) -> bool {
        let waits = |guest: &&Guest| {
            matches!(guest.kind, Kind::Stock(_)) && guest.ready().len() < guest.dials.len()
        };
        !self
            .guests
            .iter()
            .filter(|guest| guest.is_here)
            .any(|guest| waits(&guest))
    }

    /// A frame that goes over the wire, for those who collect them.
    pub(super) fn overhear(&mut self, conn: ConnId, bytes: &[u8]) {
        let is_rogues = |guest: &Guest| matches!(guest.kind, Kind::Rogue(_));
        let ends = [conn, other(conn)].map(|end| self.network.sites(end));
        let of_rogue = ends
            .iter()
            .flatten()
            .any(|(site, _)| self.guest(*site).is_some_and(is_rogues));
        if of_rogue || !self.guests.iter().any(is_rogues) {
            return;
        }
        if self.overheard.len() == OVERHEARD_MAX {
            self.overheard.pop_front();
        }
        self.overheard.push_back(bytes.to_vec());
    }
}

/// The first message of a client that has nothing.
const ASK: &[u8] = &[0x42, 0, 0, 1, 0, 0, 0, 2, 2, 0x84];

/// Frames remembered to be replayed.
const OVERHEARD_MAX: usize = 200;
