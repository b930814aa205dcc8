//! Looks over all that is kept.

use std::path::Path;

use anyhow::{Context, bail};
use serde::Serialize;
use smallwin_node::doctor::{Diagnosis, diagnose};
use smallwin_node::{Restored, progress};
use smallwin_storage::{
    Damage, Examined, IndexFound, JournalStore, Lock, Options, Progress, Store, examine, repair,
};

use crate::args::DoctorArgs;
use crate::output;

#[derive(Serialize)]
struct Report {
    sound: bool,
    commits: u64,
    journal_bytes: u64,
    index: String,
    small_wins: usize,
    records: usize,
    documents: usize,
    changes: usize,
    damage: Vec<String>,
    findings: Vec<String>,
    /// Small Wins in which this device signs nothing before it met another device of them.
    waiting: usize,
    repaired: bool,
}

/// Reads everything; with `--repair` makes a damaged store usable again.
pub(super) fn run(data: &Path, args: &DoctorArgs) -> anyhow::Result<()> {
    let store = data.join("store");
    if !store.is_dir() {
        bail!(
            "{} holds no store; name the data directory with --data",
            data.display()
        );
    }
    let progress = progress::on_terminal();
    let scratch = tempfile::tempdir().context("there is no room for temporary files")?;
    let (examined, copy) = examine(&store, &scratch.path().join("copy"), &progress)
        .context("the store cannot be looked over")?;
    let mut diagnosis = diagnose(&copy, &progress)?;
    drop(copy);
    let is_damaged = !examined.damage.is_empty() || examined.lost_end.is_some();
    let is_sound = !is_damaged
        && diagnosis.findings.is_empty()
        && !matches!(examined.index, IndexFound::Differs(_));
    let repaired = args.repair && !is_sound;
    if repaired {
        diagnosis = mend(data, &store, is_damaged, &progress)?;
    }
    let waiting = Restored::of(data).waiting()?.len();
    let report = Report {
        waiting,
        ..report(&examined, &diagnosis, is_sound, repaired)
    };
    if args.json {
        output::json(&report)?;
    } else {
        print(&report)?;
    }
    if is_sound || repaired {
        Ok(())
    } else if is_damaged {
        bail!("the store is damaged; stop the node and run `smallwin doctor --repair`")
    } else {
        bail!("not everything is in order, see above; connect to other nodes, they send it again")
    }
}

/// Repairs, builds the index anew, and looks once more. When something was lost, records that this device
/// signed may be among it, so that it must meet others before it signs again.
fn mend(
    data: &Path,
    store: &Path,
    is_damaged: bool,
    progress: &Progress,
) -> anyhow::Result<Diagnosis> {
    let _lock = Lock::take(data)?;
    repair(store, progress)?;
    let options = Options {
        progress: progress.clone(),
        ..Options::default()
    };
    let opened = JournalStore::open(store, options)?;
    if is_damaged {
        Restored::of(data).mark(&opened)?;
    }
    let diagnosis = diagnose(&opened, progress)?;
    Box::new(opened).close()?;
    Ok(diagnosis)
}

fn report(examined: &Examined, diagnosis: &Diagnosis, sound: bool, repaired: bool) -> Report {
    let lost = examined
        .lost_end
        .map(|(first, last)| format!("the end of the journal is lost: commits {first} to {last}"));
    let damage = examined
        .damage
        .iter()
        .map(damage_line)
        .chain(lost)
        .collect();
    let findings = diagnosis.findings.iter().map(|finding| {
        let again = if finding.what.is_fetched_again() {
            "other nodes send it again when they connect"
        } else {
            "restore a backup, or join again"
        };
        format!(
            "{}: {} {}; {again}",
            finding.place, finding.count, finding.what
        )
    });
    Report {
        sound,
        commits: examined.last.0,
        journal_bytes: examined.bytes,
        index: match &examined.index {
            IndexFound::Equal => "equal to the journal".to_owned(),
            IndexFound::Differs(why) => {
                format!("differs ({why}); it is built anew at the next start")
            }
            IndexFound::InUse => "not compared, because the node runs and writes to it; stop it and run \
                `smallwin doctor` again to have it compared (at each start the node checks it by itself)"
                .to_owned(),
            IndexFound::NotCompared(why) => format!("not compared: {why}"),
        },
        small_wins: diagnosis.circles,
        records: diagnosis.records,
        documents: diagnosis.documents,
        changes: diagnosis.changes,
        damage,
        findings: findings.collect(),
        waiting: 0,
        repaired,
    }
}

fn damage_line(damage: &Damage) -> String {
    let (first, last) = damage.commits;
    let lost = if first > last {
        "no commit is lost".to_owned()
    } else {
        format!("commits {first} to {last} are lost")
    };
    format!(
        "{}, bytes {} to {}: damaged, {lost}",
        damage.file.display(),
        damage.bytes.start,
        damage.bytes.end
    )
}

fn print(report: &Report) -> anyhow::Result<()> {
    output::line(format!(
        "journal      {} commits, {} MB",
        report.commits,
        report.journal_bytes.div_ceil(1 << 20)
    ))?;
    output::line(format!("index        {}", report.index))?;
    output::line(format!(
        "Small Wins   {} with {} records",
        report.small_wins, report.records
    ))?;
    output::line(format!(
        "documents    {} with {} changes",
        report.documents, report.changes
    ))?;
    for line in report.damage.iter().chain(&report.findings) {
        output::line(format!("!  {line}"))?;
    }
    if report.waiting > 0 {
        output::line(format!(
            "restored     {} Small Wins sign nothing before another device of them was met",
            report.waiting
        ))?;
    }
    if report.repaired {
        output::line(
            "Repaired. The damaged journal is kept in store/damaged until you delete it.",
        )?;
    } else if report.sound {
        output::line("Everything is in order.")?;
    }
    Ok(())
}
