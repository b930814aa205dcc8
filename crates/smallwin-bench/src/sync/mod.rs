//! The sync engine against others, over real sockets: `cargo xtask bench sync`.

mod case;
mod clock;
pub(crate) mod command;
mod load;
pub(crate) mod page;
mod paper;
pub(crate) mod peer;
mod process;
mod report;
mod scenario;
mod server;
