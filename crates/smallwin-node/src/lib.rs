//! Drives one engine: sockets, disk thread, clock, configuration and the web client.
//!
//! [`start`] opens the data directory, binds the listener and starts two threads: the engine's,
//! which alone owns the engine, and the disk's, which alone owns the store. Everything else is
//! tasks that talk to them by bounded queues.
//!
//! The life of one keystroke: `listener` accepts a connection, `http` checks its host and origin
//! and makes it a socket, `socket` hands the frame to the engine's thread, the engine asks the
//! disk to keep it, and only the disk's word lets it acknowledge the frame and pass it on.
//!
//! What this crate must not know: what the bytes of a frame mean, and who may do what.

mod assets;
mod backoff;
mod boot;
pub mod chance;
pub mod clock;
pub mod config;
mod connections;
mod counters;
mod dialer;
pub mod doctor;
#[cfg(test)]
mod echo;
mod engine;
mod error;
mod facts;
mod handle;
mod headers;
mod http;
mod keys;
pub mod limits;
mod listener;
pub mod logging;
mod names;
mod node;
mod node_file;
mod peer_url;
mod penalties;
pub mod progress;
mod restored;
mod seats;
mod socket;
mod status;
mod stop;
mod tls;

pub use config::{Config, ConfigError, Layer, LogFormat, Storage, Tls};
pub use counters::Traffic;
pub use dialer::{PeerView, TooManyPeers};
pub use engine::CallError;
pub use error::StartError;
pub use facts::Addresses;
pub use handle::{Handle, HandleError, SnapshotView};
pub use keys::{KeyError, Keys};
pub use node::{Node, start};
pub use node_file::NodeFile;
pub use peer_url::{PeerUrl, PeerUrlError};
pub use restored::Restored;
pub use smallwin_sync::{Engine, Notice};
pub use status::Status;
pub use tls::TlsError;
