//! A damaged database file: refused with a clear error, and left as it is.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};

use crate::figures::Found;
use crate::load::Load;
use crate::server::Server;
use crate::site::Site;
use crate::table::Yard;

/// How long a start may take that has to fail.
const FAILS_WITHIN: Duration = Duration::from_secs(30);

/// What SQLite's pages have by default, in bytes.
const PAGE: usize = 4096;

/// What a damage does to the file.
type Damage = fn(&fs::File) -> std::io::Result<()>;

/// The ways to damage it.
const DAMAGES: [(&str, Damage); 3] = [
    ("its first bytes are others", |file| {
        file.write_all_at(b"not a database, but text", 0)
    }),
    ("its schema is overwritten", |file| {
        file.write_all_at(&[0xff; PAGE - 100], 100)
    }),
    ("it is cut in the middle of its first page", |file| {
        file.set_len(2048)
    }),
];

/// Each damage to a file that held events.
pub fn run(yard: &mut Yard<'_>) -> anyhow::Result<Found> {
    let mut found = Found::default();
    let mut site = Site::new(yard.options)?;
    let whole_server = site.start()?;
    let load = Load::start(&site.plan("load"));
    thread::sleep(Duration::from_secs(1));
    let notes = load.stop();
    whole_server.terminate(FAILS_WITHIN)?;
    found.note("acknowledged-before", notes.acknowledged.len());
    let whole = site.folder().join("whole.db");
    fs::copy(site.database(), &whole)?;
    for (damage, make) in DAMAGES {
        fs::copy(&whole, site.database())?;
        make(&fs::File::options().write(true).open(site.database())?)?;
        refused(&site, damage, &mut found)?;
        found.add("damages-refused", 1);
    }
    fs::copy(&whole, site.database())?;
    let server = site.start()?;
    crate::reconcile::reconcile(
        &site,
        "load",
        &notes.acknowledged,
        crate::weather::SETTLE_WITHIN,
        &mut found,
    )?;
    server.kill()?;
    Ok(found)
}

fn refused(site: &Site, damage: &str, found: &mut Found) -> anyhow::Result<()> {
    let before = digest(&site.database())?;
    let logged = site.log().len();
    let mut server = Server::spawn(&site.launch)?;
    let is_up = server.serves_within(FAILS_WITHIN)?;
    found.must(!is_up, || format!("{damage}: it serves"));
    if is_up {
        return server.kill();
    }
    let status = server.ends_within(FAILS_WITHIN)?;
    let log = site.log();
    let said = log.get(logged..).unwrap_or_default();
    let named = said.contains("error: ") && said.contains(&site.database().display().to_string());
    found.must(!status.success() && named, || {
        format!("{damage}: it ended with {status} and said: {said}")
    });
    found.must(digest(&site.database())? == before, || {
        format!("{damage}: the file was changed")
    });
    Ok(())
}

fn digest(file: &Path) -> anyhow::Result<Vec<u8>> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(Sha256::digest(bytes).to_vec())
}
