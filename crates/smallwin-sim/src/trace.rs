//! What happened, line by line, for people and as one hash.

use std::collections::VecDeque;
use std::fmt;

/// Lines kept for a report: the last minutes before a failure.
const LINES_MAX: usize = 400;

/// The story of a run. Every line enters the hash (rule S1); the last ones are kept.
#[derive(Debug)]
pub(crate) struct Trace {
    hasher: blake3::Hasher,
    lines: VecDeque<String>,
    print: bool,
}

impl Trace {
    /// An empty story; `print` writes each line to standard output as it happens.
    pub(crate) fn new(print: bool) -> Trace {
        Trace {
            hasher: blake3::Hasher::new(),
            lines: VecDeque::new(),
            print,
        }
    }

    /// Adds a line: when, who, what.
    #[allow(
        clippy::print_stdout,
        reason = "the caller asked to see the story as it happens"
    )]
    pub(crate) fn line(&mut self, now_ms: u64, who: impl fmt::Display, what: fmt::Arguments<'_>) {
        let (minutes, seconds, ms) = (now_ms / 60_000, now_ms / 1000 % 60, now_ms % 1000);
        let line = format!("{minutes:02}:{seconds:02}.{ms:03} {who:<10} {what}");
        self.hasher.update(line.as_bytes());
        self.hasher.update(b"\n");
        if self.print {
            println!("{line}");
        }
        if self.lines.len() == LINES_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    /// The hash of all lines so far.
    pub(crate) fn hash(&self) -> [u8; 32] {
        *self.hasher.finalize().as_bytes()
    }

    /// The last lines.
    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_last_lines_and_hashes_all() {
        let tell = |first: &str| {
            let mut trace = Trace::new(false);
            trace.line(61_002, "anna", format_args!("{first}"));
            for n in 0..LINES_MAX {
                trace.line(n as u64, "bram", format_args!("{n}"));
            }
            (trace.hash(), trace.into_lines())
        };
        let (hash, lines) = tell("crashes");
        assert_ne!(hash, tell("restarts").0);
        assert_eq!(lines.len(), LINES_MAX);
        assert_eq!(
            lines.first().map(String::as_str),
            Some("00:00.000 bram       0")
        );
    }
}
