//! PostgreSQL in trouble.

use std::cell::RefCell;
use std::net::TcpStream;
use std::time::Duration;

use crate::figures::Found;
use crate::postgres::Postgres;
use crate::proxy::Proxy;
use crate::site::Site;
use crate::table::Yard;
use crate::weather::{Senders, Spell, weather};

/// How long it lasts: some answers have given up waiting by then (10 s for a connection).
const LASTS: Duration = Duration::from_secs(12);

/// How much longer everything takes on its way to the slow one, there and back each.
const SLOW: Duration = Duration::from_millis(150);

/// How long PostgreSQL takes to notice that connections are gone.
const FREED_WITHIN: Duration = Duration::from_secs(1);

type Switch<'a> = &'a mut dyn FnMut() -> anyhow::Result<()>;

/// Stopped in order, and started again.
pub fn restart(yard: &mut Yard<'_>) -> anyhow::Result<Found> {
    through(yard, Senders::Refused, |postgres, _, spell| {
        spell(&mut || postgres.stop("fast"), &mut || postgres.start())
    })
}

/// Dies, and recovers from its log.
pub fn crash(yard: &mut Yard<'_>) -> anyhow::Result<Found> {
    through(yard, Senders::Refused, |postgres, _, spell| {
        spell(&mut || postgres.stop("immediate"), &mut || postgres.start())
    })
}

/// Far away.
pub fn slow(yard: &mut Yard<'_>) -> anyhow::Result<Found> {
    through(yard, Senders::MayBeRefused, |_, wire, spell| {
        let on = &mut || {
            wire.delay(SLOW);
            Ok(())
        };
        let off = &mut || {
            wire.delay(Duration::ZERO);
            Ok(())
        };
        spell(on, off)
    })
}

/// Somebody else has every connection.
pub fn full(yard: &mut Yard<'_>) -> anyhow::Result<Found> {
    through(yard, Senders::Refused, |postgres, wire, spell| {
        let taken: RefCell<Vec<TcpStream>> = RefCell::default();
        let on = &mut || {
            // The host's own are cut, and it gets no others until all are taken.
            wire.refuse(true);
            wire.cut();
            std::thread::sleep(FREED_WITHIN);
            *taken.borrow_mut() = postgres.take_all_connections()?;
            wire.refuse(false);
            Ok(())
        };
        let off = &mut || {
            taken.borrow_mut().clear();
            Ok(())
        };
        spell(on, off)
    })
}

/// A host that reaches PostgreSQL over a wire of ours, through a spell that `trouble` makes.
fn through(
    yard: &Yard<'_>,
    senders: Senders,
    trouble: impl FnOnce(
        &Postgres,
        &Proxy,
        &mut dyn FnMut(Switch<'_>, Switch<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()>,
) -> anyhow::Result<Found> {
    let Some(postgres) = Postgres::start_new()? else {
        return Ok(Found::skipped("no PostgreSQL; apt-get install postgresql"));
    };
    let wire = Proxy::start(postgres.port)?;
    let mut found = Found::default();
    let mut site = Site::new(yard.options)?.told("DATABASE_URL", Postgres::url(wire.port));
    let mut server = site.start()?;
    let site = &site;
    trouble(&postgres, &wire, &mut |on, off| {
        let mut spell = Spell {
            senders,
            may_break: false,
            healthy: true,
            lasts: LASTS,
            on,
            off,
        };
        weather(site, &mut server, &site.plan("load"), &mut spell, &mut found)
    })?;
    Ok(found)
}
