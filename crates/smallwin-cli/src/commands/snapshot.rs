use std::path::Path;

use anyhow::Context;
use smallwin_circle::{CircleId, RecordId};
use smallwin_node::Handle;

use crate::args::SnapshotArgs;
use crate::{output, text, which};

/// Fixes the texts as they stand.
pub(super) async fn run(handle: &Handle, args: &SnapshotArgs) -> anyhow::Result<()> {
    let title = text::title(&args.title)?;
    let found = which::circle(handle, &args.circle).await?;
    let snapshot = handle.snapshot(found.circle, &title).await?;
    if let Some(file) = &args.out {
        write_file(handle, found.circle, snapshot, file).await?;
    }
    output::line(snapshot.to_string())
}

/// Writes the snapshot file, whole or not at all.
pub(super) async fn write_file(
    handle: &Handle,
    circle: CircleId,
    snapshot: RecordId,
    file: &Path,
) -> anyhow::Result<()> {
    let bytes = handle.snapshot_file(circle, snapshot).await?;
    output::file(file, &bytes)
        .with_context(|| format!("the file {} cannot be written", file.display()))
}
