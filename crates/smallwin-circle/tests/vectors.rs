//! Golden vectors, shared with the TypeScript twin: the same bytes, ids, verdicts and states.
//!
//! A run compares; only `SMALLWIN_BLESS=1` writes. A difference means that two versions of the program
//! would not understand one another, so blessing is for a new vector, never for a changed one.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test may panic"
)]

mod support;

use std::path::PathBuf;

use serde_json::{Value, json};
use smallwin_circle::{
    Action, Body, Card, CardFields, CircleId, DeviceKey, DocumentRef, Frontier, Hint, InviteLink,
    Kind, Log, Payload, Purpose, Record, Refusal, Side, SnapshotFile, State, Verdict,
    channel_message, channel_transcript, circle_message, circle_tag, join_message, link_message,
    may, verify,
};
use support::crafted::{refused_keys, signatures};
use support::nearly::refused_records;
use support::*;

/// Compares `value` with the committed vector of this name, or writes it when blessed.
fn golden(name: &str, value: &Value) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors");
    let path = folder.join(format!("circle-{name}.json"));
    let text = serde_json::to_string_pretty(value).unwrap() + "\n";
    #[allow(
        clippy::disallowed_methods,
        reason = "the one switch of this test, read in one place"
    )]
    let blessed = std::env::var_os("SMALLWIN_BLESS").is_some();
    if blessed {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == text,
        "{} is not what this version writes; for a new vector, run once with SMALLWIN_BLESS=1",
        path.display()
    );
}

#[test]
fn keys() {
    let seeds = |n: u8| (key(n).to_seed(), sealing(n).to_seed());
    let keys: Vec<Value> = (0..DEVICES as u8)
        .map(|n| {
            let (seed, sealing_seed) = seeds(n);
            json!({"seed": b64u(&seed), "public": key(n).public(),
                   "sealingSeed": b64u(&sealing_seed), "sealing": sealing(n).public()})
        })
        .collect();
    let invites: Vec<Value> = (1..4)
        .map(|n| json!({"secret": b64u(&secret(n)), "public": invite_key(n).public()}))
        .collect();
    let signatures: Vec<Value> = signatures()
        .into_iter()
        .map(|(why, key, message, signature)| {
            let valid = verify(&key, &message, &signature);
            json!({"why": why, "key": key, "message": b64u(&message), "signature": signature, "valid": valid})
        })
        .collect();
    golden(
        "keys",
        &json!({"keys": keys, "invites": invites, "refused": refused_keys(), "signatures": signatures}),
    );
}

#[test]
fn documents() {
    let documents = [
        DocumentRef::case(),
        DocumentRef::step(),
        DocumentRef::check_in(1),
        DocumentRef::check_in(12),
        DocumentRef::draft(&person(1)),
        DocumentRef::voice_of(2, &person(1)),
        DocumentRef::report("gesprek-één"),
    ];
    let circles = [CircleId::from_bytes([0; 32]), small_circle().circle()];
    let rows: Vec<Value> = circles
        .iter()
        .flat_map(|circle| documents.iter().map(move |document| (circle, document)))
        .map(|(circle, document)| {
            let id = document.id(circle);
            json!({"circle": circle, "kind": document.kind, "key": document.key, "id": id, "bytes": b64u(id.as_bytes()),
                   "zone": document.kind.zone(), "revision": document.revision(), "person": document.person(),
                   "announced": document.is_announced()})
        })
        .collect();
    let zero = DocumentRef::case().id(&circles[0]).to_string();
    let refused = [
        "",
        "1111",
        "0OIl",
        &zero[1..],
        &format!("{zero}1"),
        &zero.to_lowercase(),
    ];
    assert!(
        refused
            .iter()
            .all(|text| text.parse::<smallwin_circle::DocumentId>().is_err())
    );
    golden(
        "documents",
        &json!({"documents": rows, "refusedIds": refused}),
    );
}

#[test]
fn messages() {
    let circle = small_circle().circle();
    let (dialer, listener) = (key(0).public(), key(1).public());
    let channel = "node.example:8443";
    let transcript = channel_transcript(&dialer, &listener, &[1; 32], &[2; 32], channel);
    let both = |message: &dyn Fn(Side) -> Vec<u8>| {
        [Side::Dialer, Side::Listener].map(|side| b64u(&message(side)))
    };
    golden(
        "messages",
        &json!({
            "circle": circle,
            "dialer": dialer,
            "listener": listener,
            "dialerNonce": b64u(&[1; 32]),
            "listenerNonce": b64u(&[2; 32]),
            "channel": channel,
            "transcript": b64u(&transcript),
            "channelMessages": both(&|side| channel_message(side, &transcript)),
            "tag": b64u(&circle_tag(&transcript, &circle)),
            "circleMessages": both(&|side| circle_message(&circle, side, &transcript)),
            "sealing": sealing(1).public(),
            "joinMessage": b64u(&join_message(&circle, &listener, &sealing(1).public())),
            "linkMessage": b64u(&link_message(&dialer, &listener)),
        }),
    );
}

#[test]
fn frontiers() {
    let circle = small_circle().circle();
    let document = DocumentRef::case().id(&circle);
    let rows: Vec<Value> = [(1_u8, 1_u64), (2, 258), (3, 9_007_199_254_740_991)]
        .into_iter()
        .map(|(n, seq)| {
            let mut actor = [n; 40];
            actor[..32].copy_from_slice(key(n).public().as_bytes());
            let frontier =
                Frontier::sign(&circle, &document, actor, seq, [n; 32], &key(n)).unwrap();
            assert!(frontier.verify(&circle, &document).is_ok());
            json!({"device": key(n).public(), "actor": b64u(&actor), "seq": seq.to_string(),
                   "hash": b64u(&frontier.hash), "bytes": b64u(&frontier.encode())})
        })
        .collect();
    golden(
        "frontiers",
        &json!({"circle": circle, "document": document, "frontiers": rows}),
    );
}

#[test]
fn cards() {
    let circle = small_circle().circle();
    let make = |name: &str, organisation: Option<&str>, perspective: Option<&str>, rev: u64| {
        let (organisation, perspective) = (
            organisation.map(str::to_owned),
            perspective.map(str::to_owned),
        );
        let (author, name) = (key(1).public(), name.to_owned());
        let fields = CardFields {
            author,
            circle,
            name,
            organisation,
            perspective,
            person: person(1),
            rev,
        };
        Card::sign(&fields, &key(1)).unwrap()
    };
    let cards = [
        make("Anna", None, None, 0),
        make("Anna de Vries", Some("Wijkteam Oost"), Some("ervaring"), 1),
        make("Änna \"B.\"", Some(""), None, 1),
    ];
    let newer = |card: &Card| {
        cards
            .iter()
            .map(|other| card.newer_than(other))
            .collect::<Vec<_>>()
    };
    let rows: Vec<Value> = cards
        .iter()
        .map(|card| {
            let fields = card.fields();
            json!({"text": text(card.bytes()), "author": fields.author, "circle": circle, "name": fields.name,
                   "organisation": fields.organisation, "perspective": fields.perspective, "person": fields.person,
                   "rev": fields.rev, "newerThan": newer(card)})
        })
        .collect();
    golden("cards", &json!({"cards": rows}));
}

#[test]
fn links() {
    let circle = small_circle().circle();
    let link = |origin: &str, hints: Vec<Hint>| InviteLink {
        origin: origin.to_owned(),
        circle,
        secret: secret(5),
        hints,
    };
    let hint = |url: &str, n: Option<u8>| Hint {
        url: url.to_owned(),
        node_key: n.map(|n| key(n).public()),
    };
    let links = [
        link("http://127.0.0.1:7777", Vec::new()),
        link(
            "https://node.example",
            vec![hint("wss://node.example:8443", Some(4))],
        ),
        link(
            "https://[2001:db8::1]:8443",
            vec![
                hint("ws://[::1]:9000", None),
                hint("wss://b.example", Some(5)),
            ],
        ),
    ];
    let rows: Vec<Value> = links
        .iter()
        .map(|link| {
            let hints: Vec<Value> = link.hints.iter().map(|hint| json!({"url": hint.url, "nodeKey": hint.node_key})).collect();
            json!({"text": link.to_string(), "origin": link.origin, "circle": circle, "secret": b64u(&link.secret),
                   "hints": hints, "inviteKey": link.invite_key().public()})
        })
        .collect();
    let good = links[1].to_string();
    let refused = [
        "https://node.example".to_owned(),
        good[..60].to_owned(),
        good[..85].to_owned(),
        good.replace("https", "ftp"),
        good.replace("wss", "http"),
        good.replace("%3A", "%3"),
        good.replace("~", "~A"),
        good.replace("node.example/", "node.example/a/"),
        format!("{good}{}", ",wss%3A%2F%2Fa".repeat(8)),
    ];
    for text in &refused {
        assert!(text.parse::<InviteLink>().is_err(), "{text}");
    }
    golden("links", &json!({"links": rows, "refused": refused}));
}

#[test]
fn records() {
    let mut log = small_circle();
    say(&mut log, 1, link(1, 4));
    say(
        &mut log,
        0,
        Body::Grant {
            person: person(3),
            role: smallwin_circle::Role::Owner,
        },
    );
    say(
        &mut log,
        2,
        Body::Doc {
            document: DocumentRef::report("één"),
        },
    );
    say(&mut log, 3, share(3));
    let manifest = manifest(&log, 0, "stap", None);
    let signature = manifest.sign(Purpose::Snapshot, &key(0));
    let snapshot = say(
        &mut log,
        0,
        Body::Snapshot {
            manifest: manifest.hash(),
            signature,
            prev: None,
        },
    );
    let signature = manifest.sign(Purpose::Cosign, &key(1));
    say(
        &mut log,
        1,
        Body::Cosign {
            snapshot,
            signature,
        },
    );
    let value = json!({"é": [1, -2, null, {"": "\u{1}\u{7f}\u{2028}\u{1f600}\"\\/"}], "a": true, "\u{10000}": 0, "\u{e000}": 9_007_199_254_740_991_u64});
    say(
        &mut log,
        3,
        Body::Statement {
            about: "commit".to_owned(),
            value,
        },
    );
    say(
        &mut log,
        3,
        Body::Unknown(json!({"kind": "retire", "reason": "x"})),
    );
    say(
        &mut log,
        0,
        Body::Unknown(json!({"kind": "invite", "role": "relay", "zones": ["core"]})),
    );
    let invite = log.state().invites().next().unwrap().record;
    let open = open_join(&log, 6, invite, 1);
    let rows: Vec<Value> = log
        .records()
        .chain([&open])
        .map(|record| {
            json!({"text": text(record.bytes()), "id": record.id(), "author": record.payload().author,
                   "kind": record.payload().body.kind(), "seq": record.payload().seq, "open": record.is_open_join(),
                   "accepter": record.accepter()})
        })
        .collect();
    golden(
        "records",
        &json!({"records": rows, "refused": refused_records(&small_circle())}),
    );
}

#[test]
fn c1_histories() {
    let rows: Vec<Value> = (0..20)
        .map(|seed| {
            let start = [(0, 5, 0, 1), (0, 5, 0, 0), (1, 19, 0, 1), (1, 7, 0, 0), (0, 0, 1, 1), (2, 19, 0, 1), (2, 7, 0, 0), (0, 19, 0, 1)];
            // Every other history has one invite used twice at the same time.
            let contest = [(0, 5, 0, 1), (3, 0, 0, 1), (4, 0, 0, 1), (3, 7, 0, 0), (4, 7, 1, 0)];
            let contest = if seed % 2 == 1 { &contest[..] } else { &[] };
            let made: Vec<Step> = start.iter().chain(contest).copied().chain(steps(seed, 80)).collect();
            let world = World::run(seed as u8, &made);
            let (genesis, rest) = world.records.split_first().unwrap();
            let log = log_of(genesis, rest);
            let records: Vec<&str> = world.records.iter().map(|record| text(record.bytes())).collect();
            let verdicts: Vec<Value> = world.records.iter().map(|record| json!([record.id(), verdict(&log, record)])).collect();
            let view = &world.logs[1];
            json!({"records": records, "heads": log.heads(), "verdicts": verdicts, "state": state(log.state()),
                   "view": {"heads": view.heads(), "missing": log.missing_for(&view.heads()).len(), "state": state(view.state())}})
        })
        .collect();
    golden("histories", &json!({"histories": rows}));
}

fn verdict(log: &Log, record: &Record) -> String {
    match log.verdict(&record.id()) {
        Verdict::Valid => "valid".to_owned(),
        Verdict::Contested => "contested".to_owned(),
        Verdict::Void(reason) => format!("void: {reason}"),
    }
}

/// A state in JSON, with what every device may do with every document.
fn state(state: &State) -> Value {
    let members: Vec<Value> = state
        .members()
        .map(|member| json!([member.person, member.role, member.devices, member.contested]))
        .collect();
    let invites: Vec<Value> = state
        .invites()
        .map(|invite| json!([invite.record, invite.role, invite.used_by]))
        .collect();
    let shares: Vec<Value> = state
        .shares()
        .iter()
        .map(|share| json!([share.record, share.target.key]))
        .collect();
    let snapshots: Vec<Value> = state
        .snapshots()
        .iter()
        .map(|snapshot| json!([snapshot.record, snapshot.manifest, snapshot.cosigns]))
        .collect();
    let statements: Vec<Value> = state
        .statements()
        .iter()
        .map(|statement| json!([statement.record, statement.about, statement.value]))
        .collect();
    let documents: Vec<Value> = state
        .documents_by_id()
        .map(|(id, document)| json!([id, document.kind, document.key]))
        .collect();
    let mut asked = state.documents();
    asked.push(DocumentRef {
        kind: Kind::Report,
        key: "nowhere".to_owned(),
    });
    let answers = |device: &DeviceKey, action: Action| -> String {
        asked
            .iter()
            .map(|document| letter(may(state, device, action, document)))
            .collect()
    };
    let may: Vec<Value> = (0..DEVICES as u8)
        .map(|n| key(n).public())
        .map(|device| {
            json!([
                device,
                answers(&device, Action::Read),
                answers(&device, Action::Write)
            ])
        })
        .collect();
    json!({"members": members, "invites": invites, "shares": shares, "snapshots": snapshots,
           "statements": statements, "documents": documents, "may": may})
}

fn letter(answer: Result<(), Refusal>) -> char {
    match answer {
        Ok(()) => 'y',
        Err(Refusal::NotMember) => 'm',
        Err(Refusal::NotWriter) => 'w',
        Err(Refusal::NotReader) => 'r',
        Err(Refusal::Shared) => 's',
        Err(Refusal::UnknownDocument) => 'u',
        Err(other) => unreachable!("{other}"),
    }
}

#[test]
fn snapshot() {
    let mut log = small_circle();
    let manifest = manifest(&log, 0, "De betekenisvolle stap", None);
    let signature = manifest.sign(Purpose::Snapshot, &key(0));
    let id = say(
        &mut log,
        0,
        Body::Snapshot {
            manifest: manifest.hash(),
            signature,
            prev: None,
        },
    );
    for n in [1, 2] {
        let signature = manifest.sign(Purpose::Cosign, &key(n));
        say(
            &mut log,
            n,
            Body::Cosign {
                snapshot: id,
                signature,
            },
        );
    }
    let file = SnapshotFile::build(&log, &id, &manifest).unwrap();
    let report = SnapshotFile::verify(&file).unwrap();
    let signers: Vec<Value> = report
        .signers
        .iter()
        .map(|signer| {
            json!([
                signer.key,
                signer.purpose.name(),
                signer.role,
                signer.person,
                signer.record
            ])
        })
        .collect();
    let records: Vec<&str> = log.records().map(|record| text(record.bytes())).collect();
    golden(
        "snapshot",
        &json!({"records": records, "snapshot": id, "manifest": text(&manifest.to_bytes()), "hash": manifest.hash(),
                "file": text(&file), "signers": signers}),
    );
}

#[test]
fn a_payload_has_one_spelling() {
    let log = small_circle();
    let made: Payload = payload(
        &log,
        1,
        Body::Statement {
            about: "a".to_owned(),
            value: json!({"b": 1, "a": 2}),
        },
    );
    assert!(text(&made.to_bytes()).contains(r#""value":{"a":2,"b":1}"#));
}
