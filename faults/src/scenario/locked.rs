//! Another process holds SQLite's write lock: a backup, somebody's shell.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::figures::Found;
use crate::site::Site;
use crate::table::Yard;
use crate::weather::{Senders, Spell, weather};

/// Longer than a commit that fails waits for the lock: 5 s together with others, and 5 s by itself.
const LASTS: Duration = Duration::from_secs(14);

/// Takes the lock, says so, and holds it until its input ends.
const HOLD: &str = "import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute('BEGIN IMMEDIATE')
print('held', flush=True)
sys.stdin.read()
database.execute('ROLLBACK')";

/// The lock is held for longer than the host waits for it.
pub fn run(yard: &mut Yard<'_>) -> anyhow::Result<Found> {
    if Command::new("python3").arg("--version").output().is_err() {
        return Ok(Found::skipped("no Python; apt-get install python3"));
    }
    let mut found = Found::default();
    let mut site = Site::new(yard.options)?;
    let mut server = site.start()?;
    let holder: std::cell::RefCell<Option<Child>> = std::cell::RefCell::default();
    let database = site.database();
    let mut spell = Spell {
        senders: Senders::Refused,
        may_break: false,
        healthy: true,
        lasts: LASTS,
        on: &mut || {
            let mut child = Command::new("python3")
                .args(["-c", HOLD])
                .arg(&database)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()?;
            let mut line = String::new();
            BufReader::new(child.stdout.take().context("it is piped")?).read_line(&mut line)?;
            *holder.borrow_mut() = Some(child);
            ensure!(line.trim() == "held", "the lock was not taken");
            Ok(())
        },
        off: &mut || {
            let mut child = holder.borrow_mut().take().context("nobody holds the lock")?;
            if let Some(mut input) = child.stdin.take() {
                input.flush()?;
            }
            child.wait()?;
            Ok(())
        },
    };
    weather(&site, &mut server, &site.plan("load"), &mut spell, &mut found)?;
    Ok(found)
}
