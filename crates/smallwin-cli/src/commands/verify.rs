use std::fs::File;
use std::io::Read;

use anyhow::Context;
use serde::Serialize;
use smallwin_circle::limits::SNAPSHOT_FILE_BYTES_MAX;
use smallwin_circle::{CircleId, DeviceKey, Kind, PersonId, RecordId, Role, SnapshotFile};

use crate::args::VerifyArgs;
use crate::{output, which};

#[derive(Serialize)]
struct Verified {
    circle: CircleId,
    snapshot: RecordId,
    title: String,
    created: String,
    signers: Vec<SignerLine>,
    documents: Vec<DocumentLine>,
}

#[derive(Serialize)]
struct SignerLine {
    key: DeviceKey,
    person: PersonId,
    purpose: &'static str,
    role: Role,
    claimed: String,
}

#[derive(Serialize)]
struct DocumentLine {
    kind: Kind,
    id: String,
    text: String,
}

/// Checks a snapshot file with nothing but the file.
pub(super) fn run(args: &VerifyArgs) -> anyhow::Result<()> {
    let name = args.file.display();
    let mut bytes = Vec::new();
    // One byte more than allowed is enough to be refused by its size.
    let limit = SNAPSHOT_FILE_BYTES_MAX as u64 + 1;
    File::open(&args.file)
        .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .with_context(|| format!("the file {name} cannot be read"))?;
    let report = SnapshotFile::verify(&bytes)
        .with_context(|| format!("{name} does not prove an agreement; ask for the file again"))?;
    let verified = Verified {
        circle: report.circle,
        snapshot: report.snapshot,
        title: report.title,
        created: report.created.to_string(),
        signers: report
            .signers
            .iter()
            .map(|signer| SignerLine {
                key: signer.key,
                person: signer.person,
                purpose: signer.purpose.name(),
                role: signer.role,
                claimed: signer.claimed.to_string(),
            })
            .collect(),
        documents: report
            .manifest
            .docs
            .iter()
            .map(|document| DocumentLine {
                kind: document.kind,
                id: document.id.to_string(),
                text: document.text.clone(),
            })
            .collect(),
    };
    if args.json {
        output::json(&verified)
    } else {
        print(&verified)
    }
}

fn print(verified: &Verified) -> anyhow::Result<()> {
    output::line(format!(
        "This file is genuine: \"{}\", said to be of {}.",
        verified.title, verified.created
    ))?;
    output::line("Signed by:")?;
    for signer in &verified.signers {
        let key = which::short(&signer.key.to_string());
        output::line(format!(
            "  {:<11} {key}  {:<8} said to be of {}",
            signer.role.name(),
            signer.purpose,
            signer.claimed
        ))?;
    }
    for document in &verified.documents {
        output::line("")?;
        output::line(format!("# {}", document.kind.name()))?;
        output::line("")?;
        output::text(&document.text)?;
    }
    Ok(())
}
