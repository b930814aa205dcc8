//! Who gets in, and who does not.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod common;

use common::client::{Cbor, bytes, frame, text};
use common::{NODE, Net};
use smallwin_circle::{DeviceKey, Role, Side, SigningKey, channel_message, channel_transcript};
use smallwin_sync::{Notice, Space};

fn peer_id(key: &DeviceKey) -> String {
    format!("{key}-AAAAAAAAAAA")
}

fn join(key: &DeviceKey, peer_id: &str, channel: &str) -> Vec<u8> {
    frame(vec![
        ("type", text("join")),
        ("senderId", text(peer_id)),
        ("peerMetadata", Cbor::Undefined),
        ("supportedProtocolVersions", Cbor::List(vec![text("1")])),
        (
            "smallwin",
            Cbor::Map(vec![
                ("v", Cbor::Number(1)),
                ("key", bytes(key.as_bytes())),
                ("nonce", bytes(&[7; 32])),
                ("channel", text(channel)),
            ]),
        ),
    ])
}

fn auth(sender: &str, proof: &[u8]) -> Vec<u8> {
    frame(vec![
        ("type", text("smallwin/auth")),
        ("senderId", text(sender)),
        ("proof", bytes(proof)),
    ])
}

/// The proof that an honest dialer makes on the test's wire, whose nonces are fixed.
fn proof(net: &Net, at: usize, dialer: &SigningKey, channel: &str) -> Vec<u8> {
    let listener = net.peers[at].node.public();
    let transcript = channel_transcript(&dialer.public(), &listener, &[7; 32], &[9; 32], channel);
    dialer
        .sign(&channel_message(Side::Dialer, &transcript))
        .as_bytes()
        .to_vec()
}

fn is_ready(net: &Net, at: usize) -> bool {
    net.peers[at]
        .notices
        .iter()
        .any(|notice| matches!(notice, Notice::PeerReady(_)))
}

#[test]
fn an_honest_dialer_gets_in_only_with_its_proof() {
    let mut net = Net::new();
    let anna = net.node("anna", 1);
    let key = SigningKey::from_seed([42; 32]);
    let id = peer_id(&key.public());
    let conn = net.wire(anna, Side::Listener, Space::Circles);
    net.send(anna, conn, join(&key.public(), &id, NODE));
    assert_eq!(
        net.received(anna, conn).len(),
        1,
        "the answer is `peer`, and nothing else yet"
    );
    assert!(!is_ready(&net, anna));
    net.send(anna, conn, auth(&id, &proof(&net, anna, &key, NODE)));
    assert!(is_ready(&net, anna));
}

#[test]
fn a_wrong_proof_name_key_or_order_is_refused() {
    let key = SigningKey::from_seed([42; 32]);
    let other = SigningKey::from_seed([43; 32]);
    let id = peer_id(&key.public());
    let refused = |frames: &dyn Fn(&Net, usize) -> Vec<Vec<u8>>, what: &str| {
        let mut net = Net::new();
        let anna = net.node("anna", 1);
        let conn = net.wire(anna, Side::Listener, Space::Circles);
        for frame in frames(&net, anna) {
            net.send(anna, conn, frame);
        }
        assert!(!is_ready(&net, anna), "{what}");
        assert_eq!(
            net.peers[anna].closed.len(),
            1,
            "{what}: {:?}",
            net.peers[anna].closed
        );
    };
    let hello = || join(&key.public(), &id, NODE);
    refused(&|_, _| vec![hello(), auth(&id, &[0; 64])], "no proof");
    refused(
        &|net, at| vec![hello(), auth(&id, &proof(net, at, &other, NODE))],
        "another key's proof",
    );
    refused(
        &|net, at| vec![hello(), auth(&id, &proof(net, at, &key, "evil.example:1"))],
        "a proof for another name",
    );
    refused(
        &|_, _| vec![join(&key.public(), &id, "evil.example:1")],
        "a name that is not ours",
    );
    refused(
        &|_, _| vec![join(&key.public(), &peer_id(&other.public()), NODE)],
        "a peer id of another key",
    );
    refused(
        &|net, at| {
            vec![join(
                &net.peers[at].node.public(),
                &peer_id(&net.peers[at].node.public()),
                NODE,
            )]
        },
        "the node itself",
    );
    refused(
        &|net, at| vec![auth(&id, &proof(net, at, &key, NODE))],
        "a proof before the join",
    );
    refused(&|_, _| vec![vec![0xff, 0x00]], "no CBOR");
    refused(
        &|_, _| vec![vec![0x41; 5000]],
        "a first frame that is too long",
    );
    refused(
        &|_, _| {
            vec![frame(vec![
                ("type", text("join")),
                ("senderId", text("stock")),
                ("supportedProtocolVersions", Cbor::List(vec![text("1")])),
            ])]
        },
        "a stock client",
    );
    // The identity point: any signature of the right form would fit it.
    let mut weak = [0; 32];
    weak[0] = 1;
    refused(
        &|_, _| {
            vec![frame(vec![
                ("type", text("join")),
                (
                    "senderId",
                    text("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA-AAAAAAAAAAA"),
                ),
                (
                    "smallwin",
                    Cbor::Map(vec![
                        ("v", Cbor::Number(1)),
                        ("key", bytes(&weak)),
                        ("nonce", bytes(&[7; 32])),
                        ("channel", text(NODE)),
                    ]),
                ),
            ])]
        },
        "a key of small order",
    );
}

#[test]
fn a_slow_handshake_ends() {
    let mut net = Net::new();
    let anna = net.node("anna", 1);
    let _conn = net.wire(anna, Side::Listener, Space::Circles);
    net.tick(9_000);
    assert!(net.peers[anna].closed.is_empty());
    net.tick(2_000);
    assert_eq!(net.peers[anna].closed.len(), 1);
}

#[test]
fn the_dialer_holds_the_listener_to_the_pinned_key_and_the_name() {
    let mut net = Net::new();
    let (anna, bram) = (net.node("anna", 1), net.node("bram", 2));
    let right = Some(net.peers[bram].node.public());
    let wrong = Some(SigningKey::from_seed([77; 32]).public());
    for (expect, channel, ready) in [
        (right, NODE, true),
        (wrong, NODE, false),
        (right, "elsewhere.example:7171", false),
    ] {
        net.peers[anna].notices.clear();
        net.open(anna, bram, &[], expect, channel);
        net.run();
        assert_eq!(is_ready(&net, anna), ready, "{channel}");
    }
}

#[test]
fn a_relay_in_the_middle_gains_nothing() {
    // Mallory forwards anna's frames to bram unchanged: the names differ, so bram refuses.
    let mut net = Net::new();
    let (anna, bram) = (net.node("anna", 1), net.node("bram", 2));
    net.open(anna, bram, &[], None, "mallory.example:7171");
    net.run();
    assert!(!is_ready(&net, anna) && !is_ready(&net, bram));
}

#[test]
fn a_newer_connection_of_the_same_peer_takes_over() {
    let mut net = Net::new();
    let anna = net.node("anna", 1);
    let key = SigningKey::from_seed([42; 32]);
    let id = peer_id(&key.public());
    let mut conns = Vec::new();
    for _ in 0..2 {
        let conn = net.wire(anna, Side::Listener, Space::Circles);
        net.send(anna, conn, join(&key.public(), &id, NODE));
        // Saying join alone closes nobody: it proves nothing.
        assert!(net.peers[anna].closed.is_empty());
        let proof = proof(&net, anna, &key, NODE);
        net.send(anna, conn, auth(&id, &proof));
        conns.push(conn);
    }
    assert_eq!(net.peers[anna].closed, vec![(conns[0], 4001, "replaced")]);
}

#[test]
fn a_stranger_learns_nothing_of_a_circle() {
    let mut net = Net::new();
    let (anna, bram, stranger) = (
        net.node("anna", 1),
        net.node("bram", 2),
        net.node("stranger", 3),
    );
    let circle = net.circle(anna);
    net.join(bram, anna, &circle, Role::Inner);
    net.type_text(
        anna,
        &circle,
        &smallwin_circle::DocumentRef::check_in(1),
        "q1",
        "geheim",
    );
    net.connect(stranger, anna);
    assert!(net.peers[stranger].engine.circles().is_empty());
    // Even one who knows the id of the circle, as a former visitor may.
    net.local(stranger, smallwin_sync::Local::Follow { circle })
        .unwrap();
    assert!(net.peers[stranger].engine.log(&circle).is_none());
    assert!(net.peers[stranger].disk.rows.is_empty() && net.peers[stranger].disk.chunks.is_empty());
    let secret = net
        .log
        .iter()
        .filter(|(_, to, _)| *to == stranger)
        .any(|(_, _, bytes)| bytes.windows(32).any(|window| window == circle.as_bytes()));
    assert!(
        !secret,
        "the id of the circle itself never goes over the wire"
    );
}
