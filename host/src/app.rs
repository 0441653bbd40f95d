//! The composition root: settings in, running parts out. The binary and the tests both start here.

mod background;
mod exporting;
mod keys;
mod listening;
mod parts;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, anyhow};

use crate::audit::Audit;
use crate::auth::{Auth, AuthSettings, Keyring, RateSettings, Registration};
use crate::clock::{SharedClock, SystemClock};
use crate::config::Settings;
use crate::data_dir::{DataDir, control_socket};
use crate::dispatch::Lanes;
use crate::domain::id::NodeId;
use crate::domain::plugin::SharedSpecs;
use crate::domain::retention::SharedRetention;
use crate::domain::route::SharedRoutes;
use crate::domain::source::SharedSources;
use crate::environment::Environment;
use crate::http::{self, ApiState, Readiness};
use crate::intake::Intake;
use crate::intake::rejected::RejectedLog;
use crate::intake::sources::Sources;
use crate::lifecycle::{HARD_GRACE, Lifecycle, Stopped};
use crate::metrics::Metrics;
use crate::operator::{Operator, Peers};
use crate::replays::Replays;
use crate::scheduler::Desk;
use crate::store::{self, SharedStore};
use crate::vault::{SecretReader, Vault};
use crate::wake::Wake;
use crate::wasm::{Registry, RegistryDeps, Runtime};
use crate::watcher::Watcher;

use keys::key_source;
pub use keys::{check_keys, master_keys};

/// Every part, wired and not yet serving.
pub struct App {
    pub settings: Settings,
    pub store: SharedStore,
    pub clock: SharedClock,
    pub auth: Arc<Auth>,
    pub audit: Audit,
    pub intake: Intake,
    /// The way in for senders without a token.
    pub sources: Sources,
    /// Secrets set from the command line.
    pub vault: Vault,
    pub metrics: Arc<Metrics>,
    pub registry: Arc<Registry>,
    pub operator: Arc<Operator>,
    pub specs: SharedSpecs,
    pub routes: SharedRoutes,
    pub retention: SharedRetention,
    pub wake: Arc<Wake>,
    pub schedules: Desk,
    pub replays: Replays,
    /// How the dispatcher's lanes stand.
    pub lanes: Arc<Lanes>,
    pub node: NodeId,
    pub lifecycle: Lifecycle,
    data_dir: DataDir,
    dispatching: AtomicBool,
}

impl App {
    /// Opens the database, brings it to this version's schema and wires the parts.
    ///
    /// # Errors
    /// When a part cannot be made; the text names it.
    pub async fn build(settings: Settings, env: Environment, data_dir: DataDir) -> anyhow::Result<Self> {
        Self::build_with(settings, env, data_dir, Arc::new(SystemClock)).await
    }

    /// As [`App::build`], by another clock.
    ///
    /// # Errors
    /// When a part cannot be made; the text names it.
    pub async fn build_with(
        settings: Settings,
        env: Environment,
        data_dir: DataDir,
        clock: SharedClock,
    ) -> anyhow::Result<Self> {
        let keyring =
            Keyring::load(&key_source(&settings)).context("cannot load the keys that sign tokens")?;
        let store = store::open(settings.database_url.expose()).await?;
        let runtime = Runtime::with_cache(data_dir.path())
            .map_err(|e| anyhow!("cannot start the WASM runtime: {e:#}"))?;
        let vault = Vault::new(store.clone(), clock.clone(), master_keys(&settings)?);
        let metrics = Arc::new(Metrics::of(settings.serving.role));
        let environment = Arc::new(env);
        let registry = Arc::new(Registry::new(
            runtime,
            RegistryDeps {
                store: store.clone(),
                environment: environment.clone(),
                vault: vault.clone(),
                metrics: metrics.clone(),
                wire: Arc::default(),
                clock: clock.clone(),
                data_dir: data_dir.path().to_owned(),
            },
        ));
        let specs = SharedSpecs::default();
        let routes = SharedRoutes::default();
        let retention = SharedRetention::default();
        store.seal_with(Arc::new(vault.event_sealer(settings.encrypt_events)?));
        let (wake, node) = (Arc::new(Wake::default()), NodeId::generate());
        let auth = Auth::new(store.clone(), clock.clone(), keyring, auth_settings(&settings));
        let table = SharedSources::default();
        let intake = Intake::start(store.clone(), clock.clone(), routes.clone(), wake.clone())
            .redacting(retention.clone())
            .guarding(table.clone())
            .counting(metrics.clone());
        let sources = Sources {
            intake: intake.clone(),
            table: table.clone(),
            secrets: SecretReader {
                environment,
                vault: vault.clone(),
            },
            log: RejectedLog::start(store.clone(), metrics.clone()),
            store: store.clone(),
            clock: clock.clone(),
            metrics: metrics.clone(),
            public_url: settings.public_url.as_ref().map(ToString::to_string),
        };
        Ok(Self {
            replays: Replays::new(
                store.clone(),
                specs.clone(),
                routes.clone(),
                clock.clone(),
                wake.clone(),
            )
            .redacting(retention.clone()),
            intake,
            sources,
            operator: Arc::new(
                Operator::new(
                    settings.plugins_file.clone(),
                    registry.clone(),
                    specs.clone(),
                    routes.clone(),
                )
                .among((!is_alone(&settings)).then(|| Peers {
                    store: store.clone(),
                    node,
                }))
                .keeping(retention.clone())
                .serving(table),
            ),
            retention,
            auth: Arc::new(auth),
            audit: Audit::new(store.clone(), clock.clone()),
            schedules: Desk {
                store: store.clone(),
                specs: specs.clone(),
                clock: clock.clone(),
                wake: wake.clone(),
            },
            settings,
            store,
            clock,
            vault,
            metrics,
            registry,
            specs,
            routes,
            wake,
            lanes: Arc::default(),
            node,
            lifecycle: Lifecycle::default(),
            data_dir,
            dispatching: AtomicBool::new(false),
        })
    }

    /// Whether a server runs in this process, so that what is stored is also delivered: by it, or by the nodes that
    /// do so beside it.
    #[must_use]
    pub fn dispatching(&self) -> bool {
        self.dispatching.load(Ordering::Relaxed)
    }

    /// Puts `plugins.toml` in force for a command. When it is wrong, [`Operator::rejected`] says so
    /// and the command decides whether it can do without.
    pub async fn load_plugins(&self) {
        self.registry.only_look();
        if let Err(error) = self.operator.reload().await {
            tracing::debug!(%error, "the plugins file is wrong");
        }
        self.registry.fetch_all().await;
    }

    /// Serves until a signal (or `lifecycle.soft`), then stops. `ready` is told the address once
    /// requests are answered.
    ///
    /// # Errors
    /// When serving cannot begin: a wrong `plugins.toml`, an address in use.
    pub async fn serve(self, ready: impl FnOnce(SocketAddr)) -> anyhow::Result<Stopped> {
        let app = Arc::new(self);
        let (listener, address) = app.listen().await?;
        let acceptor = app.tls()?;
        let export = app.metrics_export()?;
        // Before the file is read: an edit while components compile is told afterwards.
        let (watcher, changes) = Watcher::start(app.operator.path())?;
        app.registry.draft_first();
        let file = app.operator.reload().await.map_err(|error| anyhow!(error))?;
        tracing::info!(file = %app.operator.path().display(), plugins = file.plugins.len(), "plugins file applied");
        app.take_over_leases().await?;
        let readiness = Readiness::default();
        let state = ApiState {
            store: app.store.clone(),
            auth: app.auth.clone(),
            audit: app.audit.clone(),
            intake: app.intake.clone(),
            sources: app.sources.clone(),
            processes: app.processes(),
            replays: app.replays.clone(),
            actions: app.actions(),
            waits: app.waits(),
            routing: app.routing(),
            schedules: app.schedules.clone(),
            operator: app.operator.clone(),
            nodes: app.nodes(),
            metrics: app.metrics.clone(),
            metrics_token: app.settings.metrics_token.clone(),
            readiness: readiness.clone(),
            max_body: app.settings.max_body,
            encrypts_events: app.settings.encrypt_events,
            public_url: app.settings.public_url.clone(),
            scheme: app.settings.serving.scheme(),
        };
        let life = &app.lifecycle;
        life.spawn(
            "plugin watcher",
            app.operator.clone().follow(watcher, changes, life.clone()),
        );
        life.spawn("plugin optimiser", {
            let (registry, soft) = (Arc::clone(&app.registry), life.soft.clone());
            async move {
                // What it is compiling then is not used.
                soft.run_until_cancelled(registry.keep_optimising()).await;
            }
        });
        crate::control::listen(app.clone(), &control_socket(app.data_dir.path()), life)?;
        app.dispatching.store(true, Ordering::Relaxed);
        background::start(&app).await?;
        if let Some(export) = &export {
            life.spawn("metrics export", app.clone().export_metrics(export.clone()));
        }
        let role = app.settings.serving.role;
        let router = if role.takes_requests() {
            http::router(state)
        } else {
            http::status_router(state)
        };
        let serving = http::serve(listener, acceptor, router, life.soft.clone());
        life.spawn("http", serving);
        readiness.ready();
        ready(address);
        life.stop_asked().await?;
        readiness.stopping();
        let stopped = life.stop().await;
        let closed = tokio::time::timeout(HARD_GRACE, app.close()).await;
        if let Some(export) = &export {
            app.export_last_metrics(export).await;
        }
        let stopped = if closed.is_ok() { stopped } else { Stopped::Forced };
        tracing::info!(?stopped, "stopped");
        Ok(stopped)
    }

    /// On SQLite this process is the only one, since it holds the file's lock: leases of others
    /// belong to processes that are gone, and their work need not wait for the leases to end.
    async fn take_over_leases(&self) -> anyhow::Result<()> {
        if is_alone(&self.settings) {
            let ended = self.store.end_foreign_leases(self.node).await?;
            self.store.remove_other_nodes(self.node).await?;
            if ended > 0 {
                tracing::info!(deliveries = ended, "took over what the last process left");
            }
        }
        Ok(())
    }

    /// Stores what waits and closes the database.
    pub async fn close(&self) {
        self.intake.close().await;
        if let Err(error) = self.auth.keys.flush().await {
            tracing::warn!(%error, "cannot note when API keys were used last");
        }
        self.sources.log.close().await;
        self.lifecycle.soft.cancel();
        self.store.close().await;
    }
}

/// Whether this process is the only one on its database: it holds a SQLite file's lock.
fn is_alone(settings: &Settings) -> bool {
    settings.database_url.expose().starts_with("sqlite:")
}

fn auth_settings(settings: &Settings) -> AuthSettings {
    AuthSettings {
        access_ttl: settings.access_ttl,
        refresh_ttl: settings.refresh_ttl,
        registration: if settings.registration_open {
            Registration::Open
        } else {
            Registration::Closed
        },
        rates: RateSettings {
            per_key: settings.rates.per_key,
            per_user: settings.rates.per_user,
            per_address: settings.rates.per_address,
        },
    }
}
