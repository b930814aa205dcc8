//! The keys of a data directory: made once, readable by their owner only.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use smallwin_circle::{SealingKey, SigningKey};

use crate::chance;

/// The keys of one data directory.
pub struct Keys {
    /// Names the machine on the wire, never authors.
    pub node: SigningKey,
    /// Authors what is written through this data directory.
    pub device: SigningKey,
    /// Reserved for encryption; its public half is announced in the log.
    pub sealing: SealingKey,
}

/// Why the keys of a data directory could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The file or its folder cannot be read or written.
    #[error("the key file {} cannot be used: {source}; check that you own the data directory and that the disk is not full", .file.display())]
    Io {
        /// Which file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no key.
    #[error("the key file {} is damaged: expected one line of 43 characters; put it back from a backup", .file.display())]
    Damaged {
        /// Which file.
        file: PathBuf,
    },
}

impl Keys {
    /// Reads the keys of `data`, making those that are missing.
    ///
    /// The caller holds the lock of the data directory, or knows that the keys exist.
    ///
    /// # Errors
    /// Fails when a file cannot be read or written, or is no key.
    pub fn open_or_create(data: &Path) -> Result<Self, KeyError> {
        let folder = data.join("keys");
        Ok(Self {
            node: SigningKey::from_seed(seed(&folder, "node.key")?),
            device: SigningKey::from_seed(seed(&folder, "device.key")?),
            sealing: SealingKey::from_seed(seed(&folder, "sealing.key")?),
        })
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

/// Reads one seed, making it when the file does not exist.
fn seed(folder: &Path, name: &str) -> Result<[u8; 32], KeyError> {
    let file = folder.join(name);
    let io = |source| KeyError::Io {
        file: file.clone(),
        source,
    };
    let mut text = String::new();
    match File::open(&file) {
        Ok(opened) => {
            warn_when_open_to_others(&opened, &file);
            opened.take(128).read_to_string(&mut text).map_err(io)?;
            parse(&text).ok_or_else(|| KeyError::Damaged { file: file.clone() })
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let seed = chance::bytes::<32>();
            create(folder, name, &seed).map_err(io)?;
            Ok(seed)
        }
        Err(source) => Err(io(source)),
    }
}

fn parse(text: &str) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD
        .decode(text.trim_end())
        .ok()?
        .try_into()
        .ok()
}

/// Writes a new file beside its final name, forces it to disk, and gives it its name.
fn create(folder: &Path, name: &str, seed: &[u8; 32]) -> std::io::Result<()> {
    private_folder(folder)?;
    let temporary = folder.join(format!(
        ".{name}.{}",
        URL_SAFE_NO_PAD.encode(chance::bytes::<8>())
    ));
    let written = private_file(&temporary).and_then(|mut file| {
        file.write_all(URL_SAFE_NO_PAD.encode(seed).as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()
    });
    let named = written.and_then(|()| fs::rename(&temporary, folder.join(name)));
    if named.is_err() {
        // The half-written file must not stay; the first error is the one to report.
        let _ignored = fs::remove_file(&temporary);
    }
    named?;
    sync_folder(folder)
}

/// Creates a folder that only its owner may enter.
pub(crate) fn private_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Creates a file that did not exist and that only its owner may read.
pub(crate) fn private_file(file: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)
}

/// Makes a new name in a folder survive a power cut.
pub(crate) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    // Windows has no handle for folders; its rename is journalled by the file system.
    if cfg!(unix) {
        File::open(folder)?.sync_all()
    } else {
        Ok(())
    }
}

#[cfg(unix)]
fn warn_when_open_to_others(opened: &File, file: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let open = opened
        .metadata()
        .is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0);
    if open {
        tracing::warn!(file = %file.display(), "others on this machine can read a key file; run chmod 600 on it");
    }
}

#[cfg(not(unix))]
fn warn_when_open_to_others(_opened: &File, _file: &Path) {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn keys_are_made_once() {
        let data = tempfile::tempdir().unwrap();
        let first = Keys::open_or_create(data.path()).unwrap();
        let second = Keys::open_or_create(data.path()).unwrap();
        assert_eq!(first.device.public(), second.device.public());
        assert_eq!(first.node.public(), second.node.public());
        assert_ne!(first.node.public(), first.device.public());
        let names = fs::read_dir(data.path().join("keys")).unwrap().count();
        assert_eq!(names, 3, "no temporary file stays");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_them() {
        use std::os::unix::fs::PermissionsExt;
        let data = tempfile::tempdir().unwrap();
        Keys::open_or_create(data.path()).unwrap();
        let mode = |path: &str| {
            fs::metadata(data.path().join(path))
                .unwrap()
                .permissions()
                .mode()
                & 0o777
        };
        assert_eq!(mode("keys"), 0o700);
        assert_eq!(mode("keys/node.key"), 0o600);
        assert_eq!(mode("keys/device.key"), 0o600);
    }

    #[test]
    fn a_damaged_key_is_never_replaced() {
        let data = tempfile::tempdir().unwrap();
        Keys::open_or_create(data.path()).unwrap();
        let file = data.path().join("keys/device.key");
        fs::write(&file, "not a key").unwrap();
        assert!(matches!(
            Keys::open_or_create(data.path()),
            Err(KeyError::Damaged { .. })
        ));
        assert_eq!(fs::read_to_string(&file).unwrap(), "not a key");
    }
}
