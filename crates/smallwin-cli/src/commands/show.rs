//! Shows the texts of a Small Win.

use std::collections::BTreeMap;

use serde::Serialize;
use smallwin_circle::{Action, CircleId, DocumentRef, Kind, may};
use smallwin_node::Handle;

use crate::args::{Part, ShowArgs};
use crate::{output, which};

/// A document as it is shown and exported.
#[derive(Debug, Serialize)]
pub(super) struct DocumentText {
    pub(super) kind: Kind,
    pub(super) key: String,
    /// The document's id as it stands in addresses.
    pub(super) id: String,
    /// The name of the person whose own answers it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<String>,
    /// Each text as Markdown, by name.
    pub(super) texts: BTreeMap<String, String>,
    /// The canonical rendering of all of them.
    pub(super) text: String,
}

#[derive(Serialize)]
struct RefusedLine {
    document: String,
    kind: Kind,
    by: String,
    reason: String,
    change: String,
}

/// Shows one part, or all texts.
pub(super) async fn run(handle: &Handle, args: &ShowArgs) -> anyhow::Result<()> {
    let found = which::circle(handle, &args.circle).await?;
    if args.part == Some(Part::Refused) {
        return refused(handle, found.circle, args.json).await;
    }
    let wanted = |kind: Kind| match args.part {
        None => true,
        Some(Part::Case) => kind == Kind::Case,
        Some(Part::Checkin) => kind == Kind::CheckIn,
        Some(Part::Step) => kind == Kind::Step,
        Some(Part::Voices) => matches!(kind, Kind::Draft | Kind::Voice),
        Some(Part::Refused) => false,
    };
    let mut texts = readable(handle, found.circle).await?;
    texts.retain(|document| wanted(document.kind));
    if args.json {
        return output::json(&texts);
    }
    for document in texts {
        if args.part.is_none() || document.by.is_some() {
            output::line(heading(&document))?;
            output::line("")?;
        }
        output::text(&document.text)?;
        output::line("")?;
    }
    Ok(())
}

/// A line that says which document follows.
fn heading(document: &DocumentText) -> String {
    let kind = match document.kind {
        Kind::Case => "Case",
        Kind::CheckIn => "Check-in",
        Kind::Draft => "Own answers, not shared",
        Kind::Voice => "Own answers",
        Kind::Step => "Meaningful step",
        _ => "Document",
    };
    match &document.by {
        Some(name) => format!("# {kind}: {name}"),
        None => format!("# {kind}"),
    }
}

/// All documents that this device may read, by kind and person; own answers only when there are any.
pub(super) async fn readable(
    handle: &Handle,
    circle: CircleId,
) -> anyhow::Result<Vec<DocumentText>> {
    let log = handle.log(circle).await?;
    let cards = handle.cards(circle).await?;
    let device = handle.device_key();
    let mut documents: Vec<DocumentRef> = log.state().documents();
    documents.retain(|document| may(log.state(), &device, Action::Read, document).is_ok());
    // What a closed draft said stands in the voice.
    documents.retain(|document| document.kind != Kind::Draft || !log.state().is_shared(document));
    documents.sort_by(|a, b| (a.kind, &a.key).cmp(&(b.kind, &b.key)));
    let mut texts = Vec::new();
    for document in documents {
        let content = handle.document(circle, &document).await?;
        let view = smallwin_model::read(&content, document.kind)?;
        let by = document.person();
        if by.is_some() && view.texts.values().all(smallwin_model::RichText::is_empty) {
            continue;
        }
        texts.push(DocumentText {
            kind: document.kind,
            id: document.id(&circle).to_string(),
            by: by.map(|person| which::name_of(&cards, &person)),
            texts: view
                .texts
                .iter()
                .map(|(name, text)| (name.clone(), smallwin_model::render_text(text)))
                .collect(),
            text: smallwin_model::render(&content, document.kind, None)?,
            key: document.key,
        });
    }
    Ok(texts)
}

async fn refused(handle: &Handle, circle: CircleId, json: bool) -> anyhow::Result<()> {
    let log = handle.log(circle).await?;
    let cards = handle.cards(circle).await?;
    let device = handle.device_key();
    let readable =
        |document: &DocumentRef| may(log.state(), &device, Action::Read, document).is_ok();
    let mut lines = Vec::new();
    for document in log.state().documents().into_iter().filter(readable) {
        for refused in handle.refused(circle, &document).await? {
            let person = refused
                .author
                .and_then(|author| log.state().person_of(&author));
            lines.push(RefusedLine {
                document: document.id(&circle).to_string(),
                kind: document.kind,
                by: person.map_or_else(
                    || String::from("somebody unknown"),
                    |person| which::name_of(&cards, &person),
                ),
                reason: refused.reason,
                change: refused
                    .hash
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect(),
            });
        }
    }
    if json {
        return output::json(&lines);
    }
    if lines.is_empty() {
        return output::line("Nothing was refused.");
    }
    for line in lines {
        output::line(format!(
            "{:<8} {}  by {} ({})",
            line.kind.name(),
            which::short(&line.change),
            line.by,
            line.reason
        ))?;
    }
    Ok(())
}
