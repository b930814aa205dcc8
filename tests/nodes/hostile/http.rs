//! Requests that are none, slow, too large or too many.

use std::time::Duration;

use smallwin_tests::{RawSocket, RunningNode, Siege, answer_to, temporary_folder, until};

/// More connections than a node keeps that asked for nothing, and fewer than a process may have.
const HALF_OPEN: usize = 600;

#[test]
fn g2_requests_that_are_none_are_refused_and_no_file_is_served() {
    let folder = temporary_folder();
    let mut node = RunningNode::start(folder.path());
    let authority = node.authority();
    let host = format!("Host: {authority}\r\nConnection: close\r\n");
    for path in [
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc/passwd",
        "/..%5c..%5cetc%5cpasswd",
        "/..\\..\\etc\\passwd",
        "//etc/passwd",
        "/assets/../../keys/node.key",
        "/keys/node.key",
        "/store",
        "/a%00b",
        "/CON",
        "/NUL.txt",
        "/C:/Windows/win.ini",
    ] {
        let answer = answer_to(
            &authority,
            format!("GET {path} HTTP/1.1\r\n{host}\r\n").as_bytes(),
        );
        // A path without a file behind it is the page itself, which then says that there is nothing.
        let is_expected = ["HTTP/1.1 200", "HTTP/1.1 404", "HTTP/1.1 400"];
        assert!(
            is_expected.iter().any(|start| answer.starts_with(start)),
            "{path}: {answer}"
        );
        assert!(!answer.contains("root:") && !answer.contains("[fonts]"));
        assert!(!answer.starts_with("HTTP/1.1 200") || answer.contains("text/html"));
    }
    let many: String = (0..1_000).map(|at| format!("X-{at}: y\r\n")).collect();
    let long = "a".repeat(20_000);
    let get = |headers: &str| format!("GET / HTTP/1.1\r\n{host}{headers}\r\n").into_bytes();
    let chunked = "Transfer-Encoding: chunked\r\n";
    let smuggled = "0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let table: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("1,000 headers", get(&many), &["431", "400"]),
        ("a header of 20 kB", get(&format!("X: {long}\r\n")), &["431"]),
        ("a path of 20 kB", format!("GET /{long} HTTP/1.1\r\n{host}\r\n").into(), &["414", "431"]),
        ("another host", b"GET / HTTP/1.1\r\nHost: elsewhere.example\r\nConnection: close\r\n\r\n".to_vec(), &["421"]),
        ("no host", b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n".to_vec(), &["421", "400"]),
        ("drawn bytes", b"\x00\x01\x02\r\n\r\n".to_vec(), &["400"]),
        ("TLS on a plain port", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(), &["400"]),
        ("a length beyond numbers", format!("POST / HTTP/1.1\r\n{host}Content-Length: 99999999999999999999\r\n\r\n").into(), &["400"]),
        ("two lengths", format!("POST / HTTP/1.1\r\n{host}Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx").into(), &["400"]),
        ("a length below zero", format!("POST / HTTP/1.1\r\n{host}Content-Length: -1\r\n\r\n").into(), &["400"]),
        ("a length and chunks", format!("POST / HTTP/1.1\r\n{host}Content-Length: 5\r\n{chunked}\r\n{smuggled}").into(), &["400", "405"]),
        ("chunks of no size", format!("POST / HTTP/1.1\r\n{host}{chunked}\r\nzz\r\n").into(), &["400", "405"]),
        ("a deflated body", [format!("POST / HTTP/1.1\r\n{host}Content-Encoding: gzip\r\nContent-Length: 20\r\n\r\n").into_bytes(), vec![0x1f; 20]].concat(), &["405"]),
        ("a body of a terabyte", format!("POST / HTTP/1.1\r\n{host}Content-Length: 1000000000000\r\n\r\nx").into(), &["405"]),
        ("no socket asked for", format!("GET /sync HTTP/1.1\r\n{host}\r\n").into(), &["400", "426"]),
        ("another version of sockets", format!("GET /sync HTTP/1.1\r\nHost: {authority}\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 7\r\nSec-WebSocket-Key: eA==\r\n\r\n").into(), &["400", "426"]),
        ("another method", format!("DELETE / HTTP/1.1\r\n{host}\r\n").into(), &["405"]),
        ("a page of another origin", format!("GET /sync HTTP/1.1\r\nHost: {authority}\r\nOrigin: https://evil.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nConnection: close\r\n\r\n").into(), &["403"]),
    ];
    for (name, request, expected) in table {
        let answer = answer_to(&authority, &request);
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(expected.contains(&status), "{name}: {answer}");
        // What was meant as a second request is none.
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{name}: {answer}");
        assert!(node.is_up(), "{name} ended the node");
    }
    assert_healthy(&authority);
}

/// Slow headers, slow bodies and connections that ask for nothing keep nobody out, and end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s2_half_open_connections_keep_nobody_out_and_come_to_an_end() {
    let siege = Siege::begin(&[]);
    let work = siege.work().await;
    let authority = siege.node.authority();
    let held = {
        let authority = authority.clone();
        // Each blocks its thread for a moment.
        tokio::task::spawn_blocking(move || half_open(&authority))
            .await
            .expect("the connections are made")
    };
    assert_healthy(&authority);
    // A new member gets in while they are held.
    let mut late = siege.honest(0, 5).await;
    late.write("[late]").await;
    late.until_it_is_kept().await;
    siege.end_while(work, move || end_of(held)).await;
}

/// Opens them: a third says nothing, a third begins a head, a third begins a body.
fn half_open(authority: &str) -> Vec<RawSocket> {
    let head = format!("GET / HTTP/1.1\r\nHost: {authority}\r\nX: ");
    let body =
        format!("POST /sync HTTP/1.1\r\nHost: {authority}\r\nContent-Length: 1000000\r\n\r\nx");
    (0..HALF_OPEN)
        .map(|number| {
            let mut socket = RawSocket::connect(authority);
            match number % 3 {
                0 => {}
                1 => drop(socket.write(head.as_bytes())),
                _ => drop(socket.write(body.as_bytes())),
            }
            socket
        })
        .collect()
}

fn end_of(held: Vec<RawSocket>) {
    for (number, mut socket) in held.into_iter().enumerate() {
        // It ends by itself; how is not important, but that nobody has to wait for ever is.
        socket.until_ended(&format!("half open connection {number}"));
    }
}

/// A peer that asks for pages and reads none of them.
#[test]
fn s2_who_reads_no_answers_is_not_written_to_without_end() {
    let folder = temporary_folder();
    let mut node = RunningNode::start(folder.path());
    let authority = node.authority();
    let request = format!("GET / HTTP/1.1\r\nHost: {authority}\r\n\r\n").repeat(100);
    let mut greedy: Vec<RawSocket> = (0..8).map(|_| RawSocket::connect(&authority)).collect();
    for socket in &mut greedy {
        let taken = socket.write_while_taken(request.as_bytes(), 2_000, Duration::from_millis(300));
        assert!(taken < 2_000, "it goes on taking requests: {taken}");
    }
    assert_healthy(&authority);
    assert!(node.is_up());
    if let Some(peak) = node.memory_peak_kb() {
        assert!(peak < 256 * 1024, "it took {peak} kB");
    }
}

/// 429 with a time to come back, for the address that breaks rules and for no other. Behind a
/// proxy the address is what the proxy says last.
#[test]
fn g2_an_address_that_keeps_breaking_rules_is_refused_for_a_while() {
    let folder = temporary_folder();
    let node = RunningNode::start_with(folder.path(), &["--behind-tls-proxy"], &[]);
    let authority = node.authority();
    let from = |address: &str| format!("X-Forwarded-For: 198.51.100.1, {address}\r\n");
    let mut tries = 0;
    let refused = until("the address is refused", || {
        let mut socket = RawSocket::upgrade(&authority, "/sync", &from("203.0.113.7"));
        if !socket.head().starts_with("HTTP/1.1 101") {
            return Some(socket.head().to_owned());
        }
        tries += 1;
        assert!(tries < 1_000, "it is never refused");
        // Not masked, as only a server's frames are.
        socket.write(&[0x82, 1, 0]);
        assert_eq!(socket.close_code(), Some(1002));
        None
    });
    assert!(refused.starts_with("HTTP/1.1 429"), "{refused}");
    assert!(
        refused.to_lowercase().contains("retry-after: "),
        "{refused}"
    );
    assert!(tries > 30, "{tries} faults are not many");
    // Who only claims to be somebody else is not believed: the proxy's own word is the last.
    for (address, expected) in [("203.0.113.8", "101"), ("203.0.113.7", "429")] {
        let socket = RawSocket::upgrade(&authority, "/sync", &from(address));
        assert!(
            socket.head().contains(expected),
            "{address}: {}",
            socket.head()
        );
    }
    assert_healthy(&authority);
    let status = node.run(&["status", "--json"]).must();
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    let count = |name: &str| status["traffic"][name].as_u64().unwrap();
    assert!(count("socketsPenalised") >= 1, "{status}");
    assert!(count("closedProtocol") >= tries, "{status}");
}

fn assert_healthy(authority: &str) {
    let request =
        format!("GET /healthz HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    let answer = answer_to(authority, request.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
