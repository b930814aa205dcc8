//! The one place where the comparison looks at the clock.

use std::time::Instant;

#[allow(clippy::disallowed_methods, reason = "a benchmark looks at the clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
