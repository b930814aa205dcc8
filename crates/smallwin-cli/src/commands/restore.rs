//! Makes a data directory from a backup.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use smallwin_node::{Restored, progress};
use smallwin_storage::{JournalStore, Options, Store};

use crate::args::RestoreArgs;
use crate::backup::{BackupList, Unfinished, beside, copy_private, private_folder};
use crate::output;

/// Checks the backup, opens its store once, and only then gives it the data directory's name.
pub(super) fn run(data: &Path, args: &RestoreArgs) -> anyhow::Result<()> {
    let is_free = fs::read_dir(data).map_or(true, |mut entries| entries.next().is_none());
    if data.exists() && !is_free {
        bail!(
            "{} holds data already; name a new data directory with --data",
            data.display()
        );
    }
    let part = Unfinished(beside(data));
    private_folder(&part.0)?;
    let folder = take(&args.from, &part.0)
        .with_context(|| format!("{} cannot be read", args.from.display()))?;
    let list = BackupList::verify(&folder)
        .with_context(|| format!("{} is not used", args.from.display()))?;
    let options = Options {
        progress: progress::on_terminal(),
        ..Options::default()
    };
    let store = JournalStore::open(&folder.join("store"), options)?;
    let waiting = Restored::of(&folder).mark(&store)?;
    Box::new(store).close()?;
    BackupList::remove(&folder)?;
    if data.exists() {
        fs::remove_dir(data)?;
    }
    fs::rename(&folder, data)
        .with_context(|| format!("{} cannot be given its name", data.display()))?;
    output::line(format!(
        "Restored the backup of {} into {}.",
        list.created,
        data.display()
    ))?;
    if waiting > 0 {
        output::line(
            "Start it and let it connect: what this device signed after the backup comes back from the \
            others, and before that it signs nothing.",
        )?;
    }
    output::line(
        "Do not go on with the old data directory as well: both would sign as the same device.",
    )
}

/// Copies or unpacks the backup, and says where its files stand.
fn take(from: &Path, part: &Path) -> anyhow::Result<PathBuf> {
    if from.is_dir() {
        let folder = part.join("smallwin-backup");
        copy_folder(from, &folder)?;
        return Ok(folder);
    }
    let mut tar = tar::Archive::new(File::open(from)?);
    tar.set_preserve_permissions(true);
    for entry in tar.entries()? {
        let mut entry = entry?;
        let name = entry.path()?.display().to_string();
        let kind = entry.header().entry_type();
        // A link could lead the store out of the new data directory.
        if !kind.is_file() && !kind.is_dir() {
            bail!("its entry {name} is neither a file nor a folder");
        }
        if !entry.unpack_in(part)? {
            bail!("its entry {name} leads out of it");
        }
    }
    Ok(part.join("smallwin-backup"))
}

fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    private_folder(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy_folder(&path, &target)?;
        } else if kind.is_file() {
            copy_private(&path, &target)?;
        } else {
            bail!("{} is neither a file nor a folder", path.display());
        }
    }
    Ok(())
}
