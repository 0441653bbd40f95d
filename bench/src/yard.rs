//! A registry in a directory that goes.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use hookyard::clock::{SharedClock, SystemClock};
use hookyard::domain::event::{Event, EventKind, EventStatus};
use hookyard::domain::id::{DeliveryId, EventId};
use hookyard::domain::plugin::PluginSpec;
use hookyard::domain::time::Timestamp;
use hookyard::store;
use hookyard::vault::{MasterKeys, Vault};
use hookyard::wasm::{Job, Plugin, PluginStatus, Pool, Registry, RegistryDeps, Runtime, Wire};

/// Plugins to measure.
pub struct Yard {
    registry: Registry,
    specs: Mutex<Vec<PluginSpec>>,
    dir: PathBuf,
    /// The directory, when it goes with this.
    _room: Option<tempfile::TempDir>,
}

/// Slots of a small yard: a pool whose address space fits where that is scarce, as under callgrind.
const SMALL: Pool = Pool {
    runs: 2,
    core_instances: 64,
};

impl Yard {
    /// An empty one.
    pub async fn new() -> anyhow::Result<Self> {
        Self::on(Wire::default()).await
    }

    /// An empty one whose plugins send their requests so.
    pub async fn on(wire: Wire) -> anyhow::Result<Self> {
        let room = tempfile::tempdir()?;
        let runtime = Runtime::with_cache(room.path())?;
        let dir = room.path().to_owned();
        Self::with(wire, runtime, dir, Some(room)).await
    }

    /// One with two slots, in a directory that stays, and with it the compiled code.
    pub async fn small(dir: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let runtime = Runtime::with_pool(dir, SMALL)?;
        Self::with(Wire::default(), runtime, dir.to_owned(), None).await
    }

    async fn with(
        wire: Wire,
        runtime: Arc<Runtime>,
        dir: PathBuf,
        room: Option<tempfile::TempDir>,
    ) -> anyhow::Result<Self> {
        let store = store::open(&format!("sqlite://{}", dir.join("bench.db").display())).await?;
        let clock: SharedClock = Arc::new(SystemClock);
        let deps = RegistryDeps {
            store: store.clone(),
            environment: Arc::default(),
            vault: Vault::new(store, clock.clone(), MasterKeys::kept(&dir)),
            metrics: Arc::default(),
            wire: Arc::new(wire),
            clock,
            data_dir: dir.clone(),
        };
        Ok(Self {
            registry: Registry::new(runtime, deps),
            specs: Mutex::default(),
            dir,
            _room: room,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.dir
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
            edited_from: None,
        },
    }
}
