//! Numbers and times as people read them.

use std::time::Duration;

use crate::domain::time::Timestamp;

/// A moment, exact for machines and rough for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct When {
    /// RFC 3339.
    pub iso: String,
    /// Such as `3 min ago`.
    pub text: String,
}

impl When {
    /// This moment, seen from `now`.
    #[must_use]
    pub fn of(at: Timestamp, now: Timestamp) -> Self {
        Self {
            iso: at.to_string(),
            text: ago(at, now),
        }
    }
}

/// Below this a moment is `now`.
const NOW_MS: u128 = 1_000;

fn ago(at: Timestamp, now: Timestamp) -> String {
    let (past, ahead) = (now.since(at), at.since(now));
    if past.as_millis() < NOW_MS && ahead.as_millis() < NOW_MS {
        "now".to_owned()
    } else if ahead > past {
        format!("in {}", rough(ahead))
    } else {
        format!("{} ago", rough(past))
    }
}

/// A time in its largest whole unit.
#[must_use]
pub fn rough(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// A short time, to two or three digits.
#[must_use]
pub fn exact(time: Duration) -> String {
    let millis = time.as_millis();
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..10_000 => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
        10_000..60_000 => format!("{} s", millis / 1_000),
        _ => rough(time),
    }
}

/// A number with its thousands apart.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The word for so many.
#[must_use]
pub const fn plural<'a>(number: u64, one: &'a str, more: &'a str) -> &'a str {
    if number == 1 { one } else { more }
}

/// A size in its largest fitting unit.
#[must_use]
pub fn bytes(size: u64) -> String {
    bytesize::ByteSize(size).to_string()
}

/// A number that may be a lower bound.
#[must_use]
pub fn at_least(number: u64, is_exact: bool) -> String {
    let more = if is_exact { "" } else { "+" };
    format!("{}{more}", count(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_numbers_are_short() {
        for (millis, text) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_250, "1.2 s"),
            (12_900, "12 s"),
            (61_000, "1 min"),
            (7_200_000, "2 h"),
            (200_000_000, "2 d"),
        ] {
            assert_eq!(exact(Duration::from_millis(millis)), text);
        }
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(number), text);
        }
        assert_eq!(at_least(1_000, false), "1,000+");
    }

    #[test]
    fn moments_are_seen_from_now() {
        let now = Timestamp::from_millis(1_750_000_000_000);
        for (at, text) in [
            (now, "now"),
            (now.minus(Duration::from_mins(3)), "3 min ago"),
            (now.plus(Duration::from_secs(30)), "in 30 s"),
        ] {
            assert_eq!(When::of(at, now).text, text);
        }
    }
}
