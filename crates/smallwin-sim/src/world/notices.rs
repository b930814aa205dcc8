//! What engines report to the people beside them.

use smallwin_sync::{Notice, Request, WriteRefused};

use super::records::document_key;
use super::{Happening, World};
use crate::cast::Invite;
use crate::network::SiteId;
use crate::oracle::short;
use crate::site::Wish;

impl World {
    pub(super) fn notice(&mut self, site: SiteId, notice: Notice) {
        match notice {
            Notice::Done { request, result } => self.done(site, request, result),
            Notice::PeerReady(conn) => {
                self.process_mut(site).ready.insert(conn);
                self.tell(
                    site,
                    format_args!("proved itself to its peer on {}", conn.0),
                );
            }
            Notice::Paired(_) => {
                self.tell(site, format_args!("is paired"));
                let state = self.site_mut(site);
                state.paired = state.paired || state.first_device.is_some();
            }
            Notice::JoinRefused { code, .. } => {
                self.tell(site, format_args!("is refused as a member: {code}"));
                self.asked_in_vain(site, &code);
            }
            Notice::Refused {
                document,
                hashes,
                reason,
            } => {
                let (name, hashes) = (self.name(&document), list(&hashes));
                self.tell(
                    site,
                    format_args!("keeps {hashes} of {name} aside: {reason}"),
                );
            }
            Notice::DocumentIsolated { document, why } => {
                let what = format!(
                    "{} isolates {}: {why}",
                    self.site(site).name,
                    self.name(&document)
                );
                self.violated("documents open", what);
            }
            Notice::Equivocation { document, .. } => {
                let name = self.name(&document);
                self.tell(site, format_args!("has proof of an equivocation in {name}"));
            }
            Notice::RefusedByPeer {
                conn,
                document,
                hashes,
                reason,
            } => {
                let (name, hashes) = (self.name(&document), list(&hashes));
                self.tell(
                    site,
                    format_args!(
                        "hears on {} that {hashes} of {name} are refused: {reason}",
                        conn.0
                    ),
                );
            }
            Notice::OpenFailed { document, why } => {
                let what = format!(
                    "{} cannot open {}: {why}",
                    self.site(site).name,
                    self.name(&document)
                );
                self.violated("documents open", what);
            }
            Notice::ReadOnly { why } => {
                let starts = self.site(site).starts;
                self.tell(site, format_args!("takes nothing in: {why}"));
                let after_ms = self.chance.between(100, 4000);
                self.agenda.put(after_ms, Happening::Replace(site, starts));
            }
            Notice::CircleChanged(_)
            | Notice::CardsChanged(_)
            | Notice::ManifestKept(_)
            | Notice::DocumentChanged(_)
            | Notice::Opened(_)
            | Notice::Reached(_)
            | Notice::CircleMatched { .. } => {}
            Notice::JoinAccepted(_) => self.tell(site, format_args!("is a member")),
            Notice::JoinCountersigned { record, .. } => {
                self.tell(
                    site,
                    format_args!("has accepted {}", short(record.as_bytes())),
                );
            }
            Notice::NoticeFrom { conn, code, .. } => {
                self.tell(site, format_args!("is told on {}: {code}", conn.0));
            }
            Notice::Told { what, .. } => self.tell(site, format_args!("is told of {what}")),
        }
    }

    /// A process that can only read is replaced by a new one.
    pub(super) fn replace(&mut self, site: SiteId, starts: u64) {
        if self.site(site).runs(starts) {
            self.crash(site, 50);
            self.agenda.put(100, Happening::Start(site));
        }
    }

    /// A join whose past does not know its accepter yet is signed anew, on what is known now.
    fn asked_in_vain(&mut self, site: SiteId, code: &str) {
        let person = self.site(site).person;
        if code == "join-stale" && self.people[person].enters == site {
            self.people[person].join = None;
        }
    }

    fn done(&mut self, site: SiteId, request: Request, result: Result<(), WriteRefused>) {
        self.moved();
        let Some(wish) = self.process_mut(site).waiting.remove(&request) else {
            return self.violated(
                "one end per call",
                format!("{} ends a call twice", self.site(site).name),
            );
        };
        match (wish, result) {
            (
                Wish::Open {
                    document,
                    then: Some(edit),
                },
                Ok(()),
            ) => self.write(site, document, &edit),
            (Wish::Write { document, hashes }, result) => {
                self.written(site, &document, hashes, result)
            }
            (Wish::Append { record, what }, result) => self.appended(site, record, what, result),
            (Wish::Forbidden { what }, Ok(())) => {
                let what = format!("{} was allowed to {what}", self.site(site).name);
                self.violated("refusals", what);
            }
            (_, Err(refused)) => self.tell(site, format_args!("gets a no: {refused}")),
            (Wish::Open { .. } | Wish::Other { .. }, Ok(())) => {}
        }
    }

    fn written(
        &mut self,
        site: SiteId,
        document: &smallwin_circle::DocumentRef,
        hashes: Vec<[u8; 32]>,
        result: Result<(), WriteRefused>,
    ) {
        let Some(circle) = self.circle else { return };
        let key = document_key(document, &circle);
        let process = self.process_mut(site);
        process.writing.remove(&key);
        match result {
            Ok(()) => {
                self.counts.changes += hashes.len() as u64;
                self.tell(
                    site,
                    format_args!("is told that {} are kept", list(&hashes)),
                );
                self.told_changes(site, key, hashes);
            }
            Err(refused) => {
                process.actors.remove(&key);
                self.tell(
                    site,
                    format_args!("may not write {}: {refused}", list(&hashes)),
                );
            }
        }
    }

    fn appended(
        &mut self,
        site: SiteId,
        record: smallwin_circle::RecordId,
        what: &str,
        result: Result<(), WriteRefused>,
    ) {
        self.process_mut(site).appending = false;
        let handed = self.invites_to_hand.remove(&record);
        match result {
            Ok(()) => {
                self.counts.records += 1;
                self.tell(
                    site,
                    format_args!("is told that {} is kept", short(record.as_bytes())),
                );
                self.told_records(site, vec![*record.as_bytes()]);
                if let Some((person, secret)) = handed {
                    self.hand_over(person, Invite { secret, record });
                }
                if what == "share" {
                    self.copy_shared(site);
                }
            }
            Err(refused) => {
                self.tell(site, format_args!("could not {what}: {refused}"));
                if let Some((person, _)) = handed {
                    self.people[person].invited_ms = None;
                }
            }
        }
    }
}

fn list(hashes: &[[u8; 32]]) -> String {
    hashes
        .iter()
        .map(|hash| short(hash))
        .collect::<Vec<_>>()
        .join(" ")
}
