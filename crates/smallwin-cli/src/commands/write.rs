use std::io::Read;

use anyhow::{Context, bail};
use smallwin_circle::{CircleId, DocumentRef};
use smallwin_node::Handle;

use crate::args::{Writable, WriteArgs};
use crate::which;

/// The check-in that is open; later revisions come with the rounds.
pub(super) const REVISION: u32 = 1;

/// Bytes of one text: more is no answer any more, and would not fit a snapshot.
const TEXT_BYTES_MAX: u64 = 256 * 1024;

/// Writes a text.
pub(super) async fn run(handle: &Handle, args: &WriteArgs) -> anyhow::Result<()> {
    let text = text(&args.text)?;
    let found = which::circle(handle, &args.circle).await?;
    let document = document(handle, found.circle, args.document).await?;
    let names = smallwin_model::text_names(document.kind);
    if !names.contains(&args.name.as_str()) {
        bail!(
            "there is no text \"{}\" there; its texts are {}",
            args.name,
            names.join(", ")
        );
    }
    let change = |content: &mut automerge::AutoCommit| {
        if args.append {
            smallwin_model::append(content, &args.name, &text)
        } else {
            smallwin_model::write(content, &args.name, &text)
        }
    };
    handle.write(found.circle, &document, change).await??;
    Ok(())
}

async fn document(
    handle: &Handle,
    circle: CircleId,
    which: Writable,
) -> anyhow::Result<DocumentRef> {
    Ok(match which {
        Writable::Case => DocumentRef::case(),
        Writable::Checkin => DocumentRef::check_in(REVISION),
        Writable::Step => DocumentRef::step(),
        Writable::Voice => handle.own_answers(circle, REVISION).await?,
    })
}

fn text(given: &str) -> anyhow::Result<String> {
    if given != "-" {
        return Ok(given.to_owned());
    }
    let mut text = String::new();
    std::io::stdin()
        .take(TEXT_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .context("standard input cannot be read as text")?;
    if text.len() as u64 > TEXT_BYTES_MAX {
        bail!("the text is longer than {TEXT_BYTES_MAX} bytes; write less, or in several texts");
    }
    Ok(text.trim_end_matches('\n').to_owned())
}
