//! Looks into every engine and every disk: all must have come to the same, and nothing is lost.

use std::collections::{BTreeMap, BTreeSet};

use smallwin_circle::{Action, CircleId, DocumentRef, may};
use smallwin_sync::{DocKey, Local, Space};

use super::World;
use super::records::document_key;
use crate::network::SiteId;
use crate::options::Plant;
use crate::oracle::{Hash, Violation, short};
use crate::site::Wish;

/// A document as one engine shows it.
#[derive(Debug)]
struct Shown {
    heads: Vec<Hash>,
    text: String,
    changes: BTreeSet<Hash>,
    /// What is kept aside, and why.
    aside: BTreeMap<Hash, String>,
}

impl World {
    /// Every check there is, on a quiet world.
    pub(super) fn check_everything(&mut self) -> Result<(), Violation> {
        let Some(circle) = self.circle else {
            return Err(Violation::new("start", "nobody founded the circle"));
        };
        self.check_logs(&circle)?;
        self.check_beside(&circle)?;
        let documents = self.documents(&circle);
        for document in &documents {
            self.check_document(&circle, document)?;
        }
        self.check_open_space()?;
        for site in self.site_ids() {
            self.check_disk(site);
            if self.site(site).is_gone {
                continue;
            }
            if let Some(violation) = self.broken.take() {
                return Err(violation);
            }
            self.check_engine(site)?;
        }
        Ok(())
    }

    /// Holds a disk to what its site acknowledged, and to privacy (V1).
    pub(super) fn check_disk(&mut self, site: SiteId) {
        let state = self.site(site);
        let durable = state.disk.durable();
        let checked = self.oracle.check_disk(site, durable);
        if checked.is_err() {
            self.hold(checked);
            return;
        }
        // In the open space anybody may put anything, even what was overheard elsewhere.
        let of_circles = |document: &&DocKey| document.space == Space::Circles;
        for document in durable.changes.keys().filter(of_circles) {
            for hash in &durable.changes[document] {
                if self
                    .private
                    .get(hash)
                    .is_some_and(|person| *person != state.person)
                {
                    let what = format!(
                        "{} holds {} of {}",
                        state.name,
                        short(hash),
                        self.name(document)
                    );
                    return self.violated("V1", what);
                }
                if let Some(how) = self.oracle.how_forged(hash) {
                    let what = format!("{} keeps a change as admitted that is {how}", state.name);
                    return self.violated("C3", what);
                }
            }
        }
    }

    fn check_logs(&mut self, circle: &CircleId) -> Result<(), Violation> {
        let mut first: Option<(&str, BTreeSet<_>, String)> = None;
        for site in self.sites.iter().filter(|site| !site.is_gone) {
            let log = site.engine().and_then(|engine| engine.log(circle));
            let Some(log) = log else {
                return Err(Violation::new(
                    "S1",
                    format!("{} does not hold the circle", site.name),
                ));
            };
            let ids: BTreeSet<_> = log.ids().collect();
            let state = format!("{:?}", log.state());
            match &first {
                None => first = Some((site.name, ids, state)),
                Some((other, others, _)) if *others != ids => {
                    let what = format!(
                        "{} holds {} records, {other} {}",
                        site.name,
                        ids.len(),
                        others.len()
                    );
                    return Err(Violation::new("S1", what));
                }
                Some((other, _, theirs)) if *theirs != state => {
                    let what = format!(
                        "{} and {other} judge the same records differently",
                        site.name
                    );
                    return Err(Violation::new("C1", what));
                }
                Some(_) => {}
            }
        }
        self.counts.members = self
            .sites
            .iter()
            .filter(|site| self.is_member(site.id))
            .count() as u64;
        Ok(())
    }

    /// Members have the same cards, and the text of every snapshot (rule N2).
    fn check_beside(&self, circle: &CircleId) -> Result<(), Violation> {
        let mut first: Option<(&str, Vec<Vec<u8>>)> = None;
        for site in self.sites.iter().filter(|site| !site.is_gone) {
            let engine = site.engine().expect("all run in the end");
            let cards: Vec<Vec<u8>> = engine
                .cards(circle)
                .iter()
                .map(|card| card.bytes().to_vec())
                .collect();
            match &first {
                Some((other, theirs)) if *theirs != cards => {
                    let what = format!(
                        "{} has {} cards, {other} others: {}",
                        site.name,
                        cards.len(),
                        theirs.len()
                    );
                    return Err(Violation::new("S1", what));
                }
                Some(_) => {}
                None => first = Some((site.name, cards)),
            }
            let snapshots = engine
                .log(circle)
                .map(|log| log.state().snapshots())
                .unwrap_or_default();
            let lacks = |snapshot: &&smallwin_circle::SnapshotState| {
                engine.manifest(snapshot.manifest.as_bytes()).is_none()
            };
            if let Some(lacking) = snapshots.iter().find(lacks) {
                let what = format!(
                    "{} lacks the text of {}",
                    site.name,
                    short(lacking.record.as_bytes())
                );
                return Err(Violation::new("N2", what));
            }
        }
        Ok(())
    }

    fn documents(&self, circle: &CircleId) -> Vec<DocumentRef> {
        let log = self
            .sites
            .iter()
            .find_map(|site| site.engine()?.log(circle));
        log.map(|log| log.state().documents()).unwrap_or_default()
    }

    fn check_document(
        &mut self,
        circle: &CircleId,
        document: &DocumentRef,
    ) -> Result<(), Violation> {
        let key = document_key(document, circle);
        let readers: Vec<SiteId> = self
            .sites
            .iter()
            .filter(|site| {
                let log = site.engine().and_then(|engine| engine.log(circle));
                log.is_some_and(|log| {
                    may(log.state(), &site.device.public(), Action::Read, document).is_ok()
                })
            })
            .map(|site| site.id)
            .collect();
        let mut first: Option<(SiteId, Shown)> = None;
        let mut found: BTreeSet<Hash> = BTreeSet::new();
        for site in readers {
            self.open(site, document, key)?;
            let shown = self.show(site, document, key)?;
            found.extend(&shown.changes);
            found.extend(shown.aside.keys());
            match &first {
                None => first = Some((site, shown)),
                Some((other, theirs))
                    if theirs.heads != shown.heads || theirs.text != shown.text =>
                {
                    return Err(self.differ(site, &shown, *other, theirs, key));
                }
                Some(_) => {}
            }
        }
        // What was acknowledged and may not stand is not lost: its author is shown that it is aside.
        match self.oracle.acknowledged(&key).difference(&found).next() {
            None => Ok(()),
            Some(lost) => {
                let what = format!("nobody has {} of {}", short(lost), self.name(&key));
                Err(Violation::new("nothing acknowledged is lost", what))
            }
        }
    }

    /// Opens a document and waits for it.
    fn open(&mut self, site: SiteId, document: &DocumentRef, key: DocKey) -> Result<(), Violation> {
        let wish = Wish::Open {
            document: document.clone(),
            then: None,
        };
        self.ask(site, Local::Open { document: key }, wish);
        self.until_done(site, &self.name(&key))
    }

    /// Waits for the last call.
    pub(super) fn until_done(&mut self, site: SiteId, what: &str) -> Result<(), Violation> {
        let request = smallwin_sync::Request(self.requests);
        for _ in 0..OPEN_STEPS {
            self.run_until(self.now_ms() + 20)?;
            if !self.process_mut(site).waiting.contains_key(&request) {
                return Ok(());
            }
        }
        Err(Violation::new(
            "documents open",
            format!("{} does not open {what}", self.site(site).name),
        ))
    }

    fn show(&self, site: SiteId, document: &DocumentRef, key: DocKey) -> Result<Shown, Violation> {
        let state = self.site(site);
        let engine = state.engine().expect("all run in the end");
        let Some(doc) = engine.document(&key) else {
            let what = format!(
                "{} opened {} and does not show it",
                state.name,
                self.name(&key)
            );
            return Err(Violation::new("documents open", what));
        };
        let held: BTreeSet<Hash> = doc
            .get_changes_meta(&[])
            .iter()
            .map(|change| change.hash.0)
            .collect();
        if let Some(how) = held.iter().find_map(|hash| self.oracle.how_forged(hash)) {
            return Err(Violation::new(
                "C3",
                format!("{} shows a change that is {how}", state.name),
            ));
        }
        let aside = engine
            .refused(&key)
            .iter()
            .map(|one| (one.hash, one.reason.clone()))
            .collect();
        let mut heads: Vec<Hash> = doc.get_heads().iter().map(|head| head.0).collect();
        heads.sort_unstable();
        let text = match smallwin_model::text_names(document.kind) {
            [] => String::new(),
            _ => smallwin_model::render(doc, document.kind, None)
                .map_err(|error| Violation::new("render", error.to_string()))?,
        };
        Ok(Shown {
            heads,
            text,
            changes: held,
            aside,
        })
    }

    fn differ(
        &self,
        a: SiteId,
        shown: &Shown,
        b: SiteId,
        theirs: &Shown,
        key: DocKey,
    ) -> Violation {
        let heads = |shown: &Shown| {
            shown
                .heads
                .iter()
                .map(|head| short(head))
                .collect::<Vec<_>>()
                .join(" ")
        };
        let aside = |shown: &Shown| {
            let words = |(hash, reason): (&Hash, &String)| format!("{} {reason}", short(hash));
            shown.aside.iter().map(words).collect::<Vec<_>>().join(", ")
        };
        let what = format!(
            "{} at {} is at {} (aside: {}), at {} at {} (aside: {})",
            self.name(&key),
            self.site(a).name,
            heads(shown),
            aside(shown),
            self.site(b).name,
            heads(theirs),
            aside(theirs),
        );
        Violation::new("S1", what)
    }

    fn check_engine(&self, site: SiteId) -> Result<(), Violation> {
        let state = self.site(site);
        let engine = state.engine().expect("all run in the end");
        let panics = engine.totals().panics_caught;
        if panics > 0 {
            return Err(Violation::new(
                "no panic",
                format!("{} caught {panics} panics", state.name),
            ));
        }
        if self
            .options
            .plant
            .is_none_or(|plant| plant != Plant::LostGap)
            && !engine.settled()
        {
            let unsettled: Vec<String> = engine
                .connections()
                .iter()
                .filter(|conn| !conn.settled && !self.tainted.contains(&conn.conn))
                .map(|conn| {
                    format!(
                        "{} ({:?}, ready: {})",
                        conn.conn.0,
                        conn.circles.values(),
                        conn.ready
                    )
                })
                .collect();
            // A peer whose connection carried forgeries is believed to be where those claimed.
            if !unsettled.is_empty() || engine.connections().iter().all(|conn| conn.settled) {
                let what = format!(
                    "{} does not know that all is said on {}",
                    state.name,
                    unsettled.join(", ")
                );
                return Err(Violation::new("settled", what));
            }
        }
        Ok(())
    }
}

/// How often to look whether a document is open: 20 s in all.
const OPEN_STEPS: u32 = 1000;
