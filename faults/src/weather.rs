//! The shape that most scenarios have: load in calm weather, trouble while the load goes on, calm again, and the
//! reckoning.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::figures::Found;
use crate::health::Health;
use crate::load::{Load, Plan};
use crate::reconcile::reconcile;
use crate::server::{LOOK_AGAIN, Server};
use crate::site::Site;

/// How long the load runs before and after the trouble.
const CALM: Duration = Duration::from_secs(2);

/// How long an acknowledgement may take to come back once the trouble is over: above every wait inside the host
/// (10 s for a connection of the database).
const RECOVER_WITHIN: Duration = Duration::from_secs(30);

/// How long every delivery may take once the load is over. Above two leases (20 s each) and their sweeps.
pub const SETTLE_WITHIN: Duration = Duration::from_mins(2);

/// What the trouble may do to senders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Senders {
    /// Some must be refused: trouble that nobody notices was none.
    Refused,
    /// All are answered with a 2xx, or some are refused.
    MayBeRefused,
}

/// A spell of trouble.
pub struct Spell<'a> {
    pub senders: Senders,
    /// Whether connections may break or be refused; otherwise each request gets an answer.
    pub may_break: bool,
    /// Whether `/healthz` must be answered all the while.
    pub healthy: bool,
    pub lasts: Duration,
    pub on: &'a mut dyn FnMut() -> anyhow::Result<()>,
    pub off: &'a mut dyn FnMut() -> anyhow::Result<()>,
}

/// Runs the spell on a server that serves, then settles and reconciles.
///
/// # Errors
/// When the server ends, or the scenario itself fails.
pub fn weather(
    site: &Site,
    server: &mut Server,
    plan: &Plan,
    spell: &mut Spell<'_>,
    found: &mut Found,
) -> anyhow::Result<()> {
    let load = Load::start(plan);
    thread::sleep(CALM);
    let before = load.notes();
    found.must(before.refused() == 0 && before.broken == 0, || {
        format!("refused before the trouble began: {:?}", before.answers)
    });
    let health = Health::watch(&site.url);
    (spell.on)()?;
    thread::sleep(spell.lasts);
    let during = load.acknowledged();
    (spell.off)()?;
    let heard = health.stop();
    let calm_since = Instant::now();
    while load.last_acknowledged().is_none_or(|at| at < calm_since) {
        if let Some(how) = server.ended()? {
            bail!("hookyard ended ({how}):\n{}", server.tail());
        }
        if calm_since.elapsed() > RECOVER_WITHIN {
            bail!(
                "nothing is acknowledged {} s after the trouble:\n{}",
                RECOVER_WITHIN.as_secs(),
                server.tail()
            );
        }
        thread::sleep(LOOK_AGAIN);
    }
    found.time("recovered-ms", calm_since.elapsed());
    thread::sleep(CALM);
    let notes = load.stop();
    found.note(
        "acknowledged-in-trouble",
        during.saturating_sub(before.acknowledged.len()),
    );
    found.note("refused", notes.refused());
    found.note("broken", notes.broken);
    found.note("duplicates", notes.duplicates);
    found.time("slowest-answer-ms", notes.slowest);
    found.note("health-asked", heard.asked);
    found.note("health-failed", heard.failed);
    found.time("health-slowest-ms", heard.slowest);
    found.must(spell.senders != Senders::Refused || notes.refused() > 0, || {
        "the trouble was not noticed: nobody was refused".to_owned()
    });
    found.must(notes.are_as_documented(), || {
        format!("answers by status: {:?}", notes.answers)
    });
    found.must(notes.unhelpful == 0, || {
        format!(
            "{} answers of 503 did not say when to come again",
            notes.unhelpful
        )
    });
    found.must(spell.may_break || notes.broken == 0, || {
        format!("{} requests got no answer", notes.broken)
    });
    found.must(!spell.healthy || (heard.failed == 0 && heard.asked > 0), || {
        format!("/healthz failed {} of {} times", heard.failed, heard.asked)
    });
    reconcile(site, &plan.source, &notes.acknowledged, SETTLE_WITHIN, found)
}
