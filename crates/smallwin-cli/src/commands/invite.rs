use std::time::Duration;

use smallwin_node::Handle;

use crate::args::InviteArgs;
use crate::{output, which};

const SECONDS_PER_DAY: u64 = 86_400;

/// Makes an invite link; the link alone goes to standard output, so that a script can take it.
pub(super) async fn run(handle: &Handle, args: &InviteArgs) -> anyhow::Result<()> {
    let found = which::circle(handle, &args.circle).await?;
    let valid = Duration::from_secs(args.days * SECONDS_PER_DAY);
    let link = handle.invite(found.circle, args.role.into(), valid).await?;
    output::line(link.to_string())
}
