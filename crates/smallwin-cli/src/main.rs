//! The `smallwin` program: runs a node, and works with what it keeps.
//!
//! `args` says what can be asked for, `commands` holds one file for each of them, and `session`
//! is the way to the data: through the running node when there is one, else through the store.

mod args;
mod backup;
mod commands;
mod output;
mod place;
mod session;
mod text;
mod which;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Args;

fn main() -> ExitCode {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(commands::run(args)),
        Err(error) => Err(anyhow::anyhow!(
            "the system gives no threads: {error}; close other programs"
        )),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&error);
            ExitCode::FAILURE
        }
    }
}
