//! Makes hostile bytes from honest ones, from a seed.
//!
//! Mutants keep their checksum and most of their structure, so that they reach
//! the checks behind it. Everything is drawn from [`Dice`]: the same seed gives
//! the same mutants, and a coverage-guided fuzzer can throw the dice instead.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    unreachable_pub,
    dead_code,
    reason = "a test may panic; each test uses some of this"
)]

pub mod apply;
pub mod block;
pub mod bytes;
pub mod cbor;
pub mod columns;
pub mod dice;
pub mod document;
pub mod message;
pub mod mutate;
pub mod raw;
pub mod run;
pub mod targets;
