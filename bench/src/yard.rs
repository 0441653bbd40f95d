//! A registry in a directory that goes.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use hookyard::clock::{SharedClock, SystemClock};
use hookyard::domain::event::{Event, EventKind, EventStatus};
use hookyard::domain::id::{DeliveryId, EventId};
use hookyard::domain::plugin::PluginSpec;
use hookyard::domain::time::Timestamp;
use hookyard::store;
use hookyard::vault::{MasterKeys, Vault};
use hookyard::wasm::{Job, Plugin, PluginStatus, Registry, RegistryDeps, Runtime};

/// Plugins to measure.
pub struct Yard {
    registry: Registry,
    specs: Mutex<Vec<PluginSpec>>,
    dir: tempfile::TempDir,
}

impl Yard {
    /// An empty one.
    pub async fn new() -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let store = store::open(&format!("sqlite://{}", dir.path().join("bench.db").display())).await?;
        let clock: SharedClock = Arc::new(SystemClock);
        let deps = RegistryDeps {
            store: store.clone(),
            environment: Arc::default(),
            vault: Vault::new(store, clock.clone(), MasterKeys::kept(dir.path())),
            metrics: Arc::default(),
            wire: Arc::default(),
            clock,
            data_dir: dir.path().to_owned(),
        };
        Ok(Self {
            registry: Registry::new(Runtime::with_cache(dir.path())?, deps),
            specs: Mutex::default(),
            dir,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// The sections in force.
    pub fn specs(&self) -> Vec<PluginSpec> {
        self.specs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts sections in force.
    pub async fn apply(&self, specs: Vec<PluginSpec>) -> Vec<PluginStatus> {
        self.specs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone_from(&specs);
        self.registry.apply(specs).await.statuses
    }

    /// Puts sections in force for a moment; what was so before is then again.
    pub async fn try_beside(&self, specs: Vec<PluginSpec>) {
        self.registry.apply(specs).await;
        self.registry.apply(self.specs()).await;
    }

    /// The registry itself.
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// A plugin that is loaded.
    pub fn plugin(&self, name: &str) -> anyhow::Result<Arc<Plugin>> {
        self.registry.plugin(&name.parse()?).context("a loaded plugin")
    }
}

/// The file of a fixture component.
pub fn fixture(name: &str) -> anyhow::Result<PathBuf> {
    let dir = std::env::var_os("HOOKYARD_TEST_COMPONENTS").context("run it by `cargo xtask bench`")?;
    Ok(PathBuf::from(dir).join(format!("fixture_{}.wasm", name.replace('-', "_"))))
}

/// A webhook with this payload.
pub fn job(payload: &str) -> Job {
    Job {
        delivery: DeliveryId::generate(),
        attempt: 1,
        event: Event {
            id: EventId::generate(),
            kind: EventKind::Webhook,
            source: "bench".to_owned(),
            event_type: "push".to_owned(),
            headers: Vec::new(),
            content_type: "application/json".to_owned(),
            body: payload.to_owned().into(),
            payload: None,
            received_at: Timestamp::from_millis(0),
            processed_at: None,
            status: EventStatus::Pending,
            error_message: None,
            owner: None,
            redacted: Vec::new(),
            trace: None,
            edited_from: None,
        },
    }
}
