//! The only way from the journal to the file system, so that a test can let any single step fail.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::StoreError;

/// The file system, or in a test one that fails.
///
/// Every step that writes counts: creating, writing, syncing, renaming, removing, cutting. Clones share
/// the count.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    plan: Option<Arc<Plan>>,
}

/// Which steps fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Fault {
    /// None; only count.
    #[default]
    Never,
    /// Step number n (from 0), and no other.
    Once(u64),
    /// Step number n and all after it.
    From(u64),
}

/// In which way a step fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Failure {
    /// The device fails (EIO): a write leaves nothing.
    #[default]
    Device,
    /// The disk is full (ENOSPC): a write leaves half of its bytes.
    Full,
    /// A write ends after one byte, and says that it ended early.
    Short,
}

#[derive(Debug, Default)]
struct Plan {
    fault: Fault,
    failure: Failure,
    free_bytes: Option<u64>,
    steps: AtomicU64,
}

impl Disk {
    /// A disk on which steps fail as planned.
    #[must_use]
    pub fn failing(fault: Fault, failure: Failure) -> Self {
        Self::planned(Plan {
            fault,
            failure,
            ..Plan::default()
        })
    }

    /// A disk that says that so many bytes are free on it.
    #[must_use]
    pub fn with_free_bytes(free_bytes: u64) -> Self {
        Self::planned(Plan {
            free_bytes: Some(free_bytes),
            ..Plan::default()
        })
    }

    fn planned(plan: Plan) -> Self {
        Self {
            plan: Some(Arc::new(plan)),
        }
    }

    /// Free bytes where `dir` lies, when the system says.
    pub(crate) fn free_bytes(&self, dir: &Path) -> Option<u64> {
        let planned = self.plan.as_ref().and_then(|plan| plan.free_bytes);
        planned.or_else(|| fs4::available_space(dir).ok())
    }

    /// How many steps were taken, on a disk made by [`Disk::failing`].
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.plan
            .as_ref()
            .map_or(0, |plan| plan.steps.load(Ordering::SeqCst))
    }

    /// Makes a folder that only its owner can enter; an existing one is fine.
    pub(crate) fn create_dir(&self, dir: &Path) -> Result<(), StoreError> {
        if dir.is_dir() {
            return Ok(());
        }
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        self.step()
            .and_then(|()| builder.create(dir))
            .map_err(StoreError::io("create", dir))
    }

    /// Makes a file that only its owner can read, empty even if there was one.
    pub(crate) fn create(&self, path: &Path) -> Result<File, StoreError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        self.step()
            .and_then(|()| options.open(path))
            .map_err(StoreError::io("create", path))
    }

    /// Writes at the file's cursor.
    pub(crate) fn write(
        &self,
        file: &mut File,
        path: &Path,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        let written = match self.step() {
            Ok(()) => file.write_all(bytes),
            Err(error) => {
                let left = match error.kind() {
                    io::ErrorKind::StorageFull => bytes.len() / 2,
                    io::ErrorKind::WriteZero => 1,
                    _ => 0,
                };
                let left = bytes.get(..left).unwrap_or_default();
                file.write_all(left).and(Err(error))
            }
        };
        written.map_err(StoreError::io("write to", path))
    }

    /// Forces the file's bytes, and what is needed to find them again, to the disk.
    pub(crate) fn sync_data(&self, file: &File, path: &Path) -> Result<(), StoreError> {
        self.step()
            .and_then(|()| file.sync_data())
            .map_err(StoreError::io("sync", path))
    }

    /// Forces all of the file to the disk.
    pub(crate) fn sync(&self, file: &File, path: &Path) -> Result<(), StoreError> {
        self.step()
            .and_then(|()| file.sync_all())
            .map_err(StoreError::io("sync", path))
    }

    /// Forces the names in a folder to the disk.
    pub(crate) fn sync_dir(&self, dir: &Path) -> Result<(), StoreError> {
        #[cfg(unix)]
        let synced = self.step().and_then(|()| File::open(dir)?.sync_all());
        // Elsewhere a folder cannot be opened as a file, and its names need no sync of their own.
        #[cfg(not(unix))]
        let synced = self.step();
        synced.map_err(StoreError::io("sync", dir))
    }

    pub(crate) fn set_len(&self, file: &File, path: &Path, bytes: u64) -> Result<(), StoreError> {
        self.step()
            .and_then(|()| file.set_len(bytes))
            .map_err(StoreError::io("cut", path))
    }

    pub(crate) fn rename(&self, from: &Path, to: &Path) -> Result<(), StoreError> {
        self.step()
            .and_then(|()| fs::rename(from, to))
            .map_err(StoreError::io("rename", from))
    }

    /// Removes a file or a whole folder; an absent one is fine.
    pub(crate) fn remove(&self, path: &Path) -> Result<(), StoreError> {
        let removed = self.step().and_then(|()| match fs::symlink_metadata(path) {
            Ok(found) if found.is_dir() => fs::remove_dir_all(path),
            Ok(_) => fs::remove_file(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        });
        removed.map_err(StoreError::io("remove", path))
    }

    /// Writes a small file whole: after a crash it is the old one or the new one.
    pub(crate) fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let new = path.with_extension("new");
        let mut file = self.create(&new)?;
        self.write(&mut file, &new, bytes)?;
        self.sync(&file, &new)?;
        self.rename(&new, path)?;
        path.parent().map_or(Ok(()), |dir| self.sync_dir(dir))
    }

    fn step(&self) -> io::Result<()> {
        let Some(plan) = &self.plan else {
            return Ok(());
        };
        let step = plan.steps.fetch_add(1, Ordering::SeqCst);
        let fails = match plan.fault {
            Fault::Never => false,
            Fault::Once(at) => step == at,
            Fault::From(at) => step >= at,
        };
        if fails {
            let kind = match plan.failure {
                Failure::Device => io::ErrorKind::Other,
                Failure::Full => io::ErrorKind::StorageFull,
                Failure::Short => io::ErrorKind::WriteZero,
            };
            Err(io::Error::new(kind, "a fault on purpose"))
        } else {
            Ok(())
        }
    }
}

/// Reads exactly `len` bytes at `offset` without moving a cursor.
pub(crate) fn read_at(file: &File, offset: u64, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    #[cfg(unix)]
    std::os::unix::fs::FileExt::read_exact_at(file, &mut bytes, offset)?;
    #[cfg(not(unix))]
    {
        use std::io::{Read, Seek, SeekFrom};
        let mut file = file;
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(&mut bytes)?;
    }
    Ok(bytes)
}
