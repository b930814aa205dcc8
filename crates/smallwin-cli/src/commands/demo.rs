//! A node with the worked example, written by its people as they would write it themselves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use smallwin_circle::{CircleId, DocumentRef, InviteLink, RecordId, Role};
use smallwin_model::example::{Example, Person};
use smallwin_node::{Config, Engine, Handle, Node, PeerUrl, Storage, logging, start};
use tempfile::TempDir;

use super::serve::{announce, config, until_stopped};
use super::write::REVISION;
use crate::args::ServeArgs;
use crate::output;

/// How long each step of the example may take on a slow machine.
const WITHIN: Duration = Duration::from_secs(60);

/// What the agreed step of the example is called.
const SNAPSHOT_TITLE: &str = "Betekenisvolle stap, eerste versie";

/// How long an invite of the example is valid; it is used at once.
const INVITE_VALID: Duration = Duration::from_secs(3600);

/// Runs a node with the worked example.
pub(super) async fn run(data: Option<PathBuf>, args: &ServeArgs) -> anyhow::Result<()> {
    let fresh = TempDir::with_prefix("smallwin-demo-")
        .context("there is no room for a temporary folder")?;
    let data = match data {
        Some(data) => std::path::absolute(data)?,
        None => fresh.path().join("facilitator"),
    };
    let config = config(data, args)?;
    let browser = config.browser;
    logging::start(&config.log, config.log_format)?;
    logging::quiet_panics();
    let node = start(config).await?;
    if node.handle().circles().await?.is_empty() {
        output::line("Writing the worked example…")?;
        play(&node, fresh.path()).await?;
    }
    announce(&node, browser).await?;
    until_stopped(node).await
}

/// Plays the example: the facilitator begins, everybody joins from a node of their own and writes.
async fn play(node: &Node, folder: &Path) -> anyhow::Result<()> {
    let example = Example::load()?;
    let handle = node.handle();
    let facilitator = example
        .facilitator()
        .context("the example has no facilitator")?;
    let circle = handle.create_circle().await?;
    introduce(&handle, circle, facilitator).await?;
    write(&handle, circle, DocumentRef::case(), example.case_texts()).await?;
    write(
        &handle,
        circle,
        DocumentRef::check_in(REVISION),
        example.check_in_texts(),
    )
    .await?;
    write(&handle, circle, DocumentRef::step(), example.step_texts()).await?;
    let voices = example.voices();
    answer(&handle, circle, voices.get(facilitator.id.as_str())).await?;
    let url = own_url(node)?;
    let mut guests = Vec::new();
    for person in example
        .people
        .iter()
        .filter(|person| person.id != facilitator.id)
    {
        let link = handle.invite(circle, person.role(), INVITE_VALID).await?;
        let guest = Guest::arrive(folder, person, &url, &link).await?;
        answer(&guest.node.handle(), circle, voices.get(person.id.as_str())).await?;
        guests.push(guest);
    }
    let snapshot = handle.snapshot(circle, SNAPSHOT_TITLE).await?;
    for guest in guests {
        if guest.role >= Role::Inner {
            guest.agree(circle, snapshot).await?;
        }
        guest.leave().await?;
    }
    Ok(())
}

/// The address of the demonstration's own node, with its key.
fn own_url(node: &Node) -> anyhow::Result<PeerUrl> {
    let hints = node.handle().addresses().hints;
    let hint = hints
        .first()
        .context("the demonstration needs an address to listen on")?;
    Ok(hint.parse()?)
}

async fn introduce(handle: &Handle, circle: CircleId, person: &Person) -> anyhow::Result<()> {
    let organisation = Some(person.organisation.clone());
    Ok(handle
        .set_card(
            circle,
            &person.name,
            organisation,
            Some(person.perspective.clone()),
        )
        .await?)
}

async fn write(
    handle: &Handle,
    circle: CircleId,
    document: DocumentRef,
    texts: BTreeMap<&str, &str>,
) -> anyhow::Result<()> {
    let change = |content: &mut automerge::AutoCommit| {
        texts
            .iter()
            .try_for_each(|(name, text)| smallwin_model::write(content, name, text))
    };
    Ok(handle.write(circle, &document, change).await??)
}

/// Writes a person's own answers and shares them.
async fn answer(
    handle: &Handle,
    circle: CircleId,
    texts: Option<&BTreeMap<&str, &str>>,
) -> anyhow::Result<()> {
    let Some(texts) = texts else { return Ok(()) };
    let draft = handle.own_answers(circle, REVISION).await?;
    write(handle, circle, draft, texts.clone()).await?;
    Ok(handle.share(circle, REVISION).await?)
}

/// A person of the example on a node of their own, for as long as they write.
struct Guest {
    node: Node,
    role: Role,
}

impl Guest {
    async fn arrive(
        folder: &Path,
        person: &Person,
        url: &PeerUrl,
        link: &InviteLink,
    ) -> anyhow::Result<Self> {
        let mut config = Config::offline(folder.join(&person.id));
        config.storage = Storage::Memory;
        config.peers = vec![url.clone()];
        let node = start(config).await?;
        let handle = node.handle();
        handle.join(link, WITHIN).await?;
        introduce(&handle, link.circle, person).await?;
        Ok(Self {
            node,
            role: person.role(),
        })
    }

    /// Agrees to a snapshot once it has arrived.
    async fn agree(&self, circle: CircleId, snapshot: RecordId) -> anyhow::Result<()> {
        let handle = self.node.handle();
        let arrived = move |engine: &Engine| engine.log(&circle)?.contains(&snapshot).then_some(());
        handle.wait_for("the snapshot", WITHIN, arrived).await?;
        handle.cosign(circle, snapshot).await?;
        Ok(())
    }

    async fn leave(self) -> anyhow::Result<()> {
        self.node.handle().settled(WITHIN).await?;
        Ok(self.node.shutdown().await?)
    }
}
