//! kill -9 at random moments: while requests are answered, while plugins run, and while the server starts.

use std::thread;
use std::time::Duration;

use anyhow::bail;
use rand::RngExt as _;

use crate::figures::Found;
use crate::load::Load;
use crate::postgres::Postgres;
use crate::reconcile::reconcile;
use crate::server::Server;
use crate::site::Site;
use crate::table::Yard;
use crate::weather::SETTLE_WITHIN;

/// Kills between two reckonings: few enough that what is wrong can be found in the log.
const KILLS_PER_RECKONING: u32 = 25;

/// Share of the kills that come while the server starts.
const EARLY: f64 = 0.2;

/// How long a server lives at most, once it serves or, for early kills, once it was started.
const LIVES: Duration = Duration::from_millis(700);
const EARLY_LIVES: Duration = Duration::from_millis(300);

/// How long a start may take. Each kill may leave a log to be read again.
const SERVES_WITHIN: Duration = Duration::from_mins(1);

/// Kills on PostgreSQL for each ten on SQLite: leases of 20 s have to end there, which SQLite's single process need
/// not wait for.
const POSTGRES_SHARE: u32 = 10;

/// On SQLite.
pub fn run(yard: &mut Yard<'_>) -> anyhow::Result<Found> {
    let mut site = Site::new(yard.options)?;
    let kills = yard.options.asked.kills();
    rounds(yard, &mut site, kills)
}

/// On PostgreSQL.
pub fn on_postgres(yard: &mut Yard<'_>) -> anyhow::Result<Found> {
    let Some(postgres) = Postgres::start_new()? else {
        return Ok(Found::skipped("no PostgreSQL; apt-get install postgresql"));
    };
    let mut site = Site::new(yard.options)?.told("DATABASE_URL", Postgres::url(postgres.port));
    let kills = yard.options.asked.kills().div_ceil(POSTGRES_SHARE);
    rounds(yard, &mut site, kills)
}

fn rounds(yard: &mut Yard<'_>, site: &mut Site, kills: u32) -> anyhow::Result<Found> {
    let mut found = Found::default();
    let mut server = site.start_compiled()?;
    let mut left = kills;
    while left > 0 {
        let source = format!("load-{left}");
        let load = Load::start(&site.plan(&source));
        for _ in 0..left.min(KILLS_PER_RECKONING) {
            server = one(yard, site, server, &mut found)?;
            left -= 1;
        }
        serving(&mut server)?;
        let notes = load.stop();
        found.add("broken", notes.broken);
        found.add("duplicates", notes.duplicates);
        found.must(notes.are_as_documented(), || {
            format!("answers by status: {:?}", notes.answers)
        });
        reconcile(site, &source, &notes.acknowledged, SETTLE_WITHIN, &mut found)?;
        if !found.wrong.is_empty() {
            bail!("{}\n{}\n{}", found.line(), found.wrong.join("\n"), server.tail());
        }
    }
    found.must(
        found.figures.get("acknowledged").is_some_and(|count| *count != 0),
        || "nothing was acknowledged between the kills".to_owned(),
    );
    Ok(found)
}

/// Kills the server at a random moment and starts the next.
fn one(yard: &mut Yard<'_>, site: &Site, mut server: Server, found: &mut Found) -> anyhow::Result<Server> {
    let early = yard.chance.random_bool(EARLY);
    if !early {
        serving(&mut server)?;
    }
    let lives = if early { EARLY_LIVES } else { LIVES };
    thread::sleep(lives.mul_f64(yard.chance.random()));
    if let Some(how) = server.ended()? {
        bail!("hookyard ended by itself ({how}):\n{}", server.tail());
    }
    server.kill()?;
    found.add(
        if early {
            "kills-at-start"
        } else {
            "kills-while-serving"
        },
        1,
    );
    Server::spawn(&site.launch)
}

fn serving(server: &mut Server) -> anyhow::Result<()> {
    if !server.serves_within(SERVES_WITHIN)? {
        bail!("hookyard does not serve after a kill:\n{}", server.tail());
    }
    Ok(())
}
