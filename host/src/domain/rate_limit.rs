//! How often somebody may ask: so many requests per span of time.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Most requests of one limit: beyond it the spacing of requests is finer than the arithmetic.
pub const MAX_REQUESTS: u32 = 1_000_000;

/// So many requests per second, minute or hour. All of them may come at once; each comes back after its share of
/// the span (a token bucket as large as the number).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    requests: u32,
    span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Span {
    Second,
    Minute,
    Hour,
}

impl Span {
    const fn word(self) -> &'static str {
        match self {
            Self::Second => "s",
            Self::Minute => "min",
            Self::Hour => "h",
        }
    }

    const fn time(self) -> Duration {
        match self {
            Self::Second => Duration::from_secs(1),
            Self::Minute => Duration::from_mins(1),
            Self::Hour => Duration::from_hours(1),
        }
    }
}

/// A text that is no limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no rate; write a number from 1 to {MAX_REQUESTS} and /s, /min or /h, such as 600/min")]
pub struct BadRate(String);

impl RateLimit {
    /// Requests that may come at once.
    #[must_use]
    pub const fn burst(self) -> u32 {
        self.requests
    }

    /// How long until one request more is free.
    #[must_use]
    pub fn spacing(self) -> Duration {
        self.span.time() / self.requests
    }
}

impl FromStr for RateLimit {
    type Err = BadRate;

    fn from_str(text: &str) -> Result<Self, BadRate> {
        let bad = || BadRate(text.chars().take(40).collect());
        let (number, span) = text.trim().split_once('/').ok_or_else(bad)?;
        let span = match span.trim() {
            "s" => Span::Second,
            "min" => Span::Minute,
            "h" => Span::Hour,
            _ => return Err(bad()),
        };
        match number.trim().parse() {
            Ok(requests @ 1..=MAX_REQUESTS) => Ok(Self { requests, span }),
            _ => Err(bad()),
        }
    }
}

impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.requests, self.span.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_written() {
        for (text, spacing_ms) in [
            ("600/min", 100),
            ("10/s", 100),
            ("3600/h", 1000),
            ("1/h", 3_600_000),
        ] {
            let rate: RateLimit = text.parse().expect(text);
            assert_eq!(rate.to_string(), text);
            assert_eq!(rate.spacing(), Duration::from_millis(spacing_ms));
        }
        for text in ["", "600", "0/s", "-1/s", "1000001/s", "1/d", "x/min", "1.5/s"] {
            assert!(text.parse::<RateLimit>().is_err(), "{text}");
        }
    }
}
