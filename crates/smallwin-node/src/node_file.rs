//! `node.json`: where the running node of a data directory can be reached.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::keys::private_file;
use crate::peer_url::PeerUrl;

/// The file's name in the data directory.
const FILE_NAME: &str = "node.json";

/// What a running node tells the command line on the same machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeFile {
    /// `ws(s)://127.0.0.1:port~nodekey`.
    pub url: String,
    /// Process id.
    pub pid: u32,
    /// SHA-256 of the certificate in hex, when the listener speaks TLS with one from files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
}

impl NodeFile {
    /// Reads the file of `data`; `None` when there is none or it makes no sense.
    #[must_use]
    pub fn read(data: &Path) -> Option<Self> {
        let text = fs::read_to_string(data.join(FILE_NAME)).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// The address to dial.
    #[must_use]
    pub fn peer(&self) -> Option<PeerUrl> {
        self.url.parse().ok()
    }

    /// The one certificate to expect, when it is not made from the node key.
    #[must_use]
    pub fn certificate(&self) -> Option<[u8; 32]> {
        let hex = self.certificate.as_deref()?;
        let bytes: Option<Vec<u8>> = (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok())
            .collect();
        bytes?.try_into().ok()
    }

    /// Puts the file in place, replacing one that a killed process left behind.
    ///
    /// # Errors
    /// Fails when the data directory cannot be written.
    pub fn write(&self, data: &Path) -> std::io::Result<Written> {
        let file = data.join(FILE_NAME);
        let temporary = data.join(format!(".{FILE_NAME}.{}", self.pid));
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let text = serde_json::to_string(self).map_err(std::io::Error::other)?;
        private_file(&temporary)?.write_all(text.as_bytes())?;
        fs::rename(&temporary, &file)?;
        Ok(Written { file })
    }
}

/// The file in place; it goes away with this value.
#[derive(Debug)]
pub struct Written {
    file: PathBuf,
}

impl Drop for Written {
    fn drop(&mut self) {
        // Only a hint for the command line: a stale one is noticed when nobody answers.
        let _ignored = fs::remove_file(&self.file);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn the_file_lives_as_long_as_the_node() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(NodeFile::read(data.path()), None);
        let file = NodeFile {
            url: String::from("ws://127.0.0.1:7171"),
            pid: 7,
            certificate: None,
        };
        let written = file.write(data.path()).unwrap();
        assert_eq!(NodeFile::read(data.path()), Some(file));
        drop(written);
        assert_eq!(NodeFile::read(data.path()), None);
    }
}
