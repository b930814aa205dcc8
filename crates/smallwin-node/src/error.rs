//! Why a node did not start.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::config::ConfigError;
use crate::keys::KeyError;
use crate::tls::TlsError;

/// Why a node did not start. Nothing was changed, except that missing keys were made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration makes no sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data directory cannot be made or written.
    #[error("the data directory {} cannot be used: {source}; choose another with --data or correct its permissions", .folder.display())]
    Data {
        /// Which folder.
        folder: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another process uses the data directory.
    #[error("the data directory {} is in use{}; stop that program first, or choose another directory with --data",
        .folder.display(), match .pid { Some(pid) => format!(" by process {pid}"), None => String::new() })]
    InUse {
        /// Which folder.
        folder: PathBuf,
        /// The process that uses it, when it could be read.
        pid: Option<u32>,
    },
    /// The store cannot be opened.
    #[error("the store in {} cannot be opened: {source}", .folder.display())]
    Store {
        /// Which folder.
        folder: PathBuf,
        /// What the store said.
        source: smallwin_storage::OpenError,
    },
    /// What the store holds cannot be read.
    #[error("the store in {} cannot be read: {source}", .folder.display())]
    Read {
        /// Which folder.
        folder: PathBuf,
        /// What the store said.
        source: smallwin_storage::StoreError,
    },
    /// The keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Another program listens there.
    #[error(
        "the address {address} is in use by another program, perhaps another Small Wins node; \
        stop it, or choose another address with --listen"
    )]
    PortInUse {
        /// Which address.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error(
        "listening on {address} is not possible: {source}; choose another address with --listen"
    )]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The engine cannot start.
    #[error("the engine cannot start: {0}")]
    Engine(#[from] smallwin_sync::BootError),
    /// The system gives no thread.
    #[error("the system gives no thread: {0}; close other programs")]
    Thread(#[source] std::io::Error),
}
