//! Runs the node until it is told to stop.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, bail};
use smallwin_node::{Config, Node, logging, start};
use tokio::signal::ctrl_c;

use crate::args::ServeArgs;
use crate::{output, place};

/// Runs the node of a data directory.
pub(super) async fn run(data: PathBuf, args: &ServeArgs) -> anyhow::Result<()> {
    let config = config(data, args)?;
    let browser = config.browser;
    logging::start(&config.log, config.log_format)?;
    logging::quiet_panics();
    let node = start(config).await?;
    announce(&node, browser).await?;
    until_stopped(node).await
}

/// The configuration: file, then environment, then flags.
pub(super) fn config(data: PathBuf, args: &ServeArgs) -> anyhow::Result<Config> {
    let environment = env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    Ok(Config::load(
        data,
        args.config.clone(),
        environment,
        args.layer(),
    )?)
}

/// Says where the page is, and opens it where there is a desktop.
pub(super) async fn announce(node: &Node, browser: bool) -> anyhow::Result<()> {
    let handle = node.handle();
    let addresses = handle.addresses();
    let page = addresses
        .origins
        .first()
        .context("this node does not listen, so it serves no page")?;
    output::line(format!("Small Wins is running at {page}"))?;
    let is_restored = !handle.status().await?.waiting.is_empty();
    let link = if is_restored || handle.is_paired().await? {
        None
    } else {
        Some(handle.pairing_link().await?)
    };
    match &link {
        Some(link) => {
            output::line(format!(
                "Open this link once to pair your browser (valid for 15 minutes):\n  {link}"
            ))?;
        }
        None if is_restored => output::line(
            "Restored: it signs nothing and pairs no browser before it met another device of your Small \
            Wins. `smallwin status` shows how far it is.",
        )?,
        None => output::line("Pair another browser with a link from `smallwin pair`.")?,
    }
    output::line("Stop with Ctrl+C.")?;
    if browser && place::has_desktop() {
        // Without a browser the printed link is still there.
        if let Err(error) = open::that_detached(link.as_deref().unwrap_or(page)) {
            output::line(format!(
                "The browser could not be opened ({error}); open the address yourself."
            ))?;
        }
    }
    Ok(())
}

/// Waits for Ctrl+C, a request to terminate, or a fault; then stops in good order.
pub(super) async fn until_stopped(node: Node) -> anyhow::Result<()> {
    let fault = tokio::select! {
        asked = asked_to_stop() => {
            asked.context("signals cannot be watched")?;
            false
        }
        () = node.failed() => true,
    };
    let stopped = tokio::select! {
        stopped = node.shutdown() => stopped,
        // Whoever asks twice does not want to wait; nothing that was acknowledged is lost.
        _ = ctrl_c() => Ok(()),
    };
    if fault {
        bail!(
            "the node stopped after a fault in the program; see the log above, and start it again"
        );
    }
    stopped.context("the store was not closed in good order; nothing that was kept is lost")
}

/// Returns on Ctrl+C, and where the system has it on a request to terminate.
async fn asked_to_stop() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            _ = terminate.recv() => Ok(()),
            asked = ctrl_c() => asked,
        }
    }
    #[cfg(not(unix))]
    ctrl_c().await
}
