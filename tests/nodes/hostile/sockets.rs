//! WebSocket below our frames: broken, endless, unread and too many.

use std::time::Duration;

use smallwin_tests::{Ending, HandSocket, RawSocket, Siege, client_frame, sync_frame, until_async};

use crate::inputs::message;

/// More sockets than a node gives to those who prove nothing.
const SOCKETS: usize = 640;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g2_what_breaks_websocket_has_its_close_code() {
    let siege = Siege::begin(&["--interop-open"]);
    let work = siege.work().await;
    let authority = siege.node.authority();
    // A frame of 2^63 bytes, and one of 16 MiB and one.
    let huge = [&[0x82, 0xff, 0x80][..], &[0; 7], &[0; 4]].concat();
    let large = [&[0x82, 0xff, 0, 0, 0, 0, 1, 0, 0, 1][..], &[0; 4]].concat();
    let text = client_frame(0x81, b"{\"type\":\"join\"}");
    let table: Vec<(&str, Vec<u8>, u16)> = vec![
        ("a text", text, 1003),
        (
            "a text that is no UTF-8",
            client_frame(0x81, &[0xff, 0xfe]),
            1007,
        ),
        ("no mask", vec![0x82, 1, 0], 1002),
        ("a frame of 2^63 bytes", huge, 1009),
        ("a frame above the limit", large, 1009),
        ("reserved bits", client_frame(0xf2, b"x"), 1002),
        ("a compressed frame", client_frame(0xc2, b"x"), 1002),
        ("an opcode of no kind", client_frame(0x83, b"x"), 1002),
        ("a continuation of nothing", client_frame(0x80, b"x"), 1002),
        ("a ping of 126 bytes", client_frame(0x89, &[0; 126]), 1002),
        ("a ping in fragments", client_frame(0x09, b"x"), 1002),
        (
            "a message within another",
            [client_frame(0x02, b"x"), client_frame(0x82, b"y")].concat(),
            1002,
        ),
        ("a close of one byte", client_frame(0x88, b"x"), 1002),
        ("a frame of zeros", client_frame(0x82, &[0; 100]), 1002),
        (
            "a frame of 5 kB before any proof",
            client_frame(0x82, &[0xa0; 5_000]),
            1009,
        ),
        (
            "200 kB before any proof",
            client_frame(0x02, &vec![0; 200_000]),
            1009,
        ),
    ];
    for (name, bytes, expected) in table {
        for path in ["/sync", "/"] {
            let (authority, bytes) = (authority.clone(), bytes.clone());
            let code = tokio::task::spawn_blocking(move || {
                let mut socket = RawSocket::upgrade(&authority, path, "");
                socket.write(&bytes);
                socket.close_code()
            });
            let code = code.await.expect("a thread that only waits");
            // In the open space nobody proves anything, and what is no frame is that at any size.
            let expected = match (path, expected) {
                ("/", 1009) if name == "a frame of 5 kB before any proof" => 1009,
                (_, expected) => expected,
            };
            assert_eq!(code, Some(expected), "{name} on {path}");
        }
    }
    // Compression is offered and not taken.
    let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
    let socket = RawSocket::upgrade(&authority, "/sync", offer);
    assert!(socket.head().starts_with("HTTP/1.1 101"));
    assert!(!socket.head().to_lowercase().contains("permessage-deflate"));
    siege.end(work).await;
}

/// A million fragments of one byte, from a member; fragments without an end; pings without end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g2_fragments_and_pings_without_end_come_to_an_end() {
    let siege = Siege::begin(&[]);
    let work = siege.work().await;
    let authority = siege.node.authority();

    // From nobody: more than a handshake takes is not waited for.
    let mut nobody = HandSocket::open(&authority, "/sync").await;
    nobody.send_in_bytes(100_000, Ending::Never).await;
    assert!(matches!(nobody.until_closed().await, 1009 | 1006));

    // From a member: a million make one message, which is no frame.
    let mut member = siege.attacker().await;
    member.socket().send_in_bytes(1_000_000, Ending::Ends).await;
    assert_eq!(member.socket().until_closed().await, 1002);

    // Unfinished messages of many connections do not add up: each is large, and none ends.
    let mut unfinished = Vec::new();
    for number in 0..24 {
        let mut peer = siege.stranger(number).await;
        // It may be closed before it said all that.
        peer.socket().send_begin(8 << 20).await;
        unfinished.push(peer);
    }

    let mut pinging = siege.attacker().await;
    pinging.socket().send_pings(20_000).await;
    assert!(matches!(pinging.socket().until_closed().await, 1008 | 1006));
    siege.end(work).await;
    drop(unfinished);
}

/// More sockets than there is room for, all silent: members still get in, and nothing is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s2_silent_sockets_keep_no_member_out() {
    let siege = Siege::begin(&[]);
    let work = siege.work().await;
    let authority = siege.node.authority();
    let flooded = tokio::task::spawn_blocking({
        let authority = authority.clone();
        move || -> Vec<RawSocket> {
            (0..SOCKETS)
                .map(|_| RawSocket::upgrade(&authority, "/sync", ""))
                .collect()
        }
    });
    let sockets = flooded.await.expect("the sockets are opened");
    let full = sockets
        .iter()
        .filter(|socket| socket.head().starts_with("HTTP/1.1 503"));
    let full = full.count();
    // The ones that were turned away were told when to come back.
    assert!(sockets.iter().all(|socket| {
        let head = socket.head().to_lowercase();
        head.starts_with("http/1.1 101") || head.contains("retry-after: ")
    }));
    // Who is turned away comes back, as all our programs do.
    let mut late = until_async("a member gets in", || siege.honest_if_let_in(1, 5)).await;
    late.write("[late]").await;
    late.until_it_is_kept().await;
    assert!(full < SOCKETS / 2, "{full}");
    siege.end(work).await;
    drop(sockets);
}

/// A member that asks for everything, again and again, and reads none of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s2_who_never_reads_is_not_written_to_without_end() {
    let siege = Siege::begin(&[]);
    let work = siege.work().await;
    let document = siege.document_id();
    // Something worth asking for.
    let mut large = siege.honest(0, 5).await;
    large.write(&"Een lange dag. ".repeat(4_000)).await;
    large.until_it_is_kept().await;
    let authority = siege.node.authority();
    let mut greedy = Vec::new();
    for number in 0..8 {
        let mark = format!("greedy{number:05}");
        let key = siege.hostile.clone();
        let mut member =
            smallwin_tests::PatchedClient::dial_beside(&authority, key, siege.circle, &mark).await;
        // A peer that lost everything begins anew each time.
        let ask = sync_frame("", "", &document, &message(&[]));
        let all = member
            .socket()
            .send_many_within(&ask, 3_000, Duration::from_secs(2));
        all.await;
        greedy.push(member);
    }
    siege.end(work).await;
    drop(greedy);
}
