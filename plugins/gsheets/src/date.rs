//! Dates as the numbers that a spreadsheet keeps: days since 1899-12-30, the time of day as a
//! fraction. <https://developers.google.com/workspace/sheets/api/guides/formats#about_date_time_values>

use serde_json::Value;

/// The number of 1970-01-01.
const EPOCH: f64 = 25_569.0;
/// Seconds of a day.
const DAY: f64 = 86_400.0;
/// A count of seconds from here on (the year 5138) is taken for milliseconds.
const MILLIS_FROM: f64 = 1e11;

/// The number of a moment: RFC 3339 text (with a space instead of the `T`, without seconds, or the
/// day alone), or a count of seconds or milliseconds since 1970. A moment with an offset is turned
/// into UTC; one without is taken as it stands. None for anything else.
pub(crate) fn serial(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => {
            let number = number.as_f64()?;
            let seconds = if number.abs() >= MILLIS_FROM {
                number / 1000.0
            } else {
                number
            };
            Some(seconds / DAY + EPOCH)
        }
        Value::String(text) => parse(text.trim()),
        _ => None,
    }
}

fn parse(text: &str) -> Option<f64> {
    let (date, rest) = text.split_at_checked(10)?;
    let day = days(date)?;
    if rest.is_empty() {
        return Some(day);
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (clock, offset) = match rest.find(['Z', 'z', '+', '-']) {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let seconds = seconds(clock.trim_end())? - offset_seconds(offset)?;
    Some(day + seconds / DAY)
}

/// `YYYY-MM-DD`, as the number of its midnight.
fn days(date: &str) -> Option<f64> {
    let mut parts = date.split('-');
    let (year, month, day) = (
        digits(parts.next()?, 4)?,
        digits(parts.next()?, 2)?,
        digits(parts.next()?, 2)?,
    );
    if parts.next().is_some() || !(1..=12).contains(&month) || day < 1 || day > length(year, month) {
        return None;
    }
    Some(f64::from(since_epoch(year, month, day)) + EPOCH)
}

fn length(year: i32, month: i32) -> i32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01. Years begin in March here, so that the leap day is the last of its year;
/// 719,468 days lie between 0000-03-01 and 1970-01-01.
fn since_epoch(year: i32, month: i32, day: i32) -> i32 {
    let year = if month > 2 { year } else { year - 1 };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// `HH:MM` with `:SS` and a fraction if any.
fn seconds(clock: &str) -> Option<f64> {
    let (whole, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut parts = whole.split(':');
    let (hour, minute) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let second = parts.next().map_or(Some(0), |text| digits(text, 2))?;
    // 60 is a leap second.
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let fraction = match fraction {
        "" => 0.0,
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => format!("0.{digits}").parse().ok()?,
        _ => return None,
    };
    Some(f64::from(hour * 3600 + minute * 60 + second) + fraction)
}

fn offset_seconds(offset: &str) -> Option<f64> {
    let (sign, rest) = match offset.split_at_checked(1) {
        None | Some(("Z" | "z", "")) => return Some(0.0),
        Some(("+", rest)) => (1.0, rest),
        Some(("-", rest)) => (-1.0, rest),
        Some(_) => return None,
    };
    let rest = rest.replace(':', "");
    let (hour, minute) = rest.split_at_checked(2)?;
    let minute = if minute.is_empty() { 0 } else { digits(minute, 2)? };
    Some(sign * f64::from(digits(hour, 2)? * 3600 + minute * 60))
}

fn digits(text: &str, count: usize) -> Option<i32> {
    (text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn close(value: &Value, wanted: f64) {
        let got = serial(value).unwrap_or_else(|| panic!("{value} is no date"));
        assert!((got - wanted).abs() < 1e-9, "{value}: {got}, not {wanted}");
    }

    #[test]
    fn known_moments() {
        for (value, wanted) in [
            (json!("1899-12-30"), 0.0),
            (json!("1900-01-01"), 2.0),
            (json!("1970-01-01"), 25_569.0),
            (json!("2000-02-29"), 36_585.0),
            (json!("2024-02-29"), 45_351.0),
            (json!("2026-01-01T00:00:00Z"), 46_023.0),
            (json!("2026-01-01T12:00:00"), 46_023.5),
            (json!("2026-01-01 06:00"), 46_023.25),
            (json!("2026-01-01T02:00:00+02:00"), 46_023.0),
            (json!("2025-12-31T18:30:00-0530"), 46_023.0),
            (json!("2026-01-01T00:00:00.500Z"), 46_023.0 + 0.5 / DAY),
            (json!(0), 25_569.0),
            (json!(1_767_225_600), 46_023.0),
            (json!(1_767_225_600_000_i64), 46_023.0),
        ] {
            close(&value, wanted);
        }
    }

    #[test]
    fn what_is_no_date() {
        for text in [
            "",
            "soon",
            "2026-13-01",
            "2026-02-29",
            "2026-1-1",
            "20260101",
            "2026-01-01T",
            "2026-01-01T25:00",
            "2026-01-01T00:00:00Q",
            "2026-01-01T00:00:00+1",
            "2026-01-01X00:00",
            "2026-01-01T00:00:00.x",
            "日本語日本語日本語",
            "2026-01-01T00:00:00+ab:00",
        ] {
            assert_eq!(serial(&json!(text)), None, "{text:?}");
        }
        assert_eq!(serial(&json!(true)), None);
    }
}
