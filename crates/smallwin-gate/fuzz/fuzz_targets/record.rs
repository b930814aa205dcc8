#![no_main]

use smallwin_circle::Record;

// A record that is taken comes back in the same bytes.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(record) = Record::parse(bytes) {
        assert_eq!(record.bytes(), bytes);
    }
});
