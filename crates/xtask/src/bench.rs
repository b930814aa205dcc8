//! `cargo xtask bench`: figures as ratios to a baseline of the same run.

use std::path::Path;

use anyhow::Result;

use crate::{npm, program::Program, stage::Stages, test, tools};

/// Runs the storage and the keystroke figures; the program is built with optimisation.
pub(crate) fn run(root: &Path) -> Result<()> {
    let mut stages = Stages::default();
    stages.run("tools", || tools::require_build_tools(root))?;
    let chromium = tools::chromium(root)?;
    stages.run("packages", || {
        npm::install(&root.join("web"))?;
        npm::install(&root.join("tests"))
    })?;
    let mut binary = std::path::PathBuf::new();
    stages.run("build", || {
        binary = test::build_with(root, "release")?;
        Program::cargo(root, &["build", "--release", "--package", "smallwin-bench"]).run()
    })?;
    stages.run("storage: durable appends against a bare log", || {
        Program::cargo(
            root,
            &[
                "run",
                "--release",
                "--quiet",
                "--package",
                "smallwin-bench",
                "--",
                "append",
            ],
        )
        .run()
    })?;
    stages.run("storage: against a bare log, redb and sled", || {
        let arguments = [
            "run",
            "--release",
            "--quiet",
            "--package",
            "smallwin-bench",
            "--",
            "engines",
        ];
        Program::cargo(root, &arguments).run()
    })?;
    stages.run("storage: a million chunks", || {
        let arguments = [
            "run",
            "--release",
            "--quiet",
            "--package",
            "smallwin-storage",
            "--example",
            "scale_bench",
        ];
        Program::cargo(root, &arguments).run()
    })?;
    stages.run("keystroke: over two nodes against a bare echo", || {
        Program::new(&root.join("tests"), "node", &["bench/keystroke.mjs"])
            .with("SMALLWIN_TEST_PROGRAM", &binary)
            .with("SMALLWIN_TEST_CHROMIUM", &chromium)
            .run()
    })?;
    stages.summary();
    Ok(())
}
