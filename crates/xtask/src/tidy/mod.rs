//! The rules no compiler knows: arrows between crates, purity, sizes, test hygiene, rules with tests, clean files.
//!
//! Each rule is a pure function from files to findings, so each has a test that shows it finds what it should.

mod arrows;
mod clean;
mod hygiene;
mod purity;
mod readme;
mod rules;
mod size;
mod source;

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result, bail};

use crate::program::Program;

/// The text files of the checkout by their path from its root, with `/` between the parts.
pub(crate) type Files = BTreeMap<String, String>;

/// Reads the checkout and reports every finding at once.
pub(crate) fn run(root: &Path) -> Result<()> {
    let files = read(root)?;
    let findings = findings(&files);
    for finding in &findings {
        println!("tidy: {finding}");
    }
    if !findings.is_empty() {
        bail!("tidy has {} findings, listed above", findings.len());
    }
    println!("tidy: {} files are in order", files.len());
    Ok(())
}

fn findings(files: &Files) -> Vec<String> {
    [
        arrows::check(files),
        purity::check(files),
        size::check(files),
        hygiene::check(files),
        rules::check(files),
        clean::check(files),
        readme::check(files),
    ]
    .concat()
}

/// Reads all files that git tracks or would track; what is not text is left out.
fn read(root: &Path) -> Result<Files> {
    let list = Program::new(
        root,
        "git",
        &["ls-files", "--cached", "--others", "--exclude-standard"],
    )
    .read()
    .context("tidy asks git which files belong to the project")?;
    let mut files = Files::new();
    for path in list.lines() {
        // A path that git lists and that is gone was deleted and not yet committed.
        let Ok(bytes) = fs::read(root.join(path)) else {
            continue;
        };
        if let Ok(text) = String::from_utf8(bytes) {
            files.insert(path.to_owned(), text);
        }
    }
    Ok(files)
}

#[cfg(test)]
pub(crate) fn files_of(list: &[(&str, &str)]) -> Files {
    list.iter()
        .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
        .collect()
}
