//! Drafts, voices and what a share closes.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod common;

use common::{Failure, Net};
use smallwin_circle::{Body, ChangeHash, CircleId, DocumentRef, Role};
use smallwin_sync::{ConnId, DocKey, Local, LocalError, Millis, Notice};

/// Anna with a browser and her own node, and bram's node; anna is the facilitator.
struct Setting {
    net: Net,
    browser: usize,
    node: usize,
    bram: usize,
    circle: CircleId,
    conn: ConnId,
    draft: DocumentRef,
    voice: DocumentRef,
}

fn setting() -> Setting {
    let mut net = Net::new();
    let (browser, node, bram) = (
        net.browser("browser", 1),
        net.node("node", 2),
        net.node("bram", 3),
    );
    let circle = net.circle(browser);
    let (conn, _) = net.connect(browser, node);
    let secret_hash = *blake3::hash(&[5; 16]).as_bytes();
    net.local(
        node,
        Local::Pair {
            secret_hash,
            expires: Millis(net.now.0 + 1000),
        },
    )
    .unwrap();
    let node_device = net.peers[node].key();
    net.local(
        browser,
        Local::PairWith {
            conn,
            node_device,
            secret: vec![5; 16],
        },
    )
    .unwrap();
    net.local(browser, Local::Host { conn, circle }).unwrap();
    net.join(bram, node, &circle, Role::Inner);
    let person = net.peers[browser].person();
    let (draft, voice) = (DocumentRef::draft(&person), DocumentRef::voice(&person));
    Setting {
        net,
        browser,
        node,
        bram,
        circle,
        conn,
        draft,
        voice,
    }
}

fn share(s: &mut Setting, at: usize, heads: &[automerge::ChangeHash]) {
    let mut heads: Vec<ChangeHash> = heads
        .iter()
        .map(|head| ChangeHash::from_bytes(head.0))
        .collect();
    heads.sort();
    let body = Body::Share {
        source: s.draft.clone(),
        heads,
        target: s.voice.clone(),
    };
    s.net.append(at, &s.circle, body);
}

#[test]
fn a_draft_goes_to_the_own_devices_only() {
    // V1: not one byte of it reaches anybody else, and their storage holds nothing.
    let mut s = setting();
    s.net
        .type_text(s.browser, &s.circle, &s.draft, "q1", "heel persoonlijk");
    s.net.assert_same(&[s.browser, s.node], &s.circle, &s.draft);
    let key = DocKey::circles(&s.draft.id(&s.circle));
    assert!(
        s.net.peers[s.node]
            .text(&key, "q1")
            .contains("heel persoonlijk")
    );
    let id = key.wire_id();
    for (_, to, bytes) in &s.net.log {
        let is_named = bytes
            .windows(id.len())
            .any(|window| window == id.as_bytes());
        let is_text = bytes.windows(10).any(|window| window == b"persoonlij");
        assert!(*to != s.bram || !is_named && !is_text);
    }
    assert!(!s.net.peers[s.bram].disk.chunks.contains_key(&key));
    let open = s.net.local(s.bram, Local::Open { document: key });
    assert_eq!(
        open,
        Err(Failure::AtOnce(LocalError::NotAllowed("not-reader")))
    );
}

#[test]
fn two_own_devices_write_one_draft_apart_and_keep_both() {
    let mut s = setting();
    s.net.cut(s.browser, s.conn);
    s.net
        .type_text(s.browser, &s.circle, &s.draft, "q1", "in de trein");
    s.net
        .type_text(s.node, &s.circle, &s.draft, "q1", "op kantoor");
    s.net.connect(s.browser, s.node);
    s.net.assert_same(&[s.browser, s.node], &s.circle, &s.draft);
    let text = s.net.peers[s.node].text(&DocKey::circles(&s.draft.id(&s.circle)), "q1");
    assert!(
        text.contains("in de trein") && text.contains("op kantoor"),
        "{text}"
    );
}

#[test]
fn a_shared_voice_reaches_everybody_without_the_draft() {
    let mut s = setting();
    s.net
        .type_text(s.browser, &s.circle, &s.draft, "q1", "eerst zo");
    let key = s.net.open_document(s.browser, &s.circle, &s.draft);
    let early = s
        .net
        .try_type(s.browser, &s.circle, &s.voice, "q1", "te vroeg");
    assert_eq!(
        early,
        Err(Failure::AtOnce(LocalError::NotAllowed("not-writer")))
    );
    let heads = s.net.peers[s.browser].heads(&key);
    let browser = s.browser;
    share(&mut s, browser, &heads);
    s.net
        .type_text(s.browser, &s.circle, &s.voice, "q1", "en dan zo");
    s.net
        .assert_same(&[s.browser, s.node, s.bram], &s.circle, &s.voice);
    assert!(!s.net.peers[s.bram].disk.chunks.contains_key(&key));
    // The draft is closed, and stays as it was shared.
    let closed = s
        .net
        .try_type(s.browser, &s.circle, &s.draft, "q1", "nog iets");
    assert_eq!(
        closed,
        Err(Failure::AtOnce(LocalError::NotAllowed("shared")))
    );
    s.net.assert_same(&[s.browser, s.node], &s.circle, &s.draft);
    assert_eq!(s.net.peers[s.node].heads(&key), heads);
}

#[test]
fn a_draft_edit_beside_the_share_ends_the_same_on_both_devices() {
    // S1, C1: one device shares while the other, apart, goes on writing. What the share names
    // stands, the rest is kept aside, whichever arrived first.
    for share_first in [true, false] {
        let mut s = setting();
        s.net
            .type_text(s.browser, &s.circle, &s.draft, "q1", "samen");
        let key = s.net.open_document(s.node, &s.circle, &s.draft);
        s.net.cut(s.browser, s.conn);
        let heads = s.net.peers[s.browser].heads(&key);
        let (sharer, writer) = if share_first {
            (s.browser, s.node)
        } else {
            (s.node, s.browser)
        };
        s.net
            .type_text(writer, &s.circle, &s.draft, "q1", "te laat");
        share(&mut s, sharer, &heads);
        let edited = s.net.peers[writer].heads(&key);
        assert_ne!(edited, heads);
        s.net.peers[writer].notices.clear();
        s.net.connect(s.browser, s.node);
        for at in [s.browser, s.node] {
            s.net.open_document(at, &s.circle, &s.draft);
            assert_eq!(
                s.net.peers[at].heads(&key),
                heads,
                "{share_first} {}",
                s.net.peers[at].name
            );
            assert!(s.net.peers[at].engine.settled(), "{}", s.net.peers[at].name);
        }
        let changed = Notice::DocumentChanged(key);
        assert!(s.net.peers[writer].notices.contains(&changed));
        // The writer still has what was kept aside, after a restart as well.
        assert_eq!(s.net.peers[writer].engine.refused(&key).len(), 1);
        s.net.restart(writer);
        s.net.open_document(writer, &s.circle, &s.draft);
        assert_eq!(s.net.peers[writer].heads(&key), heads);
        assert_eq!(s.net.peers[writer].engine.refused(&key)[0].reason, "shared");
    }
}

#[test]
fn a_contested_joiner_loses_what_nobody_built_upon() {
    // C1: two devices accept a join of one invite, apart. Afterwards neither has a role, and all
    // engines agree about what of their writing stands.
    let mut net = Net::new();
    let (anna, bram, carla, daan) = (
        net.node("anna", 1),
        net.node("bram", 2),
        net.node("carla", 3),
        net.node("daan", 4),
    );
    let circle = net.circle(anna);
    let (conn, _) = net.join(bram, anna, &circle, Role::Inner);
    net.invite(anna, &circle, Role::Inner, [7; 16]);
    net.cut(bram, conn);
    for (joiner, accepter) in [(carla, anna), (daan, bram)] {
        net.open(joiner, accepter, &[(circle, [7; 16])], None, common::NODE);
        net.run();
        let record = net.sign_join(joiner, &circle, [7; 16]).bytes().to_vec();
        net.local(joiner, Local::RequestJoin { circle, record })
            .unwrap();
        assert_eq!(net.role(accepter, &circle, joiner), Some(Role::Inner));
    }
    let step = DocumentRef::step();
    net.type_text(carla, &circle, &step, "effect", "van carla");
    net.type_text(anna, &circle, &step, "effect", "anna bouwt erop");
    net.type_text(daan, &circle, &step, "effect", "van daan");
    net.connect(bram, anna);
    let key = net.open_document(anna, &circle, &step);
    net.open_document(bram, &circle, &step);
    assert_eq!(net.role(anna, &circle, carla), None);
    assert_eq!(net.peers[anna].heads(&key), net.peers[bram].heads(&key));
    for at in [anna, bram] {
        let text = net.peers[at].text(&key, "effect");
        assert!(
            text.contains("anna bouwt erop") && text.contains("van carla"),
            "{text}"
        );
        assert!(!text.contains("van daan"), "{text}");
    }
}
