//! What a data directory remembers after a restore: the Small Wins in which this device must sign nothing
//! before it met another device of it.
//!
//! A log that was restored may lack records that this device signed after the backup was made. A new one
//! under a number that was used already would contradict it, and freeze the device for everybody. The other
//! devices of the Small Win have what it signed, so meeting one of them heals it. Changes of documents need
//! no such care: every process writes them under an actor of its own (rule K2).

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use smallwin_circle::{CircleId, Log};
use smallwin_storage::{Store, StoreError};
use smallwin_sync::{Engine, Table};

use crate::keys::{private_file, sync_folder};

/// The file's name in the data directory.
const FILE_NAME: &str = "restored";

/// The file that lists the Small Wins that wait, one id a line; without it none does.
#[derive(Debug, Clone)]
pub struct Restored(PathBuf);

impl Restored {
    /// That of a data directory.
    #[must_use]
    pub fn of(data: &Path) -> Self {
        Self(data.join(FILE_NAME))
    }

    /// Where the file is.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.0
    }

    /// From now on every Small Win of `store` waits. Returns how many these are.
    ///
    /// # Errors
    /// When the store cannot be read, or the file not be written.
    pub fn mark(&self, store: &dyn Store) -> io::Result<usize> {
        let mut circles = BTreeSet::new();
        let scanned = store.scan(Table::Record.number(), &[], &mut |key, _| {
            circles.extend(
                key.first_chunk()
                    .map(|circle| CircleId::from_bytes(*circle)),
            );
            ControlFlow::Continue(())
        });
        scanned.map_err(|error: StoreError| io::Error::other(error))?;
        self.write(&circles)?;
        Ok(circles.len())
    }

    /// The Small Wins that wait.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn waiting(&self) -> io::Result<BTreeSet<CircleId>> {
        match fs::read_to_string(&self.0) {
            Ok(text) => text
                .lines()
                .map(|line| {
                    let circle = line.parse::<CircleId>();
                    circle.map_err(|_| {
                        let what = format!("{} is damaged", self.0.display());
                        io::Error::new(ErrorKind::InvalidData, what)
                    })
                })
                .collect(),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(BTreeSet::new()),
            Err(error) => Err(error),
        }
    }

    /// Replaces the list.
    pub(crate) fn write(&self, circles: &BTreeSet<CircleId>) -> io::Result<()> {
        let Some(folder) = self.0.parent() else {
            return Ok(());
        };
        if circles.is_empty() {
            return match fs::remove_file(&self.0) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
                _ => sync_folder(folder),
            };
        }
        let beside = self
            .0
            .with_extension(format!("{}.part", std::process::id()));
        let lines: String = circles.iter().map(|circle| format!("{circle}\n")).collect();
        let written = private_file(&beside).and_then(|mut file| {
            file.write_all(lines.as_bytes())?;
            file.sync_all()?;
            fs::rename(&beside, &self.0)
        });
        if written.is_err() {
            // The half-written file must not stay; the first error is the one to report.
            let _absent = fs::remove_file(&beside);
        }
        written?;
        sync_folder(folder)
    }
}

/// Whether this device may sign in a circle again: another member's device, or another one of its own
/// person, is connected and both have the same; or there is no other device.
pub(crate) fn has_met(engine: &Engine, circle: &CircleId) -> bool {
    let own = engine.device();
    let Some(log) = engine.log(circle) else {
        return false;
    };
    if is_alone(log, &own) {
        return true;
    }
    engine.connections().iter().any(|peer| {
        let is_member = peer.circles.get(circle).is_some_and(Option::is_some);
        is_member && peer.ready && peer.settled && peer.key != Some(own)
    })
}

fn is_alone(log: &Log, own: &smallwin_circle::DeviceKey) -> bool {
    let mut devices = log.state().members().flat_map(|member| &member.devices);
    devices.all(|device| device == own)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn the_list_is_kept_and_the_last_one_takes_the_file_away() {
        let data = tempfile::tempdir().unwrap();
        let restored = Restored::of(data.path());
        assert!(restored.waiting().unwrap().is_empty());
        let circles =
            BTreeSet::from([CircleId::from_bytes([1; 32]), CircleId::from_bytes([2; 32])]);
        restored.write(&circles).unwrap();
        assert_eq!(restored.waiting().unwrap(), circles);
        restored.write(&BTreeSet::new()).unwrap();
        assert!(!restored.file().exists());
        fs::write(restored.file(), "no id\n").unwrap();
        let refused = restored.waiting().unwrap_err().to_string();
        assert!(refused.contains("damaged"), "{refused}");
    }
}
