//! A vendor that answers 429 with `Retry-After: 7` for a while, and another that answers well.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::Value;

use crate::effects::{Effect, Manner};
use crate::figures::{Found, quantile};
use crate::load::{Load, Plan};
use crate::reconcile::{reconcile, settle};
use crate::site::{Section, Site};
use crate::table::Yard;
use crate::weather::SETTLE_WITHIN;

/// What it asks for.
const RETRY_AFTER: Duration = Duration::from_secs(7);

/// How much later than that it may be asked again: the machine may be busy.
const LATE: Duration = Duration::from_secs(3);

/// With one run at a time none is under way when the answer comes, so that it must hold for every later request.
const ONE_AT_A_TIME: &str = "limits.concurrency = 1";

/// How long it does.
const BUSY: Duration = Duration::from_mins(1);
const BUSY_QUICK: Duration = Duration::from_secs(16);

/// Events for it.
const EVENTS: usize = 40;

/// How long the other plugin is measured alone.
const ALONE: Duration = Duration::from_secs(4);

/// How much later than alone the other plugin's effects may come, by their median: a pause of the machine, not a
/// wait of seconds.
const SLACK: Duration = Duration::from_millis(250);

/// Both kinds of vendor at once.
pub fn run(yard: &mut Yard<'_>) -> anyhow::Result<Found> {
    let mut found = Found::default();
    let section = |name, source, more| Section {
        name,
        component: "effect",
        source,
        more,
    };
    let mut site = Site::with(
        yard.options,
        &[
            section("busy", "busy", ONE_AT_A_TIME),
            section("other", "load*", ""),
        ],
    )?;
    let server = site.start_compiled()?;
    let gently = |source: &str| Plan {
        senders: 2,
        pause: Duration::from_millis(50),
        ..site.plan(source)
    };
    let mut alone = measured(&site, &gently("load-alone"), ALONE, &mut found)?;
    site.vendor.answer(
        "busy",
        Manner {
            status: 429,
            retry_after_s: Some(RETRY_AFTER.as_secs()),
            ..Manner::default()
        },
    );
    let api = site.api();
    let mut sent = std::collections::BTreeSet::new();
    for _ in 0..EVENTS {
        let answer = api
            .post("/api/webhooks/receive/?source=busy", "{}")?
            .success("an event")?;
        sent.insert(answer["id"].as_str().context("no id")?.to_owned());
    }
    let busy = if yard.options.asked.quick {
        BUSY_QUICK
    } else {
        BUSY
    };
    let mut beside = measured(&site, &gently("load-beside"), busy, &mut found)?;
    site.vendor.answer("busy", Manner::default());
    settle(&api, "busy", SETTLE_WITHIN)?;
    waits(&site.vendor.effects(), busy, &mut found);
    reconcile(&site, "busy", &sent, SETTLE_WITHIN, &mut found)?;
    let [alone_median, beside_median] = [quantile(&mut alone, 0.5), quantile(&mut beside, 0.5)];
    found.time("other-median-ms-alone", alone_median);
    found.time("other-median-ms-beside", beside_median);
    found.time("other-p99-ms-alone", quantile(&mut alone, 0.99));
    found.time("other-p99-ms-beside", quantile(&mut beside, 0.99));
    found.must(beside_median < alone_median + SLACK, || {
        format!("the other plugin's effects came after {beside_median:?} instead of {alone_median:?}")
    });
    server.kill()?;
    Ok(found)
}

/// No request of the plugin, of whatever delivery, comes before the time that the last answer asked for; and it does
/// come soon after.
fn waits(effects: &[Effect], busy: Duration, found: &mut Found) {
    let mut asked: Option<Instant> = None;
    let (mut refusals, mut earliest) = (0_u64, Duration::MAX);
    for effect in effects.iter().filter(|effect| effect.plugin == "busy") {
        if let Some(before) = asked {
            let waited = effect.at.duration_since(before);
            earliest = earliest.min(waited);
            found.must(waited >= RETRY_AFTER, || {
                format!(
                    "delivery {} came {waited:?} after an answer of 429",
                    effect.delivery
                )
            });
        }
        let refused = effect.status == 429;
        asked = refused.then_some(effect.at);
        refusals += u64::from(refused);
    }
    found.note("answered-429", refusals);
    found.time("earliest-return-ms", earliest);
    let least = busy.as_secs() / (RETRY_AFTER + LATE).as_secs();
    found.must(refusals >= least, || {
        format!("the vendor was asked {refusals} times in {busy:?}, and should have been {least} times")
    });
}

/// How long after its acknowledgement began each event of a load had its effect.
fn measured(site: &Site, plan: &Plan, lasts: Duration, found: &mut Found) -> anyhow::Result<Vec<Duration>> {
    let load = Load::start(plan);
    thread::sleep(lasts);
    let notes = load.stop();
    found.must(notes.refused() == 0 && notes.broken == 0, || {
        format!("answers: {:?}", notes.answers)
    });
    let api = site.api();
    settle(&api, &plan.source, SETTLE_WITHIN)?;
    let mut times = Vec::new();
    for id in &notes.acknowledged {
        let event = api.get(&format!("/api/webhooks/{id}/"))?.success("an event")?;
        let (received, done) = (&event["received_at"], &event["processed_at"]);
        times.push(span(received, done).with_context(|| format!("not delivered: {event}"))?);
    }
    Ok(times)
}

/// From one moment to another of the same day, as the interface writes them (RFC 3339, UTC).
fn span(from: &Value, to: &Value) -> Option<Duration> {
    let of_day = |moment: &Value| {
        let text = moment.as_str()?.split_once('T')?.1.trim_end_matches('Z');
        let mut parts = text.split(':').map(str::parse::<f64>);
        let (hours, minutes, seconds) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
        Some(hours * 3600.0 + minutes * 60.0 + seconds)
    };
    // Over midnight.
    let seconds = (of_day(to)? - of_day(from)?).rem_euclid(86_400.0);
    Some(Duration::from_secs_f64(seconds))
}
