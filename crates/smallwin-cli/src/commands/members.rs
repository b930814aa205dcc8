use serde::Serialize;
use smallwin_circle::{Card, CircleId, PersonId, Role};
use smallwin_node::{Handle, HandleError};

use crate::args::CircleArgs;
use crate::{output, which};

/// Somebody who takes part.
#[derive(Debug, Serialize)]
pub(super) struct MemberLine {
    person: PersonId,
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    organisation: Option<String>,
    role: Option<Role>,
    contested: bool,
    devices: Vec<String>,
}

impl MemberLine {
    pub(super) const fn role(&self) -> Option<Role> {
        self.role
    }
}

/// Shows who takes part, in the order in which they came.
pub(super) async fn run(handle: &Handle, args: &CircleArgs) -> anyhow::Result<()> {
    let found = which::circle(handle, &args.circle).await?;
    let members = members(handle, found.circle).await?;
    if args.json {
        return output::json(&members);
    }
    for member in members {
        let role = member.role.map_or("contested", Role::name);
        output::line(format!("{role:<12} {}", member.name))?;
    }
    Ok(())
}

/// Who takes part, in the order in which they came.
pub(super) async fn members(
    handle: &Handle,
    circle: CircleId,
) -> Result<Vec<MemberLine>, HandleError> {
    let log = handle.log(circle).await?;
    let cards = handle.cards(circle).await?;
    let line = |member: &smallwin_circle::Member| {
        let card = cards
            .iter()
            .map(Card::fields)
            .find(|fields| fields.person == member.person);
        MemberLine {
            person: member.person,
            name: which::name_of(&cards, &member.person),
            organisation: card.and_then(|card| card.organisation.clone()),
            role: member.role,
            contested: member.contested,
            devices: member.devices.iter().map(ToString::to_string).collect(),
        }
    };
    Ok(log.state().members().map(line).collect())
}
