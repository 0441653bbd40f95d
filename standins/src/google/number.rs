//! Numbers and dates: how typed text is read and how a number format shows a value (locale `en_US`).
//!
//! Source: <https://developers.google.com/workspace/sheets/api/guides/formats>.

use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, Unit};
use serde_json::{Value, json};

/// Day 0 of spreadsheet dates.
const EPOCH: Date = Date::constant(1899, 12, 30);

const SECONDS_PER_DAY: f64 = 86_400.0;

/// Reads typed text as a number, percentage, amount, date or time, with the format that typing brings.
pub fn read(text: &str) -> Option<(f64, Option<Value>)> {
    if let Some(number) = grouped(text) {
        let format = text.contains(',').then(|| {
            let pattern = if text.contains('.') { "#,##0.00" } else { "#,##0" };
            json!({"type": "NUMBER", "pattern": pattern})
        });
        return Some((number, format));
    }
    if let Some(number) = text.strip_suffix('%').and_then(grouped) {
        let pattern = if text.contains('.') { "0.00%" } else { "0%" };
        return Some((
            number / 100.0,
            Some(json!({"type": "PERCENT", "pattern": pattern})),
        ));
    }
    if let Some(number) = text.strip_prefix('$').and_then(grouped) {
        let pattern = if text.contains('.') {
            "\"$\"#,##0.00"
        } else {
            "\"$\"#,##0"
        };
        return Some((number, Some(json!({"type": "CURRENCY", "pattern": pattern}))));
    }
    dated(text)
}

/// `-1,234.5e3`; words such as `inf` are no numbers.
fn grouped(text: &str) -> Option<f64> {
    let digits = text.trim_start_matches(['+', '-']);
    if text.len() - digits.len() > 1 || !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let known = |c: char| c.is_ascii_digit() || ".,eE+-".contains(c);
    if !digits.chars().all(known) || !well_grouped(digits) {
        return None;
    }
    text.replace(',', "")
        .parse::<f64>()
        .ok()
        .filter(|n| n.is_finite())
}

fn well_grouped(digits: &str) -> bool {
    let whole = digits.split(['.', 'e', 'E']).next().unwrap_or_default();
    let after = digits.get(whole.len()..).unwrap_or_default();
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default();
    !after.contains(',')
        && groups.all(|group| group.len() == 3)
        && (!whole.contains(',') || (1..=3).contains(&first.len()))
}

fn dated(text: &str) -> Option<(f64, Option<Value>)> {
    let has_time = text.contains(':');
    let has_date = text.contains(['-', '/']);
    let text = text.replace('T', " ");
    let text = text.trim_end_matches('Z');
    for pattern in ["%Y-%m-%d", "%m/%d/%Y", "%Y/%m/%d"] {
        if !has_time
            && has_date
            && let Ok(date) = Date::strptime(pattern, text)
        {
            let shown = if pattern == "%m/%d/%Y" {
                "m/d/yyyy"
            } else {
                "yyyy-mm-dd"
            };
            return Some((days(date), Some(json!({"type": "DATE", "pattern": shown}))));
        }
        for clock in ["%H:%M:%S%.f", "%H:%M:%S", "%H:%M"] {
            if has_time
                && has_date
                && let Ok(moment) = DateTime::strptime(format!("{pattern} {clock}"), text)
            {
                return Some((
                    serial(moment),
                    Some(json!({"type": "DATE_TIME", "pattern": "yyyy-mm-dd hh:mm:ss"})),
                ));
            }
        }
    }
    if has_time && !has_date {
        for clock in ["%H:%M:%S", "%H:%M"] {
            if let Ok(time) = jiff::civil::Time::strptime(clock, text) {
                let fraction = serial(EPOCH.to_datetime(time));
                return Some((
                    fraction,
                    Some(json!({"type": "TIME", "pattern": "h:mm:ss am/pm"})),
                ));
            }
        }
    }
    None
}

/// Days since the epoch of spreadsheets.
fn days(date: Date) -> f64 {
    serial(date.to_datetime(jiff::civil::Time::midnight()))
}

fn serial(moment: DateTime) -> f64 {
    let since = moment.duration_since(EPOCH.to_datetime(jiff::civil::Time::midnight()));
    since.as_secs_f64() / SECONDS_PER_DAY
}

fn moment(serial: f64) -> Option<DateTime> {
    let since = SignedDuration::try_from_secs_f64(serial * SECONDS_PER_DAY).ok()?;
    let start = EPOCH.to_datetime(jiff::civil::Time::midnight());
    start.checked_add(since).ok()?.round(Unit::Second).ok()
}

/// A number as its format shows it.
pub fn shown(number: f64, kind: &str, pattern: &str) -> String {
    match kind {
        "DATE" => date_shown(number, or(pattern, "m/d/yyyy")),
        "TIME" => date_shown(number, or(pattern, "h:mm:ss am/pm")),
        "DATE_TIME" => date_shown(number, or(pattern, "m/d/yyyy h:mm:ss")),
        "PERCENT" => number_shown(number, or(pattern, "0.00%")),
        "CURRENCY" => number_shown(number, or(pattern, "\"$\"#,##0.00")),
        "NUMBER" => number_shown(number, or(pattern, "#,##0.00")),
        "SCIENTIFIC" => format!("{number:.2E}"),
        _ => general(number),
    }
}

fn or<'a>(pattern: &'a str, standard: &'a str) -> &'a str {
    if pattern.is_empty() { standard } else { pattern }
}

/// Up to ten significant digits, as a cell without a format.
fn general(number: f64) -> String {
    if number != 0.0 && (number.abs() >= 1e15 || number.abs() < 1e-9) {
        return format!("{number:E}");
    }
    let whole = format!("{:.0}", number.abs()).len();
    let text = format!("{:.*}", 10usize.saturating_sub(whole).min(9), number);
    if text.contains('.') {
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    text
}

fn number_shown(number: f64, pattern: &str) -> String {
    let scaled = if pattern.contains('%') {
        number * 100.0
    } else {
        number
    };
    let first = pattern.find(['#', '0']).unwrap_or(pattern.len());
    let last = pattern.rfind(['#', '0']).map_or(first, |last| last + 1);
    let (core, literal) = (
        pattern.get(first..last).unwrap_or_default(),
        |text: Option<&str>| text.unwrap_or_default().replace(['"', '\\'], ""),
    );
    let decimals = core.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let mut digits = format!("{:.decimals$}", scaled.abs());
    if core.contains(',') {
        digits = group(&digits);
    }
    let sign = if scaled < 0.0 { "-" } else { "" };
    format!(
        "{sign}{}{digits}{}",
        literal(pattern.get(..first)),
        literal(pattern.get(last..))
    )
}

fn group(digits: &str) -> String {
    let (whole, rest) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut out = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + rest
}

/// Patterns of `y`, `m`, `d`, `h`, `s`, `am/pm`, and literals.
fn date_shown(number: f64, pattern: &str) -> String {
    let Some(moment) = moment(number) else {
        return general(number);
    };
    let half_day = pattern.to_ascii_lowercase().contains("am/pm");
    let mut out = String::new();
    let mut rest = pattern;
    let mut after_hours = false;
    while let Some(first) = rest.chars().next() {
        let letter = first.to_ascii_lowercase();
        let run = rest
            .chars()
            .take_while(|c| c.to_ascii_lowercase() == letter)
            .count();
        if rest.len() >= 5 && rest.is_char_boundary(5) && rest[..5].eq_ignore_ascii_case("am/pm") {
            out.push_str(if moment.hour() < 12 { "AM" } else { "PM" });
            rest = &rest[5..];
            continue;
        }
        let hour = if half_day {
            (moment.hour() + 11) % 12 + 1
        } else {
            moment.hour()
        };
        let minutes = letter == 'm' && (after_hours || rest.get(run..).is_some_and(|r| r.starts_with(":s")));
        let text = match letter {
            'y' if run > 2 => format!("{:04}", moment.year()),
            'y' => format!("{:02}", moment.year() % 100),
            'm' if minutes => padded(moment.minute(), run),
            'm' if run == 3 => moment.strftime("%b").to_string(),
            'm' if run > 3 => moment.strftime("%B").to_string(),
            'm' => padded(moment.month(), run),
            'd' if run == 3 => moment.strftime("%a").to_string(),
            'd' if run > 3 => moment.strftime("%A").to_string(),
            'd' => padded(moment.day(), run),
            'h' => padded(hour, run),
            's' => padded(moment.second(), run),
            '"' => String::new(),
            _ => first.to_string().repeat(run),
        };
        out.push_str(&text);
        if letter.is_ascii_alphabetic() {
            after_hours = letter == 'h';
        }
        rest = rest.get(run * first.len_utf8()..).unwrap_or_default();
    }
    out
}

fn padded(number: i8, run: usize) -> String {
    if run > 1 {
        format!("{number:02}")
    } else {
        number.to_string()
    }
}
