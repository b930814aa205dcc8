use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a configuration was refused. Nothing was started or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration file {} cannot be read: {source}; check the path and its permissions", .file.display())]
    Read {
        /// Which file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is larger than a configuration can be.
    #[error("the configuration file {} is larger than {max} bytes; is it the right file?", .file.display())]
    TooLarge {
        /// Which file.
        file: PathBuf,
        /// The limit in bytes.
        max: u64,
    },
    /// The file is not TOML, or holds a key or value that is not known.
    #[error("the configuration file {} is not valid in line {line}, `{words}`: {why}", .file.display())]
    Parse {
        /// Which file.
        file: PathBuf,
        /// Where in it, from 1.
        line: usize,
        /// The beginning of that line.
        words: String,
        /// What the parser said.
        why: String,
    },
    /// A variable that starts like ours and is none of ours.
    #[error(
        "the environment variable {name} is not known; remove it or correct its name (known: {known})"
    )]
    UnknownVariable {
        /// Its name.
        name: String,
        /// The known names.
        known: String,
    },
    /// A variable or flag whose value cannot be used.
    #[error("{place} is not valid: {why}")]
    Value {
        /// The variable, key or flag.
        place: String,
        /// What is wrong with it and what is expected.
        why: String,
    },
    /// A listener that others could reach without encryption.
    #[error(
        "listening on {address} without TLS would let others on the network read everything; \
         give --tls-cert and --tls-key, or --tls-self, or --behind-tls-proxy when a proxy in front speaks TLS"
    )]
    PublicWithoutTls {
        /// The address asked for.
        address: SocketAddr,
    },
}
