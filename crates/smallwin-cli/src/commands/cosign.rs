use anyhow::{Context, bail};
use smallwin_circle::RecordId;
use smallwin_node::Handle;

use super::snapshot::write_file;
use crate::args::CosignArgs;
use crate::{output, which};

/// Agrees to a snapshot.
pub(super) async fn run(handle: &Handle, args: &CosignArgs) -> anyhow::Result<()> {
    let found = which::circle(handle, &args.circle).await?;
    let log = handle.log(found.circle).await?;
    let ids: Vec<RecordId> = log
        .state()
        .snapshots()
        .iter()
        .map(|snapshot| snapshot.record)
        .collect();
    let snapshot = match &args.snapshot {
        None => *ids
            .last()
            .context("there is no snapshot to agree to yet; the facilitator makes one")?,
        Some(start) => {
            let mut meant = ids.iter().filter(|id| id.to_string().starts_with(start));
            match (meant.next(), meant.next()) {
                (Some(id), None) => *id,
                (None, _) => {
                    bail!("no snapshot begins with \"{start}\"; `smallwin export` shows all")
                }
                (Some(_), Some(_)) => {
                    bail!("several snapshots begin with \"{start}\"; type more of the id")
                }
            }
        }
    };
    handle.cosign(found.circle, snapshot).await?;
    if let Some(file) = &args.out {
        write_file(handle, found.circle, snapshot, file).await?;
    }
    output::line(snapshot.to_string())
}
