//! One loaded generation of a plugin.

use std::sync::Arc;

use arc_swap::ArcSwap;
use serde_json::{Map, Value};

use super::abi::v0_1::WorldPre;
use super::egress::Clients;
use super::engine::Runtime;
use super::host::HostState;
use super::manifest::Manifest;
use super::registry::RegistryDeps;
use super::rights::{self, Ask, Missing};
use crate::domain::grant::Grants;
use crate::domain::plugin::{PluginName, PluginSpec};

/// What holds for every generation of one plugin, as of now. A revoked grant reaches work in
/// flight through this.
pub(super) struct Standing {
    pub(super) name: PluginName,
    pub(super) spec: ArcSwap<PluginSpec>,
    pub(super) clients: Clients,
}

impl Standing {
    /// A plugin as the operator's section has it.
    pub(super) fn new(spec: PluginSpec) -> Arc<Self> {
        Arc::new(Self {
            name: spec.name.clone(),
            spec: ArcSwap::from_pointee(spec),
            clients: Clients::default(),
        })
    }

    /// The operator's section as of now.
    pub(super) fn spec(&self) -> Arc<PluginSpec> {
        self.spec.load_full()
    }

    /// Takes every right away, for work in flight too: the plugin is no longer in the file.
    pub(super) fn revoke(&self) {
        let mut spec = PluginSpec::clone(&self.spec());
        spec.enabled = false;
        spec.grants = Grants::default();
        self.spec.store(Arc::new(spec));
    }
}

/// What the operator's section means to one manifest.
#[derive(Debug)]
pub(super) struct Settings {
    /// What `config.get` answers.
    pub(super) config: String,
    pub(super) asks: Vec<Ask>,
    pub(super) warnings: Vec<String>,
}

impl Settings {
    /// Checks the operator's section against the manifest; the error has the mend.
    pub(super) fn of(spec: &PluginSpec, manifest: &Manifest) -> Result<Self, String> {
        let config: Map<String, Value> = manifest.complete_config(spec.name.as_str(), &spec.config)?;
        let asks = rights::asks(manifest, &config)?;
        let Missing { required, warnings } = rights::missing(&spec.name, manifest, &asks, &spec.grants);
        if !required.is_empty() {
            return Err(required.join("\n"));
        }
        Ok(Self {
            config: Value::Object(config).to_string(),
            asks,
            warnings,
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
    pub(super) world: WorldPre<HostState>,
    pub(super) generation: u64,
    pub(super) digest: String,
}

impl Plugin {
    /// The name in `plugins.toml`.
    #[must_use]
    pub fn name(&self) -> &PluginName {
        &self.standing.name
    }

    /// The operator's section as of now: later than this generation, when it has changed since.
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
        self.manifest.check_input(action, input)
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
