use smallwin_circle::DocumentRef;
use smallwin_node::Handle;

use crate::args::NewArgs;
use crate::{output, text};

/// Begins a Small Win.
pub(super) async fn run(handle: &Handle, args: &NewArgs) -> anyhow::Result<()> {
    let title = text::title(&args.title)?;
    let circle = handle.create_circle().await?;
    if let Some(name) = &args.name {
        handle
            .set_card(circle, &text::name(name)?, None, None)
            .await?;
    }
    handle
        .write(circle, &DocumentRef::case(), |case| {
            smallwin_model::write(case, "title", &title)
        })
        .await??;
    output::line(format!("{circle}  {title}"))
}
