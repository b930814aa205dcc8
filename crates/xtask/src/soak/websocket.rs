//! `cargo xtask soak websocket`: the Autobahn test suite against the node's listener.
//!
//! The suite sends each message and wants it back, so it talks to the echo that the tests of
//! smallwin-node put behind the real listener (`crates/smallwin-node/src/echo.rs`).

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::{program::Program, stage::Stages, tools};

/// The suite as it stands in the registry of Python packages; it runs under Python 2.7 only.
const SUITE: &str = "autobahntestsuite==25.10.1";

/// Cases of that suite. Fewer in a report mean that it did not run to its end.
const CASES: usize = 517;

/// What the report calls the listener.
const AGENT: &str = "smallwin";

/// The only cases that may be left out: they are about compression, which the node never agrees to.
const COMPRESSION: [&str; 2] = ["12.", "13."];

/// Runs every case and fails when one of them failed.
pub(super) fn run(root: &Path) -> Result<()> {
    let mut stages = Stages::default();
    let folder = tools::target(root).join("autobahn");
    let mut python = PathBuf::new();
    stages.run("Python 2.7 with the suite", || {
        python = tools::python2(root)?;
        println!("python: {}", python.display());
        fs::create_dir_all(&folder)?;
        install(&folder, &python)
    })?;
    let arguments = ["test", "--package", "smallwin-node", "--lib", "--no-run"];
    stages.run("build", || {
        Program::cargo(root, &arguments)
            .with("SMALLWIN_SKIP_WEB", "1")
            .run()
    })?;
    stages.run("websocket: the Autobahn suite, all cases", || {
        let (mut listener, url) = listen(root)?;
        let suite = drive(&folder, &python, &url);
        // The listener ends with its standard input.
        drop(listener.stdin.take());
        let ended = listener.wait().context("waiting for the listener")?;
        suite?;
        if !ended.success() {
            bail!("the listener ended with {ended}");
        }
        report(&folder.join("reports"))
    })?;
    stages.summary();
    Ok(())
}

/// The suite stands in a folder of its own, so that nothing of the machine's Python changes.
fn install(folder: &Path, python: &Path) -> Result<()> {
    if folder.join("bin/wstest").is_file() {
        return Ok(());
    }
    let python = python.to_string_lossy();
    let arguments = ["-m", "pip", "install", "--user", "--quiet", SUITE];
    Program::new(folder, &python, &arguments)
        .with("PYTHONUSERBASE", folder)
        .run()
        .context("the suite could not be installed; it comes by pip from the registry of Python packages")
}

fn listen(root: &Path) -> Result<(Child, String)> {
    let mut listener = Command::new(env!("CARGO"))
        .args(["test", "--quiet", "--package", "smallwin-node", "--lib"])
        .args(["--", "echo::", "--nocapture"])
        .current_dir(root)
        .env("SMALLWIN_SKIP_WEB", "1")
        .env("SMALLWIN_ECHO_LISTEN", "127.0.0.1:0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("the listener could not be started")?;
    let output = listener.stdout.take().context("the listener's output")?;
    let mut lines = BufReader::new(output).lines();
    while let Some(line) = lines.next().transpose()? {
        if let Some((_, url)) = line.split_once("echo at ") {
            let url = url.trim().to_owned();
            std::thread::spawn(move || lines.for_each(drop));
            return Ok((listener, url));
        }
    }
    bail!(
        "the listener ended before it listened: {}",
        listener.wait()?
    )
}

fn drive(folder: &Path, python: &Path, url: &str) -> Result<()> {
    let reports = folder.join("reports");
    if reports.exists() {
        fs::remove_dir_all(&reports)?;
    }
    let spec = json!({
        "outdir": reports,
        "servers": [{"agent": AGENT, "url": url}],
        "cases": ["*"],
        "exclude-cases": [],
        "exclude-agent-cases": {},
    });
    fs::write(folder.join("spec.json"), spec.to_string())?;
    let python = python.to_string_lossy();
    let arguments = ["bin/wstest", "--mode=fuzzingclient", "--spec=spec.json"];
    Program::new(folder, &python, &arguments)
        .with("PYTHONUSERBASE", folder)
        .quiet()
        .run()
}

/// Counts the verdicts, names every case that is not simply right, and fails on a failed one.
fn report(reports: &Path) -> Result<()> {
    let path = reports.join("index.json");
    let text =
        fs::read_to_string(&path).with_context(|| format!("{} was not written", path.display()))?;
    let index: Value = serde_json::from_str(&text)?;
    let cases = index
        .get(AGENT)
        .and_then(Value::as_object)
        .context("the report says nothing of the listener")?;
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut failed = Vec::new();
    for (case, verdict) in cases {
        let word = |name| verdict.get(name).and_then(Value::as_str).unwrap_or("?");
        let (behaviour, close) = (word("behavior"), word("behaviorClose"));
        *counts.entry(behaviour).or_default() += 1;
        let is_left_out = COMPRESSION.iter().any(|start| case.starts_with(start));
        let behaves = match behaviour {
            "OK" | "NON-STRICT" | "INFORMATIONAL" => true,
            "UNIMPLEMENTED" => is_left_out,
            _ => false,
        };
        let closes = matches!(close, "OK" | "INFORMATIONAL");
        if !behaves || !closes {
            failed.push(format!("{case} ({behaviour}, close {close})"));
        } else if behaviour != "OK" && !is_left_out {
            println!("  {case}: {behaviour}");
        }
    }
    for (behaviour, count) in &counts {
        println!("  {count:>4}  {behaviour}");
    }
    println!(
        "  {:>4}  cases; {} failed. Each case: {}",
        cases.len(),
        failed.len(),
        reports.display()
    );
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    if cases.len() < CASES {
        bail!("only {} of {CASES} cases ran", cases.len());
    }
    Ok(())
}
