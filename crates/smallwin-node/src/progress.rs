//! Shows on a terminal how far long work is.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use smallwin_storage::Progress;

use crate::clock;

/// Work that takes less long shows nothing.
const QUIET_MS: u64 = 1_000;

/// How often the line is drawn.
const DRAW_MS: u64 = 100;

#[derive(Default)]
struct Line {
    what: &'static str,
    began_ms: u64,
    drawn_ms: u64,
}

/// Progress on standard error when that is a terminal, else none.
#[must_use]
pub fn on_terminal() -> Progress {
    if !io::stderr().is_terminal() {
        return Progress::default();
    }
    let line = Mutex::new(Line::default());
    Progress::new(move |what, done, total| {
        let mut line = line.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = line.next(clock::now().0, what, done, total) {
            let mut out = io::stderr().lock();
            // A terminal that went away has nobody who waits.
            let _nobody_looks = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        }
    })
}

impl Line {
    /// What is to be written, if anything.
    fn next(&mut self, now_ms: u64, what: &'static str, done: u64, total: u64) -> Option<String> {
        if self.what != what {
            *self = Self {
                what,
                began_ms: now_ms,
                drawn_ms: 0,
            };
        }
        if done >= total {
            let shown = self.drawn_ms > 0;
            *self = Self::default();
            return shown.then(|| String::from("\r\x1b[K"));
        }
        let is_due = now_ms >= self.began_ms + QUIET_MS && now_ms >= self.drawn_ms + DRAW_MS;
        is_due.then(|| {
            self.drawn_ms = now_ms;
            format!("\r\x1b[K{what} … {} %", done.saturating_mul(100) / total)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_takes_long_is_shown_and_it_is_wiped_at_the_end() {
        let mut line = Line::default();
        assert_eq!(line.next(5_000, "reading", 1, 100), None);
        assert_eq!(line.next(5_900, "reading", 50, 100), None);
        let shown = line.next(6_100, "reading", 60, 100);
        assert_eq!(shown.as_deref(), Some("\r\x1b[Kreading … 60 %"));
        assert_eq!(line.next(6_150, "reading", 70, 100), None, "not too often");
        assert_eq!(
            line.next(6_160, "reading", 100, 100).as_deref(),
            Some("\r\x1b[K")
        );
        assert_eq!(line.next(7_000, "writing", 1, 2), None);
        assert_eq!(line.next(7_100, "writing", 2, 2), None, "it was quick");
    }
}
