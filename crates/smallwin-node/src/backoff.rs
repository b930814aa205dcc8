//! The pause between two dials.

use std::time::Duration;

use crate::limits::{BACKOFF_FIRST, BACKOFF_MAX, STABLE_AFTER};

/// Doubles with every failure up to a cap, starts again after a stable connection.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The pause after a connection that lived `lived`; `fraction` is chance from 0 to 1.
    ///
    /// Half of the pause is fixed and half is chance, so that peers of a node that restarts do not
    /// come back at one moment.
    pub(crate) fn pause(&mut self, lived: Duration, fraction: f64) -> Duration {
        if lived >= STABLE_AFTER {
            self.failures = 0;
        }
        let full = BACKOFF_FIRST
            .saturating_mul(1 << self.failures.min(16))
            .min(BACKOFF_MAX);
        self.failures = self.failures.saturating_add(1);
        full.mul_f64(0.5 + fraction.clamp(0.0, 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_cap() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.pause(Duration::ZERO, 1.0), BACKOFF_FIRST);
        assert_eq!(backoff.pause(Duration::ZERO, 1.0), BACKOFF_FIRST * 2);
        for _ in 0..100 {
            assert!(backoff.pause(Duration::ZERO, 1.0) <= BACKOFF_MAX);
        }
        assert_eq!(backoff.pause(Duration::ZERO, 1.0), BACKOFF_MAX);
        assert_eq!(backoff.pause(Duration::ZERO, 0.0), BACKOFF_MAX / 2);
    }

    #[test]
    fn a_stable_connection_starts_again() {
        let mut backoff = Backoff::default();
        for _ in 0..10 {
            backoff.pause(Duration::ZERO, 1.0);
        }
        assert_eq!(backoff.pause(STABLE_AFTER, 1.0), BACKOFF_FIRST);
    }
}
