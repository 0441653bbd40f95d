//! A PostgreSQL of our own on loopback, from Debian's binaries: started, stopped and killed by its own commands.

mod standby;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use tempfile::TempDir;

/// Connections it takes: enough for one node (16) and what PostgreSQL keeps for itself.
const CONNECTIONS: u32 = 40;

/// The version of the protocol in a start-up message: 3.0.
const PROTOCOL: i32 = 196_608;

/// The server; it ends with this.
pub struct Postgres {
    binaries: PathBuf,
    room: TempDir,
    pub port: u16,
    connections: u32,
}

impl Postgres {
    /// Makes and starts one; `None` where there is no PostgreSQL.
    ///
    /// # Errors
    /// When there is one that does not start.
    pub fn start_new() -> anyhow::Result<Option<Self>> {
        Self::start_with(CONNECTIONS)
    }

    /// The same, one that takes so many connections.
    ///
    /// # Errors
    /// When there is one that does not start.
    pub fn start_with(connections: u32) -> anyhow::Result<Option<Self>> {
        let Some(binaries) = binaries() else {
            return Ok(None);
        };
        let postgres = Self::empty(binaries, connections)?;
        let data = postgres.data();
        let mut initdb = postgres.command("initdb");
        initdb.arg("-D").arg(&data);
        initdb.args([
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ]);
        run(&mut initdb)?;
        postgres.start()?;
        Ok(Some(postgres))
    }

    /// A room and a port, without a database.
    fn empty(binaries: PathBuf, connections: u32) -> anyhow::Result<Self> {
        let room = tempfile::Builder::new().prefix("hookyard-faults-pg.").tempdir()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        if runs_as_root() {
            run(Command::new("chown").arg("postgres:postgres").arg(room.path()))?;
        }
        Ok(Self {
            binaries,
            room,
            port,
            connections,
        })
    }

    /// Starts it.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(&self) -> anyhow::Result<()> {
        let folder = self.room.path();
        let options = format!(
            "-k {} -c listen_addresses=127.0.0.1 -p {} -c max_connections={}",
            folder.display(),
            self.port,
            self.connections
        );
        let mut start = self.command("pg_ctl");
        start.arg("-D").arg(self.data()).arg("-l").arg(folder.join("log"));
        start.args(["-w", "-t", "60", "-o", &options, "start"]);
        run(&mut start)
    }

    /// Ends it: `fast` closes the connections in order, `immediate` is as a crash.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(&self, mode: &str) -> anyhow::Result<()> {
        let mut stop = self.command("pg_ctl");
        stop.arg("-D")
            .arg(self.data())
            .args(["-w", "-t", "60", "-m", mode, "stop"]);
        run(&mut stop)
    }

    /// The database's URL at a port: its own, or a proxy's.
    pub fn url(port: u16) -> String {
        format!("postgres://postgres@127.0.0.1:{port}/postgres")
    }

    /// Takes as many connections as there are, until the answer is dropped.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn take_all_connections(&self) -> anyhow::Result<Vec<TcpStream>> {
        let mut taken = Vec::new();
        for _ in 0..self.connections {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
            let mut message = Vec::new();
            message.extend_from_slice(&PROTOCOL.to_be_bytes());
            message.extend_from_slice(b"user\0postgres\0database\0postgres\0\0");
            let length = i32::try_from(message.len() + 4)?;
            stream.write_all(&length.to_be_bytes())?;
            stream.write_all(&message)?;
            let mut kind = [0];
            stream.read_exact(&mut kind)?;
            match kind[0] {
                // Signed in.
                b'R' => taken.push(stream),
                // Too many clients.
                _ => break,
            }
        }
        Ok(taken)
    }

    fn data(&self) -> PathBuf {
        self.room.path().join("data")
    }

    /// One of its programs; not as root, which it refuses.
    fn command(&self, program: &str) -> Command {
        let program = self.binaries.join(program);
        let mut command = if runs_as_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
            command.arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir("/").env("HOME", self.room.path());
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _stopped_already = self.stop("immediate");
    }
}

/// The newest of Debian's PostgreSQL binaries.
fn binaries() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    versions
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("bin/initdb").is_file())
        .max_by_key(|path| version(path))
        .map(|path| path.join("bin"))
}

fn runs_as_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let name = format!("{command:?}");
    // No pipes: a server that it leaves running would hold them open.
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .with_context(|| format!("cannot start {name}"))?;
    if !status.success() {
        bail!("{name} failed ({status})");
    }
    Ok(())
}
