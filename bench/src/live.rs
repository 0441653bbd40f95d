//! From a saved component to the first event that runs its code, through the whole server.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use hookyard::app::App;
use hookyard::config::{Settings, SettingsArgs};
use hookyard::data_dir::{DataDir, Ownership};
use hookyard::domain::event::EventKind;
use hookyard::environment::Environment;
use hookyard::intake::{Intake, Submission};
use hookyard::wasm::{Phases, Registry};
use std::sync::Arc;

use crate::Row;

/// The shipped components, the largest first.
const SHIPPED: [&str; 4] = ["github_backup", "gsheets", "slack_sdk", "slack_webhook"];

/// Builds of each that are measured; the middle one counts.
const ROUNDS: u32 = 5;

/// What a reload may take.
const ALLOWED: Duration = Duration::from_secs(1);

/// How often it is looked whether an event has run.
const EVERY: Duration = Duration::from_millis(2);

/// How long a build is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// One row per shipped component: each build is one that was never compiled before.
pub async fn rows() -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for name in SHIPPED {
        rows.push(row(name).await?);
    }
    Ok(rows)
}

async fn row(component: &str) -> anyhow::Result<Row> {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../plugins/dist/{component}.wasm"));
    let build = std::fs::read(&shipped).with_context(|| format!("{} is missing", shipped.display()))?;
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("plugin.wasm");
    std::fs::write(&file, &build)?;
    let name = component.replace('_', "-");
    let server = Server::start(dir.path(), &section(&name, component)?).await?;
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        let before = server.digest(&name)?;
        let begun = Instant::now();
        replace(&file, &build, round)?;
        let phases = server.first_run_after(&name, &before).await?;
        rounds.push((begun.elapsed(), phases));
    }
    server.stop().await?;
    rounds.sort_by_key(|(took, _)| *took);
    let (took, phases) = rounds.swap_remove(rounds.len() / 2);
    Ok(Row {
        what: format!("{name} saved, until the first event ran on it"),
        baseline: "the 1 s allowed",
        ratio: took.as_secs_f64() / ALLOWED.as_secs_f64(),
        detail: format!(
            "middle of {ROUNDS}: {took:.0?}, {} KiB, {phases:?}",
            build.len() / 1024
        ),
    })
}

/// The shipped file with this plugin alone switched on, and every event going to it.
fn section(name: &str, component: &str) -> anyhow::Result<String> {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins.toml");
    let text = std::fs::read_to_string(&shipped)?
        .replace("enabled = true", "enabled = false")
        .replace(
            &format!("[plugins.{name}]\nenabled = false"),
            &format!("[plugins.{name}]\nenabled = true"),
        )
        .replace(&format!("plugins/dist/{component}.wasm"), "plugin.wasm");
    // Nothing it sends may leave, or the vendor's time would be measured.
    let limits = if text.contains(&format!("[plugins.{name}.limits]")) {
        String::new()
    } else {
        format!("\n[plugins.{name}.limits]\nrequests = 0\n")
    };
    let text = text.replace("\nrequests = 200", "\nrequests = 0");
    Ok(format!(
        "{text}{limits}\n[[plugins.{name}.routes]]\nsource = \"bench\"\n"
    ))
}

/// What the shipped file refers to: nothing that anybody has.
fn environment(dir: &Path) -> anyhow::Result<Environment> {
    let random = || uuid::Uuid::new_v4().to_string();
    std::fs::write(dir.join("google-service-account.json"), "{}")?;
    Ok(Environment::of([
        ("SLACK_BOT_TOKEN", random()),
        ("SLACK_USER_ID", random()),
        (
            "SLACK_WEBHOOK_URL",
            format!("https://hooks.slack.com/services/{}", random()),
        ),
        ("GOOGLE_SPREADSHEET", "Bench".to_owned()),
        ("GITHUB_TOKEN", random()),
        ("GITHUB_OWNER", "bench".to_owned()),
        ("GITHUB_REPO", "bench".to_owned()),
    ]))
}

/// Puts a build there that differs from every other by a custom section.
fn replace(file: &Path, build: &[u8], round: u32) -> anyhow::Result<()> {
    let mut bytes = build.to_vec();
    // Section 0, 6 bytes: a name of one byte and four of content (Core Specification, 5.5.3).
    bytes.extend_from_slice(&[0, 6, 1, b'r']);
    bytes.extend_from_slice(&round.to_le_bytes());
    let new = file.with_extension("new");
    std::fs::write(&new, bytes)?;
    std::fs::rename(new, file)?;
    Ok(())
}

/// The whole server, on a port that nobody uses.
pub struct Server {
    pub address: SocketAddr,
    intake: Intake,
    registry: Arc<Registry>,
    life: hookyard::lifecycle::Lifecycle,
    served: tokio::task::JoinHandle<anyhow::Result<hookyard::lifecycle::Stopped>>,
}

impl Server {
    /// Starts with this `plugins.toml`.
    pub async fn start(dir: &Path, plugins: &str) -> anyhow::Result<Self> {
        let file = dir.join("plugins.toml");
        std::fs::write(&file, plugins)?;
        let args = SettingsArgs {
            listen: Some("127.0.0.1:0".to_owned()),
            data_dir: Some(dir.join("data").display().to_string()),
            plugins_file: Some(file.display().to_string()),
            ..SettingsArgs::default()
        };
        let env = environment(dir)?;
        let settings = Settings::resolve(&args, &env)?;
        let Ownership::Owned(owned) = DataDir::own(&settings.data_dir)? else {
            bail!("the data directory is taken");
        };
        let app = App::build(settings, env, owned).await?;
        let intake = app.intake.clone();
        let (registry, life) = (app.registry.clone(), app.lifecycle.clone());
        let (ready, address) = tokio::sync::oneshot::channel();
        let served = tokio::spawn(app.serve(|address| {
            // Nobody waits only when the bench has failed already.
            let _gone = ready.send(address);
        }));
        let address = address.await.context("the server did not start")?;
        Ok(Self {
            address,
            intake,
            registry,
            life,
            served,
        })
    }

    /// The build that serves.
    fn digest(&self, plugin: &str) -> anyhow::Result<String> {
        let status = || format!("{:?}", self.registry.statuses());
        let plugin = self.registry.plugin(&plugin.parse()?).with_context(status)?;
        Ok(plugin.digest().to_owned())
    }

    /// Sends an event as soon as another build than this serves, and waits until its run has begun; the
    /// times of the load. An event that came sooner would run on the old build.
    async fn first_run_after(&self, plugin: &str, digest: &str) -> anyhow::Result<Phases> {
        let begun = Instant::now();
        while self.digest(plugin)? == digest {
            self.wait(begun).await?;
        }
        self.send().await?;
        loop {
            let phases = self.phases(plugin)?;
            if phases.first_run_ms.is_some() {
                return Ok(phases);
            }
            self.wait(begun).await?;
        }
    }

    async fn wait(&self, begun: Instant) -> anyhow::Result<()> {
        if begun.elapsed() > PATIENCE {
            bail!("no event ran on the new build: {:?}", self.registry.statuses());
        }
        tokio::time::sleep(EVERY).await;
        Ok(())
    }

    async fn send(&self) -> anyhow::Result<()> {
        let submission = Submission {
            kind: EventKind::Webhook,
            source: "bench".to_owned(),
            event_type: "push".to_owned(),
            headers: Vec::new(),
            content_type: "application/json".to_owned(),
            body: "{}".into(),
            owner: None,
        };
        self.intake.submit(submission).await?;
        Ok(())
    }

    /// The times of the last load.
    fn phases(&self, plugin: &str) -> anyhow::Result<Phases> {
        let history = self.registry.reloads(&plugin.parse()?).context("a history")?;
        Ok(history.into_iter().next().context("a load")?.phases)
    }

    /// Stops it.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.life.soft.cancel();
        self.served.await??;
        Ok(())
    }
}
