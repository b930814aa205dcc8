use std::time::Duration;

use anyhow::Context;
use smallwin_circle::InviteLink;
use smallwin_node::Handle;

use crate::args::JoinArgs;
use crate::{output, text};

/// Joins a Small Win.
pub(super) async fn run(handle: &Handle, args: &JoinArgs) -> anyhow::Result<()> {
    let link: InviteLink = args.link.parse().context("this link cannot be used")?;
    let name = args.name.as_deref().map(text::name).transpose()?;
    let circle = handle.join(&link, Duration::from_secs(args.wait)).await?;
    if let Some(name) = name {
        handle
            .set_card(circle, &name, args.organisation.clone(), None)
            .await?;
    }
    output::line(circle.to_string())
}
