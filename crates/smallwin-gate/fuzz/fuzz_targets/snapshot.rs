#![no_main]

use smallwin_circle::SnapshotFile;

// A snapshot file says the same at a second look.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(report) = SnapshotFile::verify(bytes) {
        let again = SnapshotFile::verify(bytes).map(|again| again.manifest);
        assert_eq!(again.ok(), Some(report.manifest));
    }
});
