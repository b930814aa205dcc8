//! The sync engine against others, over real sockets.

use std::path::Path;

use anyhow::{Result, bail};

use crate::stage::Stages;

/// Runs the comparison.
pub(super) fn run(_root: &Path, _stages: &mut Stages, _rest: &[String]) -> Result<()> {
    bail!("the comparison of sync engines is not part of this version")
}
