//! `cargo xtask soak honest`: honest traffic by the hundred thousand, of which the gate may refuse nothing.

use std::path::Path;

use anyhow::Result;

use crate::{npm, program::Program, stage::Stages, tools};

/// Changes by eight actors, made by Automerge in Rust.
const CHANGES: &str = "100000";

/// Changes by eight people, made by Automerge in JavaScript as the pages and stock clients use it.
const BROWSER_CHANGES: &str = "20000";

/// Transactions of each editing trace: more than the longest has.
const TRACE_TRANSACTIONS: &str = "1000000";

/// Makes the traffic and gives it to the gate's tests.
pub(super) fn run(root: &Path) -> Result<()> {
    let mut stages = Stages::default();
    stages.run("packages", || npm::install(&root.join("tests")))?;
    let file = tools::target(root).join("honest-browser.json");
    stages.run("changes made by the browser's Automerge", || {
        let name = file.to_string_lossy();
        let arguments = ["interop/honest-changes.mjs", &name, BROWSER_CHANGES];
        Program::new(&root.join("tests"), "node", &arguments).run()
    })?;
    stages.run("honest traffic against the gate", || {
        let test = ["test", "--quiet", "--package", "smallwin-gate"];
        let which = ["--test", "honest", "--test", "traces", "--", "--nocapture"];
        Program::cargo(root, &[&test[..], &which[..]].concat())
            .with("SMALLWIN_HONEST_CHANGES", CHANGES)
            .with("SMALLWIN_HONEST_BROWSER", &file)
            .with("SMALLWIN_HONEST_TRACES", TRACE_TRANSACTIONS)
            .run()
    })?;
    stages.summary();
    Ok(())
}
