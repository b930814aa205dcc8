//! What the listener answers, on real sockets.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use smallwin_node::{Config, Node, Storage, limits, start};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Bytes, Message};

const DEADLINE: Duration = Duration::from_secs(20);

struct Running {
    node: Node,
    address: SocketAddr,
    _data: tempfile::TempDir,
}

async fn running(change: impl FnOnce(&mut Config)) -> Running {
    let data = tempfile::tempdir().unwrap();
    let mut config = Config::new(data.path().to_owned());
    config.storage = Storage::Memory;
    config.listen = Some(([127, 0, 0, 1], 0).into());
    change(&mut config);
    let node = start(config).await.unwrap();
    let address = node.local_addr().unwrap();
    Running {
        node,
        address,
        _data: data,
    }
}

/// Sends raw bytes and reads the answer until the connection ends.
async fn raw(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    timeout(DEADLINE, stream.read_to_end(&mut answer))
        .await
        .expect("an answer in time")
        .unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

async fn get(address: SocketAddr, host: &str, path: &str) -> String {
    raw(
        address,
        &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"),
    )
    .await
}

/// Opens a socket with an origin, or says with which status it was refused.
async fn socket(
    address: SocketAddr,
    path: &str,
    origin: Option<&str>,
) -> Result<tokio_tungstenite::WebSocketStream<TcpStream>, u16> {
    let mut request = format!("ws://{address}{path}")
        .into_client_request()
        .unwrap();
    if let Some(origin) = origin {
        request
            .headers_mut()
            .insert("origin", origin.parse().unwrap());
    }
    let stream = TcpStream::connect(address).await.unwrap();
    match client_async(request, stream).await {
        Ok((socket, _)) => Ok(socket),
        Err(tokio_tungstenite::tungstenite::Error::Http(response)) => {
            Err(response.status().as_u16())
        }
        Err(error) => panic!("{error}"),
    }
}

/// The code with which the node closes a socket.
async fn close_code(mut socket: tokio_tungstenite::WebSocketStream<TcpStream>) -> Option<u16> {
    timeout(DEADLINE, async {
        while let Some(Ok(message)) = socket.next().await {
            if let Message::Close(frame) = message {
                return frame.map(|frame| frame.code.into());
            }
        }
        None
    })
    .await
    .expect("the node closes in time")
}

#[tokio::test]
async fn the_page_is_served_to_own_names_only() {
    let running = running(|_| {}).await;
    let port = running.address.port();
    let check = async |host: &str, expect: &str| {
        let answer = get(running.address, host, "/").await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {expect}")),
            "{host}: {answer}"
        );
    };
    check(&format!("127.0.0.1:{port}"), "200").await;
    check(&format!("[::1]:{port}"), "200").await;
    check(&format!("evil.example.org:{port}"), "421").await;
    check("127.0.0.1:1", "421").await;
}

#[tokio::test]
async fn localhost_is_sent_to_the_one_origin() {
    let running = running(|_| {}).await;
    let port = running.address.port();
    let answer = get(
        running.address,
        &format!("localhost:{port}"),
        "/circle/x?y=1",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 307"), "{answer}");
    assert!(
        answer.contains(&format!("location: http://127.0.0.1:{port}/circle/x?y=1")),
        "{answer}"
    );
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let running = running(|_| {}).await;
    for (path, host) in [
        ("/", "127.0.0.1"),
        ("/missing.js", "127.0.0.1"),
        ("/healthz", "anything"),
        ("/", "evil"),
    ] {
        let answer = get(
            running.address,
            &format!("{host}:{}", running.address.port()),
            path,
        )
        .await;
        for header in [
            "content-security-policy: default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types app svelte-trusted-html ProseMirrorClipboard\r\n",
            "x-content-type-options: nosniff\r\n",
            "cross-origin-opener-policy: same-origin\r\n",
            "cross-origin-resource-policy: same-origin\r\n",
            "referrer-policy: no-referrer\r\n",
        ] {
            assert!(answer.contains(header), "{path}: {answer}");
        }
        assert!(!answer.contains("access-control-allow"), "{answer}");
    }
}

#[tokio::test]
async fn health_is_told_to_everybody() {
    let running = running(|_| {}).await;
    assert!(
        get(running.address, "10.0.0.1", "/healthz")
            .await
            .ends_with("ok\n")
    );
    assert!(
        get(running.address, "10.0.0.1", "/readyz")
            .await
            .ends_with("ready\n")
    );
}

#[tokio::test]
async fn a_private_network_preflight_gets_no_permission() {
    let running = running(|_| {}).await;
    let request = format!(
        "OPTIONS /sync HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nOrigin: http://evil.example.org\r\n\
         Access-Control-Request-Method: GET\r\nAccess-Control-Request-Private-Network: true\r\nConnection: close\r\n\r\n",
        running.address.port()
    );
    let answer = raw(running.address, &request).await;
    assert!(
        !answer.starts_with("HTTP/1.1 2") && !answer.contains("access-control-"),
        "{answer}"
    );
}

#[tokio::test]
async fn sockets_are_for_own_pages_and_native_peers() {
    let running = running(|config| config.interop_open = true).await;
    let address = running.address;
    for path in ["/sync", "/"] {
        assert!(socket(address, path, None).await.is_ok());
        assert!(
            socket(address, path, Some(&format!("http://{address}")))
                .await
                .is_ok()
        );
        assert_eq!(
            socket(address, path, Some("http://evil.example.org"))
                .await
                .err(),
            Some(403)
        );
        assert_eq!(socket(address, path, Some("null")).await.err(), Some(403));
    }
}

#[tokio::test]
async fn the_open_space_is_closed_unless_it_was_asked_for() {
    let running = running(|_| {}).await;
    assert_eq!(socket(running.address, "/", None).await.err(), Some(404));
    assert!(socket(running.address, "/sync", None).await.is_ok());
}

#[tokio::test]
async fn a_text_frame_closes_the_socket() {
    let running = running(|_| {}).await;
    let mut socket = socket(running.address, "/sync", None).await.unwrap();
    socket.send(Message::Text("hello".into())).await.unwrap();
    assert_eq!(close_code(socket).await, Some(1003));
}

#[tokio::test]
async fn a_message_over_the_limit_closes_the_socket() {
    let running = running(|_| {}).await;
    let mut socket = socket(running.address, "/sync", None).await.unwrap();
    let large = Bytes::from(vec![0; limits::MESSAGE_BYTES_MAX + 1]);
    // The node may close before everything was written.
    let _refused_midway = socket.send(Message::Binary(large)).await;
    assert!(matches!(close_code(socket).await, Some(1009) | None));
}

#[tokio::test]
async fn a_node_that_stops_says_goodbye_and_frees_its_port() {
    let running = running(|_| {}).await;
    let socket = socket(running.address, "/sync", None).await.unwrap();
    let closing = tokio::spawn(close_code(socket));
    timeout(DEADLINE, running.node.shutdown())
        .await
        .expect("stopping in time")
        .unwrap();
    assert_eq!(closing.await.unwrap(), Some(1001));
    assert!(TcpStream::connect(running.address).await.is_err());
}

#[tokio::test]
async fn oversized_and_malformed_requests_are_refused() {
    let running = running(|_| {}).await;
    let long = "x".repeat(limits::HEADER_BYTES_MAX * 2);
    let many = "a: b\r\n".repeat(limits::HEADERS_MAX + 1);
    let host = format!("Host: {}\r\n", running.address);
    for request in [
        format!("GET / HTTP/1.1\r\n{host}X: {long}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{host}{many}\r\n"),
        String::from("nonsense\r\n\r\n"),
    ] {
        let answer = raw(running.address, &request).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{answer}"
        );
    }
    assert!(
        get(running.address, "x", "/healthz")
            .await
            .ends_with("ok\n")
    );
}
