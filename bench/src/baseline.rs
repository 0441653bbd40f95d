//! Starts the baselines that serve.

use std::ffi::OsString;

use anyhow::Context as _;
use faults::server::{Launch, Server};
use tempfile::TempDir;

use crate::load::Shot;
use crate::serve;

/// Open files: as the host's.
const FILES: u64 = 1024;

/// A baseline that serves; it ends with this.
pub struct Baseline {
    server: Server,
    _room: TempDir,
}

/// Which one.
#[derive(Clone, Copy, Debug)]
pub enum Which<'a> {
    /// (b): parses and answers.
    Raw,
    /// (c): and commits to SQLite.
    Sqlite,
    /// (c): and commits to this PostgreSQL.
    Postgres(&'a str),
}

impl Baseline {
    /// Starts one. Only from the main thread.
    ///
    /// # Errors
    /// When it does not serve.
    pub fn start(which: Which<'_>) -> anyhow::Result<Self> {
        let room = tempfile::Builder::new()
            .prefix("hookyard-bench-baseline.")
            .tempdir()?;
        let (name, database): (&str, OsString) = match which {
            Which::Raw => ("raw", OsString::new()),
            Which::Sqlite => ("sqlite", room.path().join("bare.db").into()),
            Which::Postgres(url) => ("postgres", url.into()),
        };
        let server = Server::start(&Launch {
            binary: std::env::current_exe().context("where this program lies")?,
            environment: vec![
                (serve::WHICH.to_owned(), name.into()),
                (serve::DATABASE.to_owned(), database),
            ],
            files: FILES,
            log: room.path().join("log"),
            folder: room.path().to_owned(),
        })?;
        Ok(Self { server, _room: room })
    }

    /// A request with this body.
    ///
    /// # Errors
    /// When it does not serve on an address.
    pub fn shot(&self, body: &[u8]) -> anyhow::Result<Shot> {
        Shot::post(self.server.url(), "/", "", body)
    }
}
