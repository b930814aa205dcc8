//! Writes docs/performance.md from the JSON of a run; what stands below the mark is written by hand and stays.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::report::short;

const MARK: &str = "<!-- Written by hand from here on; the lines above are generated. -->";
const SERVERS: [(&str, &str); 8] = [
    ("relay", "bare relay"),
    ("relay-yjs", "bare relay, Yjs"),
    ("y-sweet", "y-sweet"),
    ("hocuspocus", "Hocuspocus"),
    ("automerge-repo", "automerge-repo"),
    ("samod", "samod"),
    ("ours", "**ours**"),
    ("ours-signed", "ours, signed"),
];

/// Figures of a run.
struct Data(Value);

impl Data {
    fn median(&self, row: &str, server: &str, figure: &str) -> Option<f64> {
        let figures = self.0.get("rows")?.get(row)?.get(server)?.get("figures")?;
        figures.get(figure)?.get("median")?.as_f64()
    }

    fn failed(&self, row: &str, server: &str) -> Option<&str> {
        let server = self.0.get("rows")?.get(row)?.get(server)?;
        server.get("failed")?.as_str()
    }

    fn ours(&self, row: &str, figure: &str) -> Option<f64> {
        self.median(row, "ours", figure)
    }
}

/// One line of the table.
struct Line {
    title: &'static str,
    row: &'static str,
    figure: &'static str,
    goal: &'static str,
    is_met: fn(&Data) -> Option<bool>,
}

const LINES: &[Line] = &[
    Line {
        title: "CPU per edit and reader at 10 edits/s, 50 readers, µs",
        row: "steady-50",
        figure: "cpu_us_per_edit_reader",
        goal: "≤ 1.5 × bare relay",
        is_met: |data| {
            let relay = data.median("steady-50", "relay", "cpu_us_per_edit_reader")?;
            Some(data.ours("steady-50", "cpu_us_per_edit_reader")? <= 1.5 * relay)
        },
    },
    Line {
        title: "the same, 500 readers, µs",
        row: "steady-500",
        figure: "cpu_us_per_edit_reader",
        goal: "",
        is_met: |_| None,
    },
    Line {
        title: "edits/s at full rate, 10 readers",
        row: "full-rate-10",
        figure: "edits_per_second",
        goal: "≥ y-sweet",
        is_met: |data| as_y_sweet(data, "full-rate-10"),
    },
    Line {
        title: "edits/s at full rate, 50 readers",
        row: "full-rate-50",
        figure: "edits_per_second",
        goal: "≥ y-sweet",
        is_met: |data| as_y_sweet(data, "full-rate-50"),
    },
    Line {
        title: "edits/s at full rate, 200 readers",
        row: "full-rate-200",
        figure: "edits_per_second",
        goal: "≥ y-sweet",
        is_met: |data| as_y_sweet(data, "full-rate-200"),
    },
    Line {
        title: "edits/s at full rate, 500 readers",
        row: "full-rate-500",
        figure: "edits_per_second",
        goal: "",
        is_met: |_| None,
    },
    Line {
        title: "latency to all, p99, 200 readers, ms",
        row: "steady-200",
        figure: "latency_p99_ms",
        goal: "≤ 10",
        is_met: |data| Some(data.ours("steady-200", "latency_p99_ms")? <= 10.0),
    },
    Line {
        title: "latency to all, p99, 500 readers, ms",
        row: "steady-500",
        figure: "latency_p99_ms",
        goal: "",
        is_met: |_| None,
    },
    Line {
        title: "CPU per change, 100 readers, 100 changes of history, ms",
        row: "history-100",
        figure: "cpu_ms_per_change",
        goal: "",
        is_met: |_| None,
    },
    Line {
        title: "CPU per change, 100 readers, 10,000 changes of history, ms",
        row: "history-10000",
        figure: "cpu_ms_per_change",
        goal: "flat, ≥ 50 × below the best Automerge server",
        is_met: |data| {
            let figure = "cpu_ms_per_change";
            let ours = data.ours("history-10000", figure)?;
            let others =
                ["samod", "automerge-repo"].map(|name| data.median("history-10000", name, figure));
            let best = others.into_iter().flatten().reduce(f64::min)?;
            Some(ours * 50.0 <= best && ours <= 2.0 * data.ours("history-100", figure)?)
        },
    },
    Line {
        title: "CPU per change, 100 readers, 40,000 changes of history, ms",
        row: "history-40000",
        figure: "cpu_ms_per_change",
        goal: "",
        is_met: |_| None,
    },
    Line {
        title: "50 cold joins of automerge-paper after a restart: last, s",
        row: "cold-join",
        figure: "last_s",
        goal: "level with y-sweet",
        is_met: |data| level(data, "last_s"),
    },
    Line {
        title: "the same: CPU, s",
        row: "cold-join",
        figure: "cpu_s",
        goal: "level with y-sweet",
        is_met: |data| level(data, "cpu_s"),
    },
    Line {
        title: "the same: peak memory, MB",
        row: "cold-join",
        figure: "memory_peak_mb",
        goal: "level with y-sweet",
        is_met: |data| level(data, "memory_peak_mb"),
    },
    Line {
        title: "the same: kB per joiner",
        row: "cold-join",
        figure: "kb_per_joiner",
        goal: "≤ 135",
        is_met: |data| Some(data.ours("cold-join", "kb_per_joiner")? <= 135.0),
    },
    Line {
        title: "a burst of 5,000 edits to 50 readers, delivered, %",
        row: "burst",
        figure: "delivered_percent",
        goal: "100",
        is_met: |data| Some(data.ours("burst", "delivered_percent")? >= 100.0),
    },
    Line {
        title: "the same: seconds to the last",
        row: "burst",
        figure: "seconds",
        goal: "",
        is_met: |_| None,
    },
    Line {
        title: "the same: peak memory, MB",
        row: "burst",
        figure: "memory_peak_mb",
        goal: "bounded",
        is_met: |data| Some(data.ours("burst", "memory_growth_mb")? <= 64.0),
    },
    Line {
        title: "10,000 stored documents: exec to answered handshake, ms",
        row: "start-10000",
        figure: "exec_to_handshake_ms",
        goal: "≤ 5",
        is_met: |data| Some(data.ours("start-10000", "exec_to_handshake_ms")? <= 5.0),
    },
    Line {
        title: "the same: exec to open port, ms",
        row: "start-10000",
        figure: "exec_to_port_ms",
        goal: "opens when ready",
        is_met: |data| {
            let answered = data.ours("start-10000", "exec_to_handshake_ms")?;
            Some(answered - data.ours("start-10000", "exec_to_port_ms")? <= 2.0)
        },
    },
    Line {
        title: "100,000 stored documents: exec to answered handshake, ms",
        row: "start-100000",
        figure: "exec_to_handshake_ms",
        goal: "",
        is_met: |_| None,
    },
    Line {
        title: "1,000 documents, a writer and a reader each: CPU per edit, µs",
        row: "documents-1000",
        figure: "cpu_us_per_edit",
        goal: "≤ 30",
        is_met: |data| Some(data.ours("documents-1000", "cpu_us_per_edit")? <= 30.0),
    },
    Line {
        title: "10,000 documents: CPU per edit, µs",
        row: "documents-10000",
        figure: "cpu_us_per_edit",
        goal: "",
        is_met: |_| None,
    },
    Line {
        title: "100,000 documents: CPU per edit, µs",
        row: "documents-100000",
        figure: "cpu_us_per_edit",
        goal: "",
        is_met: |_| None,
    },
    Line {
        title: "memory per idle document, its two peers connected, KiB (of 1,000)",
        row: "documents-1000",
        figure: "memory_kib_per_document",
        goal: "",
        is_met: |_| None,
    },
    Line {
        title: "memory per idle document, nobody connected, KiB (of 1,000)",
        row: "documents-1000",
        figure: "memory_kib_per_document_alone",
        goal: "≤ 1",
        is_met: |data| Some(data.ours("documents-1000", "memory_kib_per_document_alone")? <= 1.0),
    },
    Line {
        title: "memory per idle document, nobody connected, KiB (of 10,000)",
        row: "documents-10000",
        figure: "memory_kib_per_document_alone",
        goal: "≤ 1",
        is_met: |data| Some(data.ours("documents-10000", "memory_kib_per_document_alone")? <= 1.0),
    },
    Line {
        title: "reconnect with 1,000 unchanged documents, CPU per document, µs",
        row: "reconnect",
        figure: "cpu_us_per_document",
        goal: "≤ 5",
        is_met: |data| Some(data.ours("reconnect", "cpu_us_per_document")? <= 5.0),
    },
    Line {
        title: "the same after a restart, µs",
        row: "reconnect",
        figure: "cpu_us_per_document_after_restart",
        goal: "≤ 5",
        is_met: |data| Some(data.ours("reconnect", "cpu_us_per_document_after_restart")? <= 5.0),
    },
    Line {
        title: "SIGKILL right after a reader saw the edit: lost",
        row: "kill",
        figure: "lost",
        goal: "0",
        is_met: |data| Some(data.ours("kill", "lost")? == 0.0),
    },
    Line {
        title: "the same: rounds",
        row: "kill",
        figure: "rounds",
        goal: "",
        is_met: |_| None,
    },
    Line {
        title: "20,000 requests for random ids: memory kept, MB",
        row: "random-ids",
        figure: "memory_growth_mb",
        goal: "nothing",
        is_met: |data| Some(data.ours("random-ids", "memory_growth_mb")? <= 4.0),
    },
    Line {
        title: "the same: CPU, s",
        row: "random-ids",
        figure: "cpu_s",
        goal: "",
        is_met: |_| None,
    },
    Line {
        title: "the same: p99 of others before, ms",
        row: "random-ids",
        figure: "others_p99_before_ms",
        goal: "",
        is_met: |_| None,
    },
    Line {
        title: "the same: p99 of others meanwhile, ms",
        row: "random-ids",
        figure: "others_p99_during_ms",
        goal: "within 2 × before",
        is_met: |data| {
            let before = data.ours("random-ids", "others_p99_before_ms")?;
            Some(data.ours("random-ids", "others_p99_during_ms")? <= 2.0 * before)
        },
    },
];

fn as_y_sweet(data: &Data, row: &str) -> Option<bool> {
    let y_sweet = data.median(row, "y-sweet", "edits_per_second")?;
    Some(data.ours(row, "edits_per_second")? >= y_sweet)
}

/// Level: not more than half as much again.
fn level(data: &Data, figure: &str) -> Option<bool> {
    let y_sweet = data.median("cold-join", "y-sweet", figure)?;
    Some(data.ours("cold-join", figure)? <= 1.5 * y_sweet)
}

/// `report FOLDER PAGE`: reads `sync.json` and `instructions.txt` from the folder and writes the page.
pub(crate) fn command(arguments: &[String]) -> Result<()> {
    let [folder, page] = arguments else {
        anyhow::bail!("report takes the folder of a run and the page to write");
    };
    let (folder, page) = (Path::new(folder), Path::new(page));
    let text = fs::read_to_string(folder.join("sync.json"));
    let data = Data(serde_json::from_str(
        &text.context("no run has left sync.json")?,
    )?);
    let instructions = fs::read_to_string(folder.join("instructions.txt")).unwrap_or_default();
    let before = fs::read_to_string(page).unwrap_or_default();
    let by_hand = before.split_once(MARK).map_or("\n", |(_, by_hand)| by_hand);
    let generated = generated(&data, &instructions)?;
    fs::write(page, format!("{generated}{MARK}{by_hand}"))?;
    println!("{} is written", page.display());
    Ok(())
}

fn generated(data: &Data, instructions: &str) -> Result<String> {
    let mut out = String::new();
    let text = |name: &str| data.0.get(name).and_then(Value::as_str).unwrap_or_default();
    let quick = data.0.get("quick").and_then(Value::as_bool).unwrap_or(true);
    let rounds = data.0.get("rounds").and_then(Value::as_u64).unwrap_or(1);
    let flag = if quick { "" } else { " --full" };
    writeln!(out, "# Performance\n")?;
    writeln!(
        out,
        "`cargo xtask bench sync{flag}`, {}, commit {}, {}. Medians of {rounds} round{}, all servers in turn in each; \
         one machine for servers and load.\n",
        said("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
        said("git", &["rev-parse", "--short=10", "HEAD"]),
        text("machine"),
        if rounds == 1 { "" } else { "s" },
    )?;
    let shown: Vec<&(&str, &str)> = SERVERS
        .iter()
        .filter(|(name, _)| {
            LINES
                .iter()
                .any(|line| data.median(line.row, name, line.figure).is_some())
        })
        .collect();
    let titles: Vec<&str> = shown.iter().map(|(_, title)| *title).collect();
    writeln!(out, "| measure | {} | goal | met |", titles.join(" | "))?;
    writeln!(out, "|---|{}---|---|", "---|".repeat(shown.len()))?;
    for line in LINES {
        let cells: Vec<String> = shown
            .iter()
            .map(|(name, _)| match data.median(line.row, name, line.figure) {
                Some(figure) => short(figure),
                None if data.failed(line.row, name).is_some() => "failed".to_owned(),
                None => "–".to_owned(),
            })
            .collect();
        if cells.iter().all(|cell| cell == "–") {
            continue;
        }
        let met = match (line.is_met)(data) {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "",
        };
        writeln!(
            out,
            "| {} | {} | {} | {met} |",
            line.title,
            cells.join(" | "),
            line.goal
        )?;
    }
    failures(&mut out, data)?;
    load(&mut out, data, &shown)?;
    if !instructions.trim().is_empty() {
        writeln!(out, "\n## Instructions of the hot path\n")?;
        writeln!(
            out,
            "The engine alone under callgrind, a document of 2,000 changes; a machine that is busy does not change them. \
             `cargo xtask bench engine` fails when they grow by more than 5 %.\n"
        )?;
        writeln!(
            out,
            "| readers | instructions per edit | per edit and reader |\n|---|---|---|"
        )?;
        for line in instructions.lines() {
            let (readers, each) = line.split_once(' ').context("readers and instructions")?;
            let (readers, each): (f64, f64) = (readers.parse()?, each.parse()?);
            writeln!(
                out,
                "| {readers} | {} | {} |",
                short(each),
                short(each / readers)
            )?;
        }
    }
    writeln!(out)?;
    Ok(out)
}

fn failures(out: &mut String, data: &Data) -> Result<()> {
    let mut lines = Vec::new();
    for (row, servers) in data
        .0
        .get("rows")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        for (server, _) in servers.as_object().into_iter().flatten() {
            if let Some(why) = data.failed(row, server) {
                lines.push(format!("* `{row}`, {server}: {why}"));
            }
        }
    }
    for (server, why) in data
        .0
        .get("left_out")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        lines.push(format!(
            "* {server} is left out: {}",
            why.as_str().unwrap_or_default()
        ));
    }
    if !lines.is_empty() {
        writeln!(out, "\nWhat failed:\n\n{}", lines.join("\n"))?;
    }
    Ok(())
}

/// What a message cost the load generator, beside what it cost the server.
fn load(out: &mut String, data: &Data, shown: &[&(&str, &str)]) -> Result<()> {
    writeln!(out, "\n## The load generator beside the servers\n")?;
    writeln!(
        out,
        "CPU per WebSocket message, both ways, µs: server / load generator.\n"
    )?;
    let titles: Vec<&str> = shown.iter().map(|(_, title)| *title).collect();
    writeln!(out, "| row | {} |", titles.join(" | "))?;
    writeln!(out, "|---|{}", "---|".repeat(shown.len()))?;
    for row in [
        "steady-50",
        "steady-200",
        "full-rate-10",
        "full-rate-50",
        "full-rate-200",
    ] {
        let cells: Vec<String> = shown
            .iter()
            .map(|(name, _)| {
                let server = data.median(row, name, "server_us_per_message");
                let load = data.median(row, name, "load_us_per_message");
                match (server, load) {
                    (Some(server), Some(load)) => format!("{} / {}", short(server), short(load)),
                    _ => "–".to_owned(),
                }
            })
            .collect();
        writeln!(out, "| {row} | {} |", cells.join(" | "))?;
    }
    Ok(())
}

/// What a program says, or nothing when it is not there.
fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or_else(
        |_| "?".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
