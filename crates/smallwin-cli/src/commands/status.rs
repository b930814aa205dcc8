use serde::Serialize;
use smallwin_node::Status;

use crate::args::ListArgs;
use crate::output;
use crate::session::Session;

#[derive(Serialize)]
struct Line {
    running: bool,
    #[serde(flatten)]
    status: Status,
}

/// Shows how the node is.
pub(super) async fn run(session: &Session, args: &ListArgs) -> anyhow::Result<()> {
    let running = session.is_beside();
    let status = if running {
        serde_json::from_str(&session.handle.ask("status").await?)?
    } else {
        session.handle.status().await?
    };
    if args.json {
        return output::json(&Line { running, status });
    }
    let state = if running { "running" } else { "not running" };
    output::line(format!("Small Wins {} is {state}.", status.version))?;
    for origin in &status.origins {
        output::line(format!("page         {origin}"))?;
    }
    output::line(format!("Small Wins   {}", status.circles.len()))?;
    output::line(format!("connections  {}", status.connections))?;
    for peer in &status.peers {
        let state = if peer.connected {
            "connected"
        } else {
            peer.trouble.as_deref().unwrap_or("connecting")
        };
        output::line(format!(
            "node         {}  {state}",
            peer.url.split('~').next().unwrap_or_default()
        ))?;
    }
    if !status.waiting.is_empty() {
        output::line(format!(
            "restored     {} of them sign nothing before another device of them was met",
            status.waiting.len()
        ))?;
    }
    output::line(format!("node key     {}", status.node_key))?;
    output::line(format!("device key   {}", status.device_key))
}
