//! Attacks over `/sync`: from nobody, from a stranger with a key, and from a member.

use smallwin_circle::{CircleId, Frontier};
use smallwin_tests::{HandSocket, Outcome, PatchedClient, Siege, Value, frame, sync_frame};

use crate::{
    crafted::{crafted, hash, honest, long_ago},
    inputs::{
        DOCUMENT_IDS, Input, corpus, cut_short, frames, large_frames, message, message_of_heads,
        sync_messages,
    },
};

/// P1 to P8 and P11 from whoever can reach the node: a member is closed, a stranger gets the
/// answer that there is no such document, nobody gets as far.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g1_sync_messages_that_break_automerge_do_nothing_to_the_node() {
    let siege = Siege::begin(&[]);
    let work = siege.work().await;
    let document = siege.document_id();
    for (number, Input { name, bytes }) in sync_messages().iter().enumerate() {
        let early = sync_frame("x", "y", &document, &bytes[0]);
        let mut nobody = HandSocket::open(&siege.node.authority(), "/sync").await;
        nobody.send(&early).await;
        let code = nobody.until_closed().await;
        assert!(matches!(code, 1002 | 1009), "{name} from nobody: {code}");

        let mut stranger = siege.stranger(number as u64).await;
        stranger.sync(&document, &bytes[0]).await;
        assert_eq!(
            stranger.outcome().await,
            Outcome::Unavailable,
            "{name} from a stranger"
        );

        let mut member = siege.attacker().await;
        member.sync(&document, &bytes[0]).await;
        assert_eq!(
            member.outcome().await,
            Outcome::Closed(1002),
            "{name} from a member"
        );
    }
    siege.end(work).await;
}

/// Frames that are no frames, from whoever can reach the node.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g2_frames_that_are_none_close_their_connection_and_no_other() {
    let siege = Siege::begin(&[]);
    let work = siege.work().await;
    for Input { name, bytes } in frames() {
        let mut nobody = HandSocket::open(&siege.node.authority(), "/sync").await;
        nobody.send(&bytes[0]).await;
        assert_eq!(nobody.until_closed().await, 1002, "{name} from nobody");
        let mut member = siege.attacker().await;
        member.socket().send(&bytes[0]).await;
        assert_eq!(
            member.socket().until_closed().await,
            1002,
            "{name} from a member"
        );
    }
    for Input { name, bytes } in large_frames() {
        let mut nobody = HandSocket::open(&siege.node.authority(), "/sync").await;
        nobody.send(&bytes[0]).await;
        assert_eq!(nobody.until_closed().await, 1009, "{name} from nobody");
        let mut member = siege.attacker().await;
        member.socket().send(&bytes[0]).await;
        assert_eq!(
            member.socket().until_closed().await,
            1002,
            "{name} from a member"
        );
    }
    let whole = sync_frame("x", "y", &siege.document_id(), &message(&[]));
    for Input { name, bytes } in cut_short(&whole) {
        let mut nobody = HandSocket::open(&siege.node.authority(), "/sync").await;
        nobody.send(&bytes[0]).await;
        assert_eq!(nobody.until_closed().await, 1002, "{name}");
    }
    siege.end(work).await;
}

/// Frames that are well formed and say what they may not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g2_frames_beyond_a_limit_or_a_right_have_their_answers() {
    let siege = Siege::begin(&[]);
    let work = siege.work().await;
    let tag = siege.attacker().await.tag();
    let document = siege.document_id();
    let (zeros, half) = (vec![0; 32 * 1_100], vec![1; 100]);
    let depth = format!("{}{}", "[".repeat(4_000), "]".repeat(4_000));
    let many: Vec<&[u8]> = vec![b"{}"; 257];
    let odd: Vec<&[u8]> = vec![
        depth.as_bytes(),
        br#"{"payload":1e999,"signatures":[]}"#,
        br#"{"payload":"\ud800","signatures":[]}"#,
        br#"{"payload":"eyJhIjoxZTk5OX0","signatures":[]}"#,
        b"\xff\xfe",
        b"",
    ];
    let long = "x".repeat(60_000);
    let circle = || ("circle", Value::Bytes(&tag));
    let none = ("heads", Value::Bytes(&[]));
    let named = ("documentId", Value::Text(&document));
    // What `smallwin/circles` says of itself is proven or nothing.
    let item: &[(&str, Value<'_>)] = &[
        ("tag", Value::Bytes(&tag)),
        ("key", Value::Bytes(&[0; 32])),
        ("proof", Value::Bytes(&[0; 64])),
        ("purpose", Value::Text("member")),
    ];
    let items: Vec<_> = vec![item; 3_000];
    type Fields<'a> = Vec<(&'a str, Value<'a>)>;
    let table: Vec<(&str, &str, Fields<'_>, Outcome)> = vec![
        (
            "1,100 heads of a log",
            "smallwin/log",
            vec![circle(), ("heads", Value::Bytes(&zeros))],
            Outcome::Closed(1008),
        ),
        (
            "257 records",
            "smallwin/log",
            vec![circle(), none, ("records", Value::ByteList(&many))],
            Outcome::Closed(1008),
        ),
        (
            "heads of half a hash",
            "smallwin/log",
            vec![circle(), ("heads", Value::Bytes(&half))],
            Outcome::Closed(1002),
        ),
        (
            "records that are none",
            "smallwin/log",
            vec![circle(), none, ("records", Value::ByteList(&odd))],
            Outcome::Taken,
        ),
        (
            "a log of no circle",
            "smallwin/log",
            vec![("circle", Value::Bytes(&[9; 16])), none],
            Outcome::Taken,
        ),
        (
            "cards that are none",
            "smallwin/beside",
            vec![circle(), ("cards", Value::ByteList(&odd))],
            Outcome::Taken,
        ),
        (
            "manifests that are none",
            "smallwin/beside",
            vec![circle(), ("manifests", Value::ByteList(&odd))],
            Outcome::Taken,
        ),
        (
            "a join that is none",
            "smallwin/join",
            vec![circle(), ("record", Value::Bytes(&half))],
            Outcome::Taken,
        ),
        (
            "half a frontier",
            "smallwin/frontier",
            vec![named, ("items", Value::Bytes(&half))],
            Outcome::Closed(1002),
        ),
        (
            "zeros as frontiers",
            "smallwin/frontier",
            vec![named, ("items", Value::Bytes(&zeros[..144 * 4]))],
            Outcome::Taken,
        ),
        (
            "300 frontiers",
            "smallwin/frontier",
            vec![named, ("items", Value::Bytes(&zeros[..144 * 244]))],
            Outcome::Taken,
        ),
        (
            "a circle for a stranger to hold",
            "smallwin/host",
            vec![("records", Value::ByteList(&odd))],
            Outcome::Taken,
        ),
        (
            "3,000 circles",
            "smallwin/circles",
            vec![("items", Value::Maps(&items))],
            Outcome::Closed(1008),
        ),
        (
            "a pairing without a secret",
            "smallwin/pair",
            vec![
                ("secret", Value::Bytes(&half)),
                ("consent", Value::Bytes(&[0; 64])),
                ("sealing", Value::Bytes(&[0; 32])),
            ],
            Outcome::Taken,
        ),
        (
            "an errand for somebody",
            "smallwin/dial",
            vec![
                ("url", Value::Text("ws://127.0.0.1:1")),
                ("circle", Value::Bytes(&[0; 32])),
            ],
            Outcome::Taken,
        ),
        (
            "a long question",
            "smallwin/ask",
            vec![("what", Value::Text(&long))],
            Outcome::Taken,
        ),
        (
            "an answer that nobody asked for",
            "smallwin/told",
            vec![
                ("what", Value::Text("status")),
                ("json", Value::Text(&depth)),
            ],
            Outcome::Taken,
        ),
        (
            "a frame of no kind",
            "smallwin/later",
            vec![("x", Value::Text(&long))],
            Outcome::Taken,
        ),
        (
            "a large presence",
            "ephemeral",
            vec![
                named,
                ("data", Value::Bytes(&zeros)),
                ("count", Value::Number(1)),
                ("sessionId", Value::Text("s")),
            ],
            Outcome::Taken,
        ),
    ];
    for (name, kind, fields, expected) in table {
        let mut member = siege.attacker().await;
        member.say_anything(kind, &fields).await;
        assert_eq!(member.outcome().await, expected, "{name}");
    }
    for id in DOCUMENT_IDS {
        let mut member = siege.attacker().await;
        member.sync(id, &message(&[])).await;
        let outcome = member.outcome().await;
        assert_eq!(outcome, Outcome::Closed(1002), "a document called {id:?}");
    }
    let mut member = siege.attacker().await;
    let other = frame(&[
        ("type", Value::Text("sync")),
        ("senderId", Value::Text("anna")),
    ]);
    member.socket().send(&other).await;
    assert_eq!(
        member.outcome().await,
        Outcome::Closed(1002),
        "another's name"
    );
    siege.end(work).await;
}

/// P9 and P10 with good signatures, and everything else that the gate looks at in a change.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g3_signed_changes_that_no_honest_program_makes_are_kept_aside() {
    let siege = Siege::begin(&[]);
    let work = siege.work().await;
    let document = siege.document_id();
    let mut member = siege.attacker().await;
    let key = member.key().clone();
    let actor = |number: u8| {
        let mut actor = [number; 40];
        actor[..32].copy_from_slice(key.public().as_bytes());
        actor
    };
    for (number, _) in crafted(&actor(0)).iter().enumerate() {
        let actor = actor(number as u8);
        let case = &crafted(&actor)[number];
        let bytes = case.change.write();
        let outcome = bring(&mut member, &document, &actor, case.change.seq, &bytes).await;
        match outcome {
            Outcome::Refused(reason) => assert_eq!(reason, "malformed", "{}", case.name),
            // What no change can be is not even kept aside.
            outcome => {
                assert_eq!(outcome, Outcome::Closed(1002), "{}", case.name);
                member = siege.attacker().await;
            }
        }
    }
    // The same form without the fault is admitted, of the year 1601 too.
    for (number, change) in [
        (101, honest(&actor(101), "fine")),
        (102, long_ago(&actor(102))),
    ] {
        let bytes = change.write();
        offer(&mut member, &document, &actor(number), 1, &bytes).await;
        assert_eq!(member.outcome().await, Outcome::Taken);
    }
    let mut reader = siege.honest(0, 77).await;
    reader.write("[read]").await;
    reader.until_it_holds("fine").await;
    siege.end(work).await;
}

/// Forged authors, two contents under one number, heads that do not exist, dependencies that
/// never come, and the same change again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g3_forgeries_and_floods_of_changes_hurt_nobody_else() {
    let siege = Siege::begin(&[]);
    let work = siege.work().await;
    let document = siege.document_id();
    let mut member = siege.attacker().await;
    let own = own_actor(&member, 1);

    // A change under somebody else's key: no frontier of ours covers it.
    let mut theirs = own;
    theirs[..32].copy_from_slice(&[0x11; 32]);
    let forged = honest(&theirs, "forged").write();
    member.sync(&document, &message(&[&forged])).await;
    assert_eq!(
        member.outcome().await,
        Outcome::Taken,
        "it waits for a signature"
    );

    // Equivocation: the first that is admitted stays, the second is kept aside.
    let (one, other) = (honest(&own, "one").write(), honest(&own, "other").write());
    let mut reader = siege.honest(0, 77).await;
    offer(&mut member, &document, &own, 1, &one).await;
    reader.write("[read]").await;
    reader.until_it_holds("one").await;
    let outcome = bring(&mut member, &document, &own, 1, &other).await;
    assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");

    // A thousand heads that nobody has.
    let heads: Vec<[u8; 32]> = (0..1_000_u64)
        .map(|number| {
            let mut head = [0; 32];
            head[..8].copy_from_slice(&number.to_be_bytes());
            head
        })
        .collect();
    member.sync(&document, &message_of_heads(&heads)).await;
    assert_eq!(member.outcome().await, Outcome::Taken);

    // Changes whose dependencies never come, more than may wait.
    let orphans: Vec<Vec<u8>> = (0..1_100_u64)
        .map(|number| {
            let mut change = honest(&own_actor(&member, 1_000 + number), "orphan");
            change.deps[0] = [7; 32];
            change.write()
        })
        .collect();
    let orphans: Vec<&[u8]> = orphans.iter().map(Vec::as_slice).collect();
    member.sync(&document, &message(&orphans)).await;
    let outcome = member.outcome().await;
    assert!(
        matches!(outcome, Outcome::Taken | Outcome::Closed(1008)),
        "{outcome:?}"
    );

    // The same change, ten thousand times in a message, several times.
    let mut member = siege.attacker().await;
    let same = message(&vec![&one[..]; 10_000]);
    for _ in 0..3 {
        member.sync(&document, &same).await;
    }
    assert_eq!(member.outcome().await, Outcome::Taken);

    // Documents without end: each gets its answer, nothing is remembered.
    for number in 0..5_000_u64 {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&number.to_be_bytes());
        let id = smallwin_circle::DocumentId::from_bytes(id).to_string();
        assert!(member.sync(&id, &message(&[])).await);
    }
    assert_eq!(member.outcome().await, Outcome::Unavailable);

    // A reader that comes now gets all that was admitted, and nothing else.
    let mut reader = siege.honest(0, 78).await;
    reader.write("[again]").await;
    reader.until_it_holds("one").await;
    for name in ["other", "forged", "orphan"] {
        assert!(!reader.holds(name), "{name}");
    }
    siege.end(work).await;
}

/// What the mutator of the gate found, in the open space, where no signature is asked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g1_the_corpus_of_the_gate_breaks_no_document_of_the_open_space() {
    let siege = Siege::begin(&["--interop-open"]);
    let work = siege.work().await;
    let inputs = sync_messages().into_iter().map(|input| (input, true));
    let corpus = corpus().into_iter().map(|input| (input, false));
    for (number, (Input { name, bytes }, is_closed)) in inputs.chain(corpus).enumerate() {
        let id = smallwin_circle::DocumentId::from_bytes([number as u8; 16]).to_string();
        let mut bad = HandSocket::open(&siege.node.authority(), "/").await;
        let target = bad.join_open("stock-bad").await;
        for message in &bytes {
            bad.send(&sync_frame("stock-bad", &target, &id, message))
                .await;
        }
        // What it says to nobody in particular comes after all that.
        let last = frame(&[
            ("type", Value::Text("sync")),
            ("senderId", Value::Text("x")),
        ]);
        bad.send(&last).await;
        assert_eq!(bad.until_closed().await, 1002, "{name}");
        let mut fine = HandSocket::open(&siege.node.authority(), "/").await;
        let target = fine.join_open("stock-fine").await;
        let nothing = [0x42, 0, 0, 1, 0, 0, 0, 2, 2, 0x84];
        fine.send(&sync_frame("stock-fine", &target, &id, &nothing))
            .await;
        let answer = fine.next().await.expect("the document is served");
        let kind = smallwin_tests::text_of(&answer, "type");
        let expected = if is_closed { "doc-unavailable" } else { "sync" };
        assert_eq!(kind.as_deref(), Some(expected), "{name}");
    }
    siege.end(work).await;
}

fn own_actor(member: &PatchedClient, session: u64) -> [u8; 40] {
    let mut actor = [0; 40];
    actor[..32].copy_from_slice(member.key().public().as_bytes());
    actor[32..].copy_from_slice(&session.to_be_bytes());
    actor
}

/// Signs a change and sends it.
async fn offer(
    member: &mut PatchedClient,
    document: &str,
    actor: &[u8; 40],
    seq: u64,
    change: &[u8],
) {
    let (circle, id): (CircleId, _) = (member.circle(), document.parse().unwrap());
    let frontier = Frontier::sign(&circle, &id, *actor, seq, hash(change), member.key());
    // A number that no frontier can have goes without one.
    if let Ok(frontier) = frontier {
        let items = frontier.encode();
        let fields = [
            ("documentId", Value::Text(document)),
            ("items", Value::Bytes(&items)),
        ];
        member.say_anything("smallwin/frontier", &fields).await;
    }
    member.sync(document, &message(&[change])).await;
}

/// Signs a change, sends it and waits for what the node says of it.
async fn bring(
    member: &mut PatchedClient,
    document: &str,
    actor: &[u8; 40],
    seq: u64,
    change: &[u8],
) -> Outcome {
    offer(member, document, actor, seq, change).await;
    member.refusal_of(&hash(change)).await
}
