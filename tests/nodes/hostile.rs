//! Hostile bytes over a real socket: the node stays up and its other peers go on (G1, G2).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use smallwin_tests::{
    HandSocket, RunningNode, SamodClient, Value, frame, sync_frame, temporary_folder,
};

/// P1: a bloom filter with one entry and zero bits per entry; a division by zero where it is not checked.
const ZERO_BITS: &str = "42000001000301000700";

/// P2: a bloom filter with 2^32 - 1 probes; an allocation of 16 GiB, which ends the process, where it is not checked.
const MANY_PROBES: &str = "4200000100080108ffffffff0fff00";

#[tokio::test]
async fn g1_the_two_short_messages_do_nothing_in_the_open_space() {
    let folder = temporary_folder();
    let mut node = RunningNode::start_with(folder.path(), &["--interop-open"], &[]);
    let (here, there) = (
        SamodClient::dial(&node.authority()).await,
        SamodClient::dial(&node.authority()).await,
    );
    let mine = here.create("one").await;
    let theirs = there.find(&mine.id()).await;
    theirs.until_it_holds("one").await;

    for (number, message) in hostile_sync_messages().iter().enumerate() {
        let mut bad = HandSocket::open(&node.authority(), "/").await;
        let name = format!("stock-bad-{number}");
        let target = bad.join_open(&name).await;
        // A node may close on the first; then the second is not taken.
        bad.send(&sync_frame(&name, &target, &mine.id(), message))
            .await;
        bad.send(&sync_frame(&name, &target, &mine.id(), message))
            .await;
        mine.append(&format!(" {number}"));
        theirs.until_it_holds(&format!(" {number}")).await;
        assert!(node.is_up(), "message {number} ended the node");
    }
    theirs.append(" end");
    mine.until_it_holds(" end").await;
}

#[tokio::test]
async fn g2_a_stranger_that_never_authenticates_costs_nothing_but_its_socket() {
    let folder = temporary_folder();
    let mut node = RunningNode::start_with(folder.path(), &["--interop-open"], &[]);
    let here = SamodClient::dial(&node.authority()).await;
    let there = SamodClient::dial(&node.authority()).await;
    let mine = here.create("one").await;
    let theirs = there.find(&mine.id()).await;

    for (number, bytes) in hostile_frames().iter().enumerate() {
        for path in ["/sync", "/"] {
            let mut bad = HandSocket::open(&node.authority(), path).await;
            bad.send(bytes).await;
            bad.send(bytes).await;
            mine.append(&format!(" {number}{path}."));
            theirs.until_it_holds(&format!(" {number}{path}.")).await;
            assert!(node.is_up(), "frame {number} on {path} ended the node");
        }
    }
    let mut text = HandSocket::open(&node.authority(), "/sync").await;
    text.send_text("{\"type\":\"join\"}").await;
    assert_eq!(text.next().await, None, "a text frame ends a connection");
    assert!(node.is_up());
}

#[test]
fn g2_requests_that_are_no_http_are_refused() {
    let folder = temporary_folder();
    let mut node = RunningNode::start(folder.path());
    let authority = node.authority();
    let host = format!("Host: {authority}\r\n");
    let many: String = (0..2_000)
        .map(|number| format!("X-{number}: y\r\n"))
        .collect();
    for path in [
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%5c..%5cetc%5cpasswd",
        "//etc/passwd",
    ] {
        // A path without a file behind it is the page itself, which then says that there is nothing.
        let answer = answer_to(
            &authority,
            &format!("GET {path} HTTP/1.1\r\n{host}Connection: close\r\n\r\n"),
        );
        assert!(
            !answer.contains("root:"),
            "no file of the machine is served"
        );
    }
    for request in [
        format!("GET /sync HTTP/1.1\r\n{host}\r\n"),
        format!("GET / HTTP/1.1\r\n{host}{many}\r\n"),
        format!("GET /{} HTTP/1.1\r\n{host}\r\n", "a".repeat(100_000)),
        "GET / HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n".to_owned(),
        "\u{0}\u{1}\u{2}\r\n\r\n".to_owned(),
        "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n".to_owned(),
    ] {
        let answer = answer_to(&authority, &request);
        assert!(
            !answer.starts_with("HTTP/1.1 200"),
            "{}: {answer}",
            &request[..40.min(request.len())]
        );
        assert!(node.is_up());
    }
    let fine = answer_to(
        &authority,
        &format!("GET /healthz HTTP/1.1\r\n{host}Connection: close\r\n\r\n"),
    );
    assert!(fine.starts_with("HTTP/1.1 200"), "{fine}");
}

/// What a node answers to these bytes before it closes, or until it was silent for a while.
fn answer_to(authority: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(authority).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(2)))
        .unwrap();
    // The node may close before it has read all: what counts is what it said.
    let _ = stream.write_all(request.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn hostile_sync_messages() -> Vec<Vec<u8>> {
    let mut messages = vec![bytes(ZERO_BITS), bytes(MANY_PROBES)];
    // A bloom filter that says it has 2^32 - 1 entries, and lists that say they are longer than the message.
    messages.push(bytes("42000001000801ffffffff0f0a07"));
    messages.push(bytes("42ffffffff0f"));
    messages.push(bytes("43000000ffffffff0f"));
    // Each message cut short at each byte.
    for whole in [ZERO_BITS, MANY_PROBES, "42000001000000020284"] {
        let whole = bytes(whole);
        messages.extend((0..whole.len()).step_by(3).map(|end| whole[..end].to_vec()));
    }
    // A change chunk of type 3 (bundle), and one whose checksum is wrong.
    messages.push(
        [
            bytes("4300000001"),
            vec![14],
            bytes("856f4a830000000003"),
            vec![0; 5],
        ]
        .concat(),
    );
    messages.push(
        [
            bytes("4200000001"),
            vec![14],
            bytes("856f4a830000000001"),
            vec![0; 5],
        ]
        .concat(),
    );
    messages
}

fn hostile_frames() -> Vec<Vec<u8>> {
    let join = [("type", Value::Text("join"))];
    let no_type = [("senderId", Value::Text("x"))];
    let twice = [("type", Value::Text("join")), ("type", Value::Text("sync"))];
    let early = sync_frame(
        "stranger",
        "node",
        "1Bhh3pU9gLXZiNDL6PEa1Gs9fh",
        &bytes(MANY_PROBES),
    );
    vec![
        Vec::new(),
        vec![0; 4_096],
        frame(&join),
        frame(&no_type),
        frame(&twice),
        early,
        // An array of 2^63 elements, a byte string longer than the frame, an indefinite text, deep nesting.
        bytes("9b8000000000000000"),
        bytes("a1647479706559ffff00"),
        bytes("a164747970657f616a616fff"),
        vec![0x81; 10_000],
        vec![0xa1; 10_000],
    ]
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}
