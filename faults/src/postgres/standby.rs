//! A standby that streams what the primary commits, and takes its place.

use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use super::{Postgres, run};

/// How long a standby may take to keep step.
const IN_STEP_WITHIN: Duration = Duration::from_secs(30);

/// How often it is looked whether it does.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

impl Postgres {
    /// A running copy of this one that streams from it.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn standby(&self) -> anyhow::Result<Self> {
        let standby = Self::empty(self.binaries.clone(), self.connections)?;
        let mut copy = standby.command("pg_basebackup");
        copy.arg("-D").arg(standby.data());
        copy.args(["-h", "127.0.0.1", "-U", "postgres", "-p", &self.port.to_string()]);
        // With what makes it a standby of this one (-R), and its log from the first moment on.
        copy.args(["-R", "-X", "stream", "-c", "fast"]);
        run(&mut copy)?;
        standby.start()?;
        Ok(standby)
    }

    /// From now on a commit is told only once the standby has it on its disk: without this, what the primary told last
    /// before it died would be gone.
    ///
    /// # Errors
    /// When the standby does not keep step.
    pub fn wait_for_standby(&self) -> anyhow::Result<()> {
        self.query("ALTER SYSTEM SET synchronous_standby_names = '*'")?;
        self.query("SELECT pg_reload_conf()")?;
        let began = Instant::now();
        while self.query("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'")? != "1" {
            ensure!(began.elapsed() < IN_STEP_WITHIN, "the standby does not keep step");
            thread::sleep(LOOK_AGAIN);
        }
        Ok(())
    }

    /// Makes this standby the one that is written to.
    ///
    /// # Errors
    /// When it does not become it.
    pub fn promote(&self) -> anyhow::Result<()> {
        let mut promote = self.command("pg_ctl");
        promote
            .arg("-D")
            .arg(self.data())
            .args(["-w", "-t", "60", "promote"]);
        run(&mut promote)
    }

    /// Runs one statement; what it answers, as text.
    ///
    /// # Errors
    /// When it fails, with PostgreSQL's own words.
    pub fn query(&self, statement: &str) -> anyhow::Result<String> {
        let mut psql = self.command("psql");
        psql.args([
            "-X",
            "-A",
            "-t",
            "-q",
            "-h",
            "127.0.0.1",
            "-U",
            "postgres",
            "-d",
            "postgres",
        ]);
        psql.args(["-p", &self.port.to_string(), "-c", statement]);
        let answer = psql.stdin(Stdio::null()).output().context("cannot start psql")?;
        if !answer.status.success() {
            bail!("{statement}: {}", String::from_utf8_lossy(&answer.stderr));
        }
        Ok(String::from_utf8_lossy(&answer.stdout).trim().to_owned())
    }
}
