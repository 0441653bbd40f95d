//! A registry over a real store, with the fixtures as its plugins.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use hookyard::clock::{SharedClock, SystemClock};
use hookyard::domain::attempt::{LogLine, OutboundCall};
use hookyard::domain::event::{Event, EventKind, EventStatus};
use hookyard::domain::grant::{PrivateNetwork, SecretGrant, SecretSource};
use hookyard::domain::id::{DeliveryId, EventId};
use hookyard::domain::plugin::{Limits, PluginName, PluginSpec};
use hookyard::domain::time::Timestamp;
use hookyard::environment::Environment;
use hookyard::metrics::Metrics;
use hookyard::store::{self, SharedStore};
use hookyard::vault::{MasterKeys, Vault};
use hookyard::wasm::{
    Ends, Job, Network, Plugin, PluginState, PluginStatus, Pool, Registry, RegistryDeps, RunEnd, Runtime,
    Wire,
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The file of a fixture component, in `fixtures/` of the target directory this test was built in;
/// `HOOKYARD_TEST_COMPONENTS` names another directory.
pub fn component(name: &str) -> PathBuf {
    let dir = std::env::var_os("HOOKYARD_TEST_COMPONENTS").map_or_else(
        || Path::new(env!("CARGO_TARGET_TMPDIR")).join("../fixtures"),
        PathBuf::from,
    );
    let file = dir.join(format!("fixture_{name}.wasm"));
    assert!(
        file.is_file(),
        "{} is missing: build it with `cargo xtask plugins --fixtures`",
        file.display()
    );
    file.canonicalize().expect("a fixture's path")
}

/// The file of a shipped component.
pub fn shipped(name: &str) -> PathBuf {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../plugins/dist/{name}.wasm"));
    assert!(
        file.is_file(),
        "{} is missing: build it with `cargo xtask plugins`",
        file.display()
    );
    file.canonicalize().expect("a component's path")
}

/// A registry in a directory of its own.
pub struct Yard {
    pub registry: Arc<Registry>,
    pub dir: TempDir,
    pub vault: Vault,
    pub metrics: Arc<Metrics>,
    store: SharedStore,
    environment: Arc<Environment>,
    clock: SharedClock,
    wire: Arc<Wire>,
}

impl Yard {
    /// An empty registry; plugins may read these variables as secrets.
    pub async fn new(environment: Environment) -> Self {
        Self::at(Arc::new(SystemClock), environment).await
    }

    /// The same by another clock.
    pub async fn at(clock: SharedClock, environment: Environment) -> Self {
        Self::made(clock, environment, Wire::default()).await
    }

    /// The same on another network.
    pub async fn on(network: Network, environment: Environment) -> Self {
        Self::made(Arc::new(SystemClock), environment, Wire::Network(network)).await
    }

    async fn made(clock: SharedClock, environment: Environment, wire: Wire) -> Self {
        let wire = Arc::new(wire);
        let dir = tempfile::tempdir().expect("a directory");
        let url = format!("sqlite://{}", dir.path().join("test.db").display());
        let store = store::open(&url).await.expect("a store");
        let environment = Arc::new(environment);
        let vault = Vault::new(store.clone(), clock.clone(), MasterKeys::kept(dir.path()));
        let metrics = Arc::new(Metrics::default());
        let deps = RegistryDeps {
            store: store.clone(),
            environment: environment.clone(),
            vault: vault.clone(),
            metrics: metrics.clone(),
            wire: wire.clone(),
            clock: clock.clone(),
            data_dir: dir.path().to_owned(),
        };
        Self {
            registry: registry(deps, Pool::default()),
            dir,
            vault,
            metrics,
            store,
            environment,
            clock,
            wire,
        }
    }

    /// A registry with this one plugin, which must be ready.
    pub async fn with(spec: PluginSpec) -> Self {
        let yard = Self::new(Environment::default()).await;
        yard.apply_ready(vec![spec]).await;
        yard
    }

    /// Applies; every plugin must be ready once it is fetched.
    pub async fn apply_ready(&self, specs: Vec<PluginSpec>) {
        self.registry.apply(specs).await;
        self.registry.fetch_all().await;
        for status in self.registry.statuses() {
            assert_eq!(status.state, PluginState::Ready, "{status:?}");
        }
    }

    /// Applies one plugin and gives its status, once it is fetched.
    pub async fn apply(&self, spec: PluginSpec) -> PluginStatus {
        let name = spec.name.clone();
        self.registry.apply(vec![spec]).await;
        self.registry.fetch_all().await;
        self.registry.status(&name).expect("a plugin of the file")
    }

    /// What a restart of the process would have: a new engine over the same data.
    pub fn restart(&mut self) {
        self.restart_with(Pool::default());
    }

    /// The same with another pool of instances.
    pub fn restart_with(&mut self, pool: Pool) {
        let deps = RegistryDeps {
            store: self.store.clone(),
            environment: self.environment.clone(),
            vault: self.vault.clone(),
            metrics: self.metrics.clone(),
            wire: self.wire.clone(),
            clock: self.clock.clone(),
            data_dir: self.dir.path().to_owned(),
        };
        self.registry = registry(deps, pool);
    }

    /// Runs a webhook with this payload.
    pub async fn run(&self, plugin: &str, payload: &Value) -> One {
        let plugin = self.registry.plugin(&name(plugin)).expect("a loaded plugin");
        run_one(&plugin, webhook(payload)).await
    }

    /// Runs a webhook that must succeed, and gives its output.
    pub async fn output(&self, plugin: &str, payload: &Value) -> (Value, One) {
        let run = self.run(plugin, payload).await;
        let RunEnd::Succeeded {
            output: Some(output), ..
        } = &run.end
        else {
            panic!("no output: {run:?}");
        };
        (serde_json::from_str(output).expect("JSON"), run)
    }
}

fn registry(deps: RegistryDeps, pool: Pool) -> Arc<Registry> {
    let runtime = Runtime::with_pool(&deps.data_dir, pool).expect("a runtime");
    Arc::new(Registry::new(runtime, deps))
}

/// A call with one job, as it ended.
#[derive(Debug)]
pub struct One {
    pub end: RunEnd,
    pub duration: Duration,
    pub logs: Vec<LogLine>,
    pub calls: Vec<OutboundCall>,
}

/// Runs one job.
pub async fn run_one(plugin: &Plugin, job: Job) -> One {
    let run = plugin.run(&[job]).await;
    let end = match run.ends {
        Ends::Each(mut ends) if ends.len() == 1 => ends.remove(0),
        Ends::Whole(end) => end,
        Ends::Each(ends) => panic!("one job has {ends:?}"),
    };
    One {
        end,
        duration: run.duration,
        logs: run.logs,
        calls: run.calls,
    }
}

/// A plugin's name.
pub fn name(text: &str) -> PluginName {
    text.parse().expect("a name")
}

/// The section of a plugin that runs a component, with room for a loaded machine.
pub fn spec(plugin: &str, component: PathBuf) -> PluginSpec {
    PluginSpec {
        limits: Limits {
            timeout: Duration::from_mins(2),
            ..Limits::default()
        },
        ..PluginSpec::named(name(plugin), component)
    }
}

/// The section of the fixture of this name, run under its own name.
pub fn fixture(fixture: &str) -> PluginSpec {
    spec(&fixture.replace('_', "-"), component(fixture))
}

/// The http fixture, whose configuration names the one origin it asks for.
pub fn http_fixture(base: &str, grants: &[&str]) -> PluginSpec {
    let mut spec = fixture("http");
    spec.config = json!({ "base": base });
    spec.grants.http = grants
        .iter()
        .map(|grant| grant.parse().expect("a grant"))
        .collect();
    spec.grants.private_network = PrivateNetwork::All;
    spec
}

/// Grants a secret from a variable, bound to every granted origin.
pub fn grant_secret(spec: &mut PluginSpec, secret: &str, variable: &str) {
    let grant = SecretGrant::of(SecretSource::Env(variable.to_owned()));
    spec.grants.secrets.insert(secret.to_owned(), grant);
}

/// A webhook of GitHub's with this payload.
pub fn webhook(payload: &Value) -> Job {
    job(EventKind::Webhook, "push", payload)
}

/// A job of any kind.
pub fn job(kind: EventKind, event_type: &str, payload: &Value) -> Job {
    Job {
        delivery: DeliveryId::generate(),
        attempt: 1,
        event: Event {
            id: EventId::generate(),
            kind,
            source: "github".to_owned(),
            event_type: event_type.to_owned(),
            headers: Vec::new(),
            content_type: "application/json".to_owned(),
            body: Bytes::from(payload.to_string()),
            payload: None,
            received_at: Timestamp::from_millis(1_700_000_000_000),
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

/// A server on loopback that answers every request with what it got, and keeps it.
pub struct Mirror {
    pub base: String,
    pub seen: Arc<std::sync::Mutex<Vec<Seen>>>,
    /// Requests for `/api/held` are answered with one of these.
    pub gate: Arc<tokio::sync::Semaphore>,
}

/// One request that arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    pub line: String,
    pub headers: http::HeaderMap,
    pub body: String,
}

impl Mirror {
    /// Starts to listen.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let seen: Arc<std::sync::Mutex<Vec<Seen>>> = Arc::default();
        let gate = Arc::new(tokio::sync::Semaphore::new(0));
        let (kept, held) = (seen.clone(), gate.clone());
        let app = axum::Router::new().fallback(move |request: axum::extract::Request| {
            let (kept, held) = (kept.clone(), held.clone());
            async move { answer(request, &kept, &held).await }
        });
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { base, seen, gate }
    }

    /// Waits until so many requests have arrived.
    pub async fn arrived(&self, count: usize) {
        let all = async {
            while self.requests().len() < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_mins(1), all).await;
        waited.expect("the requests in time");
    }

    /// The requests that arrived.
    pub fn requests(&self) -> Vec<Seen> {
        self.seen.lock().expect("no panic").clone()
    }
}

async fn answer(
    request: axum::extract::Request,
    kept: &std::sync::Mutex<Vec<Seen>>,
    gate: &tokio::sync::Semaphore,
) -> axum::response::Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 24).await.expect("a body");
    kept.lock().expect("no panic").push(Seen {
        line: format!("{} {}", parts.method, parts.uri),
        headers: parts.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    });
    if parts.uri.path() == "/api/held" {
        gate.acquire().await.expect("an open gate").forget();
    }
    let answer = match parts.uri.path() {
        "/api/redirect" => axum::response::Response::builder()
            .status(302)
            .header("location", "/api/elsewhere")
            .body(axum::body::Body::empty()),
        "/api/large" => axum::response::Response::builder().body("x".repeat(1 << 20).into()),
        _ => axum::response::Response::builder().body("mirrored".into()),
    };
    answer.expect("an answer")
}

/// One value for the whole test process that looks like nothing real.
pub fn secret_value() -> &'static str {
    static VALUE: OnceLock<String> = OnceLock::new();
    VALUE.get_or_init(|| format!("value-{}", uuid::Uuid::new_v4().simple()))
}
