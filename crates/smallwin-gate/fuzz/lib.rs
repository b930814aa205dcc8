//! The targets of `tests/fuzzing`, for a fuzzer that sees coverage.

#[path = "../tests/fuzzing/mod.rs"]
pub mod fuzzing;
#[path = "../tests/support/mod.rs"]
pub mod support;
