//! What an issuer says when it says no, made fit to show, and the state of this machine's clock.

use http::{HeaderMap, StatusCode, header};

use crate::domain::time::Timestamp;
use crate::wasm::egress::Carried;
use crate::wasm::text::tidy;

/// Longest text of an issuer that is shown, in bytes.
const MAX_SAID_BYTES: usize = 300;

/// A difference to the issuer's clock that is worth telling. The `Date` header has whole seconds,
/// and an answer may take some.
const MAX_SKEW_MS: u64 = 60_000;

/// An issuer's own words, on one line, without the assertion should they repeat it, nor any secret that was
/// sent: they go to the guest.
pub(super) fn said(words: &str, assertion: &str, carried: &Carried) -> String {
    let words = carried.masked(words, assertion);
    let line: String = words
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    tidy(&line, MAX_SAID_BYTES)
}

/// What to do about the clock: what is wrong, where the issuer's `Date` (RFC 9110, 6.6.1) shows it.
pub(super) enum Clock {
    /// It is off by more than a minute.
    Wrong(String),
    /// It agrees, or the issuer does not say.
    Unknown(String),
}

/// Compares `now` with the issuer's clock.
pub(super) fn clock(headers: &HeaderMap, now: Timestamp) -> Clock {
    let theirs = headers
        .get(header::DATE)
        .and_then(|date| date.to_str().ok())
        .and_then(|date| jiff::fmt::rfc2822::parse(date).ok())
        .map(|date| Timestamp::from_millis(date.timestamp().as_millisecond()));
    match theirs {
        Some(theirs) if theirs.as_millis().abs_diff(now.as_millis()) > MAX_SKEW_MS => Clock::Wrong(format!(
            "check this machine's clock, which shows {now} while the issuer's shows {theirs}"
        )),
        _ => Clock::Unknown(format!("check this machine's clock, which shows {now}")),
    }
}

/// Whether an issuer means "not now": too many requests, or a failure of its own.
pub(super) fn is_passing(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_and_never_repeat_the_assertion() {
        let carried = Carried::default();
        let told = said("bad aaa.bbb.ccc\nline", "aaa.bbb.ccc", &carried);
        assert_eq!(told, "bad *********** line");
        assert!(said(&"x".repeat(1_000), "a", &carried).len() <= MAX_SAID_BYTES);
    }

    #[test]
    fn a_clock_that_is_off_is_told_apart() {
        let mut headers = HeaderMap::new();
        let now = Timestamp::from_millis(784_111_777_000);
        assert!(matches!(clock(&headers, now), Clock::Unknown(_)));
        let date = http::HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT");
        headers.insert(header::DATE, date);
        assert!(matches!(clock(&headers, now), Clock::Unknown(_)));
        let late = now.plus(std::time::Duration::from_mins(2));
        assert!(matches!(clock(&headers, late), Clock::Wrong(text) if text.contains("1994-11-06T08:49:37")));
    }
}
