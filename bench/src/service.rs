//! Baseline (a): the replaced service with its broker and its worker, as processes that end with this.

use std::ffi::OsString;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal};
use tempfile::TempDir;

use crate::load::Shot;
use crate::meter::{self, Usage};
use crate::options::Options;
use crate::place::{LOOK_AGAIN, open_to_read};

/// Open files of each.
const FILES: u64 = 1024;

/// Threads of one of gunicorn's workers: the connections that it keeps.
const THREADS: usize = 16;

/// How long each may take to answer, and to end.
const READY_WITHIN: Duration = Duration::from_secs(40);
const ENDS_WITHIN: Duration = Duration::from_secs(20);

/// The service. Its parts are ended in this order.
pub struct Service {
    gunicorn: Part,
    celery: Part,
    redis: Part,
    url: String,
    token: String,
    database: PathBuf,
    _room: TempDir,
}

/// One process, ended by its own id.
struct Part {
    name: &'static str,
    child: Child,
}

/// How its parts are started.
struct Setting<'a> {
    folder: &'a Path,
    sources: PathBuf,
    environment: Vec<(&'static str, OsString)>,
}

impl Service {
    /// Starts it; or why it cannot be had here. Only from the main thread.
    ///
    /// # Errors
    /// When it is there and does not start.
    pub fn start(options: &Options) -> anyhow::Result<Result<Self, String>> {
        let Some(python) = &options.python else {
            return Ok(Err(
                "no Python environment with Django (PyPI is not within reach?)".to_owned(),
            ));
        };
        let Some(redis) = on_path("redis-server") else {
            return Ok(Err("no redis-server: apt-get install redis-server".to_owned()));
        };
        let room = tempfile::Builder::new()
            .prefix("hookyard-bench-service.")
            .tempdir()?;
        let (broker_port, port) = (free_port()?, free_port()?);
        let database = room.path().join("service.db");
        let word = || uuid::Uuid::new_v4().simple().to_string();
        let setting = Setting {
            folder: room.path(),
            sources: options.root.join("bench/baseline"),
            environment: vec![
                ("SERVICE_DATABASE", database.clone().into()),
                (
                    "SERVICE_REDIS",
                    format!("redis://127.0.0.1:{broker_port}/0").into(),
                ),
                ("SERVICE_KEY", format!("{}{}", word(), word()).into()),
                ("SERVICE_PASSWORD", word().into()),
                ("PYTHONDONTWRITEBYTECODE", "1".into()),
            ],
        };
        let redis = setting.part(
            "redis-server",
            &redis,
            &[
                "--bind",
                "127.0.0.1",
                "--port",
                &broker_port.to_string(),
                "--save",
                "",
                "--appendonly",
                "no",
            ],
        )?;
        wait_for(broker_port, "redis-server")?;
        let token = setting.prepared(python)?;
        let cores = meter::cores();
        let module = |name: &'static str, rest: &[&str]| {
            let arguments = [&["-m", name][..], rest].concat();
            setting.part(name, python, &arguments)
        };
        let celery = module(
            "celery",
            &[
                "--app",
                "service",
                "worker",
                "--concurrency",
                &cores.to_string(),
                "--loglevel",
                "ERROR",
                "--without-gossip",
                "--without-mingle",
                "--without-heartbeat",
            ],
        )?;
        let gunicorn = module(
            "gunicorn",
            &[
                "service.wsgi",
                "--bind",
                &format!("127.0.0.1:{port}"),
                "--worker-class",
                "gthread",
                // What its documentation recommends.
                "--workers",
                &(2 * cores + 1).to_string(),
                "--threads",
                &THREADS.to_string(),
                "--keep-alive",
                "30",
                "--log-level",
                "error",
            ],
        )?;
        wait_for(port, "gunicorn")?;
        Ok(Ok(Self {
            gunicorn,
            celery,
            redis,
            url: format!("http://127.0.0.1:{port}"),
            token,
            database,
            _room: room,
        }))
    }

    /// A webhook with this body.
    ///
    /// # Errors
    /// Never, unless its own URL is none.
    pub fn webhook(&self, body: &[u8]) -> anyhow::Result<Shot> {
        Shot::post(
            &self.url,
            "/api/webhooks/receive/?source=bench",
            &self.token,
            body,
        )
    }

    /// How many events it has processed.
    ///
    /// # Errors
    /// When its database cannot be read.
    pub fn processed(&self) -> anyhow::Result<u64> {
        let sql = "SELECT COUNT(*) FROM service_webhookevent WHERE status = 'processed'";
        let count: i64 = open_to_read(&self.database)?.query_row(sql, [], |row| row.get(0))?;
        u64::try_from(count).context("a count")
    }

    /// Waits until so many are.
    ///
    /// # Errors
    /// When it takes longer than `within`.
    pub async fn wait_for(&self, processed: u64, within: Duration) -> anyhow::Result<()> {
        let began = Instant::now();
        while self.processed()? < processed {
            ensure!(
                began.elapsed() < within,
                "the replaced service did not process {processed} events"
            );
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    /// Resident memory of all its processes, in KiB.
    ///
    /// # Errors
    /// When one is gone.
    pub fn resident_kib(&self) -> anyhow::Result<u64> {
        let of = |part: &Part| -> anyhow::Result<Usage> { meter::usage_of_tree(part.child.id()) };
        Ok(of(&self.gunicorn)?.resident_kib + of(&self.celery)?.resident_kib + of(&self.redis)?.resident_kib)
    }
}

impl Setting<'_> {
    /// Starts a part that dies with us.
    fn part(&self, name: &'static str, program: &Path, arguments: &[&str]) -> anyhow::Result<Part> {
        let log = std::fs::File::create(self.folder.join(format!("{name}.log")))?;
        let child = self
            .environed(
                faults::bound::command(FILES)?
                    .arg("--")
                    .arg(program)
                    .args(arguments),
            )
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Ok(Part { name, child })
    }

    /// Makes the tables and the sender; its token.
    fn prepared(&self, python: &Path) -> anyhow::Result<String> {
        let output = self
            .environed(Command::new(python).args(["-m", "service.prepare"]))
            .stdin(Stdio::null())
            .output()
            .context("cannot start Python")?;
        if !output.status.success() {
            bail!(
                "service.prepare failed:\n{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    fn environed<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("PYTHONPATH", &self.sources)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder)
    }
}

impl Drop for Part {
    /// In order first: gunicorn and Celery end their own workers.
    fn drop(&mut self) {
        if let Ok(id) = i32::try_from(self.child.id())
            && let Some(id) = Pid::from_raw(id)
        {
            let _gone = rustix::process::kill_process(id, Signal::TERM);
        }
        let began = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if began.elapsed() > ENDS_WITHIN {
                eprintln!("{} did not end and is killed", self.name);
                let _gone = self.child.kill();
                break;
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        let _reaped = self.child.wait();
    }
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn wait_for(port: u16, what: &str) -> anyhow::Result<()> {
    let began = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        ensure!(began.elapsed() < READY_WITHIN, "{what} does not serve");
        std::thread::sleep(LOOK_AGAIN);
    }
    Ok(())
}
