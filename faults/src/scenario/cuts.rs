//! Power cuts: the process dies, and with it everything that was not synced.

use std::thread;
use std::time::Duration;

use anyhow::ensure;

use crate::figures::Found;
use crate::load::Load;
use crate::power_cut::{self, PowerCut};
use crate::reconcile::reconcile;
use crate::server::LOOK_AGAIN;
use crate::site::Site;
use crate::table::Yard;
use crate::trouble::{self, Errno, Trouble};
use crate::weather::SETTLE_WITHIN;

/// The cut comes in the midst of the load, once so much is acknowledged.
const ACKNOWLEDGED_BEFORE_CUT: usize = 100;

/// How long that may take.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(30);

/// How long the syncs fail before the cut.
const FAILS: Duration = Duration::from_secs(2);

/// As many cuts as were asked for, each on a disk of its own.
pub fn run(yard: &mut Yard<'_>) -> anyhow::Result<Found> {
    let mut found = Found::default();
    for _ in 0..yard.options.asked.cuts() {
        let disk = PowerCut::new();
        let mut site = on(&disk, yard, power_cut::SHIM)?;
        let server = site.start()?;
        let load = Load::start(&site.plan("load"));
        until(&load, ACKNOWLEDGED_BEFORE_CUT)?;
        server.kill()?;
        let notes = load.stop();
        reckon(site, &disk, &notes.acknowledged, &mut found)?;
        found.add("cuts", 1);
    }
    Ok(found)
}

/// Syncs fail, succeed again, fail again, and then the power goes: what was acknowledged in between must be there,
/// although the pages of the failed syncs were never written again by the kernel.
pub fn after_failed_syncs(yard: &mut Yard<'_>) -> anyhow::Result<Found> {
    let mut found = Found::default();
    let disk = PowerCut::new();
    let both = format!("{}:{}", trouble::SHIM, power_cut::SHIM);
    let mut site = on(&disk, yard, &both)?;
    let trouble = Trouble::new(disk.directory())?;
    for (name, value) in trouble.variables() {
        if name != "LD_PRELOAD" {
            site = site.told(&name, value);
        }
    }
    let server = site.start()?;
    let load = Load::start(&site.plan("load"));
    until(&load, ACKNOWLEDGED_BEFORE_CUT)?;
    trouble.syncs_fail(Some(Errno::Io))?;
    thread::sleep(FAILS);
    trouble.syncs_fail(None)?;
    until(&load, load.acknowledged() + ACKNOWLEDGED_BEFORE_CUT)?;
    trouble.syncs_fail(Some(Errno::Io))?;
    thread::sleep(FAILS);
    server.kill()?;
    let notes = load.stop();
    let [_, failed, _] = trouble.counts()?;
    found.note("syncs-failed", failed);
    found.must(failed > 0 && notes.refused() > 0, || {
        "no sync failed, or nobody was told".to_owned()
    });
    found.note("refused", notes.refused());
    reckon(site, &disk, &notes.acknowledged, &mut found)?;
    Ok(found)
}

fn on(disk: &PowerCut, yard: &Yard<'_>, shims: &str) -> anyhow::Result<Site> {
    let mut site = Site::new(yard.options)?
        .told("HOOKYARD_DATA_DIR", disk.directory())
        .told("LD_PRELOAD", shims);
    for (name, value) in disk.variables() {
        site = site.told(name, value);
    }
    Ok(site)
}

fn until(load: &Load, acknowledged: usize) -> anyhow::Result<()> {
    let began = std::time::Instant::now();
    while load.acknowledged() < acknowledged {
        ensure!(
            began.elapsed() < ACKNOWLEDGED_WITHIN,
            "too little is acknowledged"
        );
        thread::sleep(LOOK_AGAIN);
    }
    Ok(())
}

/// What remains, under a kernel that forgets nothing, must have it all.
fn reckon(
    site: Site,
    disk: &PowerCut,
    acknowledged: &std::collections::BTreeSet<String>,
    found: &mut Found,
) -> anyhow::Result<()> {
    let mut site = site.told("HOOKYARD_DATA_DIR", disk.what_remains());
    site.launch.environment.retain(|(name, _)| name != "LD_PRELOAD");
    let server = site.start()?;
    reconcile(&site, "load", acknowledged, SETTLE_WITHIN, found)?;
    server.kill()
}
