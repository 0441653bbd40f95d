//! An abort at each named point on the way of an event, in a build that has them.

use std::os::unix::process::ExitStatusExt as _;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::figures::Found;
use crate::load::Load;
use crate::reconcile::reconcile;
use crate::server::Server;
use crate::site::Site;
use crate::table::Yard;
use crate::weather::SETTLE_WITHIN;

/// In the order in which an event comes by. As `host/src/fault.rs` names them.
const POINTS: [&str; 10] = [
    "after-receive",
    "before-commit",
    "after-commit",
    "before-answer",
    "after-claim",
    "after-mark",
    "mid-run",
    "after-effect",
    "before-record",
    "after-record",
];

/// At which passage the process is aborted: the first, and one in the midst of others.
const PASSAGES: [u32; 2] = [1, 12];

/// How long the point may take to be reached.
const REACHED_WITHIN: Duration = Duration::from_secs(30);

/// What `abort` ends a process with.
const SIGABRT: i32 = 6;

/// Every point, at each passage, on one data directory.
pub fn run(yard: &mut Yard<'_>) -> anyhow::Result<Found> {
    let mut found = Found::default();
    let mut site = Site::new(yard.options)?;
    yard.options.pointed()?.clone_into(&mut site.launch.binary);
    site.start_compiled()?.kill()?;
    for point in POINTS {
        for passage in PASSAGES {
            one(&site, point, passage, &mut found).with_context(|| format!("{point}:{passage}"))?;
            found.add("aborts", 1);
        }
    }
    Ok(found)
}

fn one(site: &Site, point: &str, passage: u32, found: &mut Found) -> anyhow::Result<()> {
    let source = format!("load-{point}-{passage}");
    let mut armed = site.launch.clone();
    let fault = format!("{point}:{passage}");
    armed
        .environment
        .push(("HOOKYARD_FAULT".to_owned(), fault.into()));
    let mut server = Server::start(&armed)?;
    let load = Load::start(&site.plan(&source));
    let status = server
        .ends_within(REACHED_WITHIN)
        .context("the point was not reached")?;
    if status.signal() != Some(SIGABRT) {
        bail!("it ended otherwise ({status}):\n{}", server.tail());
    }
    let server = Server::start(&site.launch)?;
    let again = Instant::now();
    while load.last_acknowledged().is_none_or(|at| at < again) {
        if again.elapsed() > REACHED_WITHIN {
            bail!("nothing is acknowledged after the restart:\n{}", server.tail());
        }
        thread::sleep(crate::server::LOOK_AGAIN);
    }
    let notes = load.stop();
    reconcile(site, &source, &notes.acknowledged, SETTLE_WITHIN, found)?;
    if !found.wrong.is_empty() {
        bail!("{}", found.wrong.join("\n"));
    }
    server.kill()
}
