//! Several nodes on one PostgreSQL, each with a data directory, a port and a wire to the database of its own. They share
//! `plugins.toml`, the vendor, and the keys that nodes must share.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use serde_json::json;

use crate::api::Api;
use crate::load::Plan;
use crate::options::Options;
use crate::postgres::Postgres;
use crate::proxy::Proxy;
use crate::server::{Launch, Server};
use crate::site::{Section, Site, free_port};

/// What a node says when it comes too late, whether it notices while the plugin runs or when it wants to record.
const FENCED: [&str; 2] = [
    "the result came after the lease had ended; not recorded",
    "the leases were lost while it ran; dropped",
];

/// A node.
pub struct Node {
    pub url: String,
    pub wire: Proxy,
    launch: Launch,
    /// `None` while it is dead.
    server: Option<Server>,
}

/// The nodes and what they share.
pub struct Fleet {
    /// Asked through the first node, as an admin: every event and every schedule may be seen.
    pub site: Site,
    pub nodes: Vec<Node>,
}

impl Node {
    /// Starts it and waits until it serves.
    ///
    /// # Errors
    /// When it does not.
    pub fn start(&mut self) -> anyhow::Result<()> {
        self.server = Some(Server::start(&self.launch)?);
        Ok(())
    }

    /// kill -9.
    ///
    /// # Errors
    /// When it is dead already.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.server.take().context("it is dead already")?.kill()
    }

    /// Its process.
    ///
    /// # Errors
    /// When it is dead.
    pub fn server(&mut self) -> anyhow::Result<&mut Server> {
        self.server.as_mut().context("it is dead")
    }

    /// Fails when it has ended by itself.
    ///
    /// # Errors
    /// When it has.
    pub fn must_live(&mut self) -> anyhow::Result<()> {
        let server = self.server()?;
        let ended = server.ended()?;
        ensure!(
            ended.is_none(),
            "a node ended by itself ({ended:?}):\n{}",
            server.tail()
        );
        Ok(())
    }

    /// Results of this node that were refused since its lease had ended, as its log tells.
    pub fn fenced(&self) -> u64 {
        let log = std::fs::read_to_string(&self.launch.log).unwrap_or_default();
        let late = log
            .lines()
            .filter(|line| FENCED.iter().any(|words| line.contains(words)));
        late.count() as u64
    }

    /// What `/readyz` answers; zero when it does not.
    fn readiness(&self) -> u16 {
        let answer = Api::new(&self.url, "").get("/readyz");
        answer.map_or(0, |answer| answer.status)
    }
}

impl Fleet {
    /// So many nodes, started one after the other: the first brings the schema up.
    ///
    /// # Errors
    /// When one does not serve.
    pub fn start(
        options: &Options,
        sections: &[Section<'_>],
        postgres: &Postgres,
        count: usize,
    ) -> anyhow::Result<Self> {
        let word = || format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>());
        let site = Site::with(options, sections)?
            .told("HOOKYARD_JWT_SECRET", word())
            .told("HOOKYARD_MASTER_KEY", word());
        let mut fleet = Self {
            site,
            nodes: Vec::with_capacity(count),
        };
        for number in 1..=count {
            let mut node = node(&fleet.site, postgres, number)?;
            node.start()?;
            fleet.nodes.push(node);
        }
        let first = fleet.nodes.first().context("at least one node")?;
        fleet.site.token = admin(first)?;
        fleet.site.url.clone_from(&first.url);
        Ok(fleet)
    }

    /// What `/readyz` of each node answers.
    pub fn readiness(&self) -> Vec<u16> {
        self.nodes.iter().map(Node::readiness).collect()
    }

    /// What each node is sent.
    pub fn plans(&self, source: &str) -> Vec<Plan> {
        let plan = |node: &Node| Plan {
            url: node.url.clone(),
            senders: 2,
            ..self.site.plan(source)
        };
        self.nodes.iter().map(plan).collect()
    }

    /// New connections of all nodes lead there, and those that are open are cut.
    pub fn lead_to(&self, postgres: &Postgres) {
        for node in &self.nodes {
            node.wire.lead_to(postgres.port);
            node.wire.cut();
        }
    }

    /// Changes the file that all nodes read.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn edit_plugins(&self, edit: impl FnOnce(String) -> String) -> anyhow::Result<()> {
        let file = self.site.launch.folder.join("plugins.toml");
        let text = edit(std::fs::read_to_string(&file)?);
        let new = file.with_extension("new");
        std::fs::write(&new, text)?;
        Ok(std::fs::rename(new, file)?)
    }
}

fn node(site: &Site, postgres: &Postgres, number: usize) -> anyhow::Result<Node> {
    let wire = Proxy::start(postgres.port)?;
    let (port, folder) = (free_port()?, &site.launch.folder);
    let data = folder.join(format!("data-{number}"));
    std::fs::create_dir(&data)?;
    let mut launch = site.launch.clone();
    launch.log = folder.join(format!("log-{number}"));
    // In place of what the site says: the last one of a name counts.
    launch.environment.extend([
        ("HOOKYARD_LISTEN".to_owned(), format!("127.0.0.1:{port}").into()),
        ("HOOKYARD_DATA_DIR".to_owned(), data.into()),
        ("DATABASE_URL".to_owned(), Postgres::url(wire.port).into()),
    ]);
    Ok(Node {
        url: format!("http://127.0.0.1:{port}"),
        wire,
        launch,
        server: None,
    })
}

/// Makes an admin by the command of the node's machine, and signs in; the token.
fn admin(node: &Node) -> anyhow::Result<String> {
    let password = format!("{:032x}", rand::random::<u128>());
    let mut command = Command::new(&node.launch.binary)
        .args([
            "createsuperuser",
            "--username",
            "ada",
            "--email",
            "ada@example.test",
        ])
        .arg("--password-stdin")
        .env_clear()
        .envs(node.launch.environment.iter().cloned())
        .current_dir(&node.launch.folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .context("cannot start hookyard createsuperuser")?;
    let mut stdin = command.stdin.take().context("it is piped")?;
    writeln!(stdin, "{password}")?;
    drop(stdin);
    let status = command.wait()?;
    ensure!(status.success(), "hookyard createsuperuser failed ({status})");
    let body = json!({"username": "ada", "password": password}).to_string();
    let tokens = Api::new(&node.url, "").post("/api/auth/token/", &body)?;
    let tokens = tokens.success("sign in")?;
    Ok(tokens["access"].as_str().context("no token")?.to_owned())
}
