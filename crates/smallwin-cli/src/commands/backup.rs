//! Copies a data directory into a folder or a tar file.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, bail};
use smallwin_node::{clock, progress};

use crate::args::BackupArgs;
use crate::backup::{BackupList, Unfinished, beside, copy_private, private_folder};
use crate::output;

/// Copies keys, configuration and store, as they were at one moment.
pub(super) fn run(data: &Path, args: &BackupArgs) -> anyhow::Result<()> {
    let store = data.join("store");
    if !store.join("journal").is_dir() {
        bail!(
            "{} holds nothing to copy; name the data directory with --data",
            data.display()
        );
    }
    let to = std::path::absolute(&args.to)?;
    if to.exists() {
        bail!(
            "{} exists already; choose another name, so that no older backup is lost",
            to.display()
        );
    }
    if to.starts_with(&store) {
        bail!("a backup inside the store would be lost with it; choose another place");
    }
    let part = Unfinished(beside(&to));
    private_folder(&part.0)?;
    let copied = smallwin_storage::copy(&store, &part.0.join("store"), &progress::on_terminal())
        .context("nothing was copied")?;
    copy_rest(data, &part.0)?;
    let created = clock::timestamp().to_string();
    BackupList::write(&part.0, created, copied.last.0)?;
    BackupList::verify(&part.0).context("the copy is not what was written; try another disk")?;
    if to.extension().is_some_and(|extension| extension == "tar") {
        write_tar(&part.0, &to)?;
    } else {
        fs::rename(&part.0, &to)
            .with_context(|| format!("{} cannot be given its name", to.display()))?;
    }
    output::line(format!(
        "Copied everything up to change {} to {}.",
        copied.last,
        to.display()
    ))?;
    output::line("It holds your secret keys and care data: keep it as safe as this computer.")
}

fn copy_rest(data: &Path, part: &Path) -> anyhow::Result<()> {
    let keys = data.join("keys");
    private_folder(&part.join("keys"))?;
    for name in ["node.key", "device.key", "sealing.key"] {
        copy_private(&keys.join(name), &part.join("keys").join(name))?;
    }
    let config = data.join("config.toml");
    if config.is_file() {
        copy_private(&config, &part.join("config.toml"))?;
    }
    Ok(())
}

fn write_tar(folder: &Path, to: &Path) -> anyhow::Result<()> {
    let part = beside(&to.with_extension("file"));
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&part).and_then(|file| {
        let mut tar = tar::Builder::new(file);
        tar.append_dir_all("smallwin-backup", folder)?;
        tar.into_inner()?.sync_all()?;
        fs::rename(&part, to)
    });
    if written.is_err() {
        // The half-written file must not stay; the first error is the one to report.
        let _absent = fs::remove_file(&part);
    }
    written.with_context(|| format!("{} cannot be written", to.display()))
}
