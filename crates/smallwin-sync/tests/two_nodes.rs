//! Two and three engines that write together.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod common;

use common::{Failure, Net, kinds};
use smallwin_circle::{Body, DocumentRef, Role};
use smallwin_sync::{DocKey, LocalError, Notice};

#[test]
fn every_kind_begins_with_its_first_change() {
    // F1: a document exists without ever having been written, and storage holds nothing of it.
    let mut net = Net::new();
    let anna = net.browser("anna", 1);
    let circle = net.circle(anna);
    for document in [
        DocumentRef::case(),
        DocumentRef::check_in(1),
        DocumentRef::step(),
    ] {
        let key = net.open_document(anna, &circle, &document);
        assert_eq!(net.peers[anna].heads(&key).len(), 1, "{document:?}");
    }
    assert!(net.peers[anna].disk.chunks.is_empty());
    assert!(kinds().len() >= 5);
}

#[test]
fn what_one_types_the_other_sees() {
    let mut net = Net::new();
    let (anna, bram) = (net.node("anna", 1), net.node("bram", 2));
    let circle = net.circle(anna);
    net.join(bram, anna, &circle, Role::Inner);
    let check_in = DocumentRef::check_in(1);
    net.type_text(anna, &circle, &check_in, "q1", "Wie doet er mee?");
    net.assert_same(&[anna, bram], &circle, &check_in);
    let key = DocKey::circles(&check_in.id(&circle));
    assert!(
        net.peers[bram]
            .text(&key, "q1")
            .contains("Wie doet er mee?")
    );
    net.type_text(bram, &circle, &check_in, "q1", "Wij allebei.");
    net.assert_same(&[anna, bram], &circle, &check_in);
    assert!(net.peers[anna].text(&key, "q1").contains("Wij allebei."));
}

#[test]
fn two_that_wrote_offline_merge_when_they_meet() {
    let mut net = Net::new();
    let (anna, bram) = (net.node("anna", 1), net.node("bram", 2));
    let circle = net.circle(anna);
    let (conn, _) = net.join(bram, anna, &circle, Role::Outer);
    net.cut(bram, conn);
    let check_in = DocumentRef::check_in(1);
    for round in 0..5 {
        net.type_text(anna, &circle, &check_in, "q2", &format!("anna {round}"));
        net.type_text(bram, &circle, &check_in, "q2", &format!("bram {round}"));
    }
    net.connect(bram, anna);
    net.assert_same(&[anna, bram], &circle, &check_in);
    let text = net.peers[anna].text(&DocKey::circles(&check_in.id(&circle)), "q2");
    assert!(text.contains("anna 4") && text.contains("bram 4"), "{text}");
}

#[test]
fn a_restart_keeps_everything_that_was_acknowledged() {
    let mut net = Net::new();
    let (anna, bram) = (net.node("anna", 1), net.node("bram", 2));
    let circle = net.circle(anna);
    net.join(bram, anna, &circle, Role::Inner);
    let step = DocumentRef::step();
    net.type_text(bram, &circle, &step, "effect", "Rust in huis.");
    let key = net.open_document(anna, &circle, &step);
    let heads = net.peers[anna].heads(&key);
    net.restart(anna);
    net.open_document(anna, &circle, &step);
    assert_eq!(net.peers[anna].heads(&key), heads);
    net.restart(bram);
    net.connect(bram, anna);
    net.assert_same(&[anna, bram], &circle, &step);
}

#[test]
fn an_equal_reconnect_is_short() {
    let mut net = Net::new();
    let (anna, bram) = (net.node("anna", 1), net.node("bram", 2));
    let circle = net.circle(anna);
    let (conn, _) = net.join(bram, anna, &circle, Role::Inner);
    net.type_text(anna, &circle, &DocumentRef::step(), "effect", "Rust.");
    net.cut(bram, conn);
    let before = net.frames;
    net.connect(bram, anna);
    // Handshake 3, circles 2, logs 2, and at most two per document and side.
    assert!(net.frames - before <= 40, "{} frames", net.frames - before);
    let before = net.frames;
    net.tick(1000);
    net.tick(60_000);
    assert_eq!(net.frames, before, "quiet engines stay quiet");
}

#[test]
fn nothing_is_told_before_it_is_kept() {
    // K1: neither the writer nor the other node hears of a change whose write has not returned.
    let mut net = Net::new();
    let (anna, bram) = (net.node("anna", 1), net.node("bram", 2));
    let circle = net.circle(anna);
    net.join(bram, anna, &circle, Role::Inner);
    let step = DocumentRef::step();
    let key = net.open_document(anna, &circle, &step);
    net.open_document(bram, &circle, &step);
    let (before, frames) = (net.peers[anna].heads(&key), net.frames);
    net.peers[anna].holds_keeps = true;
    assert_eq!(
        net.try_type(anna, &circle, &step, "effect", "nog niet"),
        Err(Failure::NotDone)
    );
    assert_eq!(
        (net.peers[anna].heads(&key), net.frames),
        (before.clone(), frames)
    );
    assert!(!net.peers[anna].engine.settled());
    net.release(anna);
    net.assert_same(&[anna, bram], &circle, &step);
    assert_ne!(net.peers[bram].heads(&key), before);
}

#[test]
fn a_change_from_a_peer_is_acknowledged_only_when_kept() {
    // K1, at the receiving end.
    let mut net = Net::new();
    let (anna, bram) = (net.node("anna", 1), net.node("bram", 2));
    let circle = net.circle(anna);
    net.join(bram, anna, &circle, Role::Inner);
    let step = DocumentRef::step();
    net.peers[anna].holds_keeps = true;
    net.type_text(bram, &circle, &step, "effect", "wacht");
    assert!(
        !net.peers[bram].engine.settled(),
        "bram may not believe that anna has it"
    );
    net.release(anna);
    net.assert_same(&[anna, bram], &circle, &step);
}

#[test]
fn a_failed_disk_makes_the_node_read_only() {
    // K1: what could not be kept is as if it had never been, and nobody was told.
    let mut net = Net::new();
    let (anna, bram) = (net.node("anna", 1), net.node("bram", 2));
    let circle = net.circle(anna);
    net.join(bram, anna, &circle, Role::Inner);
    let step = DocumentRef::step();
    let key = net.open_document(bram, &circle, &step);
    let before = net.peers[bram].heads(&key);
    net.peers[anna].holds_keeps = true;
    let _never_kept = net.try_type(anna, &circle, &step, "effect", "weg");
    net.fail(anna);
    assert!(
        net.peers[anna]
            .notices
            .iter()
            .any(|notice| matches!(notice, Notice::ReadOnly { .. }))
    );
    assert!(
        net.peers[anna]
            .notices
            .iter()
            .any(|notice| matches!(notice, Notice::Done { result: Err(_), .. }))
    );
    assert!(net.codes(bram).contains(&"read-only".to_owned()));
    assert_eq!(net.peers[bram].heads(&key), before);
    // It takes in nothing from others either, and the others see that.
    net.append(
        bram,
        &circle,
        Body::Doc {
            document: DocumentRef::report("r"),
        },
    );
    net.type_text(bram, &circle, &step, "effect", "van bram");
    assert_eq!(net.peers[anna].heads(&key), before);
    let log = net.peers[anna].engine.log(&circle).unwrap();
    assert!(!log.state().has_document(&DocumentRef::report("r")));
    assert!(!net.peers[bram].engine.settled());
    let again = net.try_type(anna, &circle, &step, "effect", "nog eens");
    assert!(
        matches!(again, Err(Failure::AtOnce(LocalError::ReadOnly(_)))),
        "{again:?}"
    );
}

#[test]
fn a_third_hears_over_the_node_between() {
    let mut net = Net::new();
    let (anna, team, bram) = (
        net.node("anna", 1),
        net.node("team", 2),
        net.node("bram", 3),
    );
    let circle = net.circle(anna);
    net.join(team, anna, &circle, Role::Inner);
    net.join(bram, team, &circle, Role::Outer);
    let check_in = DocumentRef::check_in(1);
    net.type_text(bram, &circle, &check_in, "q3", "via het team");
    net.assert_same(&[anna, team, bram], &circle, &check_in);
    // The person of the node between confirmed to anna's node what it kept.
    let key = DocKey::circles(&check_in.id(&circle));
    let person = net.peers[team].person();
    assert!(net.peers[anna].engine.reached(&key).contains_key(&person));
}

#[test]
fn a_role_that_comes_later_lets_in_what_was_refused() {
    // C1: the record may arrive after the change. C3: the author counts, not the carrier.
    let mut net = Net::new();
    let (anna, bram, carla) = (
        net.node("anna", 1),
        net.node("bram", 2),
        net.node("carla", 3),
    );
    let circle = net.circle(anna);
    net.join(bram, anna, &circle, Role::Outer);
    net.join(carla, anna, &circle, Role::Inner);
    let step = DocumentRef::step();
    let key = net.open_document(anna, &circle, &step);
    let refused = net.try_type(bram, &circle, &step, "effect", "mag dit?");
    assert_eq!(
        refused,
        Err(Failure::AtOnce(LocalError::NotAllowed("not-writer")))
    );
    net.append(
        anna,
        &circle,
        Body::Grant {
            person: net.peers[bram].person(),
            role: Role::Inner,
        },
    );
    net.type_text(bram, &circle, &step, "effect", "nu wel");
    net.assert_same(&[anna, bram, carla], &circle, &step);
    assert!(net.peers[carla].text(&key, "effect").contains("nu wel"));
}

#[test]
fn idle_documents_make_room_and_come_back() {
    let mut net = Net::new();
    let limits = smallwin_sync::limits::Limits {
        documents_open_max: 1,
        ..Default::default()
    };
    let key = |seed| smallwin_circle::SigningKey::from_seed([seed; 32]);
    let anna = net.peer("anna", key(1), key(101), limits);
    let bram = net.node("bram", 2);
    let circle = net.circle(anna);
    net.join(bram, anna, &circle, Role::Inner);
    for round in 0..3 {
        net.type_text(
            anna,
            &circle,
            &DocumentRef::step(),
            "effect",
            &format!("a{round}"),
        );
        net.type_text(
            bram,
            &circle,
            &DocumentRef::check_in(1),
            "q1",
            &format!("b{round}"),
        );
        net.type_text(
            bram,
            &circle,
            &DocumentRef::case(),
            "body",
            &format!("c{round}"),
        );
    }
    for document in [
        DocumentRef::step(),
        DocumentRef::check_in(1),
        DocumentRef::case(),
    ] {
        net.assert_same(&[bram, anna], &circle, &document);
    }
    assert!(net.peers[anna].engine.totals().documents_open <= 2);
}
