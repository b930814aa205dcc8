//! The gate inside the engine: what it refuses, whom that hurts, and whom it does not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod common;
/// Changes taken apart, shared with the tests of the gate.
#[path = "../../smallwin-gate/tests/fuzzing"]
#[allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "this file uses a part of it"
)]
mod fuzzing {
    pub mod bytes;
    pub mod columns;
    pub mod dice;
    pub mod raw;
}

use std::panic::catch_unwind;

use automerge::sync::{ChunkList, Message, State};
use automerge::{Automerge, Change, ChangeHash};
use common::client::Client;
use common::{Edit, Net, edit};
use fuzzing::raw::RawChange;
use smallwin_circle::{CircleId, DocumentId, DocumentRef, Frontier, Role, SigningKey};
use smallwin_sync::{DocKey, Notice};

/// A check-in of a circle of three: anna and bram run nodes, carla has a client of her own making.
struct Scene {
    net: Net,
    anna: usize,
    bram: usize,
    circle: CircleId,
    key: SigningKey,
    check_in: DocumentRef,
    id: DocumentId,
    doc: DocKey,
}

fn scene() -> Scene {
    let mut net = Net::new();
    let (anna, bram) = (net.node("anna", 1), net.node("bram", 2));
    let carla = net.browser("carla", 3);
    let circle = net.circle(anna);
    net.join(bram, anna, &circle, Role::Inner);
    let (conn, _) = net.join(carla, anna, &circle, Role::Outer);
    let key = net.peers[carla].device.clone();
    net.cut(carla, conn);
    let check_in = DocumentRef::check_in(1);
    let (id, doc) = (
        check_in.id(&circle),
        net.open_document(anna, &circle, &check_in),
    );
    Scene {
        net,
        anna,
        bram,
        circle,
        key,
        check_in,
        id,
        doc,
    }
}

impl Scene {
    fn carla(&mut self) -> Client {
        let mut client = Client::proven(&mut self.net, self.anna, &self.key);
        client.show_circle(&mut self.net, &self.circle, &self.key);
        client
    }

    fn document(&self) -> Automerge {
        self.net.peers[self.anna].document(&self.doc)
    }

    fn edit(&self, document: &Automerge, actor: u8, text: &str) -> Edit {
        edit(
            document,
            &self.key,
            actor,
            &self.circle,
            &self.check_in,
            "q1",
            text,
        )
    }

    /// Carla's frontier for a change.
    fn sign(&self, bytes: &[u8]) -> Frontier {
        let header = smallwin_gate::read_change(bytes).unwrap();
        let actor = header.actor.clone().try_into().unwrap();
        Frontier::sign(
            &self.circle,
            &self.id,
            actor,
            header.seq,
            header.hash,
            &self.key,
        )
        .unwrap()
    }

    /// Sends a change as carla does, signed.
    fn bring(&mut self, client: &mut Client, bytes: &[u8]) {
        let frontier = self.sign(bytes).encode();
        client.frontier(&mut self.net, &self.id, &frontier);
        self.bring_unsigned(client, bytes);
    }

    fn bring_unsigned(&mut self, client: &mut Client, bytes: &[u8]) {
        let mut message = Message::decode(&[0x43, 0, 0, 0, 0]).unwrap();
        message.heads = vec![ChangeHash(hash(bytes))];
        message.changes = ChunkList::from(bytes.to_vec());
        client.sync(&mut self.net, &self.id, message.encode());
    }

    /// Bram writes, and anna sees it.
    fn bram_goes_on(&mut self, text: &str) {
        let (bram, circle, check_in) = (self.bram, self.circle, self.check_in.clone());
        self.net.type_text(bram, &circle, &check_in, "q2", text);
        assert!(
            self.net.peers[self.anna]
                .text(&self.doc, "q2")
                .contains(text)
        );
    }

    fn refused(&self) -> Vec<([u8; 32], String)> {
        let refused = self.net.peers[self.anna].engine.refused(&self.doc);
        let refused = refused.into_iter();
        refused.map(|view| (view.hash, view.reason)).collect()
    }
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    smallwin_gate::read_change(bytes).unwrap().hash
}

/// Whether Automerge alone panics on a change, refuses it, or writes a save that it cannot read.
fn breaks_automerge(document: &Automerge, bytes: &[u8]) -> bool {
    let outcome = catch_unwind(|| {
        let mut document = document.clone();
        document.apply_changes([Change::from_bytes(bytes.to_vec()).unwrap()])?;
        Automerge::load(&document.save()).map(|back| back.get_heads() == document.get_heads())
    });
    !matches!(outcome, Ok(Ok(true)))
}

#[test]
fn g1_changes_that_break_automerge_are_refused_in_a_running_exchange() {
    let mut s = scene();
    s.net.open_document(s.bram, &s.circle, &s.check_in.clone());
    let mut carla = s.carla();
    let bends: [fn(&mut RawChange); 4] = [
        |change| change.ops[0].obj_counter = Some(77_777),
        |change| change.start_op -= 1,
        |change| change.seq = 7,
        |change| change.ops[1].key_counter = Some(77_777),
    ];
    for (number, bend) in bends.into_iter().enumerate() {
        let before = s.document();
        let honest = s.edit(&before, 10 + number as u8, "een twee");
        let mut change = RawChange::read(&honest.changes[0]).unwrap();
        bend(&mut change);
        let bytes = change.write();
        assert!(breaks_automerge(&before, &bytes), "bend {number}");
        s.bring(&mut carla, &bytes);
        assert_eq!(s.document().get_heads(), before.get_heads());
        assert!(
            s.refused()
                .contains(&(hash(&bytes), "malformed".to_owned())),
            "bend {number}"
        );
        // What builds on it is refused with it, and nobody else is hurt.
        s.bram_goes_on(&format!("van bram {number}"));
        let honest = s.edit(&s.document(), 20 + number as u8, "en eerlijk");
        s.bring(&mut carla, &honest.changes[0]);
        assert!(
            s.document()
                .get_heads()
                .contains(&ChangeHash(honest.hashes[0]))
        );
    }
    assert!(!carla.is_closed(&s.net));
    assert_eq!(s.net.peers[s.anna].engine.totals().panics_caught, 0);
    s.net.restart(s.anna);
    s.net.connect(s.bram, s.anna);
    s.net
        .assert_same(&[s.anna, s.bram], &s.circle, &s.check_in.clone());
    assert_eq!(s.refused().len(), 4);
}

#[test]
fn g2_the_orphans_of_one_peer_do_not_close_another() {
    let mut s = scene();
    let limits = s.net.peers[s.anna].engine.limits().clone();
    let mut mallory = s.carla();
    let bram_key = s.net.peers[s.bram].device.clone();
    let mut bram = Client::proven(&mut s.net, s.anna, &bram_key);
    bram.show_circle(&mut s.net, &s.circle, &bram_key);
    // One honest change of bram waits for its frontier.
    let waiting = edit(
        &s.document(),
        &bram_key,
        30,
        &s.circle,
        &s.check_in,
        "q3",
        "wacht",
    );
    s.bring_unsigned(&mut bram, &waiting.changes[0]);
    // Mallory brings more orphans than one peer may have, in one message.
    let template = s.edit(&s.document(), 9, "wees").changes.remove(0);
    let mut orphan = RawChange::read(&template).unwrap();
    let mut orphans = Vec::new();
    for number in 0..=limits.pending_per_peer_max as u32 {
        orphan.deps = vec![[255; 32]];
        orphan.actor[36..40].copy_from_slice(&number.to_be_bytes());
        orphans.extend(orphan.write());
    }
    let mut message = Message::decode(&[0x43, 0, 0, 0, 0]).unwrap();
    message.heads = vec![ChangeHash([255; 32])];
    message.changes = ChunkList::from(orphans);
    mallory.sync(&mut s.net, &s.id, message.encode());
    assert!(mallory.is_closed(&s.net) && !bram.is_closed(&s.net));
    s.bram_goes_on("gaat door");
    // What waited for bram still does.
    bram.frontier(&mut s.net, &s.id, &waiting.frontier.encode());
    assert!(s.net.peers[s.anna].text(&s.doc, "q3").contains("wacht"));
}

#[test]
fn g3_equivocation_is_kept_as_evidence_and_hurts_its_author_only() {
    let mut s = scene();
    let mut carla = s.carla();
    let start = s.document();
    // Two changes with one number, both signed.
    let first = s.edit(&start, 9, "zus");
    let second = s.edit(&start, 9, "zo");
    s.bring(&mut carla, &first.changes[0]);
    let after_first = s.document().get_heads();
    assert!(after_first.contains(&ChangeHash(first.hashes[0])));
    s.bring(&mut carla, &second.changes[0]);
    // The first to come stays.
    assert_eq!(s.document().get_heads(), after_first);
    assert_eq!(s.refused(), [(second.hashes[0], "equivocation".to_owned())]);
    let actor = smallwin_gate::read_change(&first.changes[0]).unwrap().actor;
    let told = s.net.peers[s.anna].notices.contains(&Notice::Equivocation {
        document: s.doc,
        actor: actor.clone(),
    });
    assert!(told);
    let proof = |s: &Scene| {
        let evidence = s.net.peers[s.anna].engine.evidence(&s.doc).unwrap();
        let of = evidence.of(&actor).iter();
        of.map(|one| (one.admitted, one.other, one.bytes.clone()))
            .collect::<Vec<_>>()
    };
    let expected = (
        first.hashes[0],
        second.hashes[0],
        Some(second.changes[0].clone()),
    );
    assert_eq!(proof(&s), std::slice::from_ref(&expected));
    // What builds on the second is refused, what builds on the first stands, others go on.
    let mut other = start.clone();
    other.load_incremental(&second.changes.concat()).unwrap();
    let above = s.edit(&other, 9, "verder");
    s.bring(&mut carla, &above.changes[0]);
    assert_eq!(s.document().get_heads(), after_first);
    let more = s.edit(&s.document(), 9, "verder met zus");
    s.bring(&mut carla, &more.changes[0]);
    assert!(
        s.net.peers[s.anna]
            .text(&s.doc, "q1")
            .contains("verder met zus")
    );
    s.bram_goes_on("van bram");
    assert!(!carla.is_closed(&s.net));
    // It is evidence after a restart too.
    s.net.restart(s.anna);
    s.net.open_document(s.anna, &s.circle, &s.check_in.clone());
    assert!(proof(&s).contains(&expected));
    assert!(
        s.net.peers[s.anna]
            .text(&s.doc, "q1")
            .contains("verder met zus")
    );
}

#[test]
fn g1_a_whole_document_in_the_first_message_of_a_stock_peer_passes() {
    let mut net = Net::new();
    let node = net.node("node", 1);
    let id = DocumentId::from_bytes([3; 16]);
    let actor = automerge::ActorId::from(vec![1; 16]);
    let mut document = automerge::AutoCommit::new().with_actor(actor);
    for word in ["a", "b", "c"] {
        automerge::transaction::Transactable::put(&mut document, automerge::ROOT, word, 1).unwrap();
        document.commit();
    }
    let mut alice = Client::stock(&mut net, node, "alice");
    let mut message = Message::decode(&[0x43, 0, 0, 0, 0]).unwrap();
    message.heads = document.get_heads();
    message.changes = ChunkList::from(document.save());
    alice.sync(&mut net, &id, message.encode());
    assert!(!alice.is_closed(&net));
    let mut of_bob = Automerge::new();
    let mut bob = Client::stock(&mut net, node, "bob");
    bob.exchange(&mut net, &id, &mut of_bob, &mut State::new());
    assert_eq!(of_bob.get_heads(), document.get_heads());
}
