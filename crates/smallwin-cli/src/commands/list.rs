use serde::Serialize;
use smallwin_circle::{CircleId, Role};
use smallwin_node::Handle;

use crate::args::ListArgs;
use crate::{output, which};

#[derive(Serialize)]
struct Line {
    circle: CircleId,
    title: String,
    role: Option<Role>,
    members: usize,
}

/// Lists the Small Wins that are kept here.
pub(super) async fn run(handle: &Handle, args: &ListArgs) -> anyhow::Result<()> {
    let mut lines = Vec::new();
    for found in which::all(handle).await? {
        let log = handle.log(found.circle).await?;
        lines.push(Line {
            circle: found.circle,
            title: found.title,
            role: log.state().role_of_device(&handle.device_key()),
            members: log.state().members().count(),
        });
    }
    if args.json {
        return output::json(&lines);
    }
    for line in lines {
        let role = line.role.map_or("no member", Role::name);
        output::line(format!(
            "{}  {role:<12} {:>3} people  {}",
            which::short(&line.circle.to_string()),
            line.members,
            line.title
        ))?;
    }
    Ok(())
}
