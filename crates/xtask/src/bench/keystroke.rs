//! How long a keystroke takes from page to page.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::{npm, program::Program, stage::Stages, test, tools};

/// Times keystrokes over two nodes against a bare echo and the stock client.
pub(super) fn run(root: &Path, stages: &mut Stages) -> Result<()> {
    let chromium = tools::chromium(root)?;
    stages.run("packages", || {
        npm::install(&root.join("web"))?;
        npm::install(&root.join("tests"))
    })?;
    let mut binary = PathBuf::new();
    stages.run("build", || {
        binary = test::build_with(root, "release")?;
        Ok(())
    })?;
    stages.run("keystroke: over two nodes against a bare echo", || {
        Program::new(&root.join("tests"), "node", &["bench/keystroke.mjs"])
            .with("SMALLWIN_TEST_PROGRAM", &binary)
            .with("SMALLWIN_TEST_CHROMIUM", &chromium)
            .run()
    })
}
