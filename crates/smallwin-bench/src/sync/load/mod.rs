//! The load generator: clients of both protocols on one thread.

pub(crate) mod automerge;
pub(crate) mod member;
pub(crate) mod net;
pub(crate) mod protocol;
pub(crate) mod world;
pub(crate) mod yjs;
