use std::time::Duration;

use anyhow::Context;
use smallwin_circle::InviteLink;
use smallwin_node::Handle;

use crate::args::JoinArgs;
use crate::{output, text, which};

/// Joins a Small Win.
pub(super) async fn run(handle: &Handle, args: &JoinArgs) -> anyhow::Result<()> {
    let link: InviteLink = args.link.parse().context("this link cannot be used")?;
    let name = args.name.as_deref().map(text::name).transpose()?;
    let within = Duration::from_secs(args.wait);
    let circle = handle.join(&link, within).await?;
    if let Some(name) = name {
        handle
            .set_card(circle, &name, args.organisation.clone(), None)
            .await?;
    }
    // So that the next command can call it by its title.
    let title = which::title_within(handle, circle, within).await;
    output::line(format!("{circle}  {title}"))
}
