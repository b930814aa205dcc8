//! `cargo xtask check`: what can be known without processes, sockets or browsers.

use std::path::Path;

use anyhow::Result;

use crate::{npm, program::Program, stage::Stages, tidy, tools};

/// Runs the fast stages.
pub(crate) fn run(root: &Path) -> Result<()> {
    let mut stages = Stages::default();
    stages.run("tools", || tools::require_build_tools(root))?;
    stages.run("packages", || npm::install(&root.join("web")))?;
    fast(root, &mut stages)?;
    stages.summary();
    Ok(())
}

/// The stages that `check` and `test` share.
pub(crate) fn fast(root: &Path, stages: &mut Stages) -> Result<()> {
    stages.run("format", || {
        Program::cargo(root, &["fmt", "--all", "--check"]).run()
    })?;
    stages.run("tidy", || tidy::run(root))?;
    stages.run("web: types and lints", || {
        Program::new(&root.join("web"), "npm", &["run", "check"]).run()
    })?;
    stages.run("web: tests", || {
        Program::new(&root.join("web"), "npm", &["test"]).run()
    })?;
    stages.run("clippy", || {
        let arguments = [
            "clippy",
            "--workspace",
            "--all-targets",
            "--quiet",
            "--",
            "-D",
            "warnings",
        ];
        Program::cargo(root, &arguments).run()
    })?;
    // The simulation, the kills and the fuzzing have stages of their own, with numbers of their own.
    stages.run("Rust: unit tests, properties and golden bytes", || {
        let arguments = [
            "test",
            "--workspace",
            "--exclude",
            "smallwin-tests",
            "--exclude",
            "smallwin-sim",
            "--quiet",
        ];
        Program::cargo(root, &arguments)
            .with("SMALLWIN_CRASH_ROUNDS", "2")
            .with("SMALLWIN_FUZZ_SECONDS", "1")
            .run()
    })
}
