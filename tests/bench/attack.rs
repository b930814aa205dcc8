//! What an attack costs the others: how long two honest members wait for each other's words while a
//! third attacks their node, beside how long they wait when nobody does.
//!
//! `cargo run -p smallwin-tests --bin attack`, with SMALLWIN_TEST_PROGRAM for the program of a
//! release build. Prints one line of JSON for each attack. The attacker is a process of its own, and
//! as far as the system has `nice` the last to get a processor; still it shares the machine with the
//! node, so the ratio holds what its own work takes.

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

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use smallwin_circle::{CircleId, DocumentId};
use smallwin_tests::{PatchedClient, RawSocket, Siege};

/// How long each attack goes on: some hundred rounds of the honest ones.
const LASTS: Duration = Duration::from_secs(8);

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
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [name, authority, circle, data] = &arguments[..] {
        return attack(name, authority, circle, data).await;
    }
    let siege = Siege::begin(&[]);
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
    let attacker = attack.map(|name| Attacker::start(siege, name));
    let work = siege.work().await;
    drop(tokio::time::timeout(LASTS, std::future::pending::<()>()).await);
    let times = work.end().await;
    drop(attacker);
    times
}

/// The process that attacks; it ends when this is dropped.
struct Attacker(Child);

impl Attacker {
    fn start(siege: &Siege, name: &str) -> Attacker {
        let program = std::env::current_exe().expect("this program knows where it stands");
        let arguments = [
            name,
            &siege.node.authority(),
            &siege.circle.to_string(),
            siege.hostile_data.to_str().expect("a path in UTF-8"),
        ];
        let child = Command::new("nice")
            .args(["-n", "19"])
            .arg(&program)
            .args(arguments)
            .stderr(Stdio::null())
            .spawn()
            .or_else(|_| Command::new(&program).args(arguments).spawn());
        Attacker(child.expect("this program can be started again"))
    }
}

impl Drop for Attacker {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Attacks until somebody ends this process.
async fn attack(name: &str, authority: &str, circle: &str, data: &str) {
    if name == "half open connections" {
        let mut held = std::collections::VecDeque::new();
        loop {
            held.push_back(RawSocket::connect(authority));
            if held.len() > 500 {
                held.pop_front();
            }
        }
    }
    let circle: CircleId = circle.parse().expect("a circle");
    let key = smallwin_tests::device_key(std::path::Path::new(data));
    let document = Siege::document().0.id(&circle).to_string();
    let broken = inputs::sync_messages();
    for number in 0_u64.. {
        let member = PatchedClient::dial(authority, key.clone(), circle).await;
        once(member, name, &document, &broken, number).await;
    }
}

/// One connection's part of an attack.
async fn once(
    mut member: PatchedClient,
    name: &str,
    document: &str,
    broken: &[inputs::Input],
    number: u64,
) {
    let mut actor = [0; 40];
    actor[..32].copy_from_slice(member.key().public().as_bytes());
    actor[32..].copy_from_slice(&number.to_be_bytes());
    let change = crafted::honest(&actor, "x").write();
    match name {
        "broken sync messages" => {
            let input = &broken[number as usize % broken.len()];
            member.sync(document, &input.bytes[0]).await;
            member.socket().until_closed().await;
        }
        "one change again and again" => {
            let message = inputs::message(&vec![&change[..]; 1_000]);
            while member.sync(document, &message).await {}
        }
        "changes that are kept aside" => {
            let crafted = crafted::crafted(&actor);
            let changes: Vec<Vec<u8>> = crafted.iter().map(|it| it.change.write()).collect();
            let changes: Vec<&[u8]> = changes.iter().map(Vec::as_slice).collect();
            let message = inputs::message(&changes);
            while member.sync(document, &message).await {}
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
            while member.sync(document, &message).await {}
        }
        _ => while member.socket().send_pings(100).await {},
    }
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
