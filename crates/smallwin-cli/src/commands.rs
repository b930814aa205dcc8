//! One file for each command.

mod backup;
mod completions;
mod cosign;
mod demo;
mod doctor;
mod export;
mod invite;
mod join;
mod list;
mod members;
mod new;
mod pair;
mod reindex;
mod restore;
mod serve;
mod share;
mod show;
mod snapshot;
mod status;
mod verify;
mod write;

use anyhow::bail;

use crate::args::{Args, Command, ServeArgs};
use crate::place;
use crate::session::Session;

/// Does what was asked for.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let Args {
        data,
        command,
        serve,
    } = args;
    let Some(command) = command else {
        return serve::run(place::data(data)?, &serve).await;
    };
    // Flags before a command would be those of the node, and silently without effect.
    if serve.layer() != ServeArgs::default().layer() {
        bail!("flags of the node stand after `serve` or `demo`, or without any command");
    }
    match command {
        Command::Serve(serve) => serve::run(place::data(data)?, &serve).await,
        Command::Demo(serve) => demo::run(data, &serve).await,
        Command::Verify(args) => verify::run(&args),
        Command::Completions { shell } => completions::run(shell),
        Command::Backup(args) => backup::run(&place::data(data)?, &args),
        Command::Restore(args) => restore::run(&place::data(data)?, &args),
        Command::Doctor(args) => doctor::run(&place::data(data)?, &args),
        Command::Reindex => reindex::run(&place::data(data)?),
        command => {
            let session = Session::open(&place::data(data)?).await?;
            let done = with_data(&session, command).await;
            let closed = session.close().await;
            done.and(closed)
        }
    }
}

async fn with_data(session: &Session, command: Command) -> anyhow::Result<()> {
    let handle = &session.handle;
    match command {
        Command::New(args) => new::run(handle, &args).await,
        Command::Invite(args) => invite::run(handle, &args).await,
        Command::Join(args) => join::run(handle, &args).await,
        Command::Members(args) => members::run(handle, &args).await,
        Command::List(args) => list::run(handle, &args).await,
        Command::Show(args) => show::run(handle, &args).await,
        Command::Write(args) => write::run(handle, &args).await,
        Command::Share(args) => share::run(handle, &args).await,
        Command::Snapshot(args) => snapshot::run(handle, &args).await,
        Command::Cosign(args) => cosign::run(handle, &args).await,
        Command::Export(args) => export::run(handle, &args).await,
        Command::Status(args) => status::run(session, &args).await,
        Command::Pair => pair::run(session).await,
        Command::Serve(_)
        | Command::Demo(_)
        | Command::Verify(_)
        | Command::Completions { .. }
        | Command::Backup(_)
        | Command::Restore(_)
        | Command::Doctor(_)
        | Command::Reindex => Ok(()),
    }
}
