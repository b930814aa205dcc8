//! The one place that prints.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

/// Prints a line.
pub(crate) fn line(text: impl AsRef<str>) -> anyhow::Result<()> {
    print(&[text.as_ref(), "\n"])
}

/// Prints a text that ends its own lines.
pub(crate) fn text(text: impl AsRef<str>) -> anyhow::Result<()> {
    print(&[text.as_ref()])
}

/// Prints a value as JSON.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(serde_json::to_string_pretty(value)?)
}

/// Prints what went wrong, in one line.
pub(crate) fn complain(error: &anyhow::Error) {
    // With standard error gone there is nobody left to tell.
    let _nobody_reads = writeln!(io::stderr().lock(), "error: {}", sentence(error));
}

/// An error with its causes, leaving out causes whose words stand there already.
fn sentence(error: &anyhow::Error) -> String {
    let mut sentence = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if sentence.is_empty() {
            sentence = cause;
        } else if !sentence.contains(&cause) {
            sentence.push_str(": ");
            sentence.push_str(&cause);
        }
    }
    sentence.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn print(parts: &[&str]) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let printed = parts
        .iter()
        .try_for_each(|part| out.write_all(part.as_bytes()))
        .and_then(|()| out.flush());
    match printed {
        // The reader of a pipe (head, less) may have seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed.context("standard output cannot be written"),
    }
}

/// Writes a file under a name beside it first, so that an old one is replaced whole or not at all.
pub(crate) fn file(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(format!(".{}.part", std::process::id()));
    let written = fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, file));
    if written.is_err() {
        // The half-written file must not stay; the first error is the one to report.
        let _absent = fs::remove_file(&beside);
    }
    Ok(written?)
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn one_sentence_says_everything_once() {
        let error = anyhow!("disk full")
            .context("the file x cannot be written: disk full")
            .context("no\nsnapshot");
        assert_eq!(
            sentence(&error),
            "no snapshot: the file x cannot be written: disk full"
        );
    }
}
