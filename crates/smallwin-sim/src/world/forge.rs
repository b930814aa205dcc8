//! A patched program: what its owner may not write, it sends all the same.

use automerge::{ActorId, Automerge, ReadDoc as _};
use smallwin_circle::{CircleId, DocumentRef, Frontier, SigningKey};
use smallwin_sync::{ConnId, Local};

use super::World;
use super::records::document_key;
use super::writes::change;
use crate::frames::{self, Line};
use crate::network::{SiteId, other};
use crate::site::{Edit, Wish};

impl World {
    /// One lie: by way of the own engine, or past it, straight onto the wire.
    pub(super) fn lie(&mut self, site: SiteId) {
        let Some(circle) = self.circle else { return };
        let conns = self.process_mut(site).ready_dialled();
        match self.chance.pick(&conns).copied() {
            Some(conn) if self.chance.percent(70) => self.forge(site, conn, &circle),
            _ => self.write_forbidden(site, &circle),
        }
    }

    /// The own engine must refuse a step edit of an outer member.
    fn write_forbidden(&mut self, site: SiteId, circle: &CircleId) {
        let step = DocumentRef::step();
        let key = document_key(&step, circle);
        let Some(draft) = self.compose(site, circle, &step, &Edit::Scribble) else {
            return self.ask(
                site,
                Local::Open { document: key },
                Wish::Open {
                    document: step,
                    then: None,
                },
            );
        };
        // Nothing may be built on what is refused.
        self.process_mut(site).actors.remove(&key);
        for hash in &draft.hashes {
            self.oracle.forged(*hash, "an outer member's");
        }
        let local = Local::Write {
            document: key,
            changes: draft.changes,
            frontiers: vec![draft.frontier],
        };
        self.ask(
            site,
            local,
            Wish::Forbidden {
                what: "write the step as an outer member",
            },
        );
    }

    /// Sends a change that must be refused, beside what the engine sends on this connection.
    fn forge(&mut self, site: SiteId, conn: ConnId, circle: &CircleId) {
        let Some((sender, target)) = self.process_mut(site).addresses.get(&conn).cloned() else {
            return;
        };
        let (document, how, by, signed): (_, _, SigningKey, bool) = match self.chance.below(4) {
            0 => (
                DocumentRef::step(),
                "an outer member's",
                self.site(site).device.clone(),
                true,
            ),
            1 => (
                DocumentRef::case(),
                "an outer member's",
                self.site(site).device.clone(),
                true,
            ),
            2 => (
                DocumentRef::check_in(1),
                "in another's name",
                self.site(SiteId(0)).device.clone(),
                false,
            ),
            _ => (
                DocumentRef::check_in(1),
                "a stranger's",
                SigningKey::from_seed(self.chance.bytes()),
                true,
            ),
        };
        let (hash, bytes, frontier) = self.forged_change(circle, &document, &by);
        self.oracle.forged(hash, how);
        self.tainted.extend([conn, other(conn)]);
        self.counts.forged += 1;
        let id = document.id(circle).to_string();
        let line = Line {
            sender: &sender,
            target: &target,
        };
        self.tell(
            site,
            format_args!(
                "forges {} in {document:?} on {}: {how}",
                crate::oracle::short(&hash),
                conn.0
            ),
        );
        if signed {
            let frame = frames::write_document(line, "smallwin/frontier", &id, "items", &frontier);
            self.put_on_wire(conn, frame);
        }
        let message = frames::write_sync_message(&[hash], &[&bytes]);
        let frame = frames::write_document(line, "sync", &id, "data", &message);
        self.put_on_wire(conn, frame);
    }

    /// A well-formed change on top of the first one, with its frontier.
    pub(super) fn forged_change(
        &mut self,
        circle: &CircleId,
        document: &DocumentRef,
        by: &SigningKey,
    ) -> ([u8; 32], Vec<u8>, [u8; 144]) {
        let mut doc = Automerge::new();
        doc.load_incremental(&self.first_changes[&document.kind])
            .expect("the first change is one");
        let random: [u8; 8] = self.chance.bytes();
        let mut actor = [0; 40];
        actor[..32].copy_from_slice(by.public().as_bytes());
        actor[32..].copy_from_slice(&random);
        doc.set_actor(ActorId::from(actor.as_slice()));
        let hash = change(
            &mut doc,
            document.kind,
            &Edit::Copy("forged ".to_owned()),
            "",
            &mut self.chance,
        );
        let bytes = doc
            .get_change_by_hash(&hash)
            .expect("it was just made")
            .raw_bytes()
            .to_vec();
        let frontier = Frontier::sign(circle, &document.id(circle), actor, 1, hash.0, by);
        (
            hash.0,
            bytes,
            frontier.expect("the actor is the forger's").encode(),
        )
    }
}
