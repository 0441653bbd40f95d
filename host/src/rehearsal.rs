//! One run of a component for its author: without a server, over a store that is thrown away, with
//! every right that the manifest asks for or those of a section of `plugins.toml`.

mod example;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use serde::Serialize;

use crate::clock::{SharedClock, SystemClock};
use crate::domain::attempt::{LogLine, OutboundCall};
use crate::domain::grant::{Grants, PrivateNetwork, SecretGrant, SecretSource};
use crate::domain::id::DeliveryId;
use crate::domain::plugin::{PluginName, PluginSpec};
use crate::environment::Environment;
use crate::store;
use crate::vault::{MasterKeys, Vault};
use crate::wasm::{
    Ends, Job, Manifest, PluginState, Registry, RegistryDeps, RunEnd, Runtime, SecretKind, Tape, Wire,
    asked_patterns,
};

pub use example::Example;

/// What to try out.
pub struct Rehearsal {
    pub component: PathBuf,
    pub example: Example,
    /// The operator's section to try it under; without one every ask is granted.
    pub section: Option<PluginSpec>,
    /// The configuration, when there is no section.
    pub config: serde_json::Value,
    /// Sources of secrets, when there is no section.
    pub secrets: BTreeMap<String, SecretSource>,
    pub private_network: bool,
    pub record: Option<PathBuf>,
    pub replay: Option<PathBuf>,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub struct Rehearsed {
    /// `succeeded`, `retry`, `defer`, `rejected`, `trapped`, `limit` or `host`.
    pub outcome: &'static str,
    pub summary: Option<String>,
    pub output: Option<serde_json::Value>,
    pub error: Option<String>,
    pub logs: Vec<LogLine>,
    pub calls: Vec<OutboundCall>,
    pub duration_ms: u64,
    pub cpu_ms: u64,
    /// The most linear memory the instance had, in bytes.
    pub memory_peak: u64,
    /// How it differs from the tape.
    pub faults: Vec<String>,
    pub warnings: Vec<String>,
}

impl Rehearsal {
    /// Loads the component and runs it once.
    ///
    /// # Errors
    /// When it cannot be loaded, or a tape cannot be read or written.
    pub async fn run(self, environment: Environment) -> anyhow::Result<Rehearsed> {
        let scratch = tempfile::tempdir().context("cannot make a directory to work in")?;
        let runtime = Runtime::with_cache(scratch.path())?;
        let manifest = runtime.inspect(&self.component).await?.manifest;
        let wire = match (&self.record, &self.replay) {
            (Some(_), Some(_)) => bail!("--record and --replay exclude each other"),
            (Some(_), None) => Wire::Recorded(Tape::default()),
            (None, Some(dir)) => Wire::Replayed(Tape::read(dir)?),
            (None, None) => Wire::default(),
        };
        let spec = self.spec(&manifest, &wire, &environment)?;
        let name = spec.name.clone();
        let clock: SharedClock = Arc::new(SystemClock);
        let store = store::open(&format!("sqlite://{}", scratch.path().join("state.db").display())).await?;
        let wire = Arc::new(wire);
        let registry = Registry::new(
            runtime,
            RegistryDeps {
                store: store.clone(),
                environment: Arc::new(environment),
                vault: Vault::new(store.clone(), clock.clone(), MasterKeys::kept(scratch.path())),
                metrics: Arc::default(),
                wire: wire.clone(),
                clock: clock.clone(),
                data_dir: scratch.path().to_owned(),
            },
        );
        let status = registry.apply(vec![spec]).await.statuses.remove(0);
        let (Some(plugin), PluginState::Ready) = (registry.plugin(&name), status.state) else {
            bail!(
                status
                    .error
                    .unwrap_or_else(|| format!("{name} is {:?}", status.state))
            );
        };
        let job = Job {
            delivery: DeliveryId::generate(),
            attempt: 1,
            event: self.example.into_event(clock.now())?,
        };
        let run = plugin.run(&[job]).await;
        store.close().await;
        if let (Some(dir), Wire::Recorded(tape)) = (&self.record, &*wire) {
            tape.write(dir)?;
        }
        let end = match run.ends {
            Ends::Whole(end) => end,
            Ends::Each(ends) => ends
                .into_iter()
                .next()
                .ok_or_else(|| anyhow!("the run has no result"))?,
        };
        let mut told = told(end);
        told.logs = run.logs;
        told.calls = run.calls;
        told.duration_ms = u64::try_from(run.duration.as_millis()).unwrap_or(u64::MAX);
        told.cpu_ms = u64::try_from(run.cpu.as_millis()).unwrap_or(u64::MAX);
        told.memory_peak = run.memory_peak;
        told.warnings = status.warnings;
        if let Wire::Replayed(tape) = &*wire {
            told.faults = tape.faults();
        }
        Ok(told)
    }

    fn spec(
        &self,
        manifest: &Manifest,
        wire: &Wire,
        environment: &Environment,
    ) -> anyhow::Result<PluginSpec> {
        if let Some(section) = &self.section {
            return Ok(PluginSpec {
                component: self.component.clone().into(),
                signed_by: None,
                enabled: true,
                paused: false,
                sha256: None,
                ..section.clone()
            });
        }
        let name: PluginName = manifest
            .name
            .parse()
            .or_else(|_| "plugin".parse())
            .context("a plugin's name")?;
        let mut spec = PluginSpec::named(name, self.component.clone());
        spec.config = self.config.clone();
        spec.grants = self.grants(manifest, wire, environment)?;
        Ok(spec)
    }

    /// Everything that the manifest asks for.
    fn grants(&self, manifest: &Manifest, wire: &Wire, environment: &Environment) -> anyhow::Result<Grants> {
        let mut grants = Grants {
            http: asked_patterns(manifest, &self.config).map_err(|why| anyhow!(why))?,
            permissions: manifest
                .permissions
                .iter()
                .filter_map(|word| word.parse().ok())
                .collect(),
            private_network: if self.private_network {
                PrivateNetwork::All
            } else {
                PrivateNetwork::None
            },
            ..Grants::default()
        };
        for ask in &manifest.secrets {
            let source = match self.secrets.get(&ask.name) {
                Some(source) => source.clone(),
                // Nobody looks at it: the tape answers.
                None if matches!(wire, Wire::Replayed(_)) => SecretSource::Env(ask.name.clone()),
                None if ask.required => bail!(
                    "the plugin needs the secret `{0}`: name its source with --secret {0}=env:VARIABLE",
                    ask.name
                ),
                None => continue,
            };
            if ask.kind == SecretKind::Url {
                let url = match &source {
                    SecretSource::Env(variable) => environment.get(variable).map(str::to_owned),
                    _ => None,
                };
                grants.http.extend(origin_of(&ask.name, url.as_deref(), wire)?);
            }
            grants.secrets.insert(ask.name.clone(), SecretGrant::of(source));
        }
        Ok(grants)
    }
}

/// The grant for the origin of a secret URL.
fn origin_of(
    secret: &str,
    url: Option<&str>,
    wire: &Wire,
) -> anyhow::Result<Option<crate::domain::grant::HttpPattern>> {
    let known = url
        .and_then(|url| url::Url::parse(url).ok())
        .map(|url| url.origin().ascii_serialization());
    let origin = match (known, wire) {
        (Some(origin), _) => origin,
        (None, Wire::Replayed(tape)) => match tape.origin_of(secret) {
            Some(origin) => origin,
            None => return Ok(None),
        },
        (None, _) => bail!("the source of the secret `{secret}` must be env:VARIABLE, and hold a URL"),
    };
    let pattern = format!("* {origin}/**").parse();
    Ok(Some(pattern.context("the origin of a secret URL")?))
}

fn told(end: RunEnd) -> Rehearsed {
    let mut told = Rehearsed {
        outcome: "succeeded",
        summary: None,
        output: None,
        error: None,
        logs: Vec::new(),
        calls: Vec::new(),
        duration_ms: 0,
        cpu_ms: 0,
        memory_peak: 0,
        faults: Vec::new(),
        warnings: Vec::new(),
    };
    let (outcome, error) = match end {
        RunEnd::Succeeded { summary, output } => {
            told.summary = Some(summary);
            told.output = output.map(|text| serde_json::from_str(&text).unwrap_or_else(|_| text.into()));
            return told;
        }
        RunEnd::Retry { reason, .. } => ("retry", reason),
        RunEnd::Defer { reason, .. } => ("defer", reason),
        RunEnd::Rejected(reason) => ("rejected", reason),
        RunEnd::Trapped(reason) => ("trapped", reason),
        RunEnd::Limit(reason) => ("limit", reason),
        RunEnd::Host(reason) => ("host", reason),
    };
    told.outcome = outcome;
    told.error = Some(error);
    told
}
