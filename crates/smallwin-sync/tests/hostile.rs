//! What a patched or hostile client may try.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod common;

use automerge::Automerge;
use automerge::sync::State;
use common::client::{Cbor, Client, bytes, frame, text};
use common::{Net, edit};
use smallwin_circle::{DocumentRef, Role, SigningKey};
use smallwin_sync::{DocKey, Notice};

/// Anna's node with a circle, bram's node beside it, and carla of the outer circle with a client of her own making.
fn setting() -> (Net, usize, usize, smallwin_circle::CircleId, SigningKey) {
    let mut net = Net::new();
    let (anna, bram, carla) = (
        net.node("anna", 1),
        net.node("bram", 2),
        net.browser("carla", 3),
    );
    let circle = net.circle(anna);
    net.join(bram, anna, &circle, Role::Inner);
    let (conn, _) = net.join(carla, anna, &circle, Role::Outer);
    let key = net.peers[carla].device.clone();
    net.cut(carla, conn);
    (net, anna, bram, circle, key)
}

fn client(
    net: &mut Net,
    at: usize,
    circle: &smallwin_circle::CircleId,
    key: &SigningKey,
) -> Client {
    let mut client = Client::proven(net, at, key);
    client.show_circle(net, circle, key);
    client
}

#[test]
fn an_outer_member_who_writes_the_step_is_refused_and_shown() {
    let (mut net, anna, bram, circle, key) = setting();
    let step = DocumentRef::step();
    let (id, doc) = (step.id(&circle), net.open_document(anna, &circle, &step));
    let mut carla = client(&mut net, anna, &circle, &key);
    let mut document = net.peers[anna].document(&doc);
    let before = document.get_heads();
    let mine = edit(&document, &key, 9, &circle, &step, "effect", "stiekem");
    document.load_incremental(&mine.changes.concat()).unwrap();
    carla.frontier(&mut net, &id, &mine.frontier.encode());
    let mut state = State::new();
    let messages = carla.exchange(&mut net, &id, &mut document, &mut state);
    // G3: the exchange ends although the heads never become equal.
    assert!(messages <= 12, "{messages} messages");
    assert_eq!(net.peers[anna].heads(&doc), before);
    let refused = net.peers[anna].engine.refused(&doc);
    assert_eq!(
        refused
            .iter()
            .map(|view| (view.hash, view.reason.as_str()))
            .collect::<Vec<_>>(),
        vec![(mine.hashes[0], "not-writer")]
    );
    assert_eq!(refused[0].author, Some(key.public()));
    assert!(
        net.peers[anna]
            .notices
            .iter()
            .any(|notice| matches!(notice, Notice::Refused { .. }))
    );
    // Bram hears nothing of it, and neither does a new exchange lead anywhere.
    net.open_document(bram, &circle, &step);
    assert!(net.peers[bram].engine.refused(&doc).is_empty());
    net.type_text(bram, &circle, &step, "effect", "wel van bram");
    assert_eq!(net.peers[anna].heads(&doc), net.peers[bram].heads(&doc));
    // It is still kept aside after a restart, and carla may read on. A page of hers that has
    // forgotten the change is told of it too.
    net.restart(anna);
    let mut page = client(&mut net, anna, &circle, &key);
    page.listen(&mut net);
    let told = page
        .received
        .iter()
        .find(|it| it.kind() == "smallwin/refused")
        .unwrap();
    assert_eq!(told.bytes["hashes"], mine.hashes[0]);
    net.open_document(anna, &circle, &step);
    assert_eq!(net.peers[anna].engine.refused(&doc).len(), 1);
    let mut carla = client(&mut net, anna, &circle, &key);
    let mut state = State::new();
    carla.exchange(&mut net, &id, &mut document, &mut state);
    let (_, effect) = automerge::ReadDoc::get(&document, automerge::ROOT, "effect")
        .unwrap()
        .unwrap();
    assert!(
        automerge::ReadDoc::text(&document, &effect)
            .unwrap()
            .contains("wel van bram")
    );
    assert!(!carla.is_closed(&net));
}

#[test]
fn a_refused_change_is_admitted_when_its_author_is_promoted() {
    let (mut net, anna, bram, circle, key) = setting();
    let step = DocumentRef::step();
    let (id, doc) = (step.id(&circle), net.open_document(anna, &circle, &step));
    let mut carla = client(&mut net, anna, &circle, &key);
    let mut document = net.peers[anna].document(&doc);
    let mine = edit(&document, &key, 9, &circle, &step, "effect", "te vroeg");
    document.load_incremental(&mine.changes.concat()).unwrap();
    carla.frontier(&mut net, &id, &mine.frontier.encode());
    carla.exchange(&mut net, &id, &mut document, &mut State::new());
    assert_eq!(net.peers[anna].engine.refused(&doc).len(), 1);
    net.restart(anna);
    net.open_document(anna, &circle, &step);
    let person = smallwin_circle::PersonId::of(&key.public());
    net.append(
        anna,
        &circle,
        smallwin_circle::Body::Grant {
            person,
            role: Role::Inner,
        },
    );
    assert!(net.peers[anna].engine.refused(&doc).is_empty());
    assert!(net.peers[anna].text(&doc, "effect").contains("te vroeg"));
    net.connect(bram, anna);
    net.assert_same(&[anna, bram], &circle, &step);
}

#[test]
fn changes_without_a_frontier_wait_and_go_with_their_bringer() {
    let (mut net, anna, _, circle, key) = setting();
    let check_in = DocumentRef::check_in(1);
    let (id, doc) = (
        check_in.id(&circle),
        net.open_document(anna, &circle, &check_in),
    );
    let mut carla = client(&mut net, anna, &circle, &key);
    let mut document = net.peers[anna].document(&doc);
    let before = document.get_heads();
    let mine = edit(&document, &key, 9, &circle, &check_in, "q1", "zonder naam");
    document.load_incremental(&mine.changes.concat()).unwrap();
    let mut state = State::new();
    carla.exchange(&mut net, &id, &mut document, &mut state);
    assert_eq!(net.peers[anna].heads(&doc), before);
    net.tick(11_000);
    carla.listen(&mut net);
    let refused = carla
        .received
        .iter()
        .find(|received| received.kind() == "smallwin/refused")
        .unwrap();
    assert_eq!(refused.texts["reason"], "unsigned");
    // The frontier of another document or a forged one closes; the right one admits.
    carla.frontier(&mut net, &id, &mine.frontier.encode());
    carla.exchange(&mut net, &id, &mut document, &mut state);
    assert_eq!(net.peers[anna].heads(&doc), document.get_heads());
    let mut forged = mine.frontier.encode();
    forged[143] ^= 1;
    forged[47] += 1;
    carla.frontier(&mut net, &id, &forged);
    assert!(carla.is_closed(&net));
}

#[test]
fn somebody_elses_work_needs_somebody_elses_signature() {
    // C3: carla brings changes under bram's name, signed by herself.
    let (mut net, anna, bram, circle, key) = setting();
    let check_in = DocumentRef::check_in(1);
    let (id, doc) = (
        check_in.id(&circle),
        net.open_document(anna, &circle, &check_in),
    );
    let mut document = net.peers[anna].document(&doc);
    let before = document.get_heads();
    let forged = edit(
        &document,
        &net.peers[bram].device.clone(),
        9,
        &circle,
        &check_in,
        "q1",
        "van bram, heus",
    );
    document.load_incremental(&forged.changes.concat()).unwrap();
    let mut carla = client(&mut net, anna, &circle, &key);
    carla.exchange(&mut net, &id, &mut document, &mut State::new());
    assert_eq!(net.peers[anna].heads(&doc), before);
    let mut signed = forged.frontier;
    signed.signature = key.sign(b"anything");
    carla.frontier(&mut net, &id, &signed.encode());
    assert!(carla.is_closed(&net));
    assert_eq!(net.peers[anna].heads(&doc), before);
    // What waited for her connection is forgotten with it; brought honestly it is welcome.
    let mut carla = client(&mut net, anna, &circle, &key);
    carla.frontier(&mut net, &id, &forged.frontier.encode());
    carla.exchange(&mut net, &id, &mut document, &mut State::new());
    assert_eq!(net.peers[anna].heads(&doc), document.get_heads());
}

#[test]
fn nobody_can_put_words_under_another_name_by_building_on_them() {
    // C3: carla, who may write here, forges a change of bram and builds a signed one of hers on it.
    let (mut net, anna, bram, circle, key) = setting();
    let check_in = DocumentRef::check_in(1);
    let (id, doc) = (
        check_in.id(&circle),
        net.open_document(anna, &circle, &check_in),
    );
    let mut document = net.peers[anna].document(&doc);
    let before = document.get_heads();
    let bram_key = net.peers[bram].device.clone();
    let forged = edit(
        &document, &bram_key, 9, &circle, &check_in, "q1", "van bram",
    );
    document.load_incremental(&forged.changes.concat()).unwrap();
    let mine = edit(&document, &key, 9, &circle, &check_in, "q1", "van carla");
    document.load_incremental(&mine.changes.concat()).unwrap();
    let mut carla = client(&mut net, anna, &circle, &key);
    carla.frontier(&mut net, &id, &mine.frontier.encode());
    carla.exchange(&mut net, &id, &mut document, &mut State::new());
    assert_eq!(net.peers[anna].heads(&doc), before);
    // Once bram's own frontier is there, both stand.
    carla.frontier(&mut net, &id, &forged.frontier.encode());
    assert_eq!(net.peers[anna].heads(&doc), document.get_heads());
}

#[test]
fn the_two_short_killers_do_nothing() {
    // G1, G2: P1 divides by zero in Automerge, P2 makes it ask for 16 GB.
    let p1 = [0x42, 0, 0, 1, 0, 3, 1, 0, 7, 0];
    let p2 = [
        0x42, 0, 0, 1, 0, 8, 1, 8, 0xff, 0xff, 0xff, 0xff, 0x0f, 0xff, 0,
    ];
    let (mut net, anna, bram, circle, key) = setting();
    let step = DocumentRef::step();
    net.type_text(bram, &circle, &step, "effect", "blijft");
    for killer in [&p1[..], &p2[..]] {
        let mut carla = client(&mut net, anna, &circle, &key);
        carla.sync(&mut net, &step.id(&circle), killer.to_vec());
        assert!(carla.is_closed(&net));
        let mut stock = Client::stock(&mut net, anna, "stock");
        stock.sync(
            &mut net,
            &smallwin_circle::DocumentId::from_bytes([1; 16]),
            killer.to_vec(),
        );
        assert!(stock.is_closed(&net));
    }
    net.type_text(bram, &circle, &step, "effect", "en gaat door");
    net.assert_same(&[anna, bram], &circle, &step);
    assert_eq!(net.peers[anna].engine.totals().panics_caught, 0);
}

#[test]
fn no_frame_cut_short_or_flipped_does_harm() {
    let (mut net, anna, bram, circle, key) = setting();
    let check_in = DocumentRef::check_in(1);
    let (id, doc) = (
        check_in.id(&circle),
        net.open_document(anna, &circle, &check_in),
    );
    let document = net.peers[anna].document(&doc);
    let mine = edit(&document, &key, 9, &circle, &check_in, "q1", "heel gewoon");
    let mut with = document.clone();
    with.load_incremental(&mine.changes.concat()).unwrap();
    let mut message = automerge::sync::Message::decode(&[0x43, 0, 0, 0, 0]).unwrap();
    message.heads = with.get_heads();
    message.changes = automerge::sync::ChunkList::from(mine.changes.concat());
    let good = frame(vec![
        ("type", text("sync")),
        ("documentId", text(&id.to_string())),
        ("data", bytes(&message.encode())),
    ]);
    let mut carla = client(&mut net, anna, &circle, &key);
    for at in (0..good.len()).step_by(3) {
        let mut bad = good.clone();
        bad[at] ^= 0x41;
        for frame in [bad, good[..at].to_vec()] {
            if carla.is_closed(&net) {
                carla = client(&mut net, anna, &circle, &key);
            }
            carla.raw(&mut net, frame);
        }
    }
    assert_eq!(
        net.peers[anna].heads(&doc),
        document.get_heads(),
        "nothing of it was signed"
    );
    net.type_text(bram, &circle, &check_in, "q1", "en gaat door");
    net.assert_same(&[anna, bram], &circle, &check_in);
}

#[test]
fn unknown_frames_are_ignored_and_counted_and_others_are_held_to_their_sender() {
    let (mut net, anna, _, circle, key) = setting();
    let mut carla = client(&mut net, anna, &circle, &key);
    let before = net.peers[anna].engine.totals().frames_unknown;
    carla.say(
        &mut net,
        vec![
            ("type", text("remote-subscription-change")),
            ("add", Cbor::List(vec![])),
        ],
    );
    carla.say(
        &mut net,
        vec![("type", text("smallwin/later")), ("x", Cbor::Float(1.5))],
    );
    assert_eq!(net.peers[anna].engine.totals().frames_unknown, before + 2);
    assert!(!carla.is_closed(&net));
    carla.say(
        &mut net,
        vec![
            ("type", text("smallwin/ask")),
            ("what", text("status")),
            ("senderId", text("somebody else")),
        ],
    );
    assert!(carla.is_closed(&net));
}

#[test]
fn documents_of_others_and_documents_that_do_not_exist_are_answered_alike() {
    // V1, and nothing leaks about which drafts there are.
    let (mut net, anna, _, circle, key) = setting();
    let draft = DocumentRef::draft(&net.peers[anna].person());
    net.type_text(anna, &circle, &draft, "q1", "alleen van mij");
    let mut carla = client(&mut net, anna, &circle, &key);
    carla.received.clear();
    let unknown = smallwin_circle::DocumentId::from_bytes([77; 16]);
    for id in [draft.id(&circle), unknown] {
        carla.sync(&mut net, &id, vec![0x42, 0, 0, 1, 0, 0, 0, 2, 2, 0x84]);
        let answer = carla.received.pop().unwrap();
        assert_eq!(
            (answer.kind(), &answer.texts["documentId"]),
            ("doc-unavailable", &id.to_string())
        );
        assert!(carla.received.is_empty());
    }
}

#[test]
fn presence_is_passed_on_once_and_never_kept() {
    let (mut net, anna, bram, circle, key) = setting();
    let id = DocumentRef::step().id(&circle);
    let mut carla = client(&mut net, anna, &circle, &key);
    carla.sync(&mut net, &id, vec![0x42, 0, 0, 1, 0, 0, 0, 2, 2, 0x84]);
    let disk = net.peers[anna].disk.rows.len();
    let ephemeral = |count: u64, size: usize| {
        vec![
            ("type", text("ephemeral")),
            ("documentId", text(&id.to_string())),
            ("data", bytes(&vec![1; size])),
            ("count", Cbor::Number(count)),
            ("sessionId", text("s")),
        ]
    };
    net.log.clear();
    let to_bram = |net: &Net| {
        net.log
            .iter()
            .filter(|(_, to, bytes)| {
                *to == bram && bytes.windows(9).any(|window| window == b"ephemeral")
            })
            .count()
    };
    carla.say(&mut net, ephemeral(1, 20));
    carla.say(&mut net, ephemeral(1, 20));
    carla.say(&mut net, ephemeral(2, 20));
    assert_eq!(to_bram(&net), 2);
    assert_eq!(net.peers[anna].disk.rows.len(), disk);
    carla.say(&mut net, ephemeral(3, 70_000));
    assert!(carla.is_closed(&net));
    assert_eq!(to_bram(&net), 2);
}

#[test]
fn a_change_whose_dependency_never_comes_waits_in_bounds() {
    // G3, S2: and is never handed to Automerge.
    let (mut net, anna, _, circle, key) = setting();
    let check_in = DocumentRef::check_in(1);
    let (id, doc) = (check_in.id(&circle), DocKey::circles(&check_in.id(&circle)));
    net.open_document(anna, &circle, &check_in);
    let mut document = net.peers[anna].document(&doc);
    let first = edit(&document, &key, 9, &circle, &check_in, "q1", "een");
    document.load_incremental(&first.changes.concat()).unwrap();
    let second = edit(&document, &key, 9, &circle, &check_in, "q1", "twee");
    let mut carla = client(&mut net, anna, &circle, &key);
    carla.frontier(&mut net, &id, &second.frontier.encode());
    let mut message = automerge::sync::Message::decode(&[0x43, 0, 0, 0, 0]).unwrap();
    message.heads = vec![automerge::ChangeHash(second.hashes[0])];
    message.changes = automerge::sync::ChunkList::from(second.changes.concat());
    carla.received.clear();
    carla.sync(&mut net, &id, message.encode());
    let asked = carla
        .received
        .iter()
        .rfind(|received| received.kind() == "sync")
        .unwrap();
    let asked = automerge::sync::Message::decode(&asked.bytes["data"]).unwrap();
    assert_eq!(
        asked.need,
        vec![automerge::ChangeHash(first.hashes[0])],
        "it asks for what is missing, not for what it has"
    );
    let mut rest = automerge::sync::Message::decode(&[0x43, 0, 0, 0, 0]).unwrap();
    rest.heads = vec![automerge::ChangeHash(second.hashes[0])];
    rest.changes = automerge::sync::ChunkList::from(first.changes.concat());
    carla.sync(&mut net, &id, rest.encode());
    assert_eq!(
        net.peers[anna].heads(&doc),
        vec![automerge::ChangeHash(second.hashes[0])]
    );
    let _keeps: Automerge = document;
}

#[test]
fn a_document_that_is_read_because_of_a_forgery_is_shown_whole() {
    // Found by the simulation, seed 152: a frame that needed a write was judged together with what
    // storage held, so the document stood there with its first change only until the write was
    // done, and everybody was told so.
    let mut net = Net::new();
    let limits = smallwin_sync::limits::Limits {
        documents_open_max: 1,
        ..Default::default()
    };
    let anna = net.peer(
        "anna",
        SigningKey::from_seed([1; 32]),
        SigningKey::from_seed([101; 32]),
        limits,
    );
    let (bram, carla) = (net.node("bram", 2), net.browser("carla", 3));
    let circle = net.circle(anna);
    net.join(bram, anna, &circle, Role::Inner);
    let (conn, _) = net.join(carla, anna, &circle, Role::Outer);
    let key = net.peers[carla].device.clone();
    net.cut(carla, conn);
    let case = DocumentRef::case();
    let id = case.id(&circle);
    net.type_text(bram, &circle, &case, "body", "van bram");
    let doc = net.open_document(bram, &circle, &case);
    let heads = net.peers[bram].heads(&doc);
    let forged = edit(
        &net.peers[bram].document(&doc),
        &key,
        9,
        &circle,
        &case,
        "body",
        "stiekem",
    );
    let mut carla = client(&mut net, anna, &circle, &key);
    net.open_document(anna, &circle, &DocumentRef::step());
    net.open_document(anna, &circle, &DocumentRef::check_in(1));
    assert!(net.peers[anna].engine.document(&doc).is_none(), "let go");
    net.peers[anna].holds_keeps = true;
    let before = net.frames;
    carla.frontier(&mut net, &id, &forged.frontier.encode());
    let mut message = automerge::sync::Message::decode(&[0x43, 0, 0, 0, 0]).unwrap();
    message.heads = vec![automerge::ChangeHash(forged.hashes[0])];
    message.changes = automerge::sync::ChunkList::from(forged.changes.concat());
    carla.sync(&mut net, &id, message.encode());
    assert_eq!(net.peers[anna].heads(&doc), heads);
    net.release(anna);
    assert_eq!(net.peers[anna].engine.refused(&doc).len(), 1);
    net.close_wire(anna, carla.conn);
    net.assert_same(&[bram, anna], &circle, &case);
    assert!(net.frames - before < 12, "{} frames", net.frames - before);
}
