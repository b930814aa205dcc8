//! What people do for no other reason than that they may, or may not.

use smallwin_circle::{
    Action, Body, Card, CardFields, ChangeHash, DocumentRef, Kind, Manifest, ManifestDocument,
    PersonId, Purpose, Role, Timestamp, may,
};
use smallwin_sync::Local;

use super::World;
use super::goals::REVISIONS;
use super::records::document_key;
use crate::network::SiteId;
use crate::site::{Edit, Wish};

impl World {
    /// One deed of the people behind a member's site.
    pub(super) fn act(&mut self, site: SiteId) {
        if self.people[self.site(site).person].lies && self.chance.percent(25) {
            return self.lie(site);
        }
        match self.chance.below(100) {
            0..46 => self.edit_something(site),
            46..64 => self.edit_own(site, Kind::Draft),
            64..72 => self.share(site),
            72..78 => self.edit_own(site, Kind::Voice),
            78..82 => self.grant(site),
            82..86 => self.announce(site),
            86..89 => self.snapshot(site),
            89..92 => self.state_something(site),
            92..94 => self.hand_in_card(site),
            _ => self.edit_something(site),
        }
    }

    fn edit_something(&mut self, site: SiteId) {
        let documents = self.writable(site, |document| {
            !matches!(document.kind, Kind::Draft | Kind::Voice)
        });
        if let Some(document) = self.chance.pick(&documents).cloned() {
            self.want_to_write(site, document, Edit::Scribble);
        }
    }

    fn edit_own(&mut self, site: SiteId, kind: Kind) {
        let documents = self.writable(site, |document| document.kind == kind);
        if let Some(document) = self.chance.pick(&documents).cloned() {
            self.want_to_write(site, document, Edit::Scribble);
        }
    }

    /// Documents that the site's device may write, as its own log says.
    fn writable(&self, site: SiteId, which: impl Fn(&DocumentRef) -> bool) -> Vec<DocumentRef> {
        let state = self.site(site);
        let log = self.circle.and_then(|circle| state.engine()?.log(&circle));
        let documents = log.map(|log| log.state().documents()).unwrap_or_default();
        let device = state.device.public();
        let fits = |document: &DocumentRef| {
            let allowed =
                log.is_some_and(|log| may(log.state(), &device, Action::Write, document).is_ok());
            allowed && which(document) && !smallwin_model::text_names(document.kind).is_empty()
        };
        documents.into_iter().filter(fits).collect()
    }

    /// Shares the own draft as it stands here; the first time, it is only opened.
    fn share(&mut self, site: SiteId) {
        let (Some(circle), Some(person)) = (self.circle, self.person_id(self.site(site).person))
        else {
            return;
        };
        let revision = self.chance.between(1, u64::from(REVISIONS)) as u32;
        let draft = DocumentRef::draft_of(revision, &person);
        if self.process_mut(site).appending
            || !self
                .writable(site, |document| *document == draft)
                .contains(&draft)
        {
            return;
        }
        let key = document_key(&draft, &circle);
        let Some(doc) = self
            .site(site)
            .engine()
            .and_then(|engine| engine.document(&key))
        else {
            let wish = Wish::Open {
                document: draft,
                then: None,
            };
            return self.ask(site, Local::Open { document: key }, wish);
        };
        let mut heads: Vec<ChangeHash> = doc
            .get_heads()
            .iter()
            .map(|head| ChangeHash::from_bytes(head.0))
            .collect();
        heads.sort_unstable();
        let is_empty = heads
            .iter()
            .all(|head| self.oracle.is_constant(head.as_bytes()));
        // Half-finished answers are seldom shared.
        if is_empty || self.chance.percent(50) {
            return;
        }
        self.shared.insert(draft.key.clone());
        let target = DocumentRef::voice_of(revision, &person);
        self.append(
            site,
            Body::Share {
                source: draft,
                heads,
                target,
            },
            "share",
        );
    }

    /// After a share: its text becomes the beginning of the voice.
    pub(super) fn copy_shared(&mut self, site: SiteId) {
        let voices = self.writable(site, |document| document.kind == Kind::Voice);
        if let Some(voice) = voices.first().cloned() {
            self.tokens += 1;
            let text = format!("shared{} ", self.tokens);
            self.want_to_write(site, voice, Edit::Copy(text));
        }
    }

    fn is_facilitator(&self, site: SiteId) -> bool {
        let state = self.site(site);
        self.circle
            .and_then(|circle| state.engine()?.log(&circle))
            .is_some_and(|log| {
                log.state().role_of_device(&state.device.public()) == Some(Role::Facilitator)
            })
    }

    /// Gives bram or dirk another role. Whoever lies is never given more.
    fn grant(&mut self, site: SiteId) {
        if !self.is_facilitator(site) || self.process_mut(site).appending {
            return;
        }
        let Some(circle) = self.circle else { return };
        let known = |person: &PersonId| {
            let log = self
                .site(site)
                .engine()
                .and_then(|engine| engine.log(&circle));
            log.is_some_and(|log| log.state().role_of(person).is_some())
        };
        let candidates: Vec<(PersonId, &'static [Role])> = (0..self.people.len())
            .filter_map(|index| {
                let roles: &[Role] = match self.people[index].name {
                    "bram" => &[Role::Inner, Role::Owner, Role::Facilitator],
                    "dirk" => &[Role::Outer, Role::Inner],
                    _ => return None,
                };
                self.person_id(index)
                    .filter(known)
                    .map(|person| (person, roles))
            })
            .collect();
        let Some((person, roles)) = self.chance.pick(&candidates).copied() else {
            return;
        };
        let Some(role) = self.chance.pick(roles).copied() else {
            return;
        };
        self.append(site, Body::Grant { person, role }, "grant a role");
    }

    /// Announces the second check-in.
    fn announce(&mut self, site: SiteId) {
        let Some(circle) = self.circle else { return };
        let document = DocumentRef::check_in(REVISIONS);
        let known = self
            .site(site)
            .engine()
            .and_then(|engine| engine.log(&circle));
        let exists = known.is_some_and(|log| log.state().has_document(&document));
        if !exists && !self.process_mut(site).appending && self.chance.percent(30) {
            self.append(site, Body::Doc { document }, "announce the second check-in");
        }
    }

    /// Fixes the texts that are open here.
    fn snapshot(&mut self, site: SiteId) {
        if !self.is_facilitator(site) || self.process_mut(site).appending {
            return;
        }
        let Some(circle) = self.circle else { return };
        let Some(engine) = self.site(site).engine() else {
            return;
        };
        let mut docs: Vec<ManifestDocument> = [DocumentRef::step(), DocumentRef::check_in(1)]
            .into_iter()
            .filter_map(|document| {
                let doc = engine.document(&document_key(&document, &circle))?;
                let heads = doc
                    .get_heads()
                    .iter()
                    .map(|head| ChangeHash::from_bytes(head.0))
                    .collect();
                let text = smallwin_model::render(doc, document.kind, None).ok()?;
                Some(ManifestDocument::new(
                    document.id(&circle),
                    document.kind,
                    heads,
                    text,
                ))
            })
            .collect();
        docs.sort_by_key(|doc| doc.id);
        let Some(log) = engine.log(&circle).filter(|_| !docs.is_empty()) else {
            return;
        };
        let (_, _, seen) = log.next(&self.site(site).device.public());
        let manifest = Manifest {
            circle,
            created: Timestamp::from_unix_ms(self.clock(site).0),
            docs,
            log: seen,
            prev: None,
            title: "Onze betekenisvolle stap".to_owned(),
        };
        let signature = manifest.sign(Purpose::Snapshot, &self.site(site).device);
        let local = Local::Manifest {
            circle,
            bytes: manifest.to_bytes(),
        };
        self.ask(
            site,
            local,
            Wish::Other {
                what: "keep a manifest",
            },
        );
        let body = Body::Snapshot {
            manifest: manifest.hash(),
            signature,
            prev: None,
        };
        self.append(site, body, "snapshot");
    }

    fn state_something(&mut self, site: SiteId) {
        if !self.process_mut(site).appending {
            self.tokens += 1;
            let value = serde_json::json!({ "number": self.tokens });
            self.append(
                site,
                Body::Statement {
                    about: "mood".to_owned(),
                    value,
                },
                "state something",
            );
        }
    }

    fn hand_in_card(&mut self, site: SiteId) {
        let (Some(circle), Some(person)) = (self.circle, self.person_id(self.site(site).person))
        else {
            return;
        };
        self.tokens += 1;
        let fields = CardFields {
            author: self.site(site).device.public(),
            circle,
            name: self.people[self.site(site).person].name.to_owned(),
            organisation: None,
            perspective: None,
            person,
            rev: self.tokens,
        };
        let card = Card::sign(&fields, &self.site(site).device).expect("a small card");
        let local = Local::Card {
            card: card.bytes().to_vec(),
        };
        self.ask(
            site,
            local,
            Wish::Other {
                what: "hand in a card",
            },
        );
    }
}
