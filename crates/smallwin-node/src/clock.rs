//! The wall clock, read in one place.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use smallwin_circle::Timestamp;
use smallwin_sync::Millis;

/// Milliseconds since 1970, never below zero.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one clock")]
pub fn now() -> Millis {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The present moment as records and cards claim it.
#[must_use]
pub fn timestamp() -> Timestamp {
    Timestamp::from_unix_ms(now().0)
}

/// The present moment of a clock that only goes forward, for what took how long.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one clock")]
pub fn instant() -> Instant {
    Instant::now()
}
