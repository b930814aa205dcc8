#![no_main]

use smallwin_gate_fuzz::fuzzing::{bytes::fix_checksum, targets};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut bytes = bytes.to_vec();
    fix_checksum(&mut bytes);
    targets::sync_message(&targets::Scene::usual(), &bytes).unwrap();
});
