//! A disk that is full, read-only, or whose syncs fail.

use std::time::Duration;

use anyhow::bail;

use crate::figures::Found;
use crate::server::Server;
use crate::site::Site;
use crate::table::Yard;
use crate::trouble::{Errno, Trouble};
use crate::weather::{Senders, Spell, weather};

/// How long it lasts.
const LASTS: Duration = Duration::from_secs(6);

/// How long a start may take that has to fail.
const FAILS_WITHIN: Duration = Duration::from_secs(30);

/// `ENOSPC` for every write.
pub fn full(yard: &mut Yard<'_>) -> anyhow::Result<Found> {
    writes_fail(yard, Errno::NoSpace, "No space left on device")
}

/// `EROFS` for every write.
pub fn read_only(yard: &mut Yard<'_>) -> anyhow::Result<Found> {
    writes_fail(yard, Errno::ReadOnly, "Read-only file system")
}

/// `EIO` for every sync.
pub fn sync_errors(yard: &mut Yard<'_>) -> anyhow::Result<Found> {
    let mut site = Site::new(yard.options)?;
    let trouble = site.troubled()?;
    let mut found = Found::default();
    spell(&mut site, &mut found, &mut |on| {
        trouble.syncs_fail(on.then_some(Errno::Io))
    })?;
    let [_, failed, _] = trouble.counts()?;
    found.note("syncs-failed", failed);
    found.must(failed > 0, || "no sync failed".to_owned());
    Ok(found)
}

fn writes_fail(yard: &Yard<'_>, errno: Errno, words: &str) -> anyhow::Result<Found> {
    let mut site = Site::new(yard.options)?;
    let trouble = site.troubled()?;
    let mut found = Found::default();
    spell(&mut site, &mut found, &mut |on| {
        trouble.writes_fail(on.then_some(errno))
    })?;
    let [failed, _, _] = trouble.counts()?;
    found.note("writes-failed", failed);
    found.must(failed > 0, || "no write failed".to_owned());
    start_fails(&site, &trouble, errno, words, &mut found)?;
    Ok(found)
}

fn spell(
    site: &mut Site,
    found: &mut Found,
    switch: &mut dyn FnMut(bool) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut server = site.start()?;
    let switch = std::cell::RefCell::new(switch);
    let mut spell = Spell {
        senders: Senders::Refused,
        may_break: false,
        healthy: true,
        lasts: LASTS,
        on: &mut || (switch.borrow_mut())(true),
        off: &mut || (switch.borrow_mut())(false),
    };
    weather(site, &mut server, &site.plan("load"), &mut spell, found)
}

/// A start in the trouble ends with a failure that names it, and the next start in calm weather serves.
fn start_fails(
    site: &Site,
    trouble: &Trouble,
    errno: Errno,
    words: &str,
    found: &mut Found,
) -> anyhow::Result<()> {
    trouble.writes_fail(Some(errno))?;
    let before = site.log().len();
    let mut server = Server::spawn(&site.launch)?;
    if server.serves_within(FAILS_WITHIN)? {
        bail!("it serves, although nothing can be written");
    }
    let status = server.ends_within(FAILS_WITHIN)?;
    let log = site.log();
    let said = log.get(before..).unwrap_or_default();
    found.must(!status.success() && said.contains("error: "), || {
        format!("a start in the trouble ended with {status} and said: {said}")
    });
    found.must(
        said.contains(words) || said.contains("disk is full") || said.contains("readonly"),
        || format!("a start in the trouble does not say `{words}`: {said}"),
    );
    trouble.writes_fail(None)?;
    Server::start(&site.launch)?.kill()
}
