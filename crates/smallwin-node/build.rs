//! Builds the web client into `OUT_DIR/web`, from where `src/assets.rs` embeds it.
//!
//! A failed build fails loudly: a page from an older build would hide the error. Only
//! `SMALLWIN_SKIP_WEB=1` gives a page that says what is missing, for work on the Rust side.

#![allow(
    clippy::disallowed_methods,
    reason = "a build script is configured by its environment alone"
)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is how a build script talks to cargo"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;
use std::{env, fs};

/// Folders of `web/` that the build does not read.
const NOT_READ: &[&str] = &[
    "node_modules",
    "dist",
    "coverage",
    "test-results",
    "playwright-report",
    "tests",
];

/// The first Node.js that runs everything the web build uses.
const NODE_MAJOR_MIN: u32 = 20;

fn main() {
    let out = folder("OUT_DIR").join("web");
    let web = folder("CARGO_MANIFEST_DIR").join("../../web");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=SMALLWIN_SKIP_WEB");
    if env::var_os("SMALLWIN_SKIP_WEB").is_some_and(|value| value == "1") {
        placeholder(&out);
        return;
    }
    watch(&web);
    check_node();
    if install_needed(&web) {
        run(
            &web,
            "npm",
            &["ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        );
    }
    let Some(out_text) = out.to_str() else {
        fail(&format!(
            "the target directory {} has a name that is no UTF-8",
            out.display()
        ));
    };
    run(
        &web,
        "npx",
        &[
            "--no-install",
            "vite",
            "build",
            "--outDir",
            out_text,
            "--emptyOutDir",
        ],
    );
    if !out.join("index.html").is_file() {
        fail(&format!(
            "the web build ended well but wrote no index.html to {out_text}"
        ));
    }
}

fn folder(variable: &str) -> PathBuf {
    match env::var_os(variable) {
        Some(folder) => PathBuf::from(folder),
        None => fail(&format!("{variable} is not set; build with cargo")),
    }
}

/// Ends the build with words instead of a stack of calls.
fn fail(why: &str) -> ! {
    eprintln!("\nerror: {why}\n");
    std::process::exit(1);
}

fn placeholder(out: &Path) {
    // Files of an earlier full build must not be served beside the placeholder.
    let _absent = fs::remove_dir_all(out);
    let page = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Small Wins</title>\
        <h1>Small Wins</h1><p>This program was built with SMALLWIN_SKIP_WEB=1, without its web \
        client. Build it again without that variable.</p></html>\n";
    let written = fs::create_dir_all(out).and_then(|()| fs::write(out.join("index.html"), page));
    if let Err(error) = written {
        fail(&format!("{} cannot be written: {error}", out.display()));
    }
}

fn watch(web: &Path) {
    let Ok(entries) = fs::read_dir(web) else {
        fail(&format!(
            "the folder {} with the web client is missing",
            web.display()
        ));
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !name.starts_with('.') && !NOT_READ.contains(&name.as_ref()) {
            println!("cargo:rerun-if-changed={}", entry.path().display());
        }
    }
}

fn check_node() {
    let install = format!(
        "install Node.js {NODE_MAJOR_MIN} or newer with npm, from https://nodejs.org or your system"
    );
    let Ok(output) = Command::new("node").arg("--version").output() else {
        fail(&format!(
            "the web client needs Node.js to be built, and `node` was not found; {install}"
        ));
    };
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let major = version
        .trim_start_matches('v')
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < NODE_MAJOR_MIN) {
        fail(&format!(
            "the web client cannot be built with Node.js {version}; {install}"
        ));
    }
}

/// Whether `node_modules` is missing or older than the lock file.
fn install_needed(web: &Path) -> bool {
    let changed =
        |path: &str| -> Option<SystemTime> { fs::metadata(web.join(path)).ok()?.modified().ok() };
    // npm writes this file at the end of every install.
    let installed = changed("node_modules/.package-lock.json");
    installed.is_none() || installed < changed("package-lock.json")
}

fn run(web: &Path, program: &str, arguments: &[&str]) {
    let called = format!("{program} {}", arguments.join(" "));
    // npm is a script on Windows, and Command looks for .exe only.
    let name = if cfg!(windows) {
        format!("{program}.cmd")
    } else {
        program.to_owned()
    };
    let mut command = Command::new(name);
    command.args(arguments).current_dir(web);
    // The best compression takes twelve seconds: only for what is shipped.
    if env::var_os("PROFILE").is_some_and(|profile| profile == "release") {
        command.env("SMALLWIN_WEB_QUALITY", "max");
    }
    let output = command.output();
    let output = match output {
        Ok(output) => output,
        Err(error) => {
            fail(&format!(
                "`{called}` could not be started in {}: {error}; is npm installed?",
                web.display()
            ));
        }
    };
    if !output.status.success() {
        fail(&format!(
            "`{called}` failed in {} ({}):\n{}\n{}",
            web.display(),
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        ));
    }
}
