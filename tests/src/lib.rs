//! Holds the end-to-end tests; see `nodes/`.
