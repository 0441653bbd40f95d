use jiff::civil::DateTime;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use proptest::prelude::*;

use super::*;

fn spec(cron: &str, zone: &str) -> ScheduleSpec {
    ScheduleSpec {
        name: "x".parse().expect("a name"),
        cron: cron.parse().unwrap_or_else(|e| panic!("{cron}: {e}")),
        zone: zone.parse().expect("a zone"),
        input: serde_json::json!({}),
        overlap: Overlap::Skip,
        catch_up: CatchUp::Once,
    }
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a moment")
}

/// The first `count` moments after a local time, as local times with their offsets.
fn runs(cron: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    let spec = spec(cron, zone);
    let rules = TimeZone::get(zone).expect("a zone");
    let after: DateTime = after.parse().expect("a local time");
    let mut moment = Timestamp::from_millis(rules.to_timestamp(after).expect("fits").as_millisecond());
    (0..count)
        .map(|_| {
            moment = spec.next_after(moment).expect("there is a next");
            let instant = jiff::Timestamp::from_millisecond(moment.as_millis()).expect("fits");
            let zoned = instant.to_zoned_datetime(rules.clone());
            zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
        })
        .collect()
}

fn next(cron: &str, after: &str) -> String {
    runs(cron, "UTC", after, 1).remove(0).replace("+00:00", "")
}

fn why(cron: &str) -> String {
    cron.parse::<Cron>().expect_err(cron).to_string()
}

#[test]
fn each_day_of_the_week_is_the_day_it_says() {
    // 1 November 2026 is a Sunday.
    let days = [
        ("0", "sun", 1),
        ("1", "mon", 2),
        ("2", "tue", 3),
        ("3", "wed", 4),
        ("4", "thu", 5),
        ("5", "fri", 6),
        ("6", "sat", 7),
        ("7", "SUN", 1),
    ];
    for (number, name, day) in days {
        for weekday in [number, name] {
            let want = format!("2026-11-0{day}T12:00:00");
            assert_eq!(
                next(&format!("0 12 * * {weekday}"), "2026-10-31T23:59:59"),
                want,
                "{weekday}"
            );
        }
    }
    assert_eq!(
        next("0 0 * * MON-FRI", "2026-11-06T00:00:00"),
        "2026-11-09T00:00:00"
    );
    assert_eq!(
        next("0 0 * * fri-sun", "2026-11-02T00:00:00"),
        "2026-11-06T00:00:00"
    );
    assert_eq!(next("0 0 * * 5-7", "2026-11-07T00:00:00"), "2026-11-08T00:00:00");
    assert_eq!(next("0 0 * * */2", "2026-11-01T00:00:00"), "2026-11-03T00:00:00");
}

#[test]
fn names_lists_ranges_steps_and_nicknames_are_read() {
    let after = "2026-01-31T10:07:30";
    for (cron, want) in [
        ("* * * * *", "2026-01-31T10:08:00"),
        ("*/15 * * * *", "2026-01-31T10:15:00"),
        ("1-31/10 * * * *", "2026-01-31T10:11:00"),
        ("5,7,9 10 * * *", "2026-01-31T10:09:00"),
        ("0 3 * feb,MAR *", "2026-02-01T03:00:00"),
        ("0 3 1 JAN-dec/3 *", "2026-04-01T03:00:00"),
        ("30 7 10 * * *", "2026-02-01T10:07:30"),
        ("*/20 * * * * *", "2026-01-31T10:07:40"),
        ("@hourly", "2026-01-31T11:00:00"),
        ("@daily", "2026-02-01T00:00:00"),
        ("@midnight", "2026-02-01T00:00:00"),
        ("@weekly", "2026-02-01T00:00:00"),
        ("@MONTHLY", "2026-02-01T00:00:00"),
        ("@yearly", "2027-01-01T00:00:00"),
        ("59 23 31 12 *", "2026-12-31T23:59:00"),
        ("0 0 29 2 *", "2028-02-29T00:00:00"),
        ("0 0 29 2 */7", "2032-02-29T00:00:00"),
    ] {
        assert_eq!(next(cron, after), want, "{cron}");
    }
}

#[test]
fn restricted_days_of_month_and_week_are_alternatives() {
    let mut after = "2026-11-01T00:00:00".to_owned();
    let mut days = Vec::new();
    for _ in 0..4 {
        after = next("0 0 13 * 5", &after);
        days.push(after[8..10].to_owned());
    }
    assert_eq!(days, ["06", "13", "20", "27"]);
    assert_eq!(next("0 0 15 * 5", "2026-11-13T00:00:00"), "2026-11-15T00:00:00");
    // A field that begins with * does not restrict, and then both must fit.
    assert_eq!(next("0 0 */2 * 1", "2026-11-01T00:00:00"), "2026-11-09T00:00:00");
    assert_eq!(next("0 0 13 * *", "2026-11-01T00:00:00"), "2026-11-13T00:00:00");
}

#[test]
fn what_is_wrong_is_said_with_its_field() {
    for (cron, says) in [
        ("", "0 fields"),
        ("* * * *", "4 fields"),
        ("* * * * * * *", "7 fields"),
        ("60 * * * *", "minute `60`: it must be from 0 to 59"),
        ("* 24 * * *", "hour `24`"),
        ("* * 0 * *", "day of month `0`: it must be from 1 to 31"),
        (
            "* * * 13 *",
            "month `13`: it must be from 1 to 12, or a name from jan to dec",
        ),
        ("* * * * 8", "day of week `8`"),
        ("* * * * funday", "or a name from sun to sat"),
        ("60 * * * * *", "second `60`"),
        ("22-2 * * * *", "a range goes upward"),
        ("*/0 * * * *", "the step after / is a number from 1 to 60"),
        ("*/61 * * * *", "the step after /"),
        ("5/15 * * * *", "write 5-59/15"),
        ("+5 * * * *", "minute `+5`"),
        (",5 * * * *", "minute ``"),
        ("0 0 L * *", "day of month `L`"),
        ("@reboot", "@daily"),
        ("0 0 30 2 *", "never comes"),
        ("0 0 31 4,6,9,11 *", "never comes"),
        (&"1".repeat(201), "longer than 200"),
    ] {
        let error = why(cron);
        assert!(error.contains(says), "{cron}: {error}");
    }
    assert!("Europe/Pari".parse::<Zone>().is_err());
    assert!("".parse::<ScheduleName>().is_err());
    assert!("a\nb".parse::<ScheduleName>().is_err());
    assert!("x".repeat(101).parse::<ScheduleName>().is_err());
}

#[test]
fn a_daily_run_comes_once_on_the_days_when_clocks_change() {
    assert_eq!(
        runs("30 2 * * *", "Europe/Paris", "2026-03-28T00:00:00", 3),
        [
            "2026-03-28T02:30:00+01:00",
            "2026-03-29T03:00:00+02:00",
            "2026-03-30T02:30:00+02:00"
        ]
    );
    assert_eq!(
        runs("30 2 * * *", "Europe/Paris", "2026-10-24T00:00:00", 3),
        [
            "2026-10-24T02:30:00+02:00",
            "2026-10-25T02:30:00+02:00",
            "2026-10-26T02:30:00+01:00"
        ]
    );
    // Several times of one lost hour make one run, and none of the hour after is lost.
    assert_eq!(
        runs("0,30 2,3 * * *", "Europe/Paris", "2026-03-29T00:00:00", 3),
        [
            "2026-03-29T03:00:00+02:00",
            "2026-03-29T03:30:00+02:00",
            "2026-03-30T02:00:00+02:00"
        ]
    );
    // Midnight that does not exist (Cairo), a whole day that does not (Apia).
    assert_eq!(
        runs("0 0 * * *", "Africa/Cairo", "2026-04-23T12:00:00", 2),
        ["2026-04-24T01:00:00+03:00", "2026-04-25T00:00:00+03:00"]
    );
    assert_eq!(
        runs("30 2 * * *", "Pacific/Apia", "2011-12-29T00:00:00", 3),
        [
            "2011-12-29T02:30:00-10:00",
            "2011-12-31T00:00:00+14:00",
            "2011-12-31T02:30:00+14:00"
        ]
    );
}

#[test]
fn an_hourly_run_follows_real_time() {
    assert_eq!(
        runs("30 * * * *", "Europe/Paris", "2026-03-29T01:00:00", 2),
        ["2026-03-29T01:30:00+01:00", "2026-03-29T03:30:00+02:00"]
    );
    assert_eq!(
        runs("30 * * * *", "Europe/Paris", "2026-10-25T01:45:00", 3),
        [
            "2026-10-25T02:30:00+02:00",
            "2026-10-25T02:30:00+01:00",
            "2026-10-25T03:30:00+01:00"
        ]
    );
}

#[test]
fn clocks_that_jump_by_half_an_hour_lose_no_run() {
    let zone = "Australia/Lord_Howe";
    assert_eq!(
        runs("15 2 * * *", zone, "2026-10-04T00:00:00", 2),
        ["2026-10-04T02:30:00+11:00", "2026-10-05T02:15:00+11:00"]
    );
    // A whole hour at a quarter to three (Chatham): the next run comes a real hour after the last.
    assert_eq!(
        runs("0 * * * *", "Pacific/Chatham", "2026-09-27T01:30:00", 2),
        ["2026-09-27T02:00:00+12:45", "2026-09-27T04:00:00+13:45"]
    );
    // The hour of two o'clock has its second half only.
    assert_eq!(
        runs("0 * * * *", zone, "2026-10-04T00:30:00", 3),
        [
            "2026-10-04T01:00:00+10:30",
            "2026-10-04T02:30:00+11:00",
            "2026-10-04T03:00:00+11:00"
        ]
    );
    assert_eq!(
        runs("45 * * * *", zone, "2026-10-04T00:50:00", 2),
        ["2026-10-04T01:45:00+10:30", "2026-10-04T02:45:00+11:00"]
    );
    assert_eq!(
        runs("45 1 * * *", zone, "2026-04-05T00:00:00", 2),
        ["2026-04-05T01:45:00+11:00", "2026-04-06T01:45:00+10:30"]
    );
    assert_eq!(
        runs("*/15 * * * *", zone, "2026-04-05T01:30:00", 4),
        [
            "2026-04-05T01:45:00+11:00",
            "2026-04-05T01:30:00+10:30",
            "2026-04-05T01:45:00+10:30",
            "2026-04-05T02:00:00+10:30"
        ]
    );
}

#[test]
fn zones_are_there_without_the_machines_database() {
    let bundled = TimeZoneDatabase::bundled();
    for zone in ["Europe/Paris", "Australia/Lord_Howe", "America/Sao_Paulo"] {
        assert!(bundled.get(zone).is_ok(), "{zone}");
    }
    assert_eq!(
        "europe/paris".parse::<Zone>().expect("found").to_string(),
        "Europe/Paris"
    );
}

#[test]
fn what_is_due_runs_in_order_and_what_was_missed_once_or_not() {
    let mut hourly = spec("@hourly", "UTC");
    let since = at("2026-05-01T00:00:00Z");
    assert_eq!(hourly.due(since, at("2026-05-01T00:59:59.999Z")), Due::default());
    let due = |ticks: &[&str], missed: Option<&str>| Due {
        ticks: ticks.iter().map(|tick| at(tick)).collect(),
        missed: missed.map(at),
    };
    let one = due(&["2026-05-01T01:00:00Z"], None);
    assert_eq!(hourly.due(since, at("2026-05-01T01:00:00Z")), one);
    assert_eq!(hourly.due(since, at("2026-05-01T01:30:00Z")), one);
    // Many years of stop, one run for the latest.
    let late = at("2036-05-01T01:30:00Z");
    assert_eq!(hourly.due(since, late), due(&["2036-05-01T01:00:00Z"], None));
    hourly.catch_up = CatchUp::None;
    assert_eq!(hourly.due(since, late), due(&[], Some("2036-05-01T01:00:00Z")));
    // One that is due in time stands for those before it.
    let in_time = at("2026-05-01T03:00:20Z");
    let both = due(&["2026-05-01T03:00:00Z"], Some("2026-05-01T02:00:00Z"));
    assert_eq!(hourly.due(since, in_time), both);
    // A clock that went backwards.
    assert_eq!(hourly.due(late, since), Due::default());
    // Seconds: all of the last minute, and no more.
    let seconds = spec("* * * * * *", "UTC").due(since, late);
    assert_eq!(seconds.ticks.len(), 60);
    assert_eq!(seconds.ticks.last(), Some(&late));
    assert_eq!(seconds.missed, Some(late.minus(IN_TIME)));
}

/// Zones with every kind of change: by an hour in both hemispheres, at midnight, by half an hour, by
/// two hours, around Ramadan, none, and with odd offsets.
const ZONES: &[&str] = &[
    "UTC",
    "Europe/Paris",
    "Europe/London",
    "Europe/Dublin",
    "America/New_York",
    "America/St_Johns",
    "America/Santiago",
    "America/Havana",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Asia/Gaza",
    "Australia/Sydney",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Antarctica/Troll",
];

/// All moments of two days around a change of the zone's clock, or around the year's middle.
fn around_a_change(spec: &ScheduleSpec, zone: &TimeZone, change: usize) -> Vec<jiff::Timestamp> {
    let start: jiff::Timestamp = "2025-06-15T00:00:00Z".parse().expect("a moment");
    let middle = zone
        .following(start)
        .nth(change)
        .map_or(start, |change| change.timestamp());
    let span = jiff::SignedDuration::from_hours(24);
    let mut now = Timestamp::from_millis((middle - span).as_millisecond());
    let end = Timestamp::from_millis((middle + span).as_millisecond());
    let mut moments = Vec::new();
    while let Some(next) = spec.next_after(now).filter(|next| *next <= end) {
        assert!(next > now, "time goes on");
        moments.push(jiff::Timestamp::from_millisecond(next.as_millis()).expect("fits"));
        now = next;
    }
    moments
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_run_of_every_hour_comes_in_each_real_hour(
        zone in proptest::sample::select(ZONES), minute in 0_i8..60, change in 0_usize..8,
    ) {
        let schedule = spec(&format!("{minute} * * * *"), zone);
        let rules = TimeZone::get(zone).expect("a zone");
        let moments = around_a_change(&schedule, &rules, change);
        for pair in moments.windows(2) {
            let minutes = pair[0].duration_until(pair[1]).as_mins();
            if zone == "Australia/Lord_Howe" {
                prop_assert!((30..=90).contains(&minutes), "{pair:?}");
            } else {
                prop_assert_eq!(minutes, 60, "{:?}", pair);
            }
        }
    }

    #[test]
    fn a_run_of_every_quarter_comes_in_each_real_quarter(
        zone in proptest::sample::select(ZONES), change in 0_usize..8,
    ) {
        let rules = TimeZone::get(zone).expect("a zone");
        let moments = around_a_change(&spec("*/15 * * * *", zone), &rules, change);
        for pair in moments.windows(2) {
            prop_assert_eq!(pair[0].duration_until(pair[1]).as_mins(), 15, "{:?}", pair);
        }
    }

    #[test]
    fn a_daily_run_comes_once_on_each_day(
        zone in proptest::sample::select(ZONES), hour in 0_i8..24, minute in 0_i8..60,
    ) {
        let schedule = spec(&format!("{minute} {hour} * * *"), zone);
        let rules = TimeZone::get(zone).expect("a zone");
        let mut date = jiff::civil::date(2025, 1, 1);
        let start = rules.to_timestamp(date.at(0, 0, 0, 0)).expect("fits");
        let mut now = Timestamp::from_millis(start.as_millisecond() - 1);
        while date.year() == 2025 {
            now = schedule.next_after(now).expect("there is a next");
            let moment = jiff::Timestamp::from_millisecond(now.as_millis()).expect("fits");
            let local = rules.to_datetime(moment);
            prop_assert_eq!(local.date(), date);
            let exact = local.time() == jiff::civil::time(hour, minute, 0, 0);
            let skipped = rules.following(moment - jiff::SignedDuration::from_secs(1)).next();
            prop_assert!(exact || skipped.is_some_and(|change| change.timestamp() == moment));
            date = date.tomorrow().expect("fits");
        }
    }

    #[test]
    fn any_expression_gives_moments_that_fit(
        zone in proptest::sample::select(ZONES), minutes in "(\\*|[0-9]|[1-5][0-9])(/[1-9])?",
        hours in "(\\*|1?[0-9])", days in "(\\*|[1-9]|[12][0-9])", weekdays in "(\\*|[0-7])", start in 0_i64..4_000_000_000,
    ) {
        let Ok(cron) = format!("{minutes} {hours} {days} * {weekdays}").parse::<Cron>() else {
            return Ok(());
        };
        let schedule = ScheduleSpec { cron, ..spec("* * * * *", zone) };
        let mut now = Timestamp::from_millis(start * 1000);
        for _ in 0..5 {
            let next = schedule.next_after(now).expect("there is a next");
            prop_assert!(next > now);
            // From any moment between, the same one comes next.
            let between = Timestamp::from_millis(i64::midpoint(now.as_millis(), next.as_millis()));
            prop_assert_eq!(schedule.next_after(between), Some(next));
            now = next;
        }
    }
}
