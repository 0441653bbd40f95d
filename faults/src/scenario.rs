//! The scenarios, one file per fault.

mod clock;
mod corrupt;
mod cuts;
mod disk;
mod files;
mod flood;
mod kills;
mod locked;
mod loris;
mod memory;
mod nodes;
mod patience;
mod points;
mod postgres;
mod stop;
mod upgrade;

use crate::figures::Found;
use crate::table::Yard;

/// A fault and what must hold through it.
pub struct Scenario {
    /// As `--only` takes it.
    pub name: &'static str,
    /// For the table.
    pub about: &'static str,
    /// Part of `--quick`.
    pub quick: bool,
    pub run: fn(&mut Yard<'_>) -> anyhow::Result<Found>,
}

const fn scenario(
    name: &'static str,
    about: &'static str,
    quick: bool,
    run: fn(&mut Yard<'_>) -> anyhow::Result<Found>,
) -> Scenario {
    Scenario {
        name,
        about,
        quick,
        run,
    }
}

/// In the order they are run.
pub const SCENARIOS: &[Scenario] = &[
    scenario("kills", "kill -9 at random moments under load", true, kills::run),
    scenario("points", "an abort at each named point", true, points::run),
    scenario(
        "power-cuts",
        "kill -9, and every write that was not synced is gone",
        true,
        cuts::run,
    ),
    scenario(
        "sync-cut",
        "failing syncs, then a power cut",
        false,
        cuts::after_failed_syncs,
    ),
    scenario("disk-full", "no space left on the disk", true, disk::full),
    scenario(
        "disk-read-only",
        "the disk turns read-only",
        false,
        disk::read_only,
    ),
    scenario("sync-errors", "every fsync fails", true, disk::sync_errors),
    scenario(
        "flood",
        "more senders than the slow disk keeps up with",
        true,
        flood::run,
    ),
    scenario(
        "loris",
        "heads of requests that never end, on every connection",
        true,
        loris::run,
    ),
    scenario(
        "locked",
        "another process holds SQLite's write lock",
        false,
        locked::run,
    ),
    scenario(
        "clock-forward",
        "the clock jumps two hours forward",
        true,
        clock::forward,
    ),
    scenario("clock-back", "the clock jumps two hours back", true, clock::back),
    scenario("files", "no file descriptors left", true, files::run),
    scenario(
        "memory",
        "a plugin that takes memory without end",
        true,
        memory::run,
    ),
    scenario("stop", "SIGTERM under load", true, stop::run),
    scenario("corrupt", "a damaged database file", true, corrupt::run),
    scenario(
        "upgrade",
        "another build takes over jobs in flight",
        true,
        upgrade::run,
    ),
    scenario(
        "postgres-restart",
        "PostgreSQL is stopped and started",
        false,
        postgres::restart,
    ),
    scenario(
        "postgres-crash",
        "PostgreSQL crashes and comes back",
        true,
        postgres::crash,
    ),
    scenario(
        "postgres-slow",
        "PostgreSQL takes 300 ms longer for each step",
        false,
        postgres::slow,
    ),
    scenario(
        "postgres-full",
        "PostgreSQL has no connection left",
        false,
        postgres::full,
    ),
    scenario(
        "postgres-kills",
        "kill -9 at random moments, on PostgreSQL",
        false,
        kills::on_postgres,
    ),
    scenario(
        "nodes",
        "three nodes on one PostgreSQL: killed, paused, cut off, silent; the database restarted and failed over",
        false,
        nodes::run,
    ),
    scenario(
        "patience",
        "a vendor that answers 429 with Retry-After: 7",
        true,
        patience::run,
    ),
];
