//! TLS: certificates from files or from the node's own key, and peers pinned by key.

mod client;
mod pin;
mod server;

pub(crate) use client::connector;
pub(crate) use pin::Pin;
pub(crate) use server::{Acceptor, acceptor};

use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;

/// Why TLS could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("the TLS file {} cannot be read: {source}; check the path and its permissions", .file.display())]
    Read {
        /// Which file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file holds no certificate or key in PEM.
    #[error("the TLS file {} holds no {expected} in PEM; give the {expected} as your certificate authority delivered it", .file.display())]
    Empty {
        /// Which file.
        file: PathBuf,
        /// What was expected in it.
        expected: &'static str,
    },
    /// Certificate and key do not work together.
    #[error("the certificate and key cannot be used: {0}; check that they belong together")]
    Refused(#[from] rustls::Error),
    /// The own certificate could not be made.
    #[error("a certificate from the node's own key could not be made: {0}; use certificate files")]
    OwnKey(#[from] rcgen::Error),
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
