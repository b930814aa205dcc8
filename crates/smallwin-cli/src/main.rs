//! The `smallwin` program.
fn main() {}
