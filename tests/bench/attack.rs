//! What an attack costs the others: how long two honest members wait for each other's words while a
//! third attacks their node, beside how long they wait when nobody does.
//!
//! `cargo run -p smallwin-tests --bin attack`, with SMALLWIN_TEST_PROGRAM for the program of a
//! release build. Prints one line of JSON for each attack. Attacker and node share the machine, so
//! the ratio holds what the attacker's own work takes from the node.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark that cannot go on must stop, and prints its figures"
)]

#[path = "../nodes/hostile/crafted.rs"]
#[allow(dead_code, reason = "a part of it is used here")]
mod crafted;
#[path = "../nodes/hostile/inputs.rs"]
#[allow(dead_code, reason = "a part of it is used here")]
mod inputs;

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use smallwin_circle::DocumentId;
use smallwin_tests::{RawSocket, Siege};

/// How long each attack goes on: some hundred rounds of the honest ones.
const LASTS: Duration = Duration::from_secs(8);

/// The messages that no gate lets pass.
static BROKEN: OnceLock<Vec<inputs::Input>> = OnceLock::new();

/// The attacks, by name.
const ATTACKS: [&str; 7] = [
    "broken sync messages",
    "one change again and again",
    "changes that are kept aside",
    "documents without end",
    "messages of two megabytes",
    "pings",
    "half open connections",
];

#[tokio::main]
async fn main() {
    let siege = Siege::begin(&[]);
    BROKEN.get_or_init(inputs::sync_messages);
    let quiet = p99_of(rounds(&siege, None).await);
    println!(
        "{}",
        serde_json::json!({ "attack": "none", "rounds": quiet.0, "p50_us": quiet.1, "p99_us": quiet.2 })
    );
    for name in ATTACKS {
        let (rounds, p50, p99) = p99_of(rounds(&siege, Some(name)).await);
        let line = serde_json::json!({
            "attack": name,
            "rounds": rounds,
            "p50_us": p50,
            "p99_us": p99,
            "p99_ratio": (p99 as f64 / quiet.2 as f64 * 100.0).round() / 100.0,
        });
        println!("{line}");
    }
    let peak = siege.node.memory_peak_kb();
    println!("{}", serde_json::json!({ "peak_memory_kb": peak }));
}

/// How long each round of the honest ones took while this went on.
async fn rounds(siege: &Siege, attack: Option<&str>) -> Vec<Duration> {
    let work = siege.work().await;
    let end = Instant::now() + LASTS;
    match attack {
        None => drop(tokio::time::timeout(LASTS, std::future::pending::<()>()).await),
        Some("half open connections") => half_open(siege, end).await,
        Some(name) => {
            let mut number = 0;
            while Instant::now() < end {
                let left = end.saturating_duration_since(Instant::now());
                // A connection that the node holds back must not make the attack longer.
                let _over = tokio::time::timeout(left, once(siege, name, number)).await;
                number += 1;
            }
        }
    }
    work.end().await
}

/// One connection's part of an attack.
async fn once(siege: &Siege, name: &str, number: u64) {
    let mut member = siege.attacker().await;
    let document = siege.document_id();
    let mut actor = [0; 40];
    actor[..32].copy_from_slice(siege.hostile.public().as_bytes());
    actor[32..].copy_from_slice(&number.to_be_bytes());
    let change = crafted::honest(&actor, "x").write();
    match name {
        "broken sync messages" => {
            // The bombs are made once and cost most; each closes its connection.
            let inputs = BROKEN.get_or_init(inputs::sync_messages);
            let input = &inputs[number as usize % inputs.len()];
            member.sync(&document, &input.bytes[0]).await;
            member.socket().until_closed().await;
        }
        "one change again and again" => {
            let message = inputs::message(&vec![&change[..]; 1_000]);
            while member.sync(&document, &message).await {}
        }
        "changes that are kept aside" => {
            let crafted = crafted::crafted(&actor);
            let changes: Vec<Vec<u8>> = crafted.iter().map(|it| it.change.write()).collect();
            let changes: Vec<&[u8]> = changes.iter().map(Vec::as_slice).collect();
            let message = inputs::message(&changes);
            while member.sync(&document, &message).await {}
        }
        "documents without end" => {
            for other in 0_u64.. {
                let mut id = [0; 16];
                id[..8].copy_from_slice(&other.to_be_bytes());
                let id = DocumentId::from_bytes(id).to_string();
                if !member.sync(&id, &inputs::message(&[])).await {
                    return;
                }
            }
        }
        "messages of two megabytes" => {
            let message = inputs::message(&vec![&change[..]; 20_000]);
            while member.sync(&document, &message).await {}
        }
        _ => while member.socket().send_pings(100).await {},
    }
}

async fn half_open(siege: &Siege, end: Instant) {
    let authority = siege.node.authority();
    let flood = tokio::task::spawn_blocking(move || {
        let mut held = std::collections::VecDeque::new();
        while Instant::now() < end {
            held.push_back(RawSocket::connect(&authority));
            if held.len() > 500 {
                held.pop_front();
            }
        }
    });
    flood.await.expect("the flood comes to its end");
}

/// How many, and the 50th and 99th percentile in microseconds.
fn p99_of(mut times: Vec<Duration>) -> (usize, u64, u64) {
    times.sort();
    let at = |part: f64| {
        let index = ((times.len() - 1) as f64 * part).round() as usize;
        u64::try_from(times[index].as_micros()).unwrap_or(u64::MAX)
    };
    (times.len(), at(0.5), at(0.99))
}
