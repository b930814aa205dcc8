//! Calls of an engine, and records made for it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use smallwin_circle::{Body, CircleId, Payload, Record, Timestamp};
use smallwin_sync::{Local, LocalError, Request};

use super::World;
use crate::network::SiteId;
use crate::site::{Process, Wish};

impl World {
    /// Calls the engine; what comes of it is told to the wish.
    pub(super) fn ask(&mut self, site: SiteId, local: Local, wish: Wish) {
        self.moved();
        self.requests += 1;
        let (request, now) = (Request(self.requests), self.clock(site));
        self.tell(site, format_args!("wants to {}", self.in_words(&wish)));
        let Some(process) = &mut self.site_mut(site).process else {
            return;
        };
        process.waiting.insert(request, wish.clone());
        let engine = &mut process.engine;
        match catch_unwind(AssertUnwindSafe(|| engine.local(now, request, local))) {
            Ok(Ok(effects)) => self.obey(site, effects),
            Ok(Err(error)) => {
                process.waiting.remove(&request);
                self.refused_at_once(site, &wish, &error);
            }
            Err(panic) => self.panicked(site, panic.as_ref()),
        }
    }

    /// Makes a record of a site's device and adds it to its log.
    pub(super) fn append(&mut self, site: SiteId, body: Body, what: &'static str) {
        let record = self.record(site, self.circle, body);
        self.append_signed(site, &record, what);
    }

    /// Adds a record of a site's device to its log.
    pub(super) fn append_signed(&mut self, site: SiteId, record: &Record, what: &'static str) {
        let Some(circle) = self.circle else { return };
        self.process_mut(site).appending = true;
        let local = Local::Append {
            circle,
            record: record.bytes().to_vec(),
        };
        self.ask(
            site,
            local,
            Wish::Append {
                record: record.id(),
                what,
            },
        );
    }

    /// Signs a record that follows what the site's log holds.
    pub(super) fn record(&self, site: SiteId, circle: Option<CircleId>, body: Body) -> Record {
        let state = self.site(site);
        let author = state.device.public();
        let next = circle.and_then(|circle| state.engine()?.next_record(&circle));
        let (seq, prev, deps) = next.unwrap_or_default();
        let claimed = Timestamp::from_unix_ms(self.clock(site).0);
        let payload = Payload {
            author,
            body,
            circle,
            claimed,
            deps,
            prev,
            seq,
        };
        Record::sign(&payload, &state.device).expect("a record of ours is well formed")
    }

    pub(super) fn process_mut(&mut self, site: SiteId) -> &mut Process {
        self.site_mut(site)
            .process
            .as_mut()
            .expect("only running sites act")
    }

    fn in_words(&self, wish: &Wish) -> String {
        let circle = self.circle.expect("wishes about documents need a circle");
        match wish {
            Wish::Open { document, .. } => {
                format!("open {}", self.name(&document_key(document, &circle)))
            }
            Wish::Write { document, hashes } => {
                let hashes: Vec<String> = hashes
                    .iter()
                    .map(|hash| crate::oracle::short(hash))
                    .collect();
                format!(
                    "write {} to {}",
                    hashes.join(" "),
                    self.name(&document_key(document, &circle))
                )
            }
            Wish::Append { record, what } => {
                format!("{what} ({})", crate::oracle::short(record.as_bytes()))
            }
            Wish::Forbidden { what } | Wish::Other { what } => (*what).to_owned(),
        }
    }

    fn refused_at_once(&mut self, site: SiteId, wish: &Wish, error: &LocalError) {
        self.tell(site, format_args!("is refused: {error}"));
        let process = self.process_mut(site);
        if let Wish::Append { .. } = wish {
            process.appending = false;
        }
        let circle = self.circle;
        if let (Wish::Write { document, .. }, Some(circle)) = (wish, circle) {
            self.process_mut(site)
                .writing
                .remove(&document_key(document, &circle));
        }
        let excused = matches!(error, LocalError::ReadOnly(_) | LocalError::NoConnection | LocalError::Stale)
            || matches!(wish, Wish::Forbidden { .. })
            // Whoever lost records of its own to a lying disk may be frozen.
            || self.people[self.site(site).person].lost_records
            // Another wish of ours may have made room for itself in the meantime.
            || (matches!(wish, Wish::Write { .. }) && matches!(error, LocalError::NotOpen));
        if !excused {
            let what = format!(
                "{} may not {}: {error}",
                self.site(site).name,
                self.in_words(wish)
            );
            self.violated("honest wishes are granted", what);
        }
    }
}

/// A document of the circle as the engine names it.
pub(super) fn document_key(
    document: &smallwin_circle::DocumentRef,
    circle: &CircleId,
) -> smallwin_sync::DocKey {
    smallwin_sync::DocKey::circles(&document.id(circle))
}
