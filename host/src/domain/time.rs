//! Moments.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A moment in whole milliseconds since 1970-01-01T00:00:00Z. Shown as RFC 3339 in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment `millis` milliseconds after the epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// This moment moved into the future, held at the end of time.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// This moment moved into the past.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// How long it is from `earlier` to this moment; zero when it is not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Reads RFC 3339, such as `2026-08-01T12:00:00Z` or `…+02:00`.
    ///
    /// # Errors
    /// When the text is no RFC 3339 moment with a zone.
    pub fn parse(text: &str) -> Result<Self, jiff::Error> {
        text.parse::<jiff::Timestamp>().map(|t| Self(t.as_millisecond()))
    }

    /// Reads a moment as a person writes it who looks back: as [`Timestamp::parse`] takes it, or how long before `now`
    /// it was, such as `30m`, `1h` or `2d`. What is longer ago than 1970 is held there: nothing is older.
    ///
    /// # Errors
    /// When the text is neither; the error says what is taken.
    pub fn looking_back(text: &str, now: Self) -> Result<Self, NoMoment> {
        if let Ok(moment) = Self::parse(text) {
            return Ok(moment);
        }
        match humantime::parse_duration(text) {
            Ok(ago) => Ok(now.minus(ago).max(Self(0))),
            Err(_) => Err(NoMoment(text.to_owned())),
        }
    }
}

/// A text that names no moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no moment; write one with a zone, such as 2026-08-01T12:00:00Z, or how long ago it was, such as 30m, 1h or 2d"
)]
pub struct NoMoment(String);

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(moment) => write!(f, "{moment:.3}"),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a moment")
    }

    #[test]
    fn a_look_back_takes_moments_and_lengths_of_time() {
        let now = at("2026-08-03T12:00:00Z");
        for (text, expected) in [
            ("30m", "2026-08-03T11:30:00Z"),
            ("1h", "2026-08-03T11:00:00Z"),
            ("2d", "2026-08-01T12:00:00Z"),
            ("1h 30m", "2026-08-03T10:30:00Z"),
            ("0s", "2026-08-03T12:00:00Z"),
            ("2026-08-01T14:00:00+02:00", "2026-08-01T12:00:00Z"),
            // Held: what is shown must be readable again.
            ("1000y", "1970-01-01T00:00:00Z"),
        ] {
            assert_eq!(Timestamp::looking_back(text, now), Ok(at(expected)), "{text}");
        }
    }

    #[test]
    fn a_look_back_says_what_it_takes() {
        let now = at("2026-08-03T12:00:00Z");
        for text in [
            "",
            "today",
            "5",
            "-1h",
            "2 moons",
            "2026-08-01",
            "2026-08-01T12:00:00",
        ] {
            let error = Timestamp::looking_back(text, now).expect_err(text).to_string();
            assert!(error.starts_with(&format!("`{text}` is no moment; ")), "{error}");
            assert!(
                error.contains("2026-08-01T12:00:00Z") && error.ends_with("30m, 1h or 2d"),
                "{error}"
            );
        }
    }
}
