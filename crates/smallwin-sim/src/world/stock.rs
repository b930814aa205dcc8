//! Stock peers in the open space: what they hear, type and pass on.

use smallwin_circle::DocumentId;
use smallwin_sync::{ConnId, DocKey, Local, Space};

use super::{Happening, World};
use crate::frames::{self, Line, Seen};
use crate::guest::{GuestEnd, Kind};
use crate::network::SiteId;
use crate::oracle::{Violation, short};
use crate::site::Wish;
use crate::stock::{Id, Stock, shown};

impl World {
    fn stock(&mut self, id: SiteId) -> Option<&mut Stock> {
        match &mut self.guest_mut(id)?.kind {
            Kind::Stock(stock) => Some(stock),
            _ => None,
        }
    }

    fn own_end(&self, id: SiteId, end: ConnId) -> Option<GuestEnd> {
        let guest = self.guest(id)?;
        guest.ends.values().find(|own| own.end == end).cloned()
    }

    /// A node answered: the repository says what it has, and asks for what it lacks.
    pub(super) fn stock_ready(&mut self, id: SiteId, end: ConnId) {
        let node = self.guest(id).and_then(|guest| guest.node_at(end));
        let ids = self.open_documents.clone();
        let (Some(node), Some(stock)) = (node, self.stock(id)) else {
            return;
        };
        for (document, asks, data) in stock.meet(end, node, &ids) {
            let kind = if asks { "request" } else { "sync" };
            self.say_as_stock(id, end, kind, &document, &data);
        }
    }

    pub(super) fn stock_hears(&mut self, id: SiteId, end: ConnId, seen: &Seen) {
        let document = seen.document.as_ref();
        let document = document.and_then(|text| text.parse::<DocumentId>().ok());
        let Some(document) = document.map(|document| *document.as_bytes()) else {
            return;
        };
        match seen.kind.as_str() {
            "sync" => self.stock_syncs(id, end, &document, &seen.data),
            "ephemeral" => self.stock_hears_presence(id, &document, seen),
            _ => {}
        }
    }

    fn stock_syncs(&mut self, id: SiteId, end: ConnId, document: &Id, data: &[u8]) {
        let Some(stock) = self.stock(id) else { return };
        let taken = match stock.take(end, document, data) {
            Ok(taken) => taken,
            Err(fault) => {
                let what = format!("{} cannot take a message: {fault}", self.name_of(id));
                return self.violated("stock peers understand", what);
            }
        };
        if !taken.news.is_empty() {
            let (count, name) = (taken.news.len(), self.open_name(document));
            self.tell(id, format_args!("has {count} new changes of {name}"));
            self.spread_to_one(taken.news);
            self.plan_stock_sync(id, document);
        }
        if let Some(answer) = taken.answer {
            self.say_as_stock(id, end, "sync", document, &answer);
        }
    }

    /// automerge-repo tells all peers of a document at most so often.
    fn plan_stock_sync(&mut self, id: SiteId, document: &Id) {
        let after_ms = self.chance.between(0, THROTTLE_MS);
        self.agenda
            .put(after_ms, Happening::StockSyncs(id, *document));
    }

    pub(super) fn stock_tells_all(&mut self, id: SiteId, document: &Id) {
        let Some(stock) = self.stock(id) else { return };
        for (end, data) in stock.news_for_all(document) {
            self.say_as_stock(id, end, "sync", document, &data);
        }
    }

    fn say_as_stock(&mut self, id: SiteId, end: ConnId, kind: &str, document: &Id, data: &[u8]) {
        let Some(own) = self.own_end(id, end) else {
            return;
        };
        let line = Line {
            sender: &own.own_id,
            target: &own.node_id,
        };
        let frame = frames::write_document(line, kind, &wire_id(document), "data", data);
        let name = self.open_name(document);
        self.tell(id, format_args!("→ {} {kind} {name}", end.0));
        self.put_on_wire(end, frame);
    }

    /// Passes presence on like a stock client: to every peer but its author, even to where it
    /// came from, and only once.
    fn stock_hears_presence(&mut self, id: SiteId, document: &Id, seen: &Seen) {
        let Some(stock) = self.stock(id) else { return };
        let (own_id, is_new) = (
            stock.peer_id.clone(),
            stock.hears(&seen.sender, &seen.session, seen.count),
        );
        if !is_new || own_id == seen.sender {
            return;
        }
        self.send_presence(
            id,
            document,
            &seen.sender.clone(),
            &seen.session,
            seen.count,
        );
    }

    fn send_presence(
        &mut self,
        id: SiteId,
        document: &Id,
        sender: &str,
        session: &str,
        count: u64,
    ) {
        let conns = self.stock(id).map(|stock| stock.conns());
        for end in conns.unwrap_or_default() {
            let Some(own) = self.own_end(id, end) else {
                continue;
            };
            let line = Line {
                sender,
                target: &own.node_id,
            };
            let frame = frames::write_presence(line, &wire_id(document), count, session);
            self.put_on_wire(end, frame);
        }
    }

    /// One deed of whoever sits before a stock client.
    pub(super) fn stock_acts(&mut self, id: SiteId) {
        let Some(document) = self.chance.pick(&self.open_documents).copied() else {
            return;
        };
        match self.chance.below(100) {
            0..25 => self.stock_types(id, &document),
            25..45 => {
                let Some(stock) = self.stock(id) else { return };
                let (count, sender) = (stock.next_count(), stock.peer_id.clone());
                let session = stock.session.clone();
                self.counts.presence += 1;
                let name = self.open_name(&document);
                self.tell(id, format_args!("shows presence {count} in {name}"));
                self.send_presence(id, &document, &sender, &session, count);
            }
            45..48 => {
                let forgets = self.chance.percent(30);
                let name = self.name_of(id);
                let what = if forgets {
                    "and its storage is gone"
                } else {
                    ""
                };
                self.tell(id, format_args!("loads its page anew {what}"));
                self.drop_ends(id);
                let Some(place) = crate::guest::place_of(id) else {
                    return;
                };
                if let Kind::Stock(stock) = &mut self.guests[place].kind {
                    stock.start(name, &mut self.chance);
                    if forgets {
                        stock.forget();
                    }
                }
            }
            _ => {}
        }
    }

    fn stock_types(&mut self, id: SiteId, document: &Id) {
        let Some(place) = crate::guest::place_of(id) else {
            return;
        };
        self.tokens += 1;
        let word = format!("stock{} ", self.tokens);
        // Only the first of them begins documents, as whoever has the link does not.
        let begins = place == 0;
        let Kind::Stock(stock) = &mut self.guests[place].kind else {
            return;
        };
        let Some(hash) = stock.edit(document, begins, &word, &mut self.chance) else {
            return;
        };
        self.counts.stock_changes += 1;
        self.moved();
        let name = self.open_name(document);
        self.tell(id, format_args!("types {} into {name}", short(&hash)));
        self.spread_to_one([hash]);
        self.plan_stock_sync(id, document);
    }

    /// All stock peers and all nodes of the open space have the same.
    pub(super) fn check_open_space(&mut self) -> Result<(), Violation> {
        for document in self.open_documents.clone() {
            let name = self.open_name(&document);
            let mut first: Option<(&str, (Vec<_>, String))> = None;
            let mut all = Vec::new();
            for guest in &self.guests {
                if let Kind::Stock(stock) = &guest.kind {
                    all.push((guest.name, stock.shown(&document)));
                }
            }
            for node in self.open_nodes.clone() {
                let key = open_key(&document);
                self.open_there(node, key)?;
                let engine = self.site(node).engine().expect("all run in the end");
                // What nobody ever wrote is nowhere.
                let here = engine.document(&key).map(shown).unwrap_or_default();
                all.push((self.site(node).name, here));
            }
            for (who, here) in all {
                match &first {
                    None => first = Some((who, here)),
                    Some((other, there)) if *there != here => {
                        let (theirs, ours) = (heads(&there.0), heads(&here.0));
                        let what = format!("{name} at {who} is at {ours}, at {other} at {theirs}");
                        return Err(Violation::new("S1", what));
                    }
                    Some(_) => {}
                }
            }
            self.check_open_document(&document)?;
        }
        Ok(())
    }

    /// What a node of the open space acknowledged is there.
    fn check_open_document(&self, document: &Id) -> Result<(), Violation> {
        let key = open_key(document);
        for told in self.oracle.acknowledged(&key) {
            let is_there = |node: &SiteId| {
                let held = self.site(*node).disk.durable().changes.get(&key);
                held.is_some_and(|held| held.contains(&told))
            };
            if !self.open_nodes.iter().all(is_there) {
                let what = format!(
                    "not all have {} of {}",
                    short(&told),
                    self.open_name(document)
                );
                return Err(Violation::new("nothing acknowledged is lost", what));
            }
        }
        Ok(())
    }

    fn open_there(&mut self, node: SiteId, key: DocKey) -> Result<(), Violation> {
        let wish = Wish::Other {
            what: "open a document of the open space",
        };
        self.ask(node, Local::Open { document: key }, wish);
        self.until_done(node, "a document of the open space")
    }

    /// A document of the open space as people call it.
    pub(super) fn open_name(&self, document: &Id) -> String {
        let place = self.open_documents.iter().position(|id| id == document);
        place.map_or_else(
            || "an unknown open note".to_owned(),
            |place| format!("open note {place}"),
        )
    }
}

fn open_key(document: &Id) -> DocKey {
    DocKey {
        space: Space::Open,
        id: *document,
    }
}

/// The id as it stands on the wire.
pub(super) fn wire_id(document: &Id) -> String {
    open_key(document).wire_id()
}

fn heads(heads: &[[u8; 32]]) -> String {
    heads
        .iter()
        .map(|head| short(head))
        .collect::<Vec<_>>()
        .join(" ")
}

/// How long automerge-repo waits at most before it tells its peers of a change.
const THROTTLE_MS: u64 = 100;
