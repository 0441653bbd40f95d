//! A place where the real binary runs: data directory, `plugins.toml`, port, and a sender's account.

mod files;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use faults::api::Api;
use faults::server::{Launch, Server};
use tempfile::TempDir;

use crate::load::Shot;
use crate::options::Options;

pub use files::{body, build, open_to_read, replace};

/// Open files of a server: what most systems allow.
const FILES: u64 = 1024;

/// How long the server may take to optimise what it has drafted: it begins after 2 s of quiet.
const COMPILED_WITHIN: Duration = Duration::from_mins(3);

/// How long it may take to end in order.
const ENDS_WITHIN: Duration = Duration::from_secs(40);

/// How often a wait looks again.
pub const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The path that takes webhooks, for the source of the loads.
pub const RECEIVE: &str = "/api/webhooks/receive/?source=bench&type=push";

/// The place; it goes with this.
pub struct Place {
    pub launch: Launch,
    /// The data directory.
    pub data: PathBuf,
    /// Empty before the first start.
    pub token: String,
    /// Components of its plugins.
    components: usize,
    /// The database, when it is not the file in the data directory.
    database: Option<String>,
    room: TempDir,
}

/// One section of `plugins.toml`.
pub struct Section<'a> {
    pub name: &'a str,
    pub component: &'a Path,
    /// Globs of sources; empty for a plugin that no webhook goes to.
    pub source: &'a str,
    /// More lines, before the tables.
    pub more: &'a str,
}

impl Section<'_> {
    /// As it stands in the file.
    fn text(&self) -> String {
        let routes = if self.source.is_empty() {
            String::new()
        } else {
            format!("routes = [{{ source = \"{}\" }}]\n", self.source)
        };
        format!(
            "[plugins.{}]\ncomponent = \"{}\"\n{routes}{}\n",
            self.name,
            self.component.display(),
            self.more
        )
    }
}

impl Place {
    /// A place with these plugins, on SQLite.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(options: &Options, sections: &[Section<'_>]) -> anyhow::Result<Self> {
        let mut text = String::new();
        for section in sections {
            text.push_str(&section.text());
        }
        Self::with_file(options, &text, sections.len())
    }

    /// A place with this `plugins.toml`, which has so many components.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn with_file(options: &Options, plugins: &str, components: usize) -> anyhow::Result<Self> {
        let room = tempfile::Builder::new().prefix("hookyard-bench.").tempdir()?;
        let folder = room.path().canonicalize()?;
        let data = folder.join("data");
        std::fs::create_dir(&data)?;
        let file = folder.join("plugins.toml");
        std::fs::write(&file, plugins)?;
        let environment: Vec<(String, OsString)> = vec![
            ("HOOKYARD_LISTEN".to_owned(), "127.0.0.1:0".into()),
            ("HOOKYARD_DATA_DIR".to_owned(), data.clone().into()),
            ("HOOKYARD_PLUGINS_FILE".to_owned(), file.into()),
            ("HOOKYARD_ACCESS_TTL".to_owned(), "30d".into()),
            // A line per attempt would measure the log.
            ("HOOKYARD_LOG".to_owned(), "warn".into()),
        ];
        Ok(Self {
            launch: Launch {
                binary: options.binary.clone(),
                environment,
                files: FILES,
                log: folder.join("log"),
                folder,
            },
            data,
            token: String::new(),
            components,
            database: None,
            room,
        })
    }

    /// The same on this PostgreSQL database.
    #[must_use]
    pub fn on(mut self, url: &str) -> Self {
        self.database = Some(url.to_owned());
        self.told("DATABASE_URL", url)
    }

    /// Tells the server one more variable.
    #[must_use]
    pub fn told(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.launch.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Starts the server, and makes the sender's account the first time. Only from the main thread: the server ends
    /// with the thread that started it.
    ///
    /// # Errors
    /// When it does not serve.
    pub fn start(&mut self) -> anyhow::Result<Server> {
        let server = Server::start(&self.launch)?;
        if self.token.is_empty() {
            self.token = Api::new(server.url(), "").register()?;
        }
        Ok(server)
    }

    /// The same, and waits until the code of its plugins is optimised and kept: no compiler is at work beside what
    /// is measured.
    ///
    /// # Errors
    /// When it does not serve, or does not get that far.
    pub fn start_compiled(&mut self) -> anyhow::Result<Server> {
        let server = self.start()?;
        let began = Instant::now();
        while self.compiled() < self.components {
            ensure!(
                began.elapsed() < COMPILED_WITHIN,
                "the code of the plugins is not optimised:\n{}",
                server.tail()
            );
            std::thread::sleep(LOOK_AGAIN);
        }
        Ok(server)
    }

    /// Components whose optimised code is kept, in `cache/ENGINE/DIGEST.cwasm` of the data directory.
    fn compiled(&self) -> usize {
        let below = |folder: PathBuf| {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            entries.map(|entry| entry.path())
        };
        below(self.data.join("cache"))
            .flat_map(below)
            .filter(|path| path.extension().is_some_and(|ending| ending == "cwasm"))
            .count()
    }

    /// Puts another text in the place of the plugins file, as an editor does.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save_plugins(&self, text: &str) -> anyhow::Result<()> {
        replace(&self.plugins(), text.as_bytes())
    }

    /// A webhook with this body.
    ///
    /// # Errors
    /// When the server does not serve on an address.
    pub fn webhook(&self, server: &Server, body: &[u8]) -> anyhow::Result<Shot> {
        Shot::post(server.url(), RECEIVE, &self.token, body)
    }

    /// The SQLite file.
    pub fn file(&self) -> PathBuf {
        self.data.join("hookyard.db")
    }

    /// The plugins file.
    pub fn plugins(&self) -> PathBuf {
        self.folder().join("plugins.toml")
    }

    /// A folder that goes with the place.
    pub fn folder(&self) -> &Path {
        self.room.path()
    }

    /// How many deliveries have succeeded, from the counters of the database.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn succeeded(&self) -> anyhow::Result<u64> {
        self.counted("'succeeded'").await
    }

    /// How many deliveries are in one of these states, which are SQL.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn counted(&self, states: &str) -> anyhow::Result<u64> {
        let sql = format!(
            "SELECT CAST(COALESCE(SUM(count), 0) AS BIGINT) FROM delivery_counts WHERE state IN ({states})"
        );
        let count: i64 = if let Some(url) = &self.database {
            let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(url).await?;
            let query = sqlx::query_scalar(sqlx::AssertSqlSafe(sql));
            query.fetch_one(&mut connection).await?
        } else {
            open_to_read(&self.file())?.query_row(&sql, [], |row| row.get(0))?
        };
        u64::try_from(count).context("a count")
    }

    /// Between two looks: PostgreSQL makes a process for each.
    const fn look_again(&self) -> Duration {
        if self.database.is_some() {
            Duration::from_millis(200)
        } else {
            LOOK_AGAIN
        }
    }

    /// Waits until so many deliveries have succeeded; how long that took.
    ///
    /// # Errors
    /// When it takes longer than `within`.
    pub async fn wait_for(&self, succeeded: u64, within: Duration) -> anyhow::Result<Duration> {
        let began = Instant::now();
        loop {
            let now = self.succeeded().await?;
            if now >= succeeded {
                return Ok(began.elapsed());
            }
            ensure!(
                began.elapsed() < within,
                "{now} of {succeeded} deliveries have succeeded in {} s",
                within.as_secs()
            );
            tokio::time::sleep(self.look_again()).await;
        }
    }
}

/// Ends a server in order.
///
/// # Errors
/// When it does not end well.
pub fn stop(server: Server) -> anyhow::Result<()> {
    let (status, _) = server.terminate(ENDS_WITHIN)?;
    ensure!(status.success(), "the server ended with {status}");
    Ok(())
}
