//! A Small Win as one file, for people (Markdown) or programs (JSON).

use std::fmt::Write;

use anyhow::Context;
use serde::Serialize;
use smallwin_circle::{CircleId, Kind, RecordId, Role};
use smallwin_node::Handle;

use super::members::{MemberLine, members};
use super::show::{DocumentText, readable};
use crate::args::{ExportArgs, Format};
use crate::{output, which};

#[derive(Serialize)]
struct Exported {
    circle: CircleId,
    title: String,
    members: Vec<MemberLine>,
    documents: Vec<DocumentText>,
    snapshots: Vec<SnapshotLine>,
}

#[derive(Serialize)]
struct SnapshotLine {
    record: RecordId,
    title: String,
    created: String,
    cosigned: usize,
}

/// Writes one Small Win, or all of them.
pub(super) async fn run(handle: &Handle, args: &ExportArgs) -> anyhow::Result<()> {
    let found = match &args.circle {
        Some(name) => vec![which::circle(handle, name).await?],
        None => which::all(handle).await?,
    };
    let mut all = Vec::new();
    for found in found {
        all.push(export(handle, found).await?);
    }
    let text = match args.format {
        Format::Md => all
            .iter()
            .map(markdown)
            .collect::<Result<Vec<_>, _>>()?
            .join("\n"),
        // One that was asked for by name stands alone; a script can rely on it.
        Format::Json => match (&args.circle, all.as_slice()) {
            (Some(_), [one]) => json(one)?,
            _ => json(&all)?,
        },
    };
    match &args.out {
        Some(file) => output::file(file, text.as_bytes())
            .with_context(|| format!("the file {} cannot be written", file.display())),
        None => output::text(text),
    }
}

async fn export(
    handle: &Handle,
    which::Found { circle, title }: which::Found,
) -> anyhow::Result<Exported> {
    let snapshots = handle.snapshots(circle).await?.into_iter().map(|snapshot| {
        let (title, created) = match snapshot.manifest {
            Some(manifest) => (manifest.title, manifest.created.to_string()),
            None => (String::new(), String::new()),
        };
        SnapshotLine {
            record: snapshot.record,
            title,
            created,
            cosigned: snapshot.cosigned,
        }
    });
    Ok(Exported {
        circle,
        title,
        members: members(handle, circle).await?,
        documents: readable(handle, circle).await?,
        snapshots: snapshots.collect(),
    })
}

fn json<T: Serialize + ?Sized>(value: &T) -> anyhow::Result<String> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    Ok(text)
}

fn markdown(exported: &Exported) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(
        text,
        "# {}\n",
        if exported.title.is_empty() {
            "Small Win"
        } else {
            &exported.title
        }
    )?;
    for member in &exported.members {
        writeln!(text, "- {} ({})", member.name, role(member.role()))?;
    }
    for document in &exported.documents {
        write_document(&mut text, document)?;
    }
    if !exported.snapshots.is_empty() {
        writeln!(text, "\n# Vastgesteld\n")?;
    }
    for snapshot in &exported.snapshots {
        let id = which::short(&snapshot.record.to_string());
        writeln!(
            text,
            "- {id} {} {} ({} doen mee)",
            snapshot.created, snapshot.title, snapshot.cosigned
        )?;
    }
    Ok(text)
}

/// The texts under the words of the workbook, since people read this and programs take JSON.
fn write_document(text: &mut String, document: &DocumentText) -> std::fmt::Result {
    let kind = match document.kind {
        Kind::Case => "Casus",
        Kind::CheckIn => "Lichte check-in",
        Kind::Draft => "Eigen stem, nog niet gedeeld",
        Kind::Voice => "Stem",
        Kind::Step => "De betekenisvolle stap",
        other => other.name(),
    };
    match &document.by {
        Some(name) => writeln!(text, "\n# {kind}: {name}")?,
        None => writeln!(text, "\n# {kind}")?,
    }
    for name in smallwin_model::text_names(document.kind) {
        let written = document.texts.get(*name).map_or("", String::as_str);
        // Of somebody's own answers only those that they gave.
        if written.is_empty() && document.by.is_some() {
            continue;
        }
        let label = smallwin_model::label(document.kind, name).unwrap_or(name);
        let written = if written.is_empty() {
            "_(nog leeg)_"
        } else {
            written
        };
        writeln!(text, "\n## {label}\n\n{written}")?;
    }
    Ok(())
}

fn role(role: Option<Role>) -> &'static str {
    match role {
        Some(Role::Facilitator) => "begeleider",
        Some(Role::Owner) => "opgavetrekker",
        Some(Role::Inner) => "binnenkring",
        Some(Role::Outer) => "buitenkring",
        None => "nog niet bevestigd",
    }
}
