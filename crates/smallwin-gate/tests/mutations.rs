//! Broken bytes give an error, never a panic, and never more work than their size allows.

use proptest::prelude::*;
use smallwin_gate::{check_document_chunk, check_frame, check_sync_message, read_change};

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Random bytes, whole or behind a plausible start (rule G1).
    #[test]
    fn random_bytes_never_panic_g1(start in 0_usize..5, bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let starts: [&[u8]; 5] = [b"", b"\x42", b"\x43\x00\x00\x00\x01", b"\xa3", b"\x85\x6f\x4a\x83"];
        give_to_all(&[starts[start], &bytes].concat());
    }
}

/// Gives the bytes to every entry of the gate; says whether one took them.
fn give_to_all(bytes: &[u8]) -> bool {
    let taken = [
        check_frame(bytes).is_ok(),
        check_sync_message(bytes).is_ok(),
        read_change(bytes).is_ok(),
        check_document_chunk(bytes).is_ok(),
    ];
    taken.contains(&true)
}
