//! A place where the binary runs: data directory, `plugins.toml`, port, vendor, and a sender's account.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use tempfile::TempDir;

use crate::api::Api;
use crate::effects::Vendor;
use crate::load::Plan;
use crate::options::Options;
use crate::server::{LOOK_AGAIN, Launch, Server};
use crate::trouble::Trouble;

/// Ports below those that Linux gives to outgoing connections: a sender that tries to reach a server that is away
/// must not take its port, nor connect to itself.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// How often a free port is looked for.
const PORT_TRIES: u32 = 100;

/// Short waits after failed attempts, and more of them than any scenario uses up, so that nothing dies of the scenario
/// itself.
const RETRY: &str = "retry = { base = \"500ms\", max = \"500ms\", attempts = 90 }";

/// What the load is sent as, and the plugin that it goes to.
pub const PLUGIN: &str = "effect";

/// For plugins that fail on purpose, and must be asked again all the same: see `docs/delivery.md`.
pub const NO_BREAKER: &str = "breaker = \"off\"";

/// What a process may open by default on most systems.
const FILES: u64 = 1024;

/// How long the server may take to optimise what it has drafted: it begins after 2 s of quiet.
const COMPILED_WITHIN: Duration = Duration::from_mins(2);

/// The place.
pub struct Site {
    pub vendor: Vendor,
    pub url: String,
    pub launch: Launch,
    /// The data directory.
    pub data: PathBuf,
    pub token: String,
    /// Components of its plugins.
    components: usize,
    port: u16,
    /// Holds all of it; goes at the end.
    room: TempDir,
}

/// One section of `plugins.toml`.
pub struct Section<'a> {
    pub name: &'a str,
    pub component: &'a str,
    pub source: &'a str,
    /// More lines, before the tables.
    pub more: &'a str,
}

impl<'a> Section<'a> {
    /// The plugin of the load: `effect`, for every source that begins with `load`.
    pub const fn of_load(more: &'a str) -> Self {
        Self {
            name: PLUGIN,
            component: "effect",
            source: "load*",
            more,
        }
    }
}

impl Site {
    /// A place with one plugin, `effect`, that takes the events of every source that begins with `load`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(options: &Options) -> anyhow::Result<Self> {
        Self::with(options, &[Section::of_load("")])
    }

    /// A place with these plugins.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn with(options: &Options, sections: &[Section<'_>]) -> anyhow::Result<Self> {
        let room = tempfile::Builder::new().prefix("hookyard-faults.").tempdir()?;
        let folder = room.path().canonicalize()?;
        let data = folder.join("data");
        std::fs::create_dir(&data)?;
        let vendor = Vendor::start()?;
        let plugins = folder.join("plugins.toml");
        std::fs::write(&plugins, plugins_file(options, sections, &vendor.url)?)?;
        let port = free_port()?;
        let environment: Vec<(String, OsString)> = vec![
            ("HOOKYARD_LISTEN".to_owned(), format!("127.0.0.1:{port}").into()),
            ("HOOKYARD_DATA_DIR".to_owned(), data.clone().into()),
            ("HOOKYARD_PLUGINS_FILE".to_owned(), plugins.into()),
            ("HOOKYARD_ACCESS_TTL".to_owned(), "30d".into()),
            ("HOOKYARD_LOG".to_owned(), "warn".into()),
            // All load comes from one user at one address: what the scenarios are about is the bounded queue.
            ("HOOKYARD_RATE_PER_USER".to_owned(), "off".into()),
            ("HOOKYARD_RATE_PER_ADDRESS".to_owned(), "off".into()),
        ];
        let components: BTreeSet<_> = sections.iter().map(|section| section.component).collect();
        Ok(Self {
            vendor,
            url: format!("http://127.0.0.1:{port}"),
            launch: Launch {
                binary: options.binary()?.to_owned(),
                environment,
                files: FILES,
                log: folder.join("log"),
                folder,
            },
            data,
            token: String::new(),
            components: components.len(),
            port,
            room,
        })
    }

    /// Tells the server one more variable.
    #[must_use]
    pub fn told(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.launch.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Puts the data directory's disk, and the server's clock, under the harness's hand.
    ///
    /// # Errors
    /// When the switches cannot be made.
    pub fn troubled(&mut self) -> anyhow::Result<Trouble> {
        let trouble = Trouble::new(&self.data)?;
        self.launch.environment.extend(trouble.variables());
        Ok(trouble)
    }

    /// Starts the server, and makes the sender's account the first time.
    ///
    /// # Errors
    /// When it does not serve.
    pub fn start(&mut self) -> anyhow::Result<Server> {
        let server = Server::start(&self.launch)?;
        if self.token.is_empty() {
            self.token = Api::new(&self.url, "").register()?;
        }
        Ok(server)
    }

    /// Starts the server, and waits until the code of its plugins is optimised and kept: from then on a start takes
    /// what a start takes, and no compiler is at work beside what is measured.
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
            thread::sleep(LOOK_AGAIN);
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

    /// A client of the server, as the sender.
    pub fn api(&self) -> Api {
        Api::new(&self.url, &self.token)
    }

    /// The usual load: about 150 events a second at most, since each is read back one by one.
    pub fn plan(&self, source: &str) -> Plan {
        Plan {
            url: self.url.clone(),
            token: self.token.clone(),
            source: source.to_owned(),
            senders: 6,
            pause: Duration::from_millis(40),
        }
    }

    /// The address that it serves at.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// A folder that goes with the place.
    pub fn folder(&self) -> &Path {
        self.room.path()
    }

    /// The SQLite file.
    pub fn database(&self) -> PathBuf {
        self.data.join("hookyard.db")
    }

    /// All that the server has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.launch.log).unwrap_or_default()
    }
}

fn plugins_file(options: &Options, sections: &[Section<'_>], vendor: &str) -> anyhow::Result<String> {
    let mut text = String::new();
    for section in sections {
        let Section {
            name,
            component,
            source,
            more,
        } = section;
        let components = options.components.as_deref().context("--components is missing")?;
        let file = components.join(format!("fixture_{component}.wasm"));
        if !file.is_file() {
            bail!(
                "{} is missing: build it with `cargo xtask plugins --fixtures`",
                file.display()
            );
        }
        write!(
            text,
            "[plugins.{name}]\ncomponent = \"{}\"\nroutes = [{{ source = \"{source}\" }}]\n{more}\n",
            file.canonicalize()?.display()
        )?;
        if !more.contains("retry.") {
            writeln!(text, "{RETRY}")?;
        }
        if *component == "effect" {
            writeln!(
                text,
                "config = {{ base = \"{vendor}/{name}\" }}\n\
                 grants = {{ http = [\"POST {vendor}/{name}/effects\"], private-network = true }}"
            )?;
        }
    }
    Ok(text)
}

/// A port that nobody listens at.
///
/// # Errors
/// When none is found.
pub fn free_port() -> anyhow::Result<u16> {
    for _ in 0..PORT_TRIES {
        let port = rand::random_range(PORTS);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port to serve on in {PORTS:?}")
}
