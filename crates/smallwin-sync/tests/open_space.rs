//! Stock automerge-repo clients in the open space.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod common;

use automerge::sync::State;
use automerge::transaction::Transactable as _;
use automerge::{AutoCommit, Automerge, ROOT, ReadDoc as _};
use common::Net;
use common::client::{Cbor, Client, bytes, text};
use smallwin_circle::{DocumentId, DocumentRef, SigningKey};
use smallwin_sync::limits::Limits;

const ID: DocumentId = DocumentId::from_bytes([3; 16]);
/// A first message of a client that has nothing.
const NOTHING: [u8; 10] = [0x42, 0, 0, 1, 0, 0, 0, 2, 2, 0x84];

fn written(actor: u8, words: &[&str]) -> Automerge {
    let mut document = AutoCommit::new().with_actor(automerge::ActorId::from(vec![actor; 16]));
    for word in words {
        document.put(ROOT, *word, 1).unwrap();
        document.commit();
    }
    document.document().clone()
}

fn keys(document: &Automerge) -> Vec<String> {
    document.keys(ROOT).collect()
}

#[test]
fn two_stock_clients_share_a_document_live_and_after_a_restart() {
    let mut net = Net::new();
    let node = net.node("node", 1);
    let (mut alice, mut bob) = (
        Client::stock(&mut net, node, "alice"),
        Client::stock(&mut net, node, "bob"),
    );
    assert_eq!(alice.kinds(), ["peer"]);
    let (mut of_alice, mut of_bob) = (written(1, &["a", "b", "c"]), Automerge::new());
    let (mut alice_state, mut bob_state) = (State::new(), State::new());
    alice.exchange(&mut net, &ID, &mut of_alice, &mut alice_state);
    bob.exchange(&mut net, &ID, &mut of_bob, &mut bob_state);
    assert_eq!(keys(&of_bob), ["a", "b", "c"]);
    let mut editing = AutoCommit::load(&of_bob.save())
        .unwrap()
        .with_actor(automerge::ActorId::from(vec![2; 16]));
    editing.put(ROOT, "d", 1).unwrap();
    editing.commit();
    of_bob = editing.document().clone();
    bob.exchange(&mut net, &ID, &mut of_bob, &mut bob_state);
    alice.exchange(&mut net, &ID, &mut of_alice, &mut alice_state);
    assert_eq!(keys(&of_alice), ["a", "b", "c", "d"]);
    net.restart(node);
    let mut carol = Client::stock(&mut net, node, "carol");
    let mut of_carol = Automerge::new();
    carol.exchange(&mut net, &ID, &mut of_carol, &mut State::new());
    assert_eq!(of_carol.get_heads(), of_alice.get_heads());
}

#[test]
fn what_nobody_has_is_unavailable_until_somebody_brings_it() {
    let mut net = Net::new();
    let node = net.node("node", 1);
    let (mut alice, mut bob) = (
        Client::stock(&mut net, node, "alice"),
        Client::stock(&mut net, node, "bob"),
    );
    bob.received.clear();
    bob.say(
        &mut net,
        vec![
            ("type", text("request")),
            ("documentId", text(&ID.to_string())),
            ("data", bytes(&NOTHING)),
        ],
    );
    assert_eq!(bob.kinds(), ["doc-unavailable"]);
    bob.received.clear();
    let mut of_alice = written(1, &["a"]);
    alice.exchange(&mut net, &ID, &mut of_alice, &mut State::new());
    bob.listen(&mut net);
    assert_eq!(bob.kinds(), ["sync"], "the handle revives");
    let mut of_bob = Automerge::new();
    bob.exchange(&mut net, &ID, &mut of_bob, &mut State::new());
    assert_eq!(of_bob.get_heads(), of_alice.get_heads());
    assert!(net.peers[node].engine.totals().documents_open == 1);
}

#[test]
fn a_second_joiner_with_a_live_peer_id_is_refused() {
    let mut net = Net::new();
    let node = net.node("node", 1);
    let alice = Client::stock(&mut net, node, "alice");
    let impostor = Client::stock(&mut net, node, "alice");
    assert_eq!(impostor.kinds(), ["error"]);
    assert!(impostor.is_closed(&net) && !alice.is_closed(&net));
    // Saying join twice on one socket is a habit of the stock client.
    let mut alice = alice;
    alice.say(
        &mut net,
        vec![
            ("type", text("join")),
            ("supportedProtocolVersions", Cbor::List(vec![text("1")])),
        ],
    );
    assert!(!alice.is_closed(&net));
    let mut other = Client {
        received: Vec::new(),
        ..Client::stock(&mut net, node, "dora")
    };
    other.raw(&mut net, vec![0x01]);
    assert!(other.is_closed(&net));
}

#[test]
fn documents_of_circles_are_not_in_the_open_space() {
    let mut net = Net::new();
    let node = net.node("node", 1);
    let circle = net.circle(node);
    net.type_text(node, &circle, &DocumentRef::check_in(1), "q1", "geheim");
    let id = DocumentRef::check_in(1).id(&circle);
    let mut alice = Client::stock(&mut net, node, "alice");
    alice.received.clear();
    alice.say(
        &mut net,
        vec![
            ("type", text("request")),
            ("documentId", text(&id.to_string())),
            ("data", bytes(&NOTHING)),
        ],
    );
    assert_eq!(alice.kinds(), ["doc-unavailable"]);
    // Even when somebody makes a document under the same id, the two are two.
    let mut mine = written(1, &["x"]);
    alice.exchange(&mut net, &id, &mut mine, &mut State::new());
    assert_eq!(keys(&mine), ["x"]);
    assert_eq!(net.peers[node].disk.chunks.len(), 2);
}

#[test]
fn echoed_presence_is_passed_on_once() {
    let mut net = Net::new();
    let node = net.node("node", 1);
    let mut clients: Vec<Client> = ["alice", "bob", "carol"]
        .iter()
        .map(|id| Client::stock(&mut net, node, id))
        .collect();
    let mut document = written(1, &["a"]);
    for client in &mut clients {
        client.exchange(&mut net, &ID, &mut document.clone(), &mut State::new());
        client.received.clear();
    }
    let presence = |sender: &str| {
        vec![
            ("type", text("ephemeral")),
            ("senderId", text(sender)),
            ("documentId", text(&ID.to_string())),
            ("data", bytes(&[0xa0])),
            ("count", Cbor::Float(1.0)),
            ("sessionId", text("s")),
        ]
    };
    clients[0].say(&mut net, presence("alice"));
    // Stock clients send what they got back, in the author's name.
    clients[1].say(&mut net, presence("alice"));
    clients[2].say(&mut net, presence("alice"));
    for client in &mut clients {
        client.listen(&mut net);
    }
    let counts: Vec<usize> = clients
        .iter()
        .map(|client| {
            client
                .kinds()
                .iter()
                .filter(|kind| **kind == "ephemeral")
                .count()
        })
        .collect();
    assert_eq!(counts, [0, 1, 1]);
    assert!(clients.iter().all(|client| !client.is_closed(&net)));
    document.empty_commit(Default::default());
}

#[test]
fn quotas_hold() {
    let limits = Limits {
        open_document_bytes_max: 2000,
        open_bytes_max: 3000,
        ..Limits::default()
    };
    let mut net = Net::new();
    let node = net.peer(
        "node",
        SigningKey::from_seed([1; 32]),
        SigningKey::from_seed([2; 32]),
        limits,
    );
    let words: Vec<String> = (0..40).map(|i| format!("word {i}")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut alice = Client::stock(&mut net, node, "alice");
    let mut large = written(1, &words);
    let state = &mut State::new();
    let first = automerge::sync::SyncDoc::generate_sync_message(&large, state).unwrap();
    alice.sync(&mut net, &ID, first.encode());
    for received in std::mem::take(&mut alice.received) {
        if received.kind() == "sync" {
            let message = automerge::sync::Message::decode(&received.bytes["data"]).unwrap();
            automerge::sync::SyncDoc::receive_sync_message(&mut large, state, message).unwrap();
        }
    }
    let second = automerge::sync::SyncDoc::generate_sync_message(&large, state).unwrap();
    alice.sync(&mut net, &ID, second.encode());
    assert!(alice.is_closed(&net));
    assert!(net.peers[node].disk.chunks.is_empty());
}

#[test]
fn the_open_space_is_off_unless_asked_for() {
    use smallwin_sync::{Boot, Config, ConnId, Effect, Engine, Event, Millis, Opened, Side, Space};
    let key = SigningKey::from_seed([1; 32]);
    let config = Config {
        node_key: key.clone(),
        device_key: key.clone(),
        sealing: common::sealing(&key),
        authorities: vec![],
        first_changes: smallwin_model::first_changes(),
        open_space: false,
        limits: Limits::default(),
    };
    let mut engine = Engine::new(config, Boot::default()).unwrap();
    let opened = Opened {
        conn: ConnId(1),
        side: Side::Listener,
        space: Space::Open,
        channel: String::new(),
        nonce: [0; 32],
        peer_nonce: [0; 8],
        expect: None,
        invites: vec![],
    };
    let effects = engine.handle(Millis(0), Event::Opened(Box::new(opened)));
    assert!(matches!(
        effects.as_slice(),
        [Effect::Close {
            conn: ConnId(1),
            ..
        }]
    ));
}
