//! Listens on the wire: what an engine says there, it must be able to stand by.

use smallwin_circle::{DocumentId, Kind, Record};
use smallwin_gate::ChunkKind;
use smallwin_sync::{ConnId, DocKey, Space};

use super::World;
use crate::frames::{self, Seen};
use crate::network::{SiteId, other};
use crate::options::Plant;
use crate::oracle::{Hash, short};

impl World {
    /// Reads a frame that the engine of `site` sends, tells the story, and holds it to its word.
    pub(super) fn listen(&mut self, site: SiteId, conn: ConnId, bytes: &[u8]) {
        let seen = match frames::read(bytes) {
            Ok(seen) => seen,
            Err(fault) => return self.violated("wire", fault),
        };
        if let Some(process) = &mut self.site_mut(site).process {
            process
                .addresses
                .insert(conn, (seen.sender.clone(), seen.target.clone()));
        }
        let document = seen
            .document
            .as_ref()
            .and_then(|id| id.parse::<DocumentId>().ok());
        let receiver = self.network.sites(other(conn)).map(|(site, _)| site);
        let guest = receiver.and_then(|site| self.guest(site));
        let space = guest.map_or(Space::Circles, |guest| guest.space);
        let key = document.map(|id| DocKey {
            space,
            id: *id.as_bytes(),
        });
        match (receiver, document) {
            (Some(receiver), Some(id)) if space == Space::Circles => {
                self.guard_privacy(site, receiver, id, &seen);
            }
            _ => {}
        }
        match (seen.kind.as_str(), key) {
            ("sync" | "request", Some(key)) => self.hear_sync(site, conn, key, &seen),
            ("smallwin/log" | "smallwin/host", _) => self.hear_records(site, conn, &seen),
            ("smallwin/beside", _) => self.hear_beside(site, conn, &seen),
            ("ephemeral", Some(_)) => self.hear_presence(site, conn, seen),
            ("smallwin/reached", Some(key)) => self.hear_reached(site, conn, key, &seen),
            _ => {
                let about = key.map(|key| self.name(&key)).unwrap_or_default();
                self.tell(
                    site,
                    format_args!("→ {} {} {about} {}", conn.0, seen.kind, seen.word),
                );
            }
        }
    }

    /// A document as people call it.
    pub(super) fn name(&self, document: &DocKey) -> String {
        if document.space == Space::Open {
            return self.open_name(&document.id);
        }
        let Some(named) = self.names.get(&DocumentId::from_bytes(document.id)) else {
            return "an unknown document".to_owned();
        };
        let owner = named.person().and_then(|person| {
            let is_theirs = |index: &usize| self.person_id(*index) == Some(person);
            (0..self.people.len())
                .find(is_theirs)
                .map(|index| self.people[index].name)
        });
        let revision = named.revision().filter(|revision| *revision > 1);
        let revision = revision
            .map(|revision| format!(" {revision}"))
            .unwrap_or_default();
        match owner {
            Some(owner) => format!("{}{revision} of {owner}", named.kind),
            None => format!("{}{revision}", named.kind),
        }
    }

    fn hear_sync(&mut self, site: SiteId, conn: ConnId, document: DocKey, seen: &Seen) {
        let shape = match smallwin_gate::check_sync_message(&seen.data) {
            Ok(shape) => shape,
            Err(fault) => {
                return self.violated(
                    "G1",
                    format!("a sync message of our own is refused: {fault}"),
                );
            }
        };
        let mut hashes = shape.heads.clone();
        let mut documents = 0;
        for chunk in &shape.chunks {
            match (chunk.kind, seen.data.get(chunk.range.clone())) {
                (ChunkKind::Change | ChunkKind::Compressed, Some(bytes)) => {
                    match smallwin_gate::read_change(bytes) {
                        Ok(header) => hashes.push(header.hash),
                        Err(fault) => {
                            return self.violated(
                                "G1",
                                format!("a change of our own is refused: {fault}"),
                            );
                        }
                    }
                }
                _ => documents += 1,
            }
        }
        let heads: Vec<String> = shape.heads.iter().map(|head| short(head)).collect();
        let (name, count) = (self.name(&document), hashes.len() - shape.heads.len());
        let needs = shape.need.len();
        self.tell(
            site,
            format_args!(
                "→ {} {} {name}: at {}, {count} changes, {documents} documents, needs {needs}",
                conn.0,
                seen.kind,
                heads.join(" "),
            ),
        );
        self.told_changes(site, document, hashes);
    }

    fn hear_records(&mut self, site: SiteId, conn: ConnId, seen: &Seen) {
        let (heads, records, ids) = (seen.heads.len(), seen.records.len(), seen.ids.len());
        let first = seen
            .heads
            .iter()
            .map(|head| short(head))
            .collect::<Vec<_>>()
            .join(" ");
        self.tell(
            site,
            format_args!(
                "→ {} {}: {heads} heads {first}, {records} records, {ids} ids",
                conn.0, seen.kind
            ),
        );
        let mut told: Vec<Hash> = seen.heads.iter().chain(&seen.ids).copied().collect();
        for record in &seen.records {
            let hash = *blake3::hash(record).as_bytes();
            let id = match self.record_ids.get(&hash) {
                Some(id) => *id,
                None => match Record::parse(record) {
                    Ok(record) => *record.id().as_bytes(),
                    Err(fault) => {
                        return self.violated("C1", format!("a record that is none: {fault}"));
                    }
                },
            };
            self.record_ids.insert(hash, id);
            told.push(id);
        }
        self.told_records(site, told);
    }

    /// Cards and manifests are kept before they are passed on, like everything else.
    fn hear_beside(&mut self, site: SiteId, conn: ConnId, seen: &Seen) {
        self.tell(
            site,
            format_args!(
                "→ {} {}: {} cards and manifests",
                conn.0,
                seen.kind,
                seen.beside.len()
            ),
        );
        let held = &self.sites[site.0].disk.durable().beside;
        let early = seen
            .beside
            .iter()
            .find(|bytes| !held.contains(blake3::hash(bytes).as_bytes()));
        if early.is_some() && !self.plant(Plant::ToldBeforeKeptUnseen) {
            let what = format!(
                "{} passes on a card or manifest that is not durable",
                self.site(site).name
            );
            self.violated("K1", what);
        }
    }

    /// Whoever says that a person's devices have something must be right.
    fn hear_reached(&mut self, site: SiteId, conn: ConnId, document: DocKey, seen: &Seen) {
        let name = self.name(&document);
        self.tell(
            site,
            format_args!("→ {} reached {name}: {} people", conn.0, seen.people.len()),
        );
        for (person, heads) in &seen.people {
            // A rogue claims for its person what it likes.
            let is_rogues = self.sites.iter().any(|site| {
                let id = self.person_id(site.person);
                site.is_gone && id.is_some_and(|id| id.as_bytes() == person)
            });
            if is_rogues {
                continue;
            }
            let holds = |head: &Hash| {
                self.sites.iter().any(|site| {
                    let theirs = self
                        .person_id(site.person)
                        .is_some_and(|id| id.as_bytes() == person);
                    let held = site.disk.durable().changes.get(&document);
                    let is_there = held.is_some_and(|held| held.contains(head));
                    theirs && (is_there || self.oracle.is_forgiven(site.id, head))
                })
            };
            if let Some(head) = heads
                .iter()
                .find(|head| !self.oracle.is_constant(head) && !holds(head))
            {
                let what = format!(
                    "{} says that {} reached somebody who lacks it",
                    self.site(site).name,
                    short(head)
                );
                return self.violated("K1", what);
            }
        }
    }

    /// Presence is passed on once to each, and never to who sent it.
    fn hear_presence(&mut self, site: SiteId, conn: ConnId, seen: Seen) {
        let from = self.name_of(site);
        self.tell(
            site,
            format_args!("→ {} presence {} of {}", conn.0, seen.count, seen.sender),
        );
        if seen.sender == seen.target {
            let what = format!("{from} sends presence back to its author {}", seen.sender);
            return self.violated("presence once", what);
        }
        let told = (conn, seen.sender, seen.session, seen.count);
        if !self.presence_told.insert(told.clone()) {
            let what = format!("{from} passes on presence {} of {} twice", told.3, told.1);
            self.violated("presence once", what);
        }
    }

    /// V1: nothing about a draft, or a voice that is not shared, goes to another person, and
    /// nothing at all to a stranger.
    fn guard_privacy(&mut self, site: SiteId, receiver: SiteId, id: DocumentId, seen: &Seen) {
        let Some(document) = self.names.get(&id) else {
            return;
        };
        let is_private = match document.kind {
            Kind::Draft => true,
            Kind::Voice => !self.shared.contains(&document.key),
            _ => false,
        };
        let person = match self.guest(receiver).map(|guest| &guest.kind) {
            None => Some(self.site(receiver).person),
            Some(crate::guest::Kind::Rogue(rogue)) => rogue.was.map(|was| self.site(was).person),
            Some(_) => None,
        };
        let is_owners = document.person() == person.and_then(|person| self.person_id(person));
        // To say that a document is not to be had says nothing about it.
        let says_nothing = seen.kind == "doc-unavailable";
        if (is_private && !is_owners || person.is_none()) && !says_nothing {
            let (from, to) = (self.name_of(site), self.name_of(receiver));
            let what = format!(
                "{from} sends a frame about {} to {to}",
                self.name(&DocKey::circles(&id))
            );
            self.violated("V1", what);
        }
    }

    pub(super) fn told_changes(&mut self, site: SiteId, document: DocKey, hashes: Vec<Hash>) {
        let how = hashes.iter().find_map(|hash| self.oracle.how_forged(hash));
        if let (Some(how), Space::Circles) = (how, document.space) {
            let what = format!("{} passes on a change that is {how}", self.site(site).name);
            return self.violated("C3", what);
        }
        let durable = self.sites[site.0].disk.durable();
        let told = self.oracle.told_changes(site, document, hashes, durable);
        self.hold_told(told);
    }

    pub(super) fn told_records(&mut self, site: SiteId, ids: Vec<Hash>) {
        let durable = self.sites[site.0].disk.durable();
        let told = self.oracle.told_records(site, ids, durable);
        self.hold_told(told);
    }

    fn hold_told(&mut self, told: Result<(), crate::oracle::Violation>) {
        if !self.plant(Plant::ToldBeforeKeptUnseen) {
            self.hold(told);
        }
    }
}
