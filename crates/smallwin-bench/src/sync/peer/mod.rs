//! The servers that this program can be.

pub(crate) mod relay;
pub(crate) mod samod;
