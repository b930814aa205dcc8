//! Random histories of stock Automerge peers around one node: all come to the same, and come to rest.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod common;

use automerge::sync::State;
use automerge::transaction::Transactable as _;
use automerge::{ActorId, AutoCommit, Automerge, ObjType, ROOT, ReadDoc as _};
use common::Net;
use common::client::Client;
use proptest::prelude::*;
use smallwin_circle::DocumentId;

const ID: DocumentId = DocumentId::from_bytes([3; 16]);
const PEERS: usize = 3;

/// One thing that happens to a peer.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// It types at a place of its text.
    Type(u8),
    /// It deletes a letter.
    Delete(u8),
    /// It exchanges with the node until both are silent.
    Sync,
    /// It loses its connection, and with it the state of the exchange.
    Reconnect,
    /// It loses everything but its name.
    Forget,
    /// The node stops and starts again from its disk.
    Restart,
}

struct Peer {
    client: Client,
    document: Automerge,
    state: State,
}

fn act() -> impl Strategy<Value = (usize, Act)> {
    let act = prop_oneof![
        6 => any::<u8>().prop_map(Act::Type),
        2 => any::<u8>().prop_map(Act::Delete),
        4 => Just(Act::Sync),
        1 => Just(Act::Reconnect),
        1 => Just(Act::Forget),
        1 => Just(Act::Restart),
    ];
    (0..PEERS, act)
}

fn edit(document: &Automerge, peer: usize, round: usize, act: Act) -> Automerge {
    let actor = [peer as u8, (round >> 8) as u8, round as u8, 0xaa];
    let mut editing = AutoCommit::load(&document.save())
        .unwrap()
        .with_actor(ActorId::from(&actor[..]));
    let text = match editing.get(ROOT, "text").unwrap() {
        Some((_, text)) => text,
        None => editing.put_object(ROOT, "text", ObjType::Text).unwrap(),
    };
    let length = editing.length(&text);
    match act {
        Act::Type(place) => editing
            .splice_text(&text, usize::from(place) % (length + 1), 0, "ab")
            .unwrap(),
        Act::Delete(place) if length > 0 => {
            editing.delete(&text, usize::from(place) % length).unwrap()
        }
        _ => {}
    }
    editing.commit();
    editing.document().clone()
}

fn connect(net: &mut Net, node: usize, peer: usize, times: &mut usize) -> Client {
    *times += 1;
    Client::stock(net, node, &format!("peer-{peer}-{times}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// S1: whatever the order, peers that exchange with the node end with equal documents.
    #[test]
    fn random_histories_converge(acts in prop::collection::vec(act(), 1..60)) {
        let mut net = Net::new();
        let node = net.node("node", 1);
        let mut times = 0;
        let mut peers: Vec<Peer> = (0..PEERS).map(|peer| Peer {
            client: connect(&mut net, node, peer, &mut times),
            document: Automerge::new(),
            state: State::new(),
        }).collect();
        for (round, (at, act)) in acts.into_iter().enumerate() {
            match act {
                Act::Type(_) | Act::Delete(_) => peers[at].document = edit(&peers[at].document, at, round, act),
                Act::Sync => {
                    let Peer { client, document, state } = &mut peers[at];
                    client.exchange(&mut net, &ID, document, state);
                }
                Act::Reconnect | Act::Forget => {
                    let (conn, client) = (peers[at].client.conn, connect(&mut net, node, at, &mut times));
                    net.close_wire(node, conn);
                    peers[at].client = client;
                    // What stock peers keep over connections is the shared heads.
                    peers[at].state = State::decode(&peers[at].state.encode()).unwrap();
                    if let Act::Forget = act {
                        peers[at].state = State::new();
                        peers[at].document = Automerge::new();
                    }
                }
                Act::Restart => {
                    net.restart(node);
                    for (at, peer) in peers.iter_mut().enumerate() {
                        peer.client = connect(&mut net, node, at, &mut times);
                        peer.state = State::decode(&peer.state.encode()).unwrap();
                    }
                }
            }
        }
        for _ in 0..2 {
            for peer in &mut peers {
                peer.client.exchange(&mut net, &ID, &mut peer.document, &mut peer.state);
            }
        }
        let heads: Vec<_> = peers.iter().map(|peer| peer.document.get_heads()).collect();
        prop_assert!(heads.iter().all(|other| *other == heads[0]), "{heads:?}");
        for peer in &mut peers {
            let more = peer.client.exchange(&mut net, &ID, &mut peer.document, &mut peer.state);
            prop_assert_eq!(more, 0, "equal peers are silent");
            prop_assert!(!peer.client.is_closed(&net));
        }
    }
}
