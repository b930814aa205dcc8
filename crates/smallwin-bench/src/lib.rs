//! Benchmarks that print ratios against a peer or a baseline in the same run.
