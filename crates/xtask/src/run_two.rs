//! `cargo xtask run-two`: two nodes with fresh data that know each other, and a page for each.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::{test, tools};

/// The addresses of the two nodes; fixed, because a browser's keys belong to one origin.
const ADDRESSES: [&str; 2] = ["127.0.0.1:7411", "127.0.0.1:7412"];

/// Starts both, prints their pairing links, opens them where there is a desktop, and waits until they end.
pub(crate) fn run(root: &Path) -> Result<()> {
    let binary = test::build(root)?;
    let data = root.join("target").join("run-two");
    if data.exists() {
        fs::remove_dir_all(&data)
            .with_context(|| format!("{} cannot be emptied", data.display()))?;
    }
    let [first, second] = ADDRESSES;
    let mut anna = start(&binary, &data.join("anna"), first, second)?;
    let mut bram = start(&binary, &data.join("bram"), second, first)?;
    println!(
        "\nOpen each link in a tab of its own; each is another person, with keys of their own:"
    );
    for (name, node) in [("Anna", &mut anna), ("Bram", &mut bram)] {
        let link = node.pairing_link()?;
        println!("  {name}: {link}");
        open(&link);
    }
    println!(
        "\nThe data stands in {}. Ctrl-C ends both nodes.",
        data.display()
    );
    anna.wait()?;
    bram.wait()
}

/// A node that was started here; it ends with this program.
struct Node {
    child: Child,
    output: BufReader<ChildStdout>,
}

fn start(binary: &PathBuf, data: &Path, listen: &str, peer: &str) -> Result<Node> {
    fs::create_dir_all(data).with_context(|| format!("{} cannot be made", data.display()))?;
    let mut child = Command::new(binary)
        .arg("serve")
        .arg("--no-browser")
        .arg("--data")
        .arg(data)
        .args(["--listen", listen, "--peer", &format!("ws://{peer}")])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("{} could not be started", binary.display()))?;
    let output = child.stdout.take().context("the node's output is a pipe")?;
    Ok(Node {
        child,
        output: BufReader::new(output),
    })
}

impl Node {
    /// The first address with a secret that the node prints.
    fn pairing_link(&mut self) -> Result<String> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.output.read_line(&mut line)? == 0 {
                bail!(
                    "the node ended before it printed its pairing link; its own message stands above"
                );
            }
            let link = line
                .split_whitespace()
                .find(|word| word.starts_with("http") && word.contains('#'));
            if let Some(link) = link {
                return Ok(link.to_owned());
            }
        }
    }

    fn wait(&mut self) -> Result<()> {
        // Reading on keeps the node from blocking on a full pipe.
        std::io::copy(&mut self.output, &mut std::io::stdout())?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn open(link: &str) {
    let desktop =
        tools::variable("DISPLAY").is_some() || tools::variable("WAYLAND_DISPLAY").is_some();
    let opener = if cfg!(target_os = "macos") {
        tools::find(&["open"])
    } else {
        tools::find(&["xdg-open"])
    };
    let Some(opener) = opener.filter(|_| desktop || cfg!(target_os = "macos")) else {
        return;
    };
    // Without a browser the printed link is enough.
    let _ = Command::new(opener)
        .arg(link)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
}
