//! The clock of the day jumps while work waits, and stays where it went.

use std::time::Duration;

use crate::effects::Manner;
use crate::figures::Found;
use crate::site::{PLUGIN, Site};
use crate::table::Yard;
use crate::weather::{Senders, Spell, weather};

/// How far it jumps, in seconds: above every wait inside the host.
const JUMP_S: i64 = 2 * 3600;

/// How long the load goes on after it.
const LASTS: Duration = Duration::from_secs(4);

/// How long the vendor takes: work waits at the moment of the jump.
const VENDOR: Duration = Duration::from_millis(100);

/// Forward: leases seem to have ended, and what is to be retried later is due.
pub fn forward(yard: &mut Yard<'_>) -> anyhow::Result<Found> {
    jump(yard, JUMP_S)
}

/// Back: what waits seems to be due in two hours.
pub fn back(yard: &mut Yard<'_>) -> anyhow::Result<Found> {
    jump(yard, -JUMP_S)
}

fn jump(yard: &Yard<'_>, seconds: i64) -> anyhow::Result<Found> {
    let mut found = Found::default();
    let mut site = Site::new(yard.options)?;
    let trouble = site.troubled()?;
    site.vendor.answer(
        PLUGIN,
        Manner {
            delay: VENDOR,
            ..Manner::default()
        },
    );
    let mut server = site.start()?;
    let mut spell = Spell {
        senders: Senders::MayBeRefused,
        may_break: false,
        healthy: true,
        lasts: LASTS,
        on: &mut || trouble.shift_clock(seconds),
        off: &mut || {
            site.vendor.answer(PLUGIN, Manner::default());
            Ok(())
        },
    };
    weather(&site, &mut server, &site.plan("load"), &mut spell, &mut found)?;
    Ok(found)
}
