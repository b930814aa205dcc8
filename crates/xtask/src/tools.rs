//! What the tests need of the machine: found, or installed where that can be done, or named.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::program::Program;

/// The lowest major version of Node.js that the web client builds with.
const NODE_MAJOR_MIN: u32 = 20;

/// Where a Chromium may stand, in the order in which they are tried.
const BROWSERS: &[&str] = &[
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
];

/// The Debian packages that bring what can be missing.
const PACKAGE_OF_BROWSER: &str = "chromium";

/// Looks for the programs that building takes and says what is missing, all at once.
pub(crate) fn require_build_tools(root: &Path) -> Result<()> {
    let mut missing = Vec::new();
    if find(&["git"]).is_none() {
        missing.push("git".to_owned());
    }
    if find(&["cc", "gcc", "clang"]).is_none() {
        missing.push("a C compiler (cc, gcc or clang)".to_owned());
    }
    if find(&["npm"]).is_none() {
        missing.push("npm".to_owned());
    }
    match node_major(root) {
        Some(major) if major >= NODE_MAJOR_MIN => {}
        Some(major) => missing.push(format!("Node.js {NODE_MAJOR_MIN} or newer (found {major})")),
        None => missing.push(format!("Node.js {NODE_MAJOR_MIN} or newer")),
    }
    if missing.is_empty() {
        return Ok(());
    }
    bail!(
        "missing on this machine: {}. Install and start again.",
        missing.join("; ")
    )
}

/// Finds Chromium; as root on a Debian-like machine it is installed when it is not there.
pub(crate) fn chromium(root: &Path) -> Result<PathBuf> {
    if let Some(told) = variable("SMALLWIN_TEST_CHROMIUM") {
        return Ok(PathBuf::from(told));
    }
    if let Some(found) = find(BROWSERS) {
        return Ok(found);
    }
    if find(&["apt-get"]).is_none() || !is_root(root) {
        bail!(
            "the browser tests need Chromium: install it (Debian: apt-get install {PACKAGE_OF_BROWSER}), \
             name it in SMALLWIN_TEST_CHROMIUM, or run this as root"
        );
    }
    Program::new(root, "apt-get", &["update", "--quiet"]).run()?;
    Program::new(
        root,
        "apt-get",
        &[
            "install",
            "--quiet",
            "--yes",
            "--no-install-recommends",
            PACKAGE_OF_BROWSER,
        ],
    )
    .with("DEBIAN_FRONTEND", "noninteractive")
    .run()?;
    find(BROWSERS).context("apt-get installed chromium, yet it is not on the PATH")
}

/// Finds a Python 2.7 that starts: the one it is told of, one on the PATH, or one of pyenv.
pub(crate) fn python2(root: &Path) -> Result<PathBuf> {
    let told = variable("SMALLWIN_TEST_PYTHON2").map(PathBuf::from);
    let on_path = find(&["python2.7", "python2"]);
    let candidates = told.into_iter().chain(on_path).chain(pythons_of_pyenv());
    let arguments = [
        "-c",
        "import sys, pip; print('%d.%d' % sys.version_info[:2])",
    ];
    let starts = |python: &PathBuf| {
        Program::new(root, &python.to_string_lossy(), &arguments)
            .read()
            .is_ok_and(|version| version.trim() == "2.7")
    };
    candidates.into_iter().find(starts).context(
        "the Autobahn suite needs Python 2.7 with pip, and there is none on this machine: \
         install one (pyenv install 2.7.18), or name it in SMALLWIN_TEST_PYTHON2",
    )
}

fn pythons_of_pyenv() -> Vec<PathBuf> {
    let pyenv = variable("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(variable("HOME")?).join(".pyenv")));
    let versions = pyenv.and_then(|pyenv| pyenv.join("versions").read_dir().ok());
    let entries = versions.into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path().join("bin/python2.7"))
        .filter(|python| python.is_file())
        .collect()
}

/// The folder into which cargo builds, and where long runs keep what they are doing.
pub(crate) fn target(root: &Path) -> PathBuf {
    variable("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

/// Finds the first of these programs on the PATH.
pub(crate) fn find(names: &[&str]) -> Option<PathBuf> {
    let path = variable("PATH")?;
    names.iter().find_map(|name| {
        std::env::split_paths(&path)
            .map(|directory| directory.join(name))
            .find(|file| file.is_file())
    })
}

#[allow(
    clippy::disallowed_methods,
    reason = "the tasks are the edge: here the machine is looked at"
)]
pub(crate) fn variable(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name)
}

fn node_major(root: &Path) -> Option<u32> {
    let version = Program::new(root, "node", &["--version"]).read().ok()?;
    version
        .trim()
        .strip_prefix('v')?
        .split('.')
        .next()?
        .parse()
        .ok()
}

fn is_root(root: &Path) -> bool {
    Program::new(root, "id", &["-u"])
        .read()
        .is_ok_and(|id| id.trim() == "0")
}
