//! Helps the end-to-end tests in `nodes/`: starts the real program as processes, cuts wires between them, waits for
//! conditions with a deadline, and ends only what it started.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "this crate is tests: a helper that cannot go on must fail the test"
)]

mod hand;
mod member;
mod node;
mod patched;
mod program;
mod raw_socket;
mod samod_client;
mod siege;
mod team;
mod wait;
mod wire;

/// Changes taken apart and put together again, as the tests of the gate do it.
#[path = "../../crates/smallwin-gate/tests/fuzzing"]
#[allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    missing_debug_implementations,
    clippy::should_implement_trait,
    reason = "a part of it is used here, and it is documented there"
)]
pub mod crafted {
    pub mod bytes;
    pub mod columns;
    pub mod dice;
    pub mod raw;
}

pub use hand::{Ending, HandSocket, Value, byte_list_of, bytes_of, frame, sync_frame, text_of};
pub use member::Member;
pub use node::RunningNode;
pub use patched::{Outcome, PatchedClient, Refusal};
pub use program::{Done, program, run, run_with};
pub use raw_socket::{RawSocket, answer_to, client_frame};
pub use samod_client::SamodClient;
pub use siege::{Siege, Work};
pub use team::{TITLE, Team, append, shared_texts, write};
pub use wait::{until, until_async};
pub use wire::Wire;

/// A fresh folder that is gone when it is dropped.
#[must_use]
pub fn temporary_folder() -> tempfile::TempDir {
    tempfile::Builder::new()
        .prefix("smallwin-test-")
        .tempdir()
        .expect("a temporary folder can be made")
}

/// A port on loopback that was free a moment ago; a node that is restarted must come back on the same one.
#[must_use]
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener
        .local_addr()
        .expect("a bound socket has an address")
        .port()
}

/// The device key of a data directory: what a client of that person signs with.
#[must_use]
pub fn device_key(data: &std::path::Path) -> smallwin_circle::SigningKey {
    let text = std::fs::read_to_string(data.join("keys/device.key"))
        .expect("a data directory has a device key");
    // The public form of a key and the seed share their text form: 32 bytes as base64url.
    let seed: smallwin_circle::CircleId = text
        .trim()
        .parse()
        .expect("a key file holds 32 bytes as base64url");
    smallwin_circle::SigningKey::from_seed(*seed.as_bytes())
}

/// All bytes of all files below a folder, by path.
#[must_use]
pub fn bytes_below(folder: &std::path::Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next)
            .expect("a folder can be read")
            .flatten()
        {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                found.push((path, bytes));
            }
        }
    }
    found
}
