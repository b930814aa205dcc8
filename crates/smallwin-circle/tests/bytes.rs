//! Bytes from strangers: they are refused, never believed and never a panic (rules G2 and C3).
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test may panic"
)]

mod support;

use std::sync::LazyLock;

use proptest::prelude::*;
use smallwin_circle::limits::RECORD_BYTES_MAX;
use smallwin_circle::{
    Body, Card, CardError, CardFields, CircleId, DeviceKey, DocumentRef, Frontier, FrontierError,
    Hint, InviteLink, InviteLinkError, KeyError, Manifest, Record, RecordError, Role, SnapshotFile,
};
use support::*;

fn samples() -> Vec<Vec<u8>> {
    let mut log = small_circle();
    say(&mut log, 3, share(3));
    say(&mut log, 1, link(1, 4));
    say(
        &mut log,
        1,
        Body::Statement {
            about: "a\n\"é\u{1f600}".to_owned(),
            value: serde_json::json!([{"": -7}, "\u{2028}"]),
        },
    );
    say(
        &mut log,
        1,
        Body::Unknown(serde_json::json!({"kind": "later", "x": {"y": null}})),
    );
    log.records()
        .map(|record| record.bytes().to_vec())
        .collect()
}

fn card(rev: u64, name: &str) -> Card {
    let fields = CardFields {
        author: key(1).public(),
        circle: small_circle().circle(),
        name: name.to_owned(),
        organisation: Some("Wijkteam Oost".to_owned()),
        perspective: None,
        person: person(1),
        rev,
    };
    Card::sign(&fields, &key(1)).unwrap()
}

#[test]
fn what_is_written_reads_back_as_itself() {
    for bytes in samples() {
        let record = Record::parse(&bytes).unwrap();
        assert_eq!(record.bytes(), bytes);
        assert_eq!(record.payload().id(), record.id());
    }
}

#[test]
fn c3_every_flipped_bit_of_a_record_is_noticed() {
    for bytes in samples() {
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            assert!(
                Record::parse(&flipped).is_err(),
                "byte {at} of {}",
                String::from_utf8_lossy(&bytes)
            );
        }
    }
}

#[test]
fn a_record_is_as_long_as_the_limit_at_most() {
    let log = small_circle();
    let statement = |length: usize| Body::Statement {
        about: "a".to_owned(),
        value: "x".repeat(length).into(),
    };
    assert!(Record::sign(&payload(&log, 1, statement(2_000)), &key(1)).is_ok());
    let refused =
        Record::sign(&payload(&log, 1, statement(RECORD_BYTES_MAX)), &key(1)).unwrap_err();
    assert!(matches!(refused, RecordError::TooLarge(_)));
}

#[test]
fn only_the_author_signs_and_only_a_join_is_countersigned() {
    let log = small_circle();
    let statement = payload(
        &log,
        1,
        Body::Statement {
            about: "a".to_owned(),
            value: 1.into(),
        },
    );
    assert_eq!(
        Record::sign(&statement, &key(2)).unwrap_err(),
        RecordError::WrongKey
    );
    let record = Record::sign(&statement, &key(1)).unwrap();
    assert_eq!(
        record.countersign(&key(2)).unwrap_err(),
        RecordError::NotAcceptable
    );
    let id = log.state().invites().next().unwrap().record;
    let twice = join(&log, 4, 1, id, 1).countersign(&key(2));
    assert_eq!(twice.unwrap_err(), RecordError::NotAcceptable);
}

#[test]
fn values_that_languages_read_differently_are_refused() {
    let log = small_circle();
    for value in [
        serde_json::json!(0.5),
        serde_json::json!(9_007_199_254_740_992_u64),
        serde_json::json!(-9_007_199_254_740_992_i64),
        serde_json::json!([[[[[[[[[1]]]]]]]]]),
    ] {
        let body = Body::Statement {
            about: "a".to_owned(),
            value,
        };
        assert!(matches!(
            Record::sign(&payload(&log, 1, body), &key(1)),
            Err(RecordError::Malformed(_))
        ));
    }
    let body = Body::Unknown(serde_json::json!({"kind": "share", "target": 1}));
    assert!(matches!(
        Record::sign(&payload(&log, 1, body), &key(1)),
        Err(RecordError::Malformed(_))
    ));
    // A role that a newer version knows makes the record count for nothing, not the log unreadable.
    let body =
        Body::Unknown(serde_json::json!({"kind": "grant", "person": person(1), "role": "relay"}));
    assert!(Record::sign(&payload(&log, 0, body), &key(0)).is_ok());
}

#[test]
fn keys_of_small_order_and_of_two_spellings_are_refused() {
    let mut identity = [0; 32];
    identity[0] = 1;
    assert_eq!(DeviceKey::from_bytes(identity), Err(KeyError::SmallOrder));
    assert_eq!(DeviceKey::from_bytes([0; 32]), Err(KeyError::SmallOrder));
    let mut no_point = [0; 32];
    no_point[0] = 2;
    assert_eq!(DeviceKey::from_bytes(no_point), Err(KeyError::NotAPoint));
    // p + 3 and p + 4 and so on spell small numbers a second time; some of them are points.
    let mut spelled_twice = 0;
    for low in 0xed..=0xff_u8 {
        let mut bytes = [0xff; 32];
        (bytes[0], bytes[31]) = (low, 0x7f);
        assert!(DeviceKey::from_bytes(bytes).is_err());
        spelled_twice += u8::from(DeviceKey::from_bytes(bytes) == Err(KeyError::NotCanonical));
    }
    assert!(spelled_twice > 0);
}

#[test]
fn secrets_are_not_printed() {
    let link: InviteLink = InviteLink {
        origin: "https://a".to_owned(),
        circle: small_circle().circle(),
        secret: secret(0xab),
        hints: Vec::new(),
    };
    let printed = format!("{:?} {:?} {link:?}", key(5), sealing(5));
    for secret in [
        "060606", "6, 6, 6", "BgYG", "ababab", "171, 171", "q6ur", "6a6a6a",
    ] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

#[test]
fn a_frontier_is_bound_to_circle_document_actor_and_change() {
    let circle = small_circle().circle();
    let document = DocumentRef::case().id(&circle);
    let mut actor = [7; 40];
    actor[..32].copy_from_slice(key(1).public().as_bytes());
    let frontier = Frontier::sign(&circle, &document, actor, 3, [5; 32], &key(1)).unwrap();
    let bytes = frontier.encode();
    assert_eq!(Frontier::decode(&bytes).unwrap(), frontier);
    assert_eq!(frontier.verify(&circle, &document), Ok(key(1).public()));
    for at in 0..bytes.len() {
        let mut flipped = bytes;
        flipped[at] ^= 1;
        let read = Frontier::decode(&flipped);
        assert!(
            read.is_err() || read.unwrap().verify(&circle, &document).is_err(),
            "byte {at}"
        );
    }
    assert_eq!(
        frontier.verify(&CircleId::from_bytes([0; 32]), &document),
        Err(FrontierError::Signature)
    );
    assert_eq!(
        frontier.verify(&circle, &DocumentRef::step().id(&circle)),
        Err(FrontierError::Signature)
    );
    assert_eq!(
        Frontier::decode(&bytes[1..]),
        Err(FrontierError::Length(143))
    );
    assert_eq!(
        Frontier::sign(&circle, &document, actor, 3, [5; 32], &key(2)),
        Err(FrontierError::WrongKey)
    );
}

#[test]
fn n1_of_two_cards_the_newer_counts_on_every_device() {
    let (one, two, rival) = (card(1, "Anna"), card(2, "Anna V."), card(2, "Anna de V."));
    assert!(two.newer_than(&one) && !one.newer_than(&two) && !two.newer_than(&two));
    assert_ne!(two.newer_than(&rival), rival.newer_than(&two));
    let bytes = two.bytes();
    assert_eq!(Card::parse(bytes).unwrap(), two);
    for at in 0..bytes.len() {
        let mut flipped = bytes.to_vec();
        flipped[at] ^= 1;
        assert!(Card::parse(&flipped).is_err(), "byte {at}");
    }
    let log = small_circle();
    assert!(two.fits(log.state()));
    let mut foreign = two.fields().clone();
    (foreign.author, foreign.rev) = (key(2).public(), 9);
    assert!(!Card::sign(&foreign, &key(2)).unwrap().fits(log.state()));
    foreign.name = "x".repeat(2_000);
    assert!(matches!(
        Card::sign(&foreign, &key(2)),
        Err(CardError::TooLarge(_))
    ));
}

#[test]
fn an_invite_link_reads_back_and_says_what_is_wrong() {
    let hints = vec![
        Hint {
            url: "wss://node.example:8443".to_owned(),
            node_key: Some(key(6).public()),
        },
        Hint {
            url: "ws://[::1]:9000".to_owned(),
            node_key: None,
        },
    ];
    for hints in [hints.clone(), hints[..1].to_vec(), Vec::new()] {
        let link = InviteLink {
            origin: "https://node.example:8443".to_owned(),
            circle: small_circle().circle(),
            secret: secret(3),
            hints,
        };
        assert_eq!(link.to_string().parse::<InviteLink>().unwrap(), link);
        assert_eq!(link.invite_key().public(), invite_key(3).public());
    }
    let link = InviteLink {
        origin: "http://127.0.0.1:7777".to_owned(),
        circle: small_circle().circle(),
        secret: secret(3),
        hints,
    }
    .to_string();
    let fault = |text: &str| text.parse::<InviteLink>().unwrap_err();
    assert_eq!(fault("https://example.org"), InviteLinkError::NoMark);
    assert_eq!(fault(&link[..70]), InviteLinkError::Incomplete);
    assert_eq!(
        fault(&link.replace("http://127.0.0.1:7777", "javascript:alert")),
        InviteLinkError::Origin
    );
    assert_eq!(fault(&link.replace("wss", "ftp")), InviteLinkError::Hint);
    assert_eq!(
        fault(&format!("{link}{}", "x".repeat(3_000))),
        InviteLinkError::TooLong
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn g2_no_bytes_make_a_reader_panic(
        which in any::<prop::sample::Index>(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<u8>()), 0..6),
        noise in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        // Made once: making them costs more than all the reading.
        static SAMPLES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
            samples().into_iter().chain([card(1, "A").bytes().to_vec()]).collect()
        });
        let mut bytes = which.get(&SAMPLES).clone();
        for (at, how, byte) in cuts {
            let at = at.index(bytes.len().max(1));
            match how % 4 {
                0 => bytes.truncate(at),
                1 => bytes.insert(at.min(bytes.len()), byte),
                2 => { bytes.splice(at.min(bytes.len())..at.min(bytes.len()), noise.iter().copied()); }
                _ => if let Some(old) = bytes.get_mut(at) { *old = byte },
            }
        }
        for bytes in [&bytes, &noise] {
            if let Ok(record) = Record::parse(bytes) {
                prop_assert_eq!(record.bytes(), bytes.as_slice());
            }
            let _ = (Card::parse(bytes).is_ok(), Manifest::parse(bytes).is_ok(), SnapshotFile::verify(bytes).is_ok());
            let _ = (Frontier::decode(bytes).is_ok(), String::from_utf8_lossy(bytes).parse::<InviteLink>().is_ok());
        }
    }

    #[test]
    fn document_references_and_ids_come_back(revision in 1u32.., n in 0u8..7, key in "[a-z0-9/é]{0,40}") {
        let circle = CircleId::from_bytes([7; 32]);
        let own = DocumentRef::draft_of(revision, &person(n));
        prop_assert_eq!((own.revision(), own.person()), (Some(revision), Some(person(n))));
        for document in [own, DocumentRef::report(key), DocumentRef::check_in(revision)] {
            let id = document.id(&circle);
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            prop_assert_ne!(id, document.id(&CircleId::from_bytes([1; 32])));
        }
    }
}

#[test]
fn roles_ascend() {
    assert!(Role::ALL.is_sorted());
    assert!(
        Role::ALL
            .iter()
            .all(|role| Role::from_name(role.name()) == Some(*role))
    );
}
