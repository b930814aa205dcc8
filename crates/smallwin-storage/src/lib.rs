//! Where bytes are kept: the trait, its conformance suite, memory, and the journal with its sled index.
