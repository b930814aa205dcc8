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
    let is_terminal = io::stderr().is_terminal();
    drawn_on(io::stderr(), is_terminal, || clock::now().0)
}

/// Progress on `out` when that is a terminal, else none.
fn drawn_on(
    out: impl Write + Send + 'static,
    is_terminal: bool,
    now_ms: impl Fn() -> u64 + Send + Sync + 'static,
) -> Progress {
    if !is_terminal {
        return Progress::default();
    }
    let drawn = Mutex::new((Line::default(), out));
    Progress::new(move |what, done, total| {
        let mut drawn = drawn.lock().unwrap_or_else(PoisonError::into_inner);
        let (line, out) = &mut *drawn;
        if let Some(text) = line.next(now_ms(), what, done, total) {
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
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// A terminal that remembers what was written to it.
    #[derive(Clone, Default)]
    struct Fake(Arc<Mutex<Vec<u8>>>);

    impl Write for Fake {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Three seconds of work, as the store tells of it, and what stands on the terminal after each.
    fn three_seconds(is_terminal: bool) -> Vec<String> {
        let (out, now_ms) = (Fake::default(), Arc::new(AtomicU64::new(50_000)));
        let clock = now_ms.clone();
        let progress = drawn_on(out.clone(), is_terminal, move || {
            clock.load(Ordering::Relaxed)
        });
        let second = |done| {
            progress.tell("building the index", done, 3);
            now_ms.fetch_add(1_000, Ordering::Relaxed);
            String::from_utf8(std::mem::take(&mut *out.0.lock().unwrap())).unwrap()
        };
        (0..=3).map(second).collect()
    }

    #[test]
    fn a_terminal_shows_what_takes_over_a_second() {
        let shown = three_seconds(true);
        let expect = [
            "",
            "\r\x1b[Kbuilding the index … 33 %",
            "\r\x1b[Kbuilding the index … 66 %",
            "\r\x1b[K",
        ];
        assert_eq!(shown, expect);
    }

    #[test]
    fn a_file_or_a_pipe_gets_nothing() {
        assert_eq!(three_seconds(false).concat(), "");
    }

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
