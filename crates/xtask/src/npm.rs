//! Installs the npm packages of one folder, exactly as its lock file names them.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use crate::program::Program;

/// Installs when the lock file is not the one that was installed last; install scripts of packages never run.
pub(crate) fn install(folder: &Path) -> Result<()> {
    let lock = folder.join("package-lock.json");
    let wanted = fs::read(&lock).with_context(|| format!("{} cannot be read", lock.display()))?;
    let mark = folder.join("node_modules").join(".installed-lock.json");
    if fs::read(&mark).is_ok_and(|installed| installed == wanted) {
        println!("{}: packages are up to date", folder.display());
        return Ok(());
    }
    Program::new(
        folder,
        "npm",
        &["ci", "--ignore-scripts", "--no-fund", "--no-audit"],
    )
    .run()?;
    fs::write(&mark, wanted).with_context(|| format!("{} cannot be written", mark.display()))
}
