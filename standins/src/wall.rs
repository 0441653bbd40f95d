//! The wall clock of the stand-ins: message stamps and the times on the page.

/// Microseconds since 1970, as Slack's `ts` counts them.
pub fn now_micros() -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place of this crate that reads the clock"
    )]
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// The time of day in UTC, `HH:MM:SS`.
pub fn time_of_day(micros: u64) -> String {
    let seconds = micros / 1_000_000 % 86_400;
    format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// Seconds since 1970.
pub fn now_seconds() -> i64 {
    i64::try_from(now_micros() / 1_000_000).unwrap_or(i64::MAX)
}

/// A time in UTC, `YYYY-MM-DDTHH:MM:SSZ`; one outside the years 1 to 9999 reads as 1970.
pub fn rfc3339(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds)
        .unwrap_or_default()
        .to_string()
}
