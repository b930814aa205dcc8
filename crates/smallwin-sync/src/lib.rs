//! The sync engine: events in, effects out.
