//! Snapshots take the place of raw changes, and nobody can tell (rule K3).
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod common;

use common::{NODE, Net};
use smallwin_circle::{Body, CircleId, DocumentRef, PersonId, Role, SigningKey};
use smallwin_sync::limits::Limits;
use smallwin_sync::{DocKey, Local, Notice};

/// Makes a snapshot after twenty changes, and again when there is twice as much.
fn eager() -> Limits {
    Limits {
        compact_changes_min: 20,
        compact_bytes_min: 0,
        compact_factor: 2,
        ..Limits::default()
    }
}

fn node(net: &mut Net, name: &'static str, seed: u8, limits: Limits) -> usize {
    let key = |seed| SigningKey::from_seed([seed; 32]);
    net.peer(name, key(seed), key(seed + 100), limits)
}

/// Anna compacts, bram does not.
fn scene(limits: Limits) -> (Net, usize, usize, CircleId) {
    let mut net = Net::new();
    let (anna, bram) = (node(&mut net, "anna", 1, limits), net.node("bram", 2));
    let circle = net.circle(anna);
    net.join(bram, anna, &circle, Role::Inner);
    (net, anna, bram, circle)
}

fn type_some(net: &mut Net, at: usize, circle: &CircleId, document: &DocumentRef, count: usize) {
    for number in 0..count {
        net.type_text(at, circle, document, "effect", &format!("{number} "));
    }
}

/// Snapshots and raw changes on a disk.
fn stored(net: &Net, at: usize, key: &DocKey) -> (usize, usize) {
    let chunks = &net.peers[at].disk.chunks[key];
    let snapshots = chunks.values().filter(|bytes| bytes[8] == 0).count();
    (snapshots, chunks.len() - snapshots)
}

fn isolated(net: &Net, at: usize) -> usize {
    let notices = net.peers[at].notices.iter();
    notices
        .filter(|notice| matches!(notice, Notice::DocumentIsolated { .. }))
        .count()
}

#[test]
fn k3_a_snapshot_takes_the_place_of_raw_changes_and_all_is_as_before() {
    let (mut net, anna, bram, circle) = scene(eager());
    let step = DocumentRef::step();
    type_some(&mut net, bram, &circle, &step, 100);
    let key = net.open_document(anna, &circle, &step);
    let (snapshots, changes) = stored(&net, anna, &key);
    assert!(snapshots == 1 && changes < 60, "{snapshots} {changes}");
    assert_eq!(stored(&net, bram, &key), (0, 100));
    assert!(net.peers[anna].engine.totals().compactions >= 2);
    let (heads, text) = (
        net.peers[anna].heads(&key),
        net.peers[anna].text(&key, "effect"),
    );
    // A start from the snapshot gives the same document, and it goes on.
    net.restart(anna);
    net.open_document(anna, &circle, &step);
    assert_eq!(net.peers[anna].heads(&key), heads);
    assert_eq!(net.peers[anna].text(&key, "effect"), text);
    net.connect(bram, anna);
    net.assert_same(&[anna, bram], &circle, &step);
    type_some(&mut net, bram, &circle, &step, 100);
    net.assert_same(&[anna, bram], &circle, &step);
    assert_eq!(stored(&net, anna, &key).0, 1);
    // Who comes now gets everything from it.
    let carla = net.node("carla", 3);
    net.join(carla, anna, &circle, Role::Outer);
    net.assert_same(&[anna, carla], &circle, &step);
}

#[test]
fn k3_changes_that_come_while_a_snapshot_is_made_stay_beside_it() {
    let (mut net, anna, bram, circle) = scene(eager());
    let step = DocumentRef::step();
    net.peers[anna].holds_work = true;
    type_some(&mut net, bram, &circle, &step, 30);
    let key = net.open_document(anna, &circle, &step);
    assert_eq!(net.peers[anna].held_work.len(), 1, "one at a time");
    net.release_work(anna);
    let (snapshots, changes) = stored(&net, anna, &key);
    assert!(snapshots == 1 && changes >= 9, "{snapshots} {changes}");
    net.restart(anna);
    net.connect(bram, anna);
    net.assert_same(&[anna, bram], &circle, &step);
}

#[test]
fn k3_a_snapshot_that_storage_did_not_keep_replaces_nothing() {
    let (mut net, anna, bram, circle) = scene(eager());
    let step = DocumentRef::step();
    net.peers[anna].holds_work = true;
    type_some(&mut net, bram, &circle, &step, 25);
    let key = net.open_document(anna, &circle, &step);
    let heads = net.peers[anna].heads(&key);
    net.peers[anna].holds_keeps = true;
    net.release_work(anna);
    assert_eq!(stored(&net, anna, &key), (0, 25));
    // The power fails before it is durable.
    net.restart(anna);
    net.peers[anna].holds_keeps = false;
    net.open_document(anna, &circle, &step);
    assert_eq!(net.peers[anna].heads(&key), heads);
}

#[test]
fn k3_work_that_fails_replaces_nothing_and_is_not_tried_again() {
    let limits = Limits {
        snapshot_bytes_max: 100,
        ..eager()
    };
    let (mut net, anna, bram, circle) = scene(limits);
    let step = DocumentRef::step();
    type_some(&mut net, bram, &circle, &step, 60);
    let key = net.open_document(anna, &circle, &step);
    assert_eq!(stored(&net, anna, &key), (0, 60));
    assert_eq!(
        (
            isolated(&net, anna),
            net.peers[anna].engine.totals().compactions
        ),
        (1, 0)
    );
    net.assert_same(&[anna, bram], &circle, &step);
}

#[test]
fn lost_work_isolates_its_document_and_others_go_on() {
    let (mut net, anna, bram, circle) = scene(eager());
    let (step, case) = (DocumentRef::step(), DocumentRef::case());
    net.peers[anna].loses_work = true;
    type_some(&mut net, bram, &circle, &step, 60);
    let key = net.open_document(anna, &circle, &step);
    assert_eq!(
        (isolated(&net, anna), stored(&net, anna, &key)),
        (1, (0, 60))
    );
    // The exchange goes on, and so does the compaction of another document.
    net.peers[anna].loses_work = false;
    net.assert_same(&[anna, bram], &circle, &step);
    for number in 0..60 {
        net.type_text(bram, &circle, &case, "body", &format!("{number} "));
    }
    let other = net.open_document(anna, &circle, &case);
    assert_eq!(stored(&net, anna, &other).0, 1);
    assert_eq!(stored(&net, anna, &key), (0, 60));
    // One that cannot be brought into memory is not tried again; others are.
    net.restart(anna);
    net.peers[anna].loses_work = true;
    let opened = net.local(anna, Local::Open { document: other });
    assert!(opened.is_err(), "{opened:?}");
    net.peers[anna].loses_work = false;
    assert!(net.local(anna, Local::Open { document: other }).is_err());
    assert_eq!(isolated(&net, anna), 2);
    net.connect(bram, anna);
    net.type_text(bram, &circle, &step, "effect", "gaat door");
    net.assert_same(&[anna, bram], &circle, &step);
    net.restart(anna);
    net.open_document(anna, &circle, &case);
    assert_eq!(net.peers[anna].heads(&other), net.peers[bram].heads(&other));
}

#[test]
fn k3_what_is_stored_and_not_admitted_is_never_covered() {
    // Carla and daan join by one invite, apart: each writes, anna compacts what carla wrote, and
    // when both joins are known neither has a role. What carla wrote is taken out although it
    // stands in a snapshot, and comes back when she gets a role.
    let mut net = Net::new();
    let anna = node(&mut net, "anna", 1, eager());
    let (bram, carla, daan) = (
        net.node("bram", 2),
        net.node("carla", 3),
        net.node("daan", 4),
    );
    let circle = net.circle(anna);
    let (conn, _) = net.join(bram, anna, &circle, Role::Inner);
    let step = DocumentRef::step();
    type_some(&mut net, anna, &circle, &step, 10);
    net.invite(anna, &circle, Role::Inner, [7; 16]);
    net.cut(bram, conn);
    for (joiner, accepter) in [(carla, anna), (daan, bram)] {
        net.open(joiner, accepter, &[(circle, [7; 16])], None, NODE);
        net.run();
        let record = net.sign_join(joiner, &circle, [7; 16]).bytes().to_vec();
        net.local(joiner, Local::RequestJoin { circle, record })
            .unwrap();
    }
    for number in 0..40 {
        net.type_text(
            carla,
            &circle,
            &step,
            "recognisable",
            &format!("carla{number} "),
        );
    }
    let key = net.open_document(anna, &circle, &step);
    assert_eq!(stored(&net, anna, &key).0, 1);
    assert!(
        net.peers[anna]
            .text(&key, "recognisable")
            .contains("carla39")
    );
    net.connect(bram, anna);
    assert_eq!(net.role(anna, &circle, carla), None);
    net.open_document(anna, &circle, &step);
    assert!(!net.peers[anna].text(&key, "recognisable").contains("carla"));
    // Anna goes on for long enough, and starts anew.
    let before = net.peers[anna].engine.totals().compactions;
    type_some(&mut net, anna, &circle, &step, 60);
    assert_eq!(net.peers[anna].engine.totals().compactions, before);
    net.restart(anna);
    net.connect(bram, anna);
    net.assert_same(&[anna, bram], &circle, &step);
    assert!(!net.peers[anna].text(&key, "recognisable").contains("carla"));
    // With a role, carla's words are back, on anna's disk as on everybody's.
    let person = PersonId::of(&net.peers[carla].key());
    let role = Role::Inner;
    net.append(anna, &circle, Body::Grant { person, role });
    net.open_document(anna, &circle, &step);
    assert!(
        net.peers[anna]
            .text(&key, "recognisable")
            .contains("carla39")
    );
    net.type_text(anna, &circle, &step, "effect", "en nu verder");
    assert!(net.peers[anna].engine.totals().compactions > 0);
    net.connect(carla, anna);
    net.assert_same(&[anna, bram, carla], &circle, &step);
    net.restart(anna);
    net.connect(bram, anna);
    net.assert_same(&[anna, bram], &circle, &step);
    assert!(
        net.peers[anna]
            .text(&key, "recognisable")
            .contains("carla39")
    );
}
