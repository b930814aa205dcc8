use smallwin_node::Handle;

use super::write::REVISION;
use crate::args::OneCircleArgs;
use crate::{output, which};

/// Lets the circle read one's own answers.
pub(super) async fn run(handle: &Handle, args: &OneCircleArgs) -> anyhow::Result<()> {
    let found = which::circle(handle, &args.circle).await?;
    handle.share(found.circle, REVISION).await?;
    output::line("The circle can read your answers now.")
}
