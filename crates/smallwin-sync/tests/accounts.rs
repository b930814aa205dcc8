//! What connections may cost, and who is turned away (rule G2).
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod common;

use common::Net;
use common::client::Client;
use smallwin_circle::{Role, SigningKey};
use smallwin_sync::limits::{Limits, Rate};
use smallwin_sync::{Side, Space};

fn node(net: &mut Net, limits: Limits) -> usize {
    let (node, device) = (
        SigningKey::from_seed([1; 32]),
        SigningKey::from_seed([101; 32]),
    );
    net.peer("node", node, device, limits)
}

fn reason(net: &Net, client: &Client) -> Option<(u16, &'static str)> {
    let closed = &net.peers[client.at].closed;
    let found = closed.iter().find(|(conn, ..)| *conn == client.conn);
    found.map(|(_, code, reason)| (*code, *reason))
}

#[test]
fn g2_who_spends_too_much_is_held_back_and_cut_off_only_when_the_caller_reads_on() {
    let mut net = Net::new();
    let rate = Rate {
        per_minute: 60,
        burst: 4,
    };
    let limits = Limits {
        frame_rate: rate,
        ..Limits::default()
    };
    let at = node(&mut net, limits);
    let mut client = Client::proven(&mut net, at, &SigningKey::from_seed([9; 32]));
    let owes = |net: &Net, client: &Client| net.peers[at].engine.owes_ms(client.conn);
    assert_eq!(owes(&net, &client), 0, "two frames of four");
    let unknown = |client: &mut Client, net: &mut Net| {
        client.say(net, vec![("type", common::client::text("later"))]);
    };
    for _ in 0..4 {
        unknown(&mut client, &mut net);
    }
    assert_eq!(owes(&net, &client), 2_000, "two more at one a second");
    net.tick(2_000);
    unknown(&mut client, &mut net);
    assert_eq!(owes(&net, &client), 1_000, "who waited owes the next only");
    for _ in 0..3 {
        unknown(&mut client, &mut net);
    }
    assert_eq!(reason(&net, &client), None);
    unknown(&mut client, &mut net);
    assert_eq!(reason(&net, &client), Some((1013, "over-budget")));
    assert_eq!(
        owes(&net, &client),
        0,
        "an account ends with its connection"
    );
}

#[test]
fn g2_a_key_that_keeps_breaking_rules_is_refused_for_a_while_and_others_are_not() {
    let mut net = Net::new();
    let at = node(&mut net, Limits::default());
    let (bad, good) = (
        SigningKey::from_seed([8; 32]),
        SigningKey::from_seed([9; 32]),
    );
    let mut times = 0;
    loop {
        let mut client = Client::proven(&mut net, at, &bad);
        if let Some(found) = reason(&net, &client) {
            assert_eq!(found, (1013, "penalised"));
            break;
        }
        client.raw(&mut net, vec![0xff]);
        assert_eq!(reason(&net, &client), Some((1002, "bad-frame")));
        times += 1;
        assert!(times < 1_000, "it is never refused");
    }
    assert!(times > 32, "a client with a fault is not shut out at once");
    let client = Client::proven(&mut net, at, &good);
    assert_eq!(reason(&net, &client), None);
    net.tick(60_001);
    let client = Client::proven(&mut net, at, &bad);
    assert_eq!(reason(&net, &client), None, "it is over");
    let totals = net.peers[at].engine.totals();
    assert!(
        totals.faults >= 640 && totals.conns_refused == 1,
        "{totals:?}"
    );
}

#[test]
fn g2_nobody_is_charged_for_what_comes_under_a_claimed_key() {
    let mut net = Net::new();
    let at = node(&mut net, Limits::default());
    let victim = SigningKey::from_seed([9; 32]);
    for _ in 0..200 {
        // The handshake up to the proof, which only the victim could give.
        let mut client = Client::unproven(&mut net, at, &victim);
        client.raw(&mut net, vec![0xff]);
        assert_eq!(reason(&net, &client), Some((1002, "bad-frame")));
    }
    let client = Client::proven(&mut net, at, &victim);
    assert_eq!(reason(&net, &client), None);
}

#[test]
fn s2_when_all_places_are_taken_strangers_make_room_and_members_stay() {
    let mut net = Net::new();
    let limits = Limits {
        conns_max: 3,
        ..Limits::default()
    };
    let at = node(&mut net, limits);
    let circle = net.circle(at);
    let bram = net.node("bram", 2);
    net.join(bram, at, &circle, Role::Inner);
    let idle = Client::proven(&mut net, at, &SigningKey::from_seed([8; 32]));
    let silent = net.wire(at, Side::Listener, Space::Circles);
    let first = Client::proven(&mut net, at, &SigningKey::from_seed([9; 32]));
    let closed = |net: &Net, conn| net.peers[at].closed.contains(&(conn, 1013, "makes-room"));
    assert!(closed(&net, silent), "who proved nothing goes first");
    let second = Client::proven(&mut net, at, &SigningKey::from_seed([10; 32]));
    assert!(
        closed(&net, idle.conn),
        "then the oldest without a part in anything"
    );
    assert_eq!(reason(&net, &first), None);
    assert_eq!(reason(&net, &second), None);
    for seed in 20..40 {
        let _ = Client::proven(&mut net, at, &SigningKey::from_seed([seed; 32]));
    }
    let members = net.peers[at].engine.connections();
    let is_there = |view: &&smallwin_sync::ConnView| view.circles.contains_key(&circle);
    assert_eq!(members.iter().filter(is_there).count(), 1, "bram stays");
}

#[test]
fn s2_one_key_has_only_so_many_connections() {
    let mut net = Net::new();
    let limits = Limits {
        conns_per_key_max: 2,
        ..Limits::default()
    };
    let at = node(&mut net, limits);
    let key = SigningKey::from_seed([9; 32]);
    let open = |net: &mut Net, tail: &str| {
        let peer_id = format!("{}-{tail}", key.public());
        Client::proven_as(net, at, &key, &peer_id)
    };
    let first = open(&mut net, "AAAAAAAAAAA");
    let second = open(&mut net, "BBBBBBBBBBB");
    let third = open(&mut net, "CCCCCCCCCCC");
    assert_eq!(reason(&net, &first), None);
    assert_eq!(reason(&net, &second), None);
    assert_eq!(reason(&net, &third), Some((1013, "too-many-connections")));
    let again = open(&mut net, "AAAAAAAAAAA");
    assert_eq!(
        reason(&net, &again),
        None,
        "the same peer takes its own place"
    );
}
