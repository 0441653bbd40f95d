//! Cron expressions in crontab's meaning (crontab(5) of Vixie cron), with seconds when asked for.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, DateTime, Time};
use jiff::{Span, ToSpan as _};

/// Longest expression, in characters: every field as a full list fits in three times as many.
const MAX_CHARS: usize = 200;

/// Calendar years in which an expression must come to pass: the longest wait is for 29 February on
/// one day of the week, 40 years over a turn of the century without a leap day.
const YEARS: i16 = 41;

/// Which seconds, minutes, hours and days a schedule means: `minute hour day-of-month month
/// day-of-week`, with `second` in front when there are six fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    text: String,
    seconds: u64,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    /// Sunday is bit 0.
    weekdays: u64,
    /// Whether day of month and day of week both count; else one of the two is enough.
    both_days: bool,
}

/// Why a text is no cron expression, with the mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidCron(String);

/// One field: its name for people, its least and greatest number, and its names if it has some.
struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    names: &'static [&'static str],
}

const SECOND: Field = Field::new("second", 0, 59, &[]);
const MINUTE: Field = Field::new("minute", 0, 59, &[]);
const HOUR: Field = Field::new("hour", 0, 23, &[]);
const DAY: Field = Field::new("day of month", 1, 31, &[]);
const MONTH: Field = Field::new(
    "month",
    1,
    12,
    &[
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ],
);
// 0 and 7 are both Sunday.
const WEEKDAY: Field = Field::new(
    "day of week",
    0,
    7,
    &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
);

/// The hours of a day as bits.
const ALL_HOURS: u64 = (1 << 24) - 1;

impl FromStr for Cron {
    type Err = InvalidCron;

    fn from_str(text: &str) -> Result<Self, InvalidCron> {
        let text = text.trim();
        if text.chars().count() > MAX_CHARS {
            return Err(InvalidCron(format!(
                "the expression is longer than {MAX_CHARS} characters"
            )));
        }
        let fields: Vec<&str> = expanded(text)?.split_whitespace().collect();
        let (seconds, rest) = match fields.as_slice() {
            rest @ [_, _, _, _, _] => (1, rest),
            [seconds, rest @ ..] if rest.len() == 5 => (SECOND.parse(seconds)?, rest),
            other => {
                return Err(InvalidCron(format!(
                    "`{text}` has {} fields; write five (minute, hour, day of month, month, day of week), \
                     six with the second in front, or a name such as @daily",
                    other.len()
                )));
            }
        };
        let weekdays = WEEKDAY.parse(rest[4])?;
        let cron = Self {
            text: text.to_owned(),
            seconds,
            minutes: MINUTE.parse(rest[0])?,
            hours: HOUR.parse(rest[1])?,
            days: DAY.parse(rest[2])?,
            months: MONTH.parse(rest[3])?,
            weekdays: (weekdays | weekdays >> 7) & 0x7f,
            both_days: rest[2].starts_with('*') || rest[4].starts_with('*'),
        };
        let epoch = Date::constant(2000, 1, 1).to_datetime(Time::midnight());
        match cron.first_from(epoch) {
            Some(_) => Ok(cron),
            None => Err(InvalidCron(format!(
                "`{text}` never comes: no year has such a day; change the day of month or the month"
            ))),
        }
    }
}

/// The five fields that a name such as `@daily` stands for.
fn expanded(text: &str) -> Result<&str, InvalidCron> {
    if !text.starts_with('@') {
        return Ok(text);
    }
    match text.to_ascii_lowercase().as_str() {
        "@yearly" | "@annually" => Ok("0 0 1 1 *"),
        "@monthly" => Ok("0 0 1 * *"),
        "@weekly" => Ok("0 0 * * 0"),
        "@daily" | "@midnight" => Ok("0 0 * * *"),
        "@hourly" => Ok("0 * * * *"),
        _ => Err(InvalidCron(format!(
            "`{text}` is not known; use @hourly, @daily, @midnight, @weekly, @monthly or @yearly"
        ))),
    }
}

impl Field {
    const fn new(name: &'static str, least: u32, most: u32, names: &'static [&'static str]) -> Self {
        Self {
            name,
            least,
            most,
            names,
        }
    }

    /// The field's numbers as bits.
    fn parse(&self, text: &str) -> Result<u64, InvalidCron> {
        let mut bits = 0;
        for item in text.split(',') {
            bits |= self.item(item)?;
        }
        Ok(bits)
    }

    /// One item of a list: `*`, `a` or `a-b`, the first and last with `/step`.
    fn item(&self, text: &str) -> Result<u64, InvalidCron> {
        let (range, step) = match text.split_once('/') {
            None => (text, 1),
            Some((range, step)) => (range, self.step(text, step)?),
        };
        let (first, last) = match range.split_once('-') {
            // 7 is Sunday a second time.
            None if range == "*" => (self.least, if self.most == 7 { 6 } else { self.most }),
            None if range.len() < text.len() => {
                return Err(self.wrong(
                    text,
                    &format!("a step needs a range: write {range}-{}/{step}", self.most),
                ));
            }
            None => {
                let number = self.number(range)?;
                (number, number)
            }
            Some((first, last)) => (self.number(first)?, self.last(last)?),
        };
        if first > last {
            return Err(self.wrong(text, "a range goes upward; write two ranges with a comma between"));
        }
        Ok((first..=last)
            .step_by(step)
            .fold(0, |bits, number| bits | 1 << number))
    }

    fn step(&self, item: &str, text: &str) -> Result<usize, InvalidCron> {
        let most = self.most - self.least + 1;
        match text.parse::<u32>() {
            Ok(step) if (1..=most).contains(&step) => Ok(step as usize),
            _ => Err(self.wrong(item, &format!("the step after / is a number from 1 to {most}"))),
        }
    }

    /// The end of a range: there Sunday comes after Saturday.
    fn last(&self, text: &str) -> Result<u32, InvalidCron> {
        match self.number(text)? {
            0 if self.most == 7 && text != "0" => Ok(7),
            number => Ok(number),
        }
    }

    fn number(&self, text: &str) -> Result<u32, InvalidCron> {
        let lower = text.to_ascii_lowercase();
        if let Some(at) = self.names.iter().position(|name| *name == lower) {
            return Ok(self.least + u32::try_from(at).unwrap_or(0));
        }
        // `parse` alone would take a plus sign.
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(number) if digits && (self.least..=self.most).contains(&number) => Ok(number),
            _ => Err(self.wrong(text, &self.expected())),
        }
    }

    fn expected(&self) -> String {
        let numbers = format!("it must be from {} to {}", self.least, self.most);
        match self.names {
            [first, .., last] => format!("{numbers}, or a name from {first} to {last}"),
            _ => numbers,
        }
    }

    fn wrong(&self, text: &str, why: &str) -> InvalidCron {
        InvalidCron(format!("{} `{text}`: {why}", self.name))
    }
}

/// The least number of `bits` that is at least `from`.
fn at_least(bits: u64, from: u32) -> Option<u32> {
    let rest = bits.checked_shr(from).unwrap_or(0);
    (rest != 0).then(|| from + rest.trailing_zeros())
}

impl Cron {
    /// The expression as the operator wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether no hour is left out: such a schedule goes by real time when clocks are changed.
    #[must_use]
    pub const fn every_hour(&self) -> bool {
        self.hours == ALL_HOURS
    }

    /// The first local time that fits and is not before `from` (a whole second); `None` when there
    /// is none in `YEARS`.
    #[must_use]
    pub fn first_from(&self, from: DateTime) -> Option<DateTime> {
        if self.day_fits(from.date())
            && let Some(time) = self.time_from(from.time())
        {
            return Some(from.date().to_datetime(time));
        }
        let first = self.time_from(Time::midnight())?;
        self.day_after(from.date()).map(|date| date.to_datetime(first))
    }

    /// The first local time that fits and is after `moment` (a whole second).
    #[must_use]
    pub fn first_after(&self, moment: DateTime) -> Option<DateTime> {
        self.first_from(moment.checked_add(Span::new().seconds(1)).ok()?)
    }

    fn day_after(&self, date: Date) -> Option<Date> {
        let last_year = date.year().saturating_add(YEARS);
        let mut date = date.tomorrow().ok()?;
        while date.year() <= last_year {
            if self.day_fits(date) {
                return Some(date);
            }
            date = if self.month_fits(date) {
                date.tomorrow().ok()?
            } else {
                date.first_of_month().checked_add(1.month()).ok()?
            };
        }
        None
    }

    fn month_fits(&self, date: Date) -> bool {
        has(self.months, date.month())
    }

    /// crontab's rule: when day of month and day of week are both restricted (neither begins with
    /// `*`), one of them is enough.
    fn day_fits(&self, date: Date) -> bool {
        let day = has(self.days, date.day());
        let weekday = has(self.weekdays, date.weekday().to_sunday_zero_offset());
        self.month_fits(date)
            && if self.both_days {
                day && weekday
            } else {
                day || weekday
            }
    }

    fn time_from(&self, from: Time) -> Option<Time> {
        let [hour, minute, second] = [from.hour(), from.minute(), from.second()].map(i8::unsigned_abs);
        let same_hour = has(self.hours, from.hour());
        if same_hour
            && has(self.minutes, from.minute())
            && let Some(second) = at_least(self.seconds, second.into())
        {
            return time(hour.into(), minute.into(), second);
        }
        let first_second = at_least(self.seconds, 0)?;
        if same_hour && let Some(minute) = at_least(self.minutes, u32::from(minute) + 1) {
            return time(hour.into(), minute, first_second);
        }
        let hour = at_least(self.hours, u32::from(hour) + 1)?;
        time(hour, at_least(self.minutes, 0)?, first_second)
    }
}

fn has(bits: u64, number: i8) -> bool {
    bits >> number & 1 == 1
}

fn time(hour: u32, minute: u32, second: u32) -> Option<Time> {
    let [hour, minute, second] = [hour, minute, second].map(i8::try_from);
    Time::new(hour.ok()?, minute.ok()?, second.ok()?, 0).ok()
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
