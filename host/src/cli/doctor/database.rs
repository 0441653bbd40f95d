//! The database: whether it answers, its schema, its clock, and the nodes that share it.

use std::collections::BTreeSet;
use std::time::Duration;

use super::report::Report;
use crate::clock::{Clock as _, SystemClock};
use crate::config::Settings;
use crate::domain::time::Timestamp;
use crate::store::{self, Look, SharedStore, StoreError};

const AREA: &str = "database";

/// How far the clocks may be apart before it shows: due times go by the database's clock, schedules and tokens by
/// this machine's.
const GOOD_SKEW: Duration = Duration::from_secs(2);
/// How far apart they may be at all: a lease (20 s) and the age of a signed webhook are judged by both.
const MOST_SKEW: Duration = Duration::from_secs(15);

/// Looks at the database, and hands it on to be looked into when its schema is this version's.
pub(super) async fn examine(settings: &Settings, report: &mut Report) -> Option<Look> {
    let url = settings.database_url.expose();
    let look = match store::look(url).await {
        Ok(Some(look)) => look,
        Ok(None) => {
            report.ok(AREA, "database", "not there yet; `hookyard serve` makes it");
            return None;
        }
        Err(error) => {
            report.fail(AREA, "database", &error.to_string(), mend(&error));
            return None;
        }
    };
    if look.pending > 0 {
        let told = format!("{}: {} migrations to apply", look.place, look.pending);
        let mend = "make a backup (`hookyard db backup FILE`), then `hookyard migrate`, or start the server";
        report.warn(AREA, "schema", &told, mend);
        look.store.close().await;
        return None;
    }
    report.ok(AREA, "schema", &format!("{}, that of this version", look.place));
    clock(&look.store, report).await;
    file_time(url, report);
    nodes(settings, &look.store, report).await;
    Some(look)
}

fn mend(error: &StoreError) -> &'static str {
    match error {
        StoreError::Unavailable(_) => {
            "see that the server runs and takes this user's password: psql \"$DATABASE_URL\" -c 'SELECT 1'"
        }
        StoreError::File { .. } => {
            "see that the file is a database and belongs to the user that Hookyard runs as"
        }
        StoreError::Address(_) => "set DATABASE_URL to an address of that form",
        StoreError::Schema(_)
        | StoreError::HalfCopied
        | StoreError::Corrupt { .. }
        | StoreError::Sealed { .. } => {
            "do as the message says; a backup of before the last upgrade has the older schema"
        }
    }
}

/// Compares the clocks by the middle of the round trip.
async fn clock(store: &SharedStore, report: &mut Report) {
    let before = SystemClock.now();
    let theirs = match store.clock().await {
        Ok(theirs) => theirs,
        Err(error) => {
            report.fail(AREA, "clock", &error.to_string(), mend(&error));
            return;
        }
    };
    let after = SystemClock.now();
    let ours = before.plus(after.since(before) / 2);
    let apart = ours.since(theirs).max(theirs.since(ours));
    let told = format!("{} ms from this machine's", apart.as_millis());
    let mend = "let both machines keep time by NTP: timedatectl shows whether this one does";
    if apart > MOST_SKEW {
        report.fail(AREA, "clock", &told, mend);
    } else if apart > GOOD_SKEW {
        report.warn(AREA, "clock", &told, mend);
    } else {
        report.ok(AREA, "clock", &told);
    }
}

/// A file that was written in the future says that the clock has gone back since.
fn file_time(url: &str, report: &mut Report) {
    let Ok(Some(path)) = store::file_of(url) else {
        return;
    };
    let written = std::fs::metadata(&path).and_then(|meta| meta.modified());
    let written = written
        .ok()
        .and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    let Some(written) = written else { return };
    let written = Timestamp::from_millis(i64::try_from(written.as_millis()).unwrap_or(i64::MAX));
    let ahead = written.since(SystemClock.now());
    if ahead > GOOD_SKEW {
        let told =
            format!("the database was written at {written}, which has not come yet: the clock went back");
        let mend = "set the clock right (timedatectl set-ntp true) before the start: retries wait until their time comes";
        report.warn(AREA, "clock", &told, mend);
    }
}

/// Nodes that differ, and the key that nodes must share.
async fn nodes(settings: &Settings, store: &SharedStore, report: &mut Report) {
    let nodes = match store.nodes().await {
        Ok(nodes) => nodes,
        Err(error) => {
            report.fail(AREA, "nodes", &error.to_string(), mend(&error));
            return;
        }
    };
    let live: Vec<_> = nodes.iter().filter(|node| node.is_live()).collect();
    let versions: BTreeSet<_> = live.iter().map(|node| &node.report.version).collect();
    let files: BTreeSet<_> = live.iter().map(|node| &node.report.plugins_digest).collect();
    let told = format!("{} live", live.len());
    if files.len() > 1 {
        let mend = "give all nodes the same plugins.toml: until then edits are refused (`hookyard nodes` shows who has which)";
        report.warn(
            AREA,
            "nodes",
            &format!("{told}, with different plugins.toml"),
            mend,
        );
    } else if versions.len() > 1 {
        let mend = "finish the upgrade: `hookyard nodes` shows which node has which version";
        report.warn(AREA, "nodes", &format!("{told}, of different versions"), mend);
    } else {
        report.ok(AREA, "nodes", &told);
    }
    let shared = matches!(store::file_of(settings.database_url.expose()), Ok(None));
    if shared && settings.master_key.is_none() {
        let told = "none is given, so each node makes its own and cannot open what another has sealed";
        let mend = "give all nodes the same HOOKYARD_MASTER_KEY (openssl rand -hex 32)";
        report.warn(AREA, "master key", told, mend);
    }
}
