//! The listener with an echo behind it, for suites that test WebSocket servers from outside.
//!
//! Accepting, HTTP, limits, the pump, both queues and the places are those of the node. Two
//! things differ: what the engine's thread does, which sends every message back, and that a text
//! is echoed too, where the node closes with 1003 (these suites send texts in most cases).
//! Only in tests, so that the shipped program has no such door.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test may panic, and this one is told its address by `cargo xtask soak websocket`"
)]

use std::collections::{BTreeMap, VecDeque};
use std::io::Read;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ws::{self, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, State};
use axum::http::Response;
use axum::routing::any;
use futures_util::{SinkExt, StreamExt};
use smallwin_sync::{Side, Space};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite;

use crate::connections::{Connections, Dialled};
use crate::engine::{Wake, WakeReceiver, wakes};
use crate::http::limited;
use crate::listener::{From, Peers, serve};
use crate::socket::{Fault, Message};
use crate::stop::stop;

/// Listens where `SMALLWIN_ECHO_LISTEN` says until its standard input ends; without that it
/// echoes two messages to itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_listener_echoes() {
    let told = std::env::var("SMALLWIN_ECHO_LISTEN").ok();
    let address = told.as_deref().unwrap_or("127.0.0.1:0");
    let listener = TcpListener::bind(address).await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let (wake, wakes) = wakes();
    std::thread::spawn(move || echo(wakes));
    let connections = Connections::new(wake, Arc::new(AtomicBool::new(true)));
    let router = Router::new()
        .route("/", any(accept))
        .with_state(connections.clone());
    let (stopper, stop) = stop();
    let serving = tokio::spawn(serve(
        listener,
        None,
        router,
        connections,
        Peers::Direct,
        stop,
    ));
    if told.is_some() {
        println!("echo at {url}");
        tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()))
            .await
            .unwrap()
            .unwrap();
    } else {
        converse(&url).await;
    }
    stopper.stop();
    serving.await.unwrap();
}

async fn converse(url: &str) {
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    let sent = [
        tungstenite::Message::text("zorg"),
        tungstenite::Message::binary(vec![1; 100_000]),
    ];
    for message in sent {
        socket.send(message.clone()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), message);
    }
    socket.close(None).await.unwrap();
    while let Some(rest) = socket.next().await {
        rest.unwrap();
    }
}

/// Stands where the engine's thread stands.
fn echo(mut wakes: WakeReceiver) {
    let mut senders = BTreeMap::new();
    while let Some(wake) = wakes.blocking_recv() {
        match wake {
            Wake::Opened { opened, sender } => drop(senders.insert(opened.conn, sender)),
            Wake::Frame { conn, bytes, room } => {
                if let Some(sender) = senders.get(&conn) {
                    sender.send(bytes);
                }
                drop(room);
            }
            Wake::Closed { conn } => drop(senders.remove(&conn)),
            _ => {}
        }
    }
}

/// As `Http::accept`, with texts as messages.
async fn accept(
    State(connections): State<Connections>,
    Extension(from): Extension<From>,
    upgrade: WebSocketUpgrade,
) -> Response<Body> {
    let place = connections.place(None).unwrap();
    limited(upgrade).on_upgrade(async move |socket: WebSocket| {
        // Messages come back in the order in which they came, so this says which were texts.
        let kinds = Arc::new(Mutex::new(VecDeque::new()));
        let (sink, stream) = socket.split();
        let to = kinds.clone();
        let stream = stream.map(move |read| {
            let read = read.map_err(Fault::from)?;
            Ok(match read {
                ws::Message::Text(text) => {
                    to.lock().unwrap().push_back(true);
                    Message::Binary(Bytes::from(text))
                }
                ws::Message::Binary(bytes) => {
                    to.lock().unwrap().push_back(false);
                    Message::Binary(bytes)
                }
                other => Message::from(other),
            })
        });
        let stream = from.watch.messages(stream, 1);
        let sink = sink.sink_map_err(Fault::from).with(move |message| {
            let is_text =
                matches!(message, Message::Binary(_)) && kinds.lock().unwrap().pop_front().unwrap();
            std::future::ready(Ok::<_, Fault>(match message {
                Message::Binary(bytes) if is_text => {
                    ws::Message::Text(ws::Utf8Bytes::try_from(bytes).unwrap())
                }
                other => other.into(),
            }))
        });
        let conn = connections.name();
        connections
            .run(
                conn,
                Side::Listener,
                Space::Open,
                Dialled::default(),
                sink,
                stream,
            )
            .await;
        drop(place);
    })
}
