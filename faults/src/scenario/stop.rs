//! SIGTERM under load: what runs ends, what waits is given back, nothing is repeated.

use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

use crate::effects::Manner;
use crate::figures::Found;
use crate::load::Load;
use crate::reconcile::reconcile;
use crate::site::{PLUGIN, Site};
use crate::table::Yard;
use crate::weather::SETTLE_WITHIN;

/// Stops while the vendor is quick, and while it takes so long that runs are under way.
const VENDORS: [Duration; 3] = [Duration::ZERO, Duration::from_millis(300), Duration::from_secs(3)];

/// A vendor that never answers in time.
const HANGS: Duration = Duration::from_secs(100);

/// How long a stop may take: 25 s of grace, 3 s to drop the rest, 3 s to close, and a busy machine.
const STOPS_WITHIN: Duration = Duration::from_secs(35);

/// How long the load runs before it.
const LOAD: Duration = Duration::from_secs(2);

/// Told at a start that finds leases of a process that is gone.
const TAKEN_OVER: &str = "took over what the last process left";

/// Each vendor in turn, and at last, unless it must be quick, the one that hangs.
pub fn run(yard: &mut Yard<'_>) -> anyhow::Result<Found> {
    let mut found = Found::default();
    let mut site = Site::new(yard.options)?.told("HOOKYARD_LOG", "info,hookyard::dispatch=warn");
    for vendor in VENDORS {
        let slowest = one(&mut site, vendor, true, &mut found)?;
        found.time(&format!("stopped-ms-vendor-{}-ms", vendor.as_millis()), slowest);
    }
    let repeated = found.figures.get("repeated-and-told").and_then(Value::as_u64);
    found.must(repeated == Some(0), || {
        "an orderly stop repeated an effect".to_owned()
    });
    found.must(!site.log().contains(TAKEN_OVER), || {
        "leases were not given back".to_owned()
    });
    if !yard.options.asked.quick {
        let slowest = one(&mut site, HANGS, false, &mut found)?;
        found.time("stopped-ms-vendor-hangs", slowest);
    }
    Ok(found)
}

fn one(site: &mut Site, vendor: Duration, clean: bool, found: &mut Found) -> anyhow::Result<Duration> {
    let source = format!("load-{}", vendor.as_millis());
    let answer_after = |delay| {
        let manner = Manner {
            delay,
            ..Manner::default()
        };
        site.vendor.answer(PLUGIN, manner);
    };
    answer_after(vendor);
    let server = site.start_compiled()?;
    let load = Load::start(&site.plan(&source));
    thread::sleep(LOAD);
    let (status, took) = server.terminate(STOPS_WITHIN).context("SIGTERM")?;
    let notes = load.stop();
    found.must(status.success() == clean, || format!("it ended with {status}"));
    found.must(notes.are_as_documented(), || {
        format!("answers by status: {:?}", notes.answers)
    });
    site.vendor.answer(PLUGIN, Manner::default());
    let server = site.start()?;
    reconcile(site, &source, &notes.acknowledged, SETTLE_WITHIN, found)?;
    server.terminate(STOPS_WITHIN)?;
    Ok(took)
}
