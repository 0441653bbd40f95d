//! More senders than a slow disk keeps up with: intake sheds load and says when to come again, and health stays green.

use std::thread;
use std::time::Duration;

use crate::figures::Found;
use crate::health::Health;
use crate::load::{Load, Plan};
use crate::reconcile::reconcile;
use crate::site::Site;
use crate::table::Yard;
use crate::weather::SETTLE_WITHIN;

/// At the same time: more than the connections that the host keeps open.
const SENDERS: u32 = 1200;

/// How much longer every sync takes.
const SLOW: Duration = Duration::from_millis(1500);

/// How long it lasts.
const LASTS: Duration = Duration::from_secs(9);

/// Longest answer of `/healthz` in the flood.
const HEALTHY_WITHIN: Duration = Duration::from_secs(3);

/// The flood.
pub fn run(yard: &mut Yard<'_>) -> anyhow::Result<Found> {
    let mut found = Found::default();
    let mut site = Site::new(yard.options)?;
    let trouble = site.troubled()?;
    let mut server = site.start_compiled()?;
    trouble.syncs_wait(SLOW)?;
    let load = Load::start(&Plan {
        senders: SENDERS,
        pause: Duration::from_millis(100),
        ..site.plan("load")
    });
    // Every sender is there before health is looked at.
    thread::sleep(Duration::from_secs(1));
    let health = Health::watch(&site.url);
    thread::sleep(LASTS);
    let heard = health.stop();
    found.note("resident-kib", server.resident_kib()?);
    let notes = load.stop();
    trouble.syncs_wait(Duration::ZERO)?;
    let [_, _, delayed] = trouble.counts()?;
    let shed = notes.answers.get(&503).copied().unwrap_or(0);
    found.note("syncs-delayed", delayed);
    found.note("shed", shed);
    found.note("broken", notes.broken);
    found.time("slowest-answer-ms", notes.slowest);
    found.note("health-asked", heard.asked);
    found.note("health-failed", heard.failed);
    found.time("health-slowest-ms", heard.slowest);
    found.must(shed > 0, || format!("no load was shed: {:?}", notes.answers));
    found.must(notes.unhelpful == 0, || {
        format!("{} of 503 without Retry-After", notes.unhelpful)
    });
    found.must(notes.are_as_documented(), || {
        format!("answers by status: {:?}", notes.answers)
    });
    found.must(heard.failed == 0 && heard.slowest < HEALTHY_WITHIN, || {
        format!(
            "/healthz failed {} of {} times, the slowest took {:?}",
            heard.failed, heard.asked, heard.slowest
        )
    });
    found.must(server.ended()?.is_none(), || "it ended".to_owned());
    reconcile(&site, "load", &notes.acknowledged, SETTLE_WITHIN, &mut found)?;
    Ok(found)
}
