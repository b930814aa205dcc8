//! What durable changes cost: against a bare log, redb and sled.

use std::path::Path;

use anyhow::Result;

use super::optimised;
use crate::stage::Stages;

/// Runs every storage figure.
pub(super) fn run(root: &Path, stages: &mut Stages) -> Result<()> {
    stages.run("storage: durable appends against a bare log", || {
        optimised(root, "smallwin-bench", &["--", "append"])
    })?;
    stages.run("storage: against a bare log, redb and sled", || {
        optimised(root, "smallwin-bench", &["--", "engines"])
    })?;
    stages.run(
        "storage: memory, opening, reading, space after deletion",
        || optimised(root, "smallwin-bench", &["--", "sizes"]),
    )?;
    stages.run("storage: a million chunks", || {
        optimised(root, "smallwin-storage", &["--example", "scale_bench"])
    })
}
