//! Finds the Small Win, snapshot or person that a few letters stand for.

use std::time::Duration;

use anyhow::bail;
use smallwin_circle::{Card, CircleId, DocumentRef, PersonId};
use smallwin_node::{Handle, HandleError};
use tokio::time::{Instant, timeout_at};

/// How long to wait at most before looking again for a title that has not arrived.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// A Small Win with its title.
pub(crate) struct Found {
    /// Its id.
    pub(crate) circle: CircleId,
    /// Its title; empty when nobody wrote one, or it has not arrived.
    pub(crate) title: String,
}

/// All Small Wins that are here.
pub(crate) async fn all(handle: &Handle) -> Result<Vec<Found>, HandleError> {
    let mut all = Vec::new();
    for circle in handle.circles().await? {
        all.push(Found {
            circle,
            title: title(handle, circle).await,
        });
    }
    Ok(all)
}

/// The one Small Win that `name` stands for: its title, or the start of its title or id.
pub(crate) async fn circle(handle: &Handle, name: &str) -> anyhow::Result<Found> {
    let mut found = all(handle).await?;
    if found.is_empty() {
        bail!(
            "there is no Small Win here yet; begin one with `smallwin new` or join one with `smallwin join`"
        );
    }
    let names: Vec<(String, String)> = found
        .iter()
        .map(|found| (found.title.clone(), found.circle.to_string()))
        .collect();
    match choose(name, &names) {
        Ok(index) => Ok(found.swap_remove(index)),
        Err(0) => bail!(
            "no Small Win here is called or begins with \"{name}\"; `smallwin list` shows all"
        ),
        Err(count) => bail!(
            "\"{name}\" stands for {count} Small Wins; type more of the title, or the id from `smallwin list`"
        ),
    }
}

/// The name on a person's card, or the start of their key.
pub(crate) fn name_of(cards: &[Card], person: &PersonId) -> String {
    let card = cards
        .iter()
        .map(Card::fields)
        .find(|fields| fields.person == *person);
    card.map_or_else(|| short(&person.to_string()), |card| card.name.clone())
}

/// Enough of an id to know it by.
pub(crate) fn short(id: &str) -> String {
    id.chars().take(10).collect()
}

/// The index of the one name that is meant, or how many could be.
fn choose(wanted: &str, names: &[(String, String)]) -> Result<usize, usize> {
    let one = |matches: &dyn Fn(&(String, String)) -> bool| {
        let mut indices = names
            .iter()
            .enumerate()
            .filter(|(_, name)| matches(name))
            .map(|(index, _)| index);
        match (indices.next(), indices.count()) {
            (Some(index), 0) => Ok(index),
            (Some(_), more) => Err(more + 1),
            (None, _) => Err(0),
        }
    };
    let folded = wanted.to_lowercase();
    if wanted.is_empty() {
        return Err(0);
    }
    // An exact title wins over longer ones that begin with it.
    for rule in [
        &|(title, id): &(String, String)| title == wanted || id == wanted,
        &|(title, id): &(String, String)| {
            title.to_lowercase().starts_with(&folded) || id.starts_with(wanted)
        },
    ] as [&dyn Fn(&(String, String)) -> bool; 2]
    {
        match one(rule) {
            Err(0) => {}
            decided => return decided,
        }
    }
    Err(0)
}

/// The title, as soon as it is here; empty when it does not come in time.
pub(crate) async fn title_within(handle: &Handle, circle: CircleId, within: Duration) -> String {
    let deadline = Instant::now() + within;
    let mut changes = handle.changes();
    loop {
        let title = title(handle, circle).await;
        if !title.is_empty() || Instant::now() >= deadline {
            return title;
        }
        // Lagging and silence both mean: look again.
        let again = deadline.min(Instant::now() + LOOK_AGAIN);
        let _notice = timeout_at(again, changes.recv()).await;
    }
}

async fn title(handle: &Handle, circle: CircleId) -> String {
    let Ok(case) = handle.document(circle, &DocumentRef::case()).await else {
        return String::new();
    };
    let Ok(view) = smallwin_model::read(&case, smallwin_circle::Kind::Case) else {
        return String::new();
    };
    view.texts
        .get("title")
        .map(smallwin_model::render_text)
        .unwrap_or_default()
        .replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let names = [
            ("Thuiskomen", "abc"),
            ("Thuiskomen na een opname", "abd"),
            ("Anders", "xyz"),
        ]
        .map(|(title, id)| (title.to_owned(), id.to_owned()));
        let check = |wanted: &str, expect: Result<usize, usize>| {
            assert_eq!(choose(wanted, &names), expect, "{wanted}")
        };
        check("Thuiskomen", Ok(0));
        check("thuiskomen na", Ok(1));
        check("thuis", Err(2));
        check("ab", Err(2));
        check("abd", Ok(1));
        check("ANDERS", Ok(2));
        check("x", Ok(2));
        check("nothing", Err(0));
        check("", Err(0));
    }
}
