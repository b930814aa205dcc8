//! The one place where a test pauses: between two looks at a condition that has a deadline.

use std::{
    future::Future,
    thread::sleep,
    time::{Duration, Instant},
};

/// Long enough for a machine that builds something else meanwhile; a test that passes never waits it out.
const DEADLINE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(25);

/// Looks again and again until `look` finds something, and returns that; fails the test when the deadline passes.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < end, "waited {DEADLINE:?} for: {what}");
        sleep(PAUSE);
    }
}

/// As [`until`], for a look that itself waits.
pub async fn until_async<T, F>(what: &str, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(Instant::now() < end, "waited {DEADLINE:?} for: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}
