//! What the gate costs beside Automerge.

use std::path::Path;

use anyhow::Result;

use super::optimised;
use crate::stage::Stages;

/// Runs the gate's figures.
pub(super) fn run(root: &Path, stages: &mut Stages) -> Result<()> {
    stages.run("gate: beside Automerge's own reading", || {
        optimised(root, "smallwin-gate", &["--example", "gate_cost"])
    })
}
