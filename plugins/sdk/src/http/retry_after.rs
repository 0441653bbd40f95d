//! `Retry-After` (RFC 9110, 10.2.3).

use std::time::{Duration, SystemTime};

/// Seconds from now, or an HTTP date. A date that has passed is no wait at all; text that is
/// neither is none. Some vendors send decimals (Discord's `1.337`), which RFC 9110 does not know: they are rounded up
/// to whole seconds, since asking earlier than told costs more than a moment.
///
/// However long it is: what no job can wait for is a dead letter, by the operator's `max-age`. A plugin that asked
/// earlier would do what the vendor has forbidden.
pub(super) fn parse(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    let (whole, decimals) = value.split_once('.').unwrap_or((value, "0"));
    if is_digits(whole) && is_digits(decimals) {
        // Digits that are no u64 are more than one can hold.
        let seconds = whole.parse().unwrap_or(u64::MAX);
        let begun = u64::from(decimals.bytes().any(|digit| digit != b'0'));
        Some(Duration::from_secs(seconds.saturating_add(begun)))
    } else {
        let date = httpdate::parse_http_date(value).ok()?;
        Some(date.duration_since(now).unwrap_or_default())
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_dates_and_nonsense() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let cases = [
            ("30", Some(30)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sunday, 06-Nov-94 08:50:37 GMT", Some(60)),
            ("Sun Nov  6 08:50:37 1994", Some(60)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("604800", Some(604_800)),
            ("Tue, 06 Dec 1994 08:49:37 GMT", Some(30 * 86_400)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("1.5", Some(2)),
            ("0.003", Some(1)),
            ("64.0", Some(64)),
            ("99999999999999999999999.9", Some(u64::MAX)),
            ("1.", None),
            (".5", None),
            ("1.5.1", None),
            ("1,5", None),
            ("soon", None),
            ("-5", None),
            ("", None),
        ];
        for (text, seconds) in cases {
            assert_eq!(parse(text, now), seconds.map(Duration::from_secs), "{text:?}");
        }
    }
}
