//! One typed configuration: defaults, then the file, then the environment, then the flags.

mod environment;
mod error;
mod file;
mod layer;

pub use environment::{ENVIRONMENT_IGNORED, ENVIRONMENT_PREFIX};
pub use error::ConfigError;
pub use file::{EXAMPLE, FILE_NAME};
pub use layer::Layer;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::limits::LISTEN_PORT;
use crate::peer_url::PeerUrl;

/// How a node is to run. Built by [`Config::load`], or by hand from [`Config::new`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// The data directory: keys, store, lock.
    pub data: PathBuf,
    /// Where bytes are kept.
    pub storage: Storage,
    /// The address to listen on; `None` for a node that only dials.
    pub listen: Option<SocketAddr>,
    /// Nodes to stay connected with.
    pub peers: Vec<PeerUrl>,
    /// Names by which others reach this node, `host` or `host:port`.
    pub names: Vec<String>,
    /// Web origins that may connect besides the node's own pages.
    pub origins: Vec<String>,
    /// Where the certificate of the listener comes from.
    pub tls: Tls,
    /// Whether stock automerge-repo clients get their separate space.
    pub interop_open: bool,
    /// Whether a browser may be opened at start.
    pub browser: bool,
    /// Log filter, as `tracing` directives.
    pub log: String,
    /// Log format.
    pub log_format: LogFormat,
    /// The key that names this node on the wire is its device key: set for the command line.
    pub speaks_as_device: bool,
    /// SHA-256 of the one certificate that peers may show: set for the command line.
    pub peer_certificate: Option<[u8; 32]>,
}

/// Where a node keeps its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Storage {
    /// Journal and index in the data directory.
    #[default]
    Embedded,
    /// Nowhere: the command line beside a running node, and tests.
    Memory,
}

/// Where the listener's certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Tls {
    /// Plain connections, on loopback only.
    #[default]
    Off,
    /// Plain connections on any address: a declared proxy speaks TLS with the outside.
    Proxy,
    /// A certificate made from the node key, for peers that pin it.
    OwnKey,
    /// Files in PEM.
    Files {
        /// Certificate chain.
        cert: PathBuf,
        /// Private key.
        key: PathBuf,
    },
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One line of text per event.
    #[default]
    Text,
    /// One JSON object per event.
    Json,
}

impl Config {
    /// The default configuration of a device node that keeps its data in `data`.
    #[must_use]
    pub fn new(data: PathBuf) -> Self {
        Self {
            data,
            storage: Storage::Embedded,
            listen: Some(SocketAddr::new(
                IpAddr::V4(Ipv4Addr::LOCALHOST),
                LISTEN_PORT,
            )),
            peers: Vec::new(),
            names: Vec::new(),
            origins: Vec::new(),
            tls: Tls::Off,
            interop_open: false,
            browser: true,
            log: String::from("info"),
            log_format: LogFormat::Text,
            speaks_as_device: false,
            peer_certificate: None,
        }
    }

    /// A node without listener and without network, on the same data directory.
    #[must_use]
    pub fn offline(data: PathBuf) -> Self {
        Self {
            listen: None,
            browser: false,
            ..Self::new(data)
        }
    }

    /// The command line beside a running node: nothing kept, nothing listening, one peer.
    #[must_use]
    pub fn beside(data: PathBuf, node: PeerUrl, certificate: Option<[u8; 32]>) -> Self {
        Self {
            storage: Storage::Memory,
            peers: vec![node],
            peer_certificate: certificate,
            speaks_as_device: true,
            ..Self::offline(data)
        }
    }

    /// Reads file, environment and flags, each winning over the one before.
    ///
    /// `environment` holds all variables of the process; those that do not start with
    /// [`ENVIRONMENT_PREFIX`] are skipped.
    ///
    /// # Errors
    /// Fails on a file that cannot be read, on unknown keys and variables, on values that do not
    /// parse, and on combinations that make no sense, naming the place of each.
    pub fn load(
        data: PathBuf,
        file: Option<PathBuf>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: Layer,
    ) -> Result<Self, ConfigError> {
        let from_file = file::read(&data, file)?;
        let from_environment = environment::read(environment)?;
        let layer = from_file.under(from_environment).under(flags);
        layer.resolve(Self::new(data))
    }

    /// Checks that the listener's address and TLS fit together.
    ///
    /// # Errors
    /// A public address without TLS is refused.
    pub fn check_listener(&self) -> Result<(), ConfigError> {
        match (self.listen, &self.tls) {
            (Some(address), Tls::Off) if !address.ip().is_loopback() => {
                Err(ConfigError::PublicWithoutTls { address })
            }
            _ => Ok(()),
        }
    }
}
