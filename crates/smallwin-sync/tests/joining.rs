//! Inviting, joining, pairing and linking.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod common;

use common::{Failure, NODE, Net};
use smallwin_circle::{Body, Card, CardFields, DocumentRef, PersonId, Role, Timestamp};
use smallwin_sync::{DocKey, Local, LocalError, Millis, Notice};

fn refusal(net: &Net, at: usize) -> Vec<String> {
    let codes = net.peers[at]
        .notices
        .iter()
        .filter_map(|notice| match notice {
            Notice::JoinRefused { code, .. } => Some(code.clone()),
            _ => None,
        });
    codes.collect()
}

#[test]
fn a_member_that_is_no_facilitator_accepts_a_join() {
    let mut net = Net::new();
    let (anna, bram, carla) = (
        net.node("anna", 1),
        net.node("bram", 2),
        net.node("carla", 3),
    );
    let circle = net.circle(anna);
    let (conn, _) = net.join(bram, anna, &circle, Role::Outer);
    // Carla's invite is in bram's log; anna is away.
    net.invite(anna, &circle, Role::Inner, [7; 16]);
    net.cut(bram, conn);
    net.open(carla, bram, &[(circle, [7; 16])], None, NODE);
    net.run();
    let record = net.sign_join(carla, &circle, [7; 16]);
    net.local(
        carla,
        Local::RequestJoin {
            circle,
            record: record.bytes().to_vec(),
        },
    )
    .unwrap();
    assert_eq!(net.role(carla, &circle, carla), Some(Role::Inner));
    net.connect(bram, anna);
    assert_eq!(net.role(anna, &circle, carla), Some(Role::Inner));
    // And she gets what a member gets.
    net.assert_same(&[anna, bram], &circle, &DocumentRef::check_in(1));
    net.assert_same(&[carla, bram], &circle, &DocumentRef::step());
}

#[test]
fn a_used_expired_or_unknown_invite_says_so() {
    let mut net = Net::new();
    let (anna, bram) = (net.node("anna", 1), net.node("bram", 2));
    let circle = net.circle(anna);
    net.join(bram, anna, &circle, Role::Inner);
    let used = [bram as u8 + 1; 16];
    net.invite(anna, &circle, Role::Inner, [8; 16]);
    for (seed, secret, code) in [(3, used, "invite-used"), (4, [9; 16], "invite-unknown")] {
        let late = net.node("late", seed);
        net.open(late, anna, &[(circle, secret)], None, NODE);
        net.run();
        assert_eq!(refusal(&net, late), vec![code]);
        assert!(
            net.peers[late].engine.log(&circle).is_none(),
            "{code}: the log stays shut"
        );
    }
    net.now = Millis(net.now.0 + 7_200_000);
    let late = net.node("late", 5);
    net.open(late, anna, &[(circle, [8; 16])], None, NODE);
    net.run();
    assert_eq!(refusal(&net, late), vec!["invite-expired"]);
}

#[test]
fn an_invite_lets_in_one_of_two_that_come_together() {
    let mut net = Net::new();
    let (anna, bram, carla) = (
        net.node("anna", 1),
        net.node("bram", 2),
        net.node("carla", 3),
    );
    let circle = net.circle(anna);
    net.invite(anna, &circle, Role::Inner, [7; 16]);
    for joiner in [bram, carla] {
        net.open(joiner, anna, &[(circle, [7; 16])], None, NODE);
        net.run();
    }
    net.peers[anna].holds_keeps = true;
    for joiner in [bram, carla] {
        let record = net.sign_join(joiner, &circle, [7; 16]).bytes().to_vec();
        net.local(joiner, Local::RequestJoin { circle, record })
            .unwrap();
    }
    net.release(anna);
    let state = net.peers[anna].engine.log(&circle).unwrap().state().clone();
    assert_eq!(
        state
            .members()
            .filter(|member| member.role.is_some())
            .count(),
        2
    );
    assert!(state.members().all(|member| !member.contested));
    assert_eq!(refusal(&net, carla), vec!["invite-used"]);
}

#[test]
fn a_holder_of_an_invite_sees_the_log_and_nothing_else() {
    let mut net = Net::new();
    let (anna, bram) = (net.node("anna", 1), net.node("bram", 2));
    let circle = net.circle(anna);
    card(&mut net, anna, &circle, "Anna", 1).unwrap();
    net.type_text(anna, &circle, &DocumentRef::check_in(1), "q1", "geheim");
    net.invite(anna, &circle, Role::Inner, [7; 16]);
    net.open(bram, anna, &[(circle, [7; 16])], None, NODE);
    net.run();
    assert!(net.peers[bram].engine.log(&circle).is_some());
    assert!(
        net.peers[bram].engine.cards(&circle).is_empty(),
        "N1: names are for members"
    );
    assert!(net.peers[bram].disk.chunks.is_empty());
    let record = net.sign_join(bram, &circle, [7; 16]).bytes().to_vec();
    net.local(bram, Local::RequestJoin { circle, record })
        .unwrap();
    assert_eq!(net.peers[bram].engine.cards(&circle).len(), 1);
    let key = net.open_document(bram, &circle, &DocumentRef::check_in(1));
    assert!(net.peers[bram].text(&key, "q1").contains("geheim"));
}

#[test]
fn a_join_reaches_a_member_through_a_node_that_is_none() {
    // A team node holds the circle for a browser that is paired with it, and is asked by a joiner
    // before it was linked itself.
    let mut net = Net::new();
    let (anna, team, carla) = (
        net.browser("anna", 1),
        net.node("team", 2),
        net.node("carla", 3),
    );
    let circle = net.circle(anna);
    net.invite(anna, &circle, Role::Outer, [7; 16]);
    let (conn, _) = net.connect(anna, team);
    pair(&mut net, anna, conn, team);
    // The record that links the team node is not durable yet.
    net.peers[anna].holds_keeps = true;
    net.local(anna, Local::Host { conn, circle }).unwrap();
    assert!(net.peers[team].engine.log(&circle).is_some());
    assert_eq!(net.role(team, &circle, team), None);
    net.open(carla, team, &[(circle, [7; 16])], None, NODE);
    net.run();
    let record = net.sign_join(carla, &circle, [7; 16]).bytes().to_vec();
    net.local(carla, Local::RequestJoin { circle, record })
        .unwrap();
    assert!(
        !net.peers[carla]
            .notices
            .contains(&Notice::JoinAccepted(circle)),
        "K1"
    );
    net.release(anna);
    assert!(
        net.peers[carla]
            .notices
            .contains(&Notice::JoinAccepted(circle))
    );
    for at in [anna, team, carla] {
        assert_eq!(net.role(at, &circle, carla), Some(Role::Outer));
    }
}

/// Anna's browser pairs with a node.
fn pair(net: &mut Net, browser: usize, conn: smallwin_sync::ConnId, node: usize) {
    let secret = vec![5; 16];
    let secret_hash = *blake3::hash(&secret).as_bytes();
    net.local(
        node,
        Local::Pair {
            secret_hash,
            expires: Millis(net.now.0 + 600_000),
        },
    )
    .unwrap();
    let node_device = net.peers[node].key();
    net.local(
        browser,
        Local::PairWith {
            conn,
            node_device,
            secret,
        },
    )
    .unwrap();
}

#[test]
fn pairing_links_the_node_and_makes_it_the_same_person() {
    let mut net = Net::new();
    let (anna, node) = (net.browser("anna", 1), net.node("node", 2));
    let circle = net.circle(anna);
    let (conn, _) = net.connect(anna, node);
    assert_eq!(net.peers[node].engine.circles(), vec![]);
    pair(&mut net, anna, conn, node);
    assert!(
        net.peers[node]
            .notices
            .contains(&Notice::Paired(net.peers[anna].key()))
    );
    assert!(
        net.peers[anna]
            .notices
            .contains(&Notice::Paired(net.peers[node].key()))
    );
    net.local(anna, Local::Host { conn, circle }).unwrap();
    for at in [anna, node] {
        let state = net.peers[at].engine.log(&circle).unwrap().state().clone();
        assert_eq!(
            state.person_of(&net.peers[node].key()),
            Some(net.peers[anna].person()),
            "{}",
            net.peers[at].name
        );
    }
    // V1: the draft goes to the own node.
    let draft = DocumentRef::draft(&net.peers[anna].person());
    net.type_text(anna, &circle, &draft, "q1", "nog niet af");
    net.assert_same(&[anna, node], &circle, &draft);
    // Both survive a restart of the node, with no pairing again.
    net.restart(node);
    net.connect(anna, node);
    net.assert_same(&[anna, node], &circle, &draft);
    assert_eq!(net.peers[node].engine.paired(), vec![net.peers[anna].key()]);
}

#[test]
fn a_wrong_used_or_expired_pairing_secret_is_refused() {
    let mut net = Net::new();
    let (node, browser) = (net.node("node", 2), net.browser("browser", 3));
    let (conn, _) = net.connect(browser, node);
    let node_device = net.peers[node].key();
    let try_pair = |net: &mut Net, secret: u8| {
        net.local(
            browser,
            Local::PairWith {
                conn,
                node_device,
                secret: vec![secret; 16],
            },
        )
        .unwrap();
        net.peers[node].engine.paired().len()
    };
    assert_eq!(try_pair(&mut net, 5), 0, "no secret is out");
    let secret_hash = *blake3::hash(&[5; 16]).as_bytes();
    net.local(
        node,
        Local::Pair {
            secret_hash,
            expires: Millis(net.now.0 + 1000),
        },
    )
    .unwrap();
    net.now = Millis(net.now.0 + 2000);
    assert_eq!(try_pair(&mut net, 5), 0, "expired");
    net.local(
        node,
        Local::Pair {
            secret_hash,
            expires: Millis(net.now.0 + 60_000),
        },
    )
    .unwrap();
    for _ in 0..5 {
        assert_eq!(try_pair(&mut net, 6), 0, "wrong");
    }
    assert_eq!(try_pair(&mut net, 5), 0, "void after five wrong ones");
    net.local(
        node,
        Local::Pair {
            secret_hash,
            expires: Millis(net.now.0 + 60_000),
        },
    )
    .unwrap();
    assert_eq!(try_pair(&mut net, 5), 1);
    assert!(
        net.codes(browser)
            .iter()
            .filter(|code| *code == "pairing-refused")
            .count()
            >= 7
    );
}

#[test]
fn only_paired_keys_may_host_ask_and_dial() {
    let mut net = Net::new();
    let (node, stranger) = (net.node("node", 2), net.browser("stranger", 3));
    let circle = net.circle(stranger);
    let (conn, _) = net.connect(stranger, node);
    net.local(stranger, Local::Host { conn, circle }).unwrap();
    net.local(
        stranger,
        Local::Ask {
            conn,
            what: "pairing-link".to_owned(),
        },
    )
    .unwrap();
    net.local(
        stranger,
        Local::AskDial {
            conn,
            url: "ws://x:1".to_owned(),
            circle,
            secret: None,
        },
    )
    .unwrap();
    assert_eq!(net.codes(stranger), vec!["not-paired"; 3]);
    assert!(
        net.peers[node].engine.circles().is_empty()
            && net.peers[node].answers.is_empty()
            && net.peers[node].dials.is_empty()
    );
    // A command line has the device key of the node, and needs no pairing.
    let device = net.peers[node].device.clone();
    let command = net.peer("command", device.clone(), device, Default::default());
    let circle = net.circle(command);
    let (conn, _) = net.connect(command, node);
    net.local(command, Local::Host { conn, circle }).unwrap();
    net.local(
        command,
        Local::Ask {
            conn,
            what: "status".to_owned(),
        },
    )
    .unwrap();
    net.local(
        command,
        Local::Ask {
            conn,
            what: "circles".to_owned(),
        },
    )
    .unwrap();
    assert_eq!(net.peers[node].engine.circles(), vec![circle]);
    assert_eq!(net.peers[node].answers.len(), 1);
    let told = Notice::Told {
        conn,
        what: "circles".to_owned(),
        json: format!("[\"{circle}\"]"),
    };
    assert!(net.peers[command].notices.contains(&told));
    assert!(net.peers[command].engine.settled());
}

#[test]
fn a_command_line_starts_empty_and_follows() {
    let mut net = Net::new();
    let node = net.node("node", 2);
    let circle = net.circle(node);
    let step = DocumentRef::step();
    net.type_text(node, &circle, &step, "effect", "al geschreven");
    let device = net.peers[node].device.clone();
    let command = net.peer("command", device.clone(), device, Default::default());
    net.connect(command, node);
    net.local(command, Local::Follow { circle }).unwrap();
    net.assert_same(&[command, node], &circle, &step);
    let key = DocKey::circles(&step.id(&circle));
    assert!(
        net.peers[command]
            .text(&key, "effect")
            .contains("al geschreven")
    );
    // It writes and signs, and the node has it before it leaves.
    net.type_text(command, &circle, &step, "effect", "van de opdracht");
    net.append(
        command,
        &circle,
        Body::Doc {
            document: DocumentRef::report("gesprek-1"),
        },
    );
    net.assert_same(&[command, node], &circle, &step);
    assert!(
        net.peers[node]
            .engine
            .log(&circle)
            .unwrap()
            .state()
            .has_document(&DocumentRef::report("gesprek-1"))
    );
}

#[test]
fn the_own_device_never_makes_two_records_under_one_number() {
    // Two records under one number would freeze the device for the whole circle.
    let mut net = Net::new();
    let node = net.node("node", 2);
    let circle = net.circle(node);
    let stale = net.sign(
        node,
        &circle,
        Body::Doc {
            document: DocumentRef::report("a"),
        },
    );
    net.append(
        node,
        &circle,
        Body::Doc {
            document: DocumentRef::report("b"),
        },
    );
    let outcome = net.local(
        node,
        Local::Append {
            circle,
            record: stale.bytes().to_vec(),
        },
    );
    assert_eq!(outcome, Err(Failure::AtOnce(LocalError::Stale)));
    // The same from a command line that worked from an older log.
    let device = net.peers[node].device.clone();
    let command = net.peer("command", device.clone(), device, Default::default());
    let records = net.peers[node]
        .engine
        .log(&circle)
        .unwrap()
        .records()
        .take(1)
        .map(|record| record.bytes().to_vec())
        .collect();
    net.local(command, Local::HostCircle { records }).unwrap();
    net.append(
        command,
        &circle,
        Body::Doc {
            document: DocumentRef::report("c"),
        },
    );
    net.connect(command, node);
    assert_eq!(
        net.role(node, &circle, node),
        Some(Role::Facilitator),
        "still somebody"
    );
    assert!(
        !net.peers[node]
            .engine
            .log(&circle)
            .unwrap()
            .state()
            .has_document(&DocumentRef::report("c"))
    );
    assert!(
        !net.peers[command].engine.settled(),
        "and the command line can tell that it failed"
    );
}

fn card(
    net: &mut Net,
    at: usize,
    circle: &smallwin_circle::CircleId,
    name: &str,
    rev: u64,
) -> Result<(), Failure> {
    let peer = &net.peers[at];
    let fields = CardFields {
        author: peer.key(),
        circle: *circle,
        name: name.to_owned(),
        organisation: None,
        perspective: None,
        person: PersonId::of(&peer.key()),
        rev,
    };
    let card = Card::sign(&fields, &peer.device).unwrap().bytes().to_vec();
    net.local(at, Local::Card { card })
}

#[test]
fn the_newest_card_counts_everywhere() {
    let mut net = Net::new();
    let (anna, bram) = (net.node("anna", 1), net.node("bram", 2));
    let circle = net.circle(anna);
    card(&mut net, anna, &circle, "Anna", 1).unwrap();
    net.join(bram, anna, &circle, Role::Outer);
    card(&mut net, bram, &circle, "Bram", 1).unwrap();
    card(&mut net, anna, &circle, "Anna de Vries", 2).unwrap();
    assert!(card(&mut net, anna, &circle, "Oude Anna", 1).is_err());
    for at in [anna, bram] {
        let mut names: Vec<String> = net.peers[at]
            .engine
            .cards(&circle)
            .iter()
            .map(|card| card.fields().name.clone())
            .collect();
        names.sort();
        assert_eq!(names, ["Anna de Vries", "Bram"]);
    }
    net.restart(bram);
    assert_eq!(net.peers[bram].engine.cards(&circle).len(), 2);
}

#[test]
fn the_manifest_of_a_snapshot_reaches_members() {
    // N2: it stands beside the log, named by its hash.
    let mut net = Net::new();
    let (anna, bram) = (net.node("anna", 1), net.node("bram", 2));
    let circle = net.circle(anna);
    net.join(bram, anna, &circle, Role::Outer);
    let (_, _, deps) = net.peers[anna].engine.next_record(&circle).unwrap();
    let manifest = smallwin_circle::Manifest {
        circle,
        created: Timestamp::from_unix_ms(net.now.0),
        docs: Vec::new(),
        log: deps,
        prev: None,
        title: "Een kleine winst".to_owned(),
    };
    let bytes = manifest.to_bytes();
    let hash = manifest.hash();
    let signature = manifest.sign(smallwin_circle::Purpose::Snapshot, &net.peers[anna].device);
    net.local(
        anna,
        Local::Manifest {
            circle,
            bytes: bytes.clone(),
        },
    )
    .unwrap();
    assert_eq!(
        net.peers[bram].engine.manifest(hash.as_bytes()),
        None,
        "nothing names it yet"
    );
    net.append(
        anna,
        &circle,
        Body::Snapshot {
            manifest: hash,
            signature,
            prev: None,
        },
    );
    assert_eq!(
        net.peers[bram].engine.manifest(hash.as_bytes()),
        Some(bytes.as_slice())
    );
}

#[test]
fn a_member_with_an_old_log_learns_from_one_who_came_later() {
    // Bram was away when carla joined; when he comes back only carla is there.
    let mut net = Net::new();
    let (anna, bram, carla) = (
        net.node("anna", 1),
        net.node("bram", 2),
        net.node("carla", 3),
    );
    let circle = net.circle(anna);
    let (conn, _) = net.join(bram, anna, &circle, Role::Inner);
    net.cut(bram, conn);
    net.join(carla, anna, &circle, Role::Inner);
    net.connect(bram, carla);
    assert_eq!(net.role(bram, &circle, carla), Some(Role::Inner));
    net.assert_same(&[bram, carla], &circle, &DocumentRef::step());
}

#[test]
fn a_join_on_an_old_log_is_stale_for_a_newer_accepter() {
    let mut net = Net::new();
    let (anna, bram, carla) = (
        net.node("anna", 1),
        net.node("bram", 2),
        net.node("carla", 3),
    );
    let circle = net.circle(anna);
    net.invite(anna, &circle, Role::Inner, [7; 16]);
    let (conn, _) = net.open(carla, anna, &[(circle, [7; 16])], None, NODE);
    net.run();
    let old = net.sign_join(carla, &circle, [7; 16]).bytes().to_vec();
    net.cut(carla, conn);
    net.join(bram, anna, &circle, Role::Inner);
    net.open(carla, bram, &[(circle, [7; 16])], None, NODE);
    net.run();
    let request = |record| Local::RequestJoin { circle, record };
    net.local(carla, request(old)).unwrap();
    assert_eq!(refusal(&net, carla), vec!["join-stale"]);
    let new = net.sign_join(carla, &circle, [7; 16]).bytes().to_vec();
    net.local(carla, request(new)).unwrap();
    assert_eq!(net.role(bram, &circle, carla), Some(Role::Inner));
}
