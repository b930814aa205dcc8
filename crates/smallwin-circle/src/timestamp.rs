//! Moments in signed JSON: RFC 3339, UTC, whole seconds.

use std::fmt;
use std::str::FromStr;

const SECONDS_PER_DAY: u64 = 86_400;
/// The last second of the year 9999.
const UNIX_S_MAX: u64 = 253_402_300_799;

/// A moment as text `2026-01-31T12:00:00Z`, between the years 1970 and 9999. It is a claim of whoever
/// wrote it, unless the text at its use says otherwise.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    unix_s: u64,
}

/// The text is not a moment in the one form that is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a moment should look like 2026-01-31T12:00:00Z")]
pub struct TimestampError;

impl Timestamp {
    /// The moment this many seconds after 1970 began; later than the year 9999 becomes its last second.
    pub const fn from_unix_s(unix_s: u64) -> Self {
        Self {
            unix_s: if unix_s > UNIX_S_MAX {
                UNIX_S_MAX
            } else {
                unix_s
            },
        }
    }

    /// The moment this many milliseconds after 1970 began, cut to whole seconds.
    pub const fn from_unix_ms(unix_ms: u64) -> Self {
        Self::from_unix_s(unix_ms / 1_000)
    }

    /// Seconds since 1970 began.
    pub const fn unix_s(self) -> u64 {
        self.unix_s
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date_of(self.unix_s / SECONDS_PER_DAY);
        let second = self.unix_s % SECONDS_PER_DAY;
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({self})")
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let number = |from: usize, to: usize| -> Option<u64> {
            let digits = text.get(from..to)?;
            digits
                .bytes()
                .all(|byte| byte.is_ascii_digit())
                .then(|| digits.parse().ok())?
        };
        let read = || -> Option<Self> {
            let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
            let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
            let days = days_until(year, month, day)?;
            Some(Self {
                unix_s: days * SECONDS_PER_DAY + hour * 3_600 + minute * 60 + second,
            })
        };
        // Writing it back compares the punctuation, the length and the range of every field at once.
        read()
            .filter(|moment| moment.to_string() == text)
            .ok_or(TimestampError)
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn month_days(year: u64, month: u64) -> u64 {
    match month {
        2 => 28 + is_leap(year) as u64,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970 until the first of January of `year`.
const fn year_days(year: u64) -> u64 {
    let before = year - 1;
    let leaps = before / 4 - before / 100 + before / 400;
    before * 365 + leaps - 719_162
}

fn days_until(year: u64, month: u64, day: u64) -> Option<u64> {
    let in_range = (1970..=9999).contains(&year) && (1..=12).contains(&month) && day >= 1;
    in_range
        .then(|| year_days(year) + (1..month).map(|m| month_days(year, m)).sum::<u64>() + day - 1)
}

fn date_of(days: u64) -> (u64, u64, u64) {
    let mut year = 1970 + days / 366;
    while year_days(year + 1) <= days {
        year += 1;
    }
    let mut rest = days - year_days(year);
    let mut month = 1;
    while rest >= month_days(year, month) {
        rest -= month_days(year, month);
        month += 1;
    }
    (year, month, rest + 1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn reads_and_writes_one_form_only() {
        for (text, unix_s) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T23:59:59Z", 951_868_799),
            ("2026-01-31T12:00:00Z", 1_769_860_800),
            ("9999-12-31T23:59:59Z", UNIX_S_MAX),
        ] {
            assert_eq!(
                text.parse::<Timestamp>().unwrap().unix_s(),
                unix_s,
                "{text}"
            );
            assert_eq!(Timestamp::from_unix_s(unix_s).to_string(), text);
        }
        for text in [
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-31T24:00:00Z",
            "2026-01-31T12:60:00Z",
            "2026-01-31T12:00:60Z",
            "2026-01-31T12:00:00+00:00",
            "2026-01-31 12:00:00Z",
            "2026-01-31T12:00:00z",
            "1969-12-31T23:59:59Z",
            "+026-01-31T12:00:00Z",
            "",
            "Z",
            "2026-01-31T12:00:00ZZ",
            "２026-01-31T12:00:00Z",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(TimestampError), "{text}");
        }
    }

    #[test]
    fn every_day_comes_back() {
        for day in 0..=UNIX_S_MAX / SECONDS_PER_DAY {
            let (year, month, date) = date_of(day);
            assert_eq!(days_until(year, month, date), Some(day));
        }
    }
}
