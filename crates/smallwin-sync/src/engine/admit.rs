//! What the log says about the writers of a document, and what no longer stands (rules C1, C3).

use std::collections::{BTreeMap, BTreeSet};

use smallwin_circle::{Action, CircleId, DeviceKey, DocumentRef, may};
use smallwin_gate::Rules;

use super::Engine;
use super::document::{Document, Home, Incoming, Slot};
use super::judge::{Writers, author};
use crate::DocKey;

impl Engine {
    /// What the gate asks of changes of a document.
    pub(super) fn rules(&self, home: &Home) -> Rules {
        match home {
            Home::Open => Rules {
                first_changes: BTreeSet::new(),
                space: smallwin_gate::Space::Open,
            },
            Home::Circle(..) => Rules {
                first_changes: self.first_hashes.clone(),
                space: smallwin_gate::Space::Circles,
            },
        }
    }

    /// Who may write, of those whose changes wait for judgement. The *author's* key counts,
    /// whoever carried the change (rule C3).
    pub(super) fn writers(&self, document: &Document) -> Writers {
        let Home::Circle(circle, named) = &document.home else {
            return Writers::Anybody;
        };
        let waiting = document
            .pending
            .values()
            .filter_map(|pending| pending.author);
        let refused = document
            .refused
            .values()
            .filter_map(|refused| refused.author);
        let devices: BTreeSet<DeviceKey> = waiting.chain(refused).collect();
        let verdicts = devices
            .into_iter()
            .map(|device| (device, self.may_write(circle, named, &device)));
        Writers::Devices {
            verdicts: verdicts.collect(),
            pinned: self.pinned(circle, named),
        }
    }

    pub(super) fn may_write(
        &self,
        circle: &CircleId,
        document: &DocumentRef,
        device: &DeviceKey,
    ) -> Result<(), &'static str> {
        let log = self
            .circles
            .get(circle)
            .and_then(|held| held.log.as_ref())
            .ok_or("unknown-document")?;
        may(log.state(), device, Action::Write, document).map_err(smallwin_circle::Refusal::code)
    }

    /// The heads of a draft that shares fixed: they stand, whoever may write since.
    fn pinned(&self, circle: &CircleId, document: &DocumentRef) -> Vec<[u8; 32]> {
        let log = self.circles.get(circle).and_then(|held| held.log.as_ref());
        let shares = log.into_iter().flat_map(|log| log.state().shares());
        let pins = shares
            .filter(|share| share.source == *document)
            .flat_map(|share| &share.heads);
        pins.map(|head| *head.as_bytes()).collect()
    }

    /// Begins a document anew from storage when something applied is not admitted any more: a
    /// share closed the draft, or a join turned out to be contested.
    pub(super) fn unadmit(&mut self, key: &DocKey) {
        let Some(Slot::Open(document)) = self.documents.get(key) else {
            return;
        };
        if !self.has_unadmitted(document) {
            return;
        }
        if let Some(Slot::Open(document)) = self.documents.get_mut(key) {
            document.is_stale = true;
        }
        self.renew(key);
    }

    /// Begins a stale document anew, once nothing of it is being kept.
    pub(super) fn renew(&mut self, key: &DocKey) {
        let Some(Slot::Open(document)) = self.documents.get(key) else {
            return;
        };
        if !document.is_stale || document.flight.is_some() {
            return;
        }
        let Some(Slot::Open(mut document)) = self.documents.remove(key) else {
            return;
        };
        self.restart_exchange(key);
        self.open(*key);
        if let Some(Slot::Loading {
            inbox, inbox_bytes, ..
        }) = self.documents.get_mut(key)
        {
            let mut pending = std::mem::take(&mut document.pending);
            pending.retain(|_, pending| !pending.stored);
            let loose = std::mem::take(&mut document.loose).into_values();
            let loose = loose.filter(|loose| !loose.stored).collect();
            *inbox = std::mem::take(&mut document.inbox);
            inbox.push_front(Incoming::Carried { pending, loose });
            *inbox_bytes = document.inbox_bytes;
        }
    }

    /// Whether the document holds a change that would not be admitted today. Everything below a
    /// change that is admitted stands, so only what lies above all of those matters.
    pub(super) fn has_unadmitted(&self, document: &Document) -> bool {
        let Home::Circle(circle, named) = &document.home else {
            return false;
        };
        let mut verdicts: BTreeMap<Vec<u8>, bool> = BTreeMap::new();
        let pinned = self.pinned(circle, named);
        document.history.heads().any(|head| {
            if self.first_hashes.contains(&head.0) || pinned.contains(&head.0) {
                return false;
            }
            let Some(actor) = document.changes().actor_of(&head.0) else {
                return true;
            };
            let stands = verdicts.entry(actor.to_vec()).or_insert_with_key(|actor| {
                author(actor).is_some_and(|device| self.may_write(circle, named, &device).is_ok())
            });
            !*stands
        })
    }
}
