//! The form of a backup: the files of a data directory, and `backup.json`, which lists them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

/// The file that lists the others.
const LIST: &str = "backup.json";

/// What a backup's list says it is.
const TYPE: &str = "smallwin/backup@1";

/// What a backup holds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct BackupList {
    r#type: String,
    /// When it was made, as that computer's clock said.
    pub(crate) created: String,
    /// The last commit in it.
    pub(crate) commit: u64,
    /// BLAKE3 of every file, in hexadecimal, by its name with slashes.
    files: BTreeMap<String, String>,
}

impl BackupList {
    /// Lists what stands in a folder and writes the list beside it.
    pub(crate) fn write(folder: &Path, created: String, commit: u64) -> anyhow::Result<Self> {
        let list = Self {
            r#type: TYPE.to_owned(),
            created,
            commit,
            files: hashes(folder)?,
        };
        let file = folder.join(LIST);
        fs::write(&file, serde_json::to_vec_pretty(&list)?)
            .and_then(|()| File::open(&file)?.sync_all())
            .with_context(|| format!("{} cannot be written", file.display()))?;
        Ok(list)
    }

    /// Reads the list of a folder and compares it with what stands there.
    pub(crate) fn verify(folder: &Path) -> anyhow::Result<Self> {
        let file = folder.join(LIST);
        let text = fs::read(&file).context(
            "it has no backup.json, so it is no backup of Small Wins, or not all of one",
        )?;
        let list: Self = serde_json::from_slice(&text).context("its backup.json cannot be read")?;
        if list.r#type != TYPE {
            bail!("it was made by a newer version; install that version first");
        }
        let found = hashes(folder)?;
        for (name, hash) in &list.files {
            match found.get(name) {
                None => bail!("its file {name} is missing; use another backup"),
                Some(other) if other != hash => {
                    bail!("its file {name} is damaged; use another backup")
                }
                Some(_) => {}
            }
        }
        match found.keys().find(|name| !list.files.contains_key(*name)) {
            Some(name) => bail!("its file {name} does not belong to it; use another backup"),
            None => Ok(list),
        }
    }

    /// Removes the list from a folder that becomes a data directory.
    pub(crate) fn remove(folder: &Path) -> std::io::Result<()> {
        fs::remove_file(folder.join(LIST))
    }
}

/// A name beside `path`, for what is not finished.
pub(crate) fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    PathBuf::from(name)
}

/// A folder that is removed again unless it was given its final name.
#[derive(Debug)]
pub(crate) struct Unfinished(pub(crate) PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        // It was renamed, or an error is told already.
        let _gone = fs::remove_dir_all(&self.0);
    }
}

/// Copies a file that only its owner may read.
pub(crate) fn copy_private(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::copy(from, to)
        .and_then(|_| File::open(to)?.sync_all())
        .with_context(|| format!("{} cannot be copied to {}", from.display(), to.display()))
}

/// Makes a folder that only its owner may enter.
pub(crate) fn private_folder(folder: &Path) -> anyhow::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .with_context(|| format!("the folder {} cannot be made", folder.display()))
}

fn hashes(folder: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let mut hashes = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let entries = fs::read_dir(&next)
            .with_context(|| format!("the folder {} cannot be read", next.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name: Vec<_> = path
                .strip_prefix(folder)?
                .components()
                .map(|part| part.as_os_str().to_string_lossy())
                .collect();
            let name = name.join("/");
            if name != LIST {
                let mut hasher = blake3::Hasher::new();
                File::open(&path)
                    .and_then(|mut file| std::io::copy(&mut file, &mut hasher))
                    .with_context(|| format!("{} cannot be read", path.display()))?;
                hashes.insert(name, hasher.finalize().to_hex().to_string());
            }
        }
    }
    Ok(hashes)
}
