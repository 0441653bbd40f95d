//! One loaded generation of a plugin.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use arc_swap::ArcSwap;
use serde_json::{Map, Value};
use url::Url;

use super::code::Code;
use super::engine::Runtime;
use super::manifest::Manifest;
use super::registry::{Journal, RegistryDeps};
use super::rights::{self, Ask, Missing};
use super::schema::Schemas;
use super::source::{Fingerprint, Signer};
use super::standing::{InForce, Standing};
use super::variables;
use crate::domain::plugin::{PluginName, PluginSpec};
use crate::environment::Environment;

/// What the operator's section means to one manifest.
#[derive(Debug)]
pub(super) struct Settings {
    /// What `config.get` answers.
    pub(super) config: String,
    pub(super) asks: Vec<Ask>,
    pub(super) warnings: Vec<String>,
    /// The edition of the section in force that these were made for.
    pub(super) edition: u64,
}

impl Settings {
    /// Checks the operator's section against the manifest; the error has the mend. `urls` are those in
    /// secrets, as far as they are known. Takes a while: not for async threads.
    pub(super) fn of(
        spec: &PluginSpec,
        manifest: &Manifest,
        schemas: &Schemas,
        environment: &Environment,
        urls: &BTreeMap<String, Url>,
    ) -> Result<Self, String> {
        let config = variables::filled_in(spec, environment)?;
        let config: Map<String, Value> = schemas.complete_config(spec.name.as_str(), config)?;
        let asks = rights::asks(manifest, &config)?;
        let Missing { required, warnings } = rights::missing(&spec.name, manifest, &asks, &spec.grants, urls);
        let wrong = [
            rights::misunderstood(&spec.name, manifest, &spec.grants),
            required,
        ]
        .concat();
        if !wrong.is_empty() {
            return Err(wrong.join("\n"));
        }
        Ok(Self {
            config: Value::Object(config).to_string(),
            asks,
            warnings,
            edition: 0,
        })
    }
}

/// A plugin that can run: one build, with the settings in force. Runs in flight keep their own
/// reference, so a replaced generation ends its work.
pub struct Plugin {
    pub(super) runtime: Arc<Runtime>,
    pub(super) deps: Arc<RegistryDeps>,
    pub(super) standing: Arc<Standing>,
    pub(super) settings: ArcSwap<Settings>,
    pub(super) manifest: Arc<Manifest>,
    pub(super) schemas: Arc<Schemas>,
    pub(super) code: Code,
    pub(super) generation: u64,
    pub(super) digest: String,
    /// The keys that are known to have signed it.
    pub(super) signers: ArcSwap<Vec<Fingerprint>>,
    pub(super) first_run: FirstRun,
}

/// How long a build served before its first run.
#[derive(Debug)]
pub(super) struct FirstRun {
    serving_since: Instant,
    waited_ms: OnceLock<u64>,
}

impl Default for FirstRun {
    fn default() -> Self {
        Self {
            serving_since: Instant::now(),
            waited_ms: OnceLock::new(),
        }
    }
}

impl FirstRun {
    /// A run begins.
    pub(super) fn begins(&self) {
        self.waited_ms
            .get_or_init(|| u64::try_from(self.serving_since.elapsed().as_millis()).unwrap_or(u64::MAX));
    }
}

impl Plugin {
    /// Notes in the journal how long the first run was waited for, if there was one. Whether that is new.
    pub(super) fn tell_first_run(&self, journal: &mut Journal) -> bool {
        let waited_ms = self.first_run.waited_ms.get();
        waited_ms.is_some_and(|waited_ms| journal.note_first_run(self.generation, &self.digest, *waited_ms))
    }

    /// The name in `plugins.toml`.
    #[must_use]
    pub fn name(&self) -> &PluginName {
        &self.standing.name
    }

    /// The operator's section in force: later than this generation, when it has changed since.
    #[must_use]
    pub fn spec(&self) -> Arc<PluginSpec> {
        self.standing.spec()
    }

    /// Counts the builds of this plugin that this process has loaded; the first is 1.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// SHA-256 of the component, in hex.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Checks the arguments of one of the plugin's actions against its schema.
    ///
    /// # Errors
    /// What is wrong with them, or which actions there are, for the person who asked.
    pub fn check_action(&self, action: &str, input: &Value) -> Result<(), String> {
        self.schemas.check_input(action, input)
    }

    /// Why this build may take no run under the section in force with these settings.
    pub(super) fn misfit(&self, in_force: &InForce, settings: &Settings) -> Option<&'static str> {
        if !in_force.spec.allows_digest(&self.digest) {
            return Some("the pin `sha256` in plugins.toml asks for another build");
        }
        if !in_force.signer.accepts(&self.signers.load()) {
            return Some("the key that `signed-by` in plugins.toml names has not signed this build");
        }
        (settings.edition != in_force.edition)
            .then_some("the plugin's section of plugins.toml has changed and is not in force yet")
    }

    /// Whether this build takes runs.
    pub(super) fn fits(&self) -> bool {
        self.misfit(&self.standing.in_force(), &self.settings.load())
            .is_none()
    }

    /// Whether the section allows this build: its pin is this digest, or there is none, and the key
    /// that it names has signed it.
    pub(super) fn is_allowed(&self, spec: &PluginSpec, signer: &Signer) -> bool {
        spec.allows_digest(&self.digest) && signer.accepts(&self.signers.load())
    }

    /// What the plugin says about itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Plugin({} generation {})", self.standing.name, self.generation)
    }
}
