//! Many engines in one seeded world: network, disk, clock, crashes and liars.
//!
//! One run: a `World` puts up sites (an engine with its keys and its disk each), lets people
//! create a circle, invite, join, write and share while links are cut and processes die, then
//! heals everything and waits until nothing moves. An `Oracle` outside the product remembers what
//! was acknowledged, to a writer or to a peer, and holds every disk and every document to it.
//! All chance comes from one seed, so a failure is replayed by its number (rule S1).
//!
//! This crate is a test that can be run for ever; it knows the engine only by its surface and the
//! wire only by its bytes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a fault of the simulation itself must stop it at once; it is never part of the product"
)]

mod agenda;
mod cast;
mod chance;
mod counts;
mod disk;
mod frames;
mod guest;
mod network;
mod options;
mod oracle;
mod run;
mod site;
mod stock;
mod trace;
mod world;

pub use counts::Counts;
pub use options::{Failure, Options, Plant, Report};
pub use run::{run, run_many};
pub use smallwin_sync::Planted;
