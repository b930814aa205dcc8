//! The sync engine against others, over real sockets. What it compares with it installs.

use std::path::Path;

use anyhow::Result;

use super::engine;
use crate::{npm, program::Program, stage::Stages};

const Y_SWEET: &str = "0.9.1";
const PEERS: &str = "crates/smallwin-bench/peers";
const SQLITE: &str = "node_modules/better-sqlite3/build/Release/better_sqlite3.node";
/// Thousands of sockets need thousands of handles; the shell raises what it may.
const RAISED: &str = "ulimit -n $(ulimit -Hn); exec \"$0\" \"$@\"";

/// Installs the others, builds ours, compares, and writes docs/performance.md.
pub(super) fn run(root: &Path, stages: &mut Stages, rest: &[String]) -> Result<()> {
    let install = root.join("target/bench-peers");
    let y_sweet = install.join("bin/y-sweet");
    stages.run("others: automerge-repo, Hocuspocus", || {
        npm::install(&root.join(PEERS))?;
        sqlite(&root.join(PEERS));
        Ok(())
    })?;
    stages.run("others: y-sweet", || {
        if !y_sweet.is_file() {
            let folder = install.to_string_lossy();
            let arguments = [
                "install",
                "y-sweet",
                "--version",
                Y_SWEET,
                "--locked",
                "--root",
                &folder,
            ];
            if let Err(error) = Program::cargo(root, &arguments).run() {
                println!("y-sweet is left out: {error:#}");
            }
        }
        Ok(())
    })?;
    stages.run("build", || {
        let ours = ["build", "--release", "--package", "smallwin-cli"];
        Program::cargo(root, &ours)
            .with("SMALLWIN_SKIP_WEB", "1")
            .run()?;
        Program::cargo(root, &["build", "--release", "--package", "smallwin-bench"]).run()
    })?;
    stages.run("sync: every row for every server", || {
        let y_sweet = y_sweet.to_string_lossy();
        let bench = root.join("target/release/smallwin-bench");
        let bench = bench.to_string_lossy();
        let mut arguments = vec![
            "-c",
            RAISED,
            &bench,
            "sync",
            "--program",
            "target/release/smallwin",
            "--y-sweet",
            &y_sweet,
            "--peers",
            PEERS,
            "--out",
            "target/bench",
        ];
        arguments.extend(rest.iter().map(String::as_str));
        Program::new(root, "sh", &arguments).run()
    })?;
    if rest
        .iter()
        .any(|word| word == "--only" || word == "--servers")
    {
        println!("a part of the table: target/bench/sync-part.json; docs/performance.md stays");
        return Ok(());
    }
    engine::count(root, stages)?;
    stages.run("docs/performance.md", || report(root))
}

/// Writes the page from what the last runs left under `target/bench`.
pub(super) fn report(root: &Path) -> Result<()> {
    let bench = root.join("target/release/smallwin-bench");
    let arguments = ["report", "target/bench", "docs/performance.md"];
    Program::new(root, &bench.to_string_lossy(), &arguments).run()
}

/// Hocuspocus stores in SQLite, whose package brings sources; without a compiler for them it is left out.
fn sqlite(peers: &Path) {
    if peers.join(SQLITE).is_file() {
        return;
    }
    let mut build = Program::new(peers, "npm", &["rebuild", "better-sqlite3"])
        .with("npm_config_build_from_source", "true");
    let node = Program::new(peers, "node", &["-p", "process.execPath"]).read();
    let prefix = node.ok().and_then(|path| {
        let prefix = Path::new(path.trim()).parent()?.parent()?.to_path_buf();
        prefix
            .join("include/node/node.h")
            .is_file()
            .then_some(prefix)
    });
    if let Some(prefix) = prefix {
        build = build.with("npm_config_nodedir", prefix);
    }
    if let Err(error) = build.run() {
        println!("Hocuspocus is left out: {error:#}");
    }
}
