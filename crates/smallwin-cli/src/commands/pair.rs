use anyhow::{Context, bail};
use serde::Deserialize;

use crate::output;
use crate::session::Session;

#[derive(Deserialize)]
struct Answer {
    link: Option<String>,
}

/// Makes a new pairing link; the link alone goes to standard output.
pub(super) async fn run(session: &Session) -> anyhow::Result<()> {
    if !session.is_beside() {
        bail!("no node is running in this data directory; start `smallwin` and run this again");
    }
    let answer: Answer = serde_json::from_str(&session.handle.ask("pairing-link").await?)?;
    output::line(
        answer
            .link
            .context("the node made no pairing link; see its log")?,
    )
}
