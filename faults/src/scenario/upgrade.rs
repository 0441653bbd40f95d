//! Another build takes over while jobs are in flight: stopped in order, or killed.

use std::thread;
use std::time::Duration;

use crate::effects::Manner;
use crate::figures::Found;
use crate::load::Load;
use crate::reconcile::reconcile;
use crate::site::{NO_BREAKER, PLUGIN, Section, Site};
use crate::table::Yard;
use crate::weather::SETTLE_WITHIN;

/// How long the load runs on each build.
const LOAD: Duration = Duration::from_secs(2);

/// How long a stop may take.
const STOPS_WITHIN: Duration = Duration::from_secs(35);

/// The vendor is down at first, so that everything waits for the next build; without a breaker, so that jobs are in
/// flight whenever one takes over.
pub fn run(yard: &mut Yard<'_>) -> anyhow::Result<Found> {
    let mut found = Found::default();
    let mut site = Site::with(yard.options, &[Section::of_load(NO_BREAKER)])?;
    let (shipped, other) = (yard.options.binary()?, yard.options.pointed()?);
    let mut server = site.start()?;
    let load = Load::start(&site.plan("load"));
    let down = Manner {
        status: 503,
        ..Manner::default()
    };
    for (turn, build) in [shipped, other, shipped].into_iter().enumerate() {
        site.vendor.answer(PLUGIN, down);
        thread::sleep(LOAD);
        if turn % 2 == 0 {
            server.terminate(STOPS_WITHIN)?;
        } else {
            server.kill()?;
        }
        build.clone_into(&mut site.launch.binary);
        server = site.start()?;
        found.add("take-overs", 1);
    }
    site.vendor.answer(PLUGIN, Manner::default());
    thread::sleep(LOAD);
    let notes = load.stop();
    reconcile(&site, "load", &notes.acknowledged, SETTLE_WITHIN, &mut found)?;
    Ok(found)
}
