//! What can be asked for on the command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use smallwin_circle::Role;
use smallwin_node::{Layer, LogFormat, PeerUrl};

/// Small Wins: write together about one stubborn practice issue, and agree on a meaningful step.
///
/// Without a command it runs the node of this data directory, as `smallwin serve` does.
#[derive(Debug, Parser)]
#[command(
    name = "smallwin",
    version,
    after_help = "Examples:\n  \
        smallwin                                  run the node and open the page\n  \
        smallwin new \"Coming home\" --name \"Noor\"    begin a Small Win\n  \
        smallwin invite coming --role inner       make an invite link\n  \
        smallwin join 'http://…/#j=…' --name Anke  join one\n  \
        smallwin show coming checkin              read the check-in\n\n\
        A Small Win is named by its title, or by the first letters of its title or id."
)]
pub(crate) struct Args {
    /// The data directory: keys, store and configuration.
    #[arg(long, global = true, value_name = "DIR", env = "SMALLWIN_DATA")]
    pub(crate) data: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the node: keep, serve the page, connect with others.
    #[command(after_help = "Examples:\n  \
        smallwin serve --no-browser\n  \
        smallwin serve --listen 0.0.0.0:7171 --tls-self --name node.example.org\n  \
        smallwin serve --peer wss://node.example.org:7171~KEY")]
    Serve(ServeArgs),
    /// Run a node with the worked example in a fresh folder.
    #[command(after_help = "Example:\n  smallwin demo --data demo --no-browser")]
    Demo(ServeArgs),
    /// Begin a Small Win; you become its facilitator.
    #[command(
        after_help = "Example:\n  smallwin new \"Coming home after a stay\" --name \"Noor Hakvoort\""
    )]
    New(NewArgs),
    /// Make an invite link for one person.
    #[command(after_help = "Example:\n  smallwin invite \"Coming home\" --role outer --days 3")]
    Invite(InviteArgs),
    /// Join a Small Win with an invite link.
    #[command(
        after_help = "Example:\n  smallwin join 'http://127.0.0.1:7171/#j=…' --name \"Anke Dollekamp\""
    )]
    Join(JoinArgs),
    /// Show who takes part.
    #[command(after_help = "Example:\n  smallwin members \"Coming home\" --json")]
    Members(CircleArgs),
    /// List the Small Wins that are kept here.
    #[command(after_help = "Example:\n  smallwin list --json")]
    List(ListArgs),
    /// Show the texts of a Small Win.
    #[command(
        after_help = "Examples:\n  smallwin show coming checkin\n  smallwin show coming refused --json"
    )]
    Show(ShowArgs),
    /// Write a text, in Markdown with paragraphs, **bold** and *italic*.
    #[command(after_help = "Examples:\n  \
        smallwin write coming checkin q1 \"Somebody you know is there.\"\n  \
        smallwin write coming voice q1 - < answer.md\n  \
        smallwin write coming case body \" More.\" --append\n\n\
        Texts: case title, body, practice; checkin and voice q1 to q8; step weUsedTo, nowWePractise, recognisable, effect.")]
    Write(WriteArgs),
    /// Let the circle read your own answers; they can no longer be private after that.
    #[command(after_help = "Example:\n  smallwin share coming")]
    Share(OneCircleArgs),
    /// Fix the texts as they stand, for the others to agree to.
    #[command(
        after_help = "Example:\n  smallwin snapshot coming --title \"Our step\" --out step.smallwin.json"
    )]
    Snapshot(SnapshotArgs),
    /// Agree to a snapshot: the newest one, unless you name another.
    #[command(after_help = "Example:\n  smallwin cosign coming --out step.smallwin.json")]
    Cosign(CosignArgs),
    /// Check a snapshot file with nothing but the file.
    #[command(after_help = "Example:\n  smallwin verify step.smallwin.json")]
    Verify(VerifyArgs),
    /// Write a Small Win as Markdown or JSON.
    #[command(after_help = "Example:\n  smallwin export coming --format md --out coming.md")]
    Export(ExportArgs),
    /// Copy the keys and all that is kept, also while the node runs.
    #[command(
        after_help = "Examples:\n  smallwin backup /media/usb/small-wins\n  smallwin backup small-wins.tar\n\n\
        The backup holds your secret keys and care data: keep it as safe as this computer."
    )]
    Backup(BackupArgs),
    /// Make a data directory from a backup.
    #[command(
        after_help = "Example:\n  smallwin restore small-wins.tar --data restored\n\n\
        Do not go on with the old data directory as well: both would sign as the same device."
    )]
    Restore(RestoreArgs),
    /// Look over all that is kept, and change nothing.
    #[command(after_help = "Examples:\n  smallwin doctor\n  smallwin doctor --repair")]
    Doctor(DoctorArgs),
    /// Build the index anew from the journal.
    #[command(after_help = "Example:\n  smallwin reindex")]
    Reindex,
    /// Show how the node is.
    #[command(after_help = "Example:\n  smallwin status --json")]
    Status(ListArgs),
    /// Make a new link that pairs a browser with the running node.
    #[command(after_help = "Example:\n  smallwin pair")]
    Pair,
    /// Print completions for a shell.
    #[command(
        after_help = "Example:\n  smallwin completions bash > ~/.local/share/bash-completion/completions/smallwin"
    )]
    Completions {
        /// For which shell.
        shell: clap_complete::Shell,
    },
}

/// How to run a node.
#[derive(Debug, Default, PartialEq, Eq, clap::Args)]
pub(crate) struct ServeArgs {
    /// Address and port to listen on [default: 127.0.0.1:7171].
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// A node to stay connected with: ws(s)://host:port, optionally ~ and its key. Repeatable.
    #[arg(long = "peer", value_name = "URL")]
    peers: Vec<PeerUrl>,
    /// A name by which others reach this node, with or without port. Repeatable.
    #[arg(long = "name", value_name = "HOST")]
    names: Vec<String>,
    /// A web origin that may connect besides the node's own pages. Repeatable.
    #[arg(long = "origin", value_name = "ORIGIN")]
    origins: Vec<String>,
    /// Certificate chain in PEM.
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// Private key in PEM.
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// TLS with a certificate from the node's own key; other nodes pin that key.
    #[arg(long)]
    tls_self: bool,
    /// A proxy in front speaks TLS: allow a public address without certificate.
    #[arg(long)]
    behind_tls_proxy: bool,
    /// Serve stock automerge-repo clients in a separate, open space.
    #[arg(long)]
    interop_open: bool,
    /// Do not open the browser.
    #[arg(long)]
    no_browser: bool,
    /// Configuration file [default: config.toml in the data directory].
    #[arg(long, value_name = "FILE", env = "SMALLWIN_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Log filter, for example info or smallwin_node=debug.
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// Log format.
    #[arg(long, value_name = "FORMAT", value_enum)]
    log_format: Option<LogFormatArg>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormatArg {
    Text,
    Json,
}

#[derive(Debug, clap::Args)]
pub(crate) struct NewArgs {
    /// What the Small Win is called.
    pub(crate) title: String,
    /// Your name, as the others see it.
    #[arg(long)]
    pub(crate) name: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct InviteArgs {
    /// Which Small Win.
    pub(crate) circle: String,
    /// The role that the invite gives.
    #[arg(long, value_enum, default_value = "outer")]
    pub(crate) role: RoleArg,
    /// For how many days it may be used.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u64).range(1..=90))]
    pub(crate) days: u64,
}

/// A role that an invite can give.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum RoleArg {
    /// Buitenkring: reads, and writes in the check-in and own answers.
    Outer,
    /// Binnenkring: writes the case and the step too, and agrees to snapshots.
    Inner,
    /// Opgavetrekker.
    Owner,
    /// Leermakelaar or netwerkbegeleider: invites, and makes snapshots.
    Facilitator,
}

#[derive(Debug, clap::Args)]
pub(crate) struct JoinArgs {
    /// The invite link, in quotes.
    pub(crate) link: String,
    /// Your name, as the others see it.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Where you work.
    #[arg(long)]
    pub(crate) organisation: Option<String>,
    /// How many seconds to wait for an answer.
    #[arg(long, default_value_t = 30)]
    pub(crate) wait: u64,
}

#[derive(Debug, clap::Args)]
pub(crate) struct OneCircleArgs {
    /// Which Small Win.
    pub(crate) circle: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CircleArgs {
    /// Which Small Win.
    pub(crate) circle: String,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// Which Small Win.
    pub(crate) circle: String,
    /// Which part; all texts without it.
    #[arg(value_enum)]
    pub(crate) part: Option<Part>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A part of a Small Win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// The case.
    Case,
    /// The shared answers of the check-in.
    #[value(alias = "check-in")]
    Checkin,
    /// The meaningful step.
    Step,
    /// Own answers: yours, and those of others that were shared.
    Voices,
    /// What was kept aside because its writer may not write there.
    Refused,
}

#[derive(Debug, clap::Args)]
pub(crate) struct WriteArgs {
    /// Which Small Win.
    pub(crate) circle: String,
    /// Which document.
    #[arg(value_enum)]
    pub(crate) document: Writable,
    /// Which text of it.
    pub(crate) name: String,
    /// The text; - reads it from standard input.
    #[arg(allow_hyphen_values = true)]
    pub(crate) text: String,
    /// Add to the end instead of replacing the text.
    #[arg(long)]
    pub(crate) append: bool,
}

/// A document that can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Writable {
    /// The case.
    Case,
    /// The shared answers of the check-in.
    #[value(alias = "check-in")]
    Checkin,
    /// Your own answers, private until you share them.
    Voice,
    /// The meaningful step.
    Step,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SnapshotArgs {
    /// Which Small Win.
    pub(crate) circle: String,
    /// What the snapshot is called.
    #[arg(long)]
    pub(crate) title: String,
    /// Also write the snapshot file.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CosignArgs {
    /// Which Small Win.
    pub(crate) circle: String,
    /// The first letters of a snapshot's id; the newest without it.
    pub(crate) snapshot: Option<String>,
    /// Also write the snapshot file.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    /// The snapshot file.
    pub(crate) file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ExportArgs {
    /// Which Small Win; all of them without it.
    pub(crate) circle: Option<String>,
    /// The format.
    #[arg(long, value_enum, default_value = "md")]
    pub(crate) format: Format,
    /// Into this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct BackupArgs {
    /// A folder that does not exist yet, or a file whose name ends in .tar.
    pub(crate) to: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RestoreArgs {
    /// The folder or file of a backup.
    pub(crate) from: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    /// Leave out what is damaged, and say what other nodes are to send again.
    #[arg(long)]
    pub(crate) repair: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A format of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Markdown.
    Md,
    /// JSON.
    Json,
}

impl ServeArgs {
    /// What the flags say; absent ones say nothing.
    pub(crate) fn layer(&self) -> Layer {
        let given = |list: &Vec<String>| (!list.is_empty()).then(|| list.clone());
        Layer {
            listen: self.listen,
            peers: (!self.peers.is_empty()).then(|| self.peers.clone()),
            names: given(&self.names),
            origins: given(&self.origins),
            tls_cert: self.tls_cert.clone(),
            tls_key: self.tls_key.clone(),
            tls_self: self.tls_self.then_some(true),
            behind_tls_proxy: self.behind_tls_proxy.then_some(true),
            interop_open: self.interop_open.then_some(true),
            browser: self.no_browser.then_some(false),
            log: self.log.clone(),
            log_format: self.log_format.map(LogFormat::from),
        }
    }
}

impl From<LogFormatArg> for LogFormat {
    fn from(format: LogFormatArg) -> Self {
        match format {
            LogFormatArg::Text => Self::Text,
            LogFormatArg::Json => Self::Json,
        }
    }
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Outer => Self::Outer,
            RoleArg::Inner => Self::Inner,
            RoleArg::Owner => Self::Owner,
            RoleArg::Facilitator => Self::Facilitator,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_whole() {
        Args::command().debug_assert();
    }

    #[test]
    fn without_a_command_the_flags_are_those_of_serve() {
        let args =
            Args::try_parse_from(["smallwin", "--no-browser", "--peer", "ws://127.0.0.1:7172"])
                .unwrap();
        assert!(args.command.is_none());
        assert_eq!(args.serve.layer().browser, Some(false));
        assert_eq!(args.serve.layer().peers.unwrap().len(), 1);
    }

    #[test]
    fn flags_that_are_not_given_leave_the_choice_to_file_and_environment() {
        let args = Args::try_parse_from(["smallwin"]).unwrap();
        assert_eq!(args.serve.layer(), Layer::default());
    }

    #[test]
    fn an_unknown_command_is_refused() {
        assert!(Args::try_parse_from(["smallwin", "snapshoot"]).is_err());
    }

    #[test]
    fn every_command_shows_an_example() {
        for command in Args::command().get_subcommands() {
            let help = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(
                help.contains("smallwin "),
                "{} has no example",
                command.get_name()
            );
        }
    }
}
