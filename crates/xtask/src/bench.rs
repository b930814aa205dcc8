//! `cargo xtask bench`: figures as ratios to a baseline of the same run.

mod engine;
mod gate;
mod keystroke;
mod storage;
mod sync;

use std::path::Path;

use anyhow::{Result, bail};

use crate::{program::Program, stage::Stages, tools};

/// Runs the figures that the first argument names, or all that are quick; `sync` and `engine` take more.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let mut stages = Stages::default();
    stages.run("tools", || tools::require_build_tools(root))?;
    let (which, rest) = match arguments.split_first() {
        Some((which, rest)) => (which.as_str(), rest),
        None => ("", arguments),
    };
    if !matches!(which, "sync" | "engine") && !rest.is_empty() {
        bail!(
            "only `bench sync` and `bench engine` take more, but got `{}`",
            rest.join(" ")
        );
    }
    match which {
        "storage" => storage::run(root, &mut stages)?,
        "gate" => gate::run(root, &mut stages)?,
        "engine" => engine::run(root, &mut stages, rest)?,
        "keystroke" => keystroke::run(root, &mut stages)?,
        "report" => stages.run("docs/performance.md", || sync::report(root))?,
        "sync" => sync::run(root, &mut stages, rest)?,
        "" => {
            storage::run(root, &mut stages)?;
            gate::run(root, &mut stages)?;
            engine::run(root, &mut stages, rest)?;
            keystroke::run(root, &mut stages)?;
        }
        other => bail!(
            "there are no figures `{other}`; there are storage, gate, engine, keystroke, sync"
        ),
    }
    stages.summary();
    Ok(())
}

/// Runs a program or an example of one of our crates with optimisation.
fn optimised(root: &Path, package: &str, what: &[&str]) -> Result<()> {
    let mut arguments = vec!["run", "--release", "--quiet", "--package", package];
    arguments.extend(what);
    Program::cargo(root, &arguments).run()
}
