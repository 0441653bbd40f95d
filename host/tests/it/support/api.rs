//! The HTTP interface on a free port over a real SQLite store, with a clock that the test moves.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use hookyard::actions::Actions;
use hookyard::audit::Audit;
use hookyard::auth::{Auth, AuthSettings, Keyring, NewAccount};
use hookyard::clock::FakeClock;
use hookyard::config::{PublicUrl, Setting, Settings, SettingsArgs};
use hookyard::dispatch::Waits;
use hookyard::domain::access::Role;
use hookyard::domain::id::NodeId;
use hookyard::domain::plugin::{PluginSpec, SharedSpecs};
use hookyard::domain::route::{Route, RouteTable, SharedRoutes};
use hookyard::domain::source::{SharedSources, SourceTable};
use hookyard::domain::time::Timestamp;
use hookyard::domain::user::User;
use hookyard::environment::Environment;
use hookyard::http::{self, ApiState, Readiness};
use hookyard::intake::Intake;
use hookyard::intake::rejected::RejectedLog;
use hookyard::intake::sources::Sources;
use hookyard::lifecycle::Lifecycle;
use hookyard::looks::Looks;
use hookyard::manifest::PluginsFile;
use hookyard::metrics::Metrics;
use hookyard::nodes::Nodes;
use hookyard::operator::Operator;
use hookyard::processes::Processes;
use hookyard::replays::Replays;
use hookyard::routing::Routing;
use hookyard::scheduler::Desk;
use hookyard::secret::Secret;
use hookyard::store::{self, EventStore, SharedStore};
use hookyard::vault::{MasterKeys, SecretReader, Vault};
use hookyard::wake::Wake;
use hookyard::wasm::{Registry, RegistryDeps, Runtime};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::flaky::FlakyStore;
use super::pipeline::client;

/// Most bytes of a webhook in these tests.
pub const MAX_BODY: usize = 1 << 20;

/// A running interface.
pub struct Api {
    pub address: SocketAddr,
    pub client: reqwest::Client,
    pub store: SharedStore,
    pub clock: Arc<FakeClock>,
    pub auth: Arc<Auth>,
    pub intake: Intake,
    /// The room for bodies that are looked into.
    pub looks: Looks,
    pub readiness: Readiness,
    pub routes: SharedRoutes,
    pub wake: Arc<Wake>,
    /// The way in for senders without a token; [`Api::set_sources`] says which there are.
    pub sources: Sources,
    pub metrics: Arc<Metrics>,
    /// What `/api/schedules/` shows.
    pub specs: SharedSpecs,
    /// Reads `plugins.toml`, which [`Api::set_plugins`] writes.
    operator: Arc<Operator>,
    /// What runs in the background: orders to replay.
    lifecycle: Lifecycle,
    stop: CancellationToken,
    served: Option<JoinHandle<()>>,
    dir: TempDir,
}

/// A user and the password it was made with.
pub struct Account {
    pub user: User,
    pub password: String,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    /// Reads a response.
    pub async fn of(response: reqwest::Response) -> Self {
        Self {
            status: response.status(),
            headers: response.headers().clone(),
            text: response.text().await.expect("a body in UTF-8"),
        }
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// A header as text; empty when it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("text"))
    }

    /// Fails unless the status is this one.
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        self
    }

    /// The problem in an error; fails unless it is one of this status, and well formed.
    pub fn problem(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{self:?}"
        );
        let problem = self.json();
        assert_eq!(problem["status"], status, "{self:?}");
        let id = self.header("x-request-id");
        assert_eq!(problem["instance"], format!("urn:uuid:{id}"), "{self:?}");
        for member in ["type", "title", "detail"] {
            assert!(
                problem[member].as_str().is_some_and(|text| !text.is_empty()),
                "{self:?}"
            );
        }
        problem
    }
}

fn a_clock() -> FakeClock {
    FakeClock::new(Timestamp::parse("2026-08-01T12:00:00Z").expect("a moment"))
}

/// Settings as somebody may have written them, a secret among them.
fn settings_told() -> Arc<[Setting]> {
    let env = Environment::of([("HOOKYARD_METRICS_TOKEN", "hush"), ("HOOKYARD_MAX_BODY", "2MiB")]);
    let settings = Settings::resolve(&SettingsArgs::default(), &env).expect("settings");
    settings.told.into()
}

/// What carries the orders of replays out.
fn repeating(replays: &Replays) -> Lifecycle {
    let lifecycle = Lifecycle::default();
    lifecycle.spawn(
        "replays",
        hookyard::replays::run(replays.clone(), lifecycle.clone()),
    );
    lifecycle
}

impl Api {
    /// Starts with the usual settings.
    pub async fn start() -> Self {
        Self::start_with(AuthSettings::default()).await
    }

    /// Starts with these settings over a store of its own.
    pub async fn start_with(settings: AuthSettings) -> Self {
        let (store, dir) = fresh_store().await;
        let events: Arc<dyn EventStore> = store.clone();
        Self::start_over(store, events, dir, settings, None).await
    }

    /// Starts with a public address in front of it.
    pub async fn start_behind(public_url: &str) -> Self {
        let (store, dir) = fresh_store().await;
        let public_url = Some(public_url.parse().expect("a public address"));
        Self::start_over(store.clone(), store, dir, AuthSettings::default(), public_url).await
    }

    /// Starts with an intake whose store the test can hold up and make fail.
    pub async fn start_flaky() -> (Self, Arc<FlakyStore>) {
        let (store, dir) = fresh_store().await;
        let flaky = FlakyStore::new(store.clone());
        let api = Self::start_over(store, flaky.clone(), dir, AuthSettings::default(), None).await;
        (api, flaky)
    }

    async fn start_over(
        store: SharedStore,
        events: Arc<dyn EventStore>,
        dir: TempDir,
        settings: AuthSettings,
        public_url: Option<PublicUrl>,
    ) -> Self {
        let clock = Arc::new(a_clock());
        let keyring = Keyring::open_directory(&dir.path().join("keys")).expect("keys");
        let auth = Arc::new(Auth::new(store.clone(), clock.clone(), keyring, settings));
        let routes: SharedRoutes = Arc::new(ArcSwap::default());
        let wake = Arc::new(Wake::default());
        let table = SharedSources::default();
        let looks = Looks::default();
        let intake = Intake::start(events, clock.clone(), routes.clone(), wake.clone())
            .guarding(table.clone())
            .looking(looks.clone());
        let sources = Sources {
            public_url: public_url.as_ref().map(ToString::to_string),
            ..sources(&store, &clock, &intake, table.clone(), dir.path())
        };
        let metrics = sources.metrics.clone();
        let readiness = Readiness::default();
        let specs = SharedSpecs::default();
        let replays = Replays::new(
            store.clone(),
            specs.clone(),
            routes.clone(),
            clock.clone(),
            wake.clone(),
        );
        let lifecycle = repeating(&replays);
        let actions = actions(&store, &clock, &wake, dir.path(), specs.clone());
        let file = dir.path().join("plugins.toml");
        let operator = Operator::new(file, actions.registry.clone(), specs.clone(), routes.clone());
        let operator = Arc::new(operator.serving(table.clone()));
        let state = ApiState {
            store: store.clone(),
            auth: auth.clone(),
            audit: Audit::new(store.clone(), clock.clone()),
            intake: intake.clone(),
            sources: sources.clone(),
            processes: Processes::new(store.clone(), clock.clone()),
            replays: replays.clone(),
            nodes: Nodes {
                store: store.clone(),
                registry: actions.registry.clone(),
                operator: operator.clone(),
                node: NodeId::generate(),
            },
            operator: operator.clone(),
            waits: waits(&actions),
            routing: Routing {
                specs: specs.clone(),
                registry: actions.registry.clone(),
                clock: clock.clone(),
                looks: looks.clone(),
            },
            actions,
            metrics: metrics.clone(),
            metrics_token: None,
            schedules: Desk {
                store: store.clone(),
                specs: specs.clone(),
                clock: clock.clone(),
                wake: wake.clone(),
            },
            readiness: readiness.clone(),
            max_body: MAX_BODY,
            public_url,
            settings: settings_told(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let stop = CancellationToken::new();
        let served = tokio::spawn(http::serve(
            listener,
            hookyard::admin::service(state, stop.clone()),
            stop.clone(),
        ));
        Self {
            address,
            client: client(),
            store,
            clock,
            auth,
            intake,
            looks,
            readiness,
            routes,
            wake,
            sources,
            metrics,
            specs,
            operator,
            lifecycle,
            stop,
            served: Some(served),
            dir,
        }
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A request to a path.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    /// Gets a path, with a token or (empty) without.
    pub async fn get(&self, path: &str, token: &str) -> Answer {
        send(authorized(self.request(Method::GET, path), token)).await
    }

    /// Posts JSON to a path, with a token or (empty) without.
    pub async fn post(&self, path: &str, token: &str, body: impl ToString) -> Answer {
        let request = self
            .request(Method::POST, path)
            .header("content-type", "application/json");
        send(authorized(request, token).body(body.to_string())).await
    }

    /// Makes an account past the registration endpoint.
    pub async fn account(&self, name: &str, is_staff: bool) -> Account {
        let role = if is_staff { Role::Admin } else { Role::Sender };
        self.account_of(name, role).await
    }

    /// Makes an account of this role.
    pub async fn account_of(&self, name: &str, role: Role) -> Account {
        let password = fresh_password();
        let account = NewAccount {
            username: name.to_owned(),
            email: format!("{name}@example.test"),
            password: Secret::new(password.clone()),
            first_name: String::new(),
            last_name: String::new(),
            role,
        };
        let user = self.auth.create_user(account).await.expect("an account");
        Account { user, password }
    }

    /// Signs in; the tokens.
    pub async fn sign_in(&self, account: &Account) -> Value {
        let body = json!({"username": account.user.username, "password": account.password});
        self.post("/api/auth/token/", "", body).await.expect(200).json()
    }

    /// An access token of a new user.
    pub async fn token_of(&self, name: &str, is_staff: bool) -> String {
        let account = self.account(name, is_staff).await;
        let tokens = self.sign_in(&account).await;
        tokens["access"].as_str().expect("a token").to_owned()
    }

    /// An access token of a new user of this role.
    pub async fn token_for(&self, name: &str, role: Role) -> String {
        let account = self.account_of(name, role).await;
        let tokens = self.sign_in(&account).await;
        tokens["access"].as_str().expect("a token").to_owned()
    }

    /// Sends a webhook; its id.
    pub async fn receive(&self, token: &str, query: &str, body: impl ToString) -> String {
        let path = format!("/api/webhooks/receive/{query}");
        let received = self.post(&path, token, body).await.expect(200).json();
        received["id"].as_str().expect("an id").to_owned()
    }

    /// Routes these sources and types to plugins, as `(plugin, source glob, type glob)`.
    pub fn route(&self, routes: &[(&str, &str, &str)]) {
        let specs: Vec<PluginSpec> = routes
            .iter()
            .map(|(plugin, source, event_type)| spec(plugin, source, event_type))
            .collect();
        self.routes.store(Arc::new(RouteTable::new(&specs)));
    }

    /// Writes `plugins.toml` and puts it in force: plugins whose component is not there are broken.
    pub async fn set_plugins(&self, text: &str) {
        std::fs::write(self.path("plugins.toml"), text).expect("written");
        self.operator
            .reload()
            .await
            .unwrap_or_else(|error| panic!("{error}"));
    }

    /// Writes a `plugins.toml` that is wrong: what was in force stays so.
    pub async fn spoil_plugins(&self, text: &str) {
        std::fs::write(self.path("plugins.toml"), text).expect("written");
        self.operator.reload().await.expect_err("a wrong file");
    }

    /// Puts the sources of this `plugins.toml` in force.
    pub fn set_sources(&self, text: &str) {
        let path = self.dir.path().join("plugins.toml");
        let file = PluginsFile::parse(text, &path).unwrap_or_else(|error| panic!("{error}"));
        self.sources
            .table
            .store(Arc::new(SourceTable::new(&file.sources)));
    }

    /// Makes this the value of the secret `file:NAME`.
    pub fn set_secret(&self, name: &str, value: &str) {
        std::fs::write(self.path(name), value).expect("written");
    }

    /// A file beside `plugins.toml`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Stops; fails when a part of it died.
    pub async fn stop(mut self) {
        self.stop.cancel();
        self.lifecycle.soft.cancel();
        self.served.take().expect("served once").await.expect("no panic");
        self.intake.close().await;
        self.sources.log.close().await;
    }
}

/// The way in for senders without a token.
fn sources(
    store: &SharedStore,
    clock: &Arc<FakeClock>,
    intake: &Intake,
    table: SharedSources,
    dir: &Path,
) -> Sources {
    let metrics: Arc<Metrics> = Arc::default();
    Sources {
        intake: intake.clone(),
        table,
        secrets: SecretReader {
            environment: Arc::default(),
            vault: Vault::new(store.clone(), clock.clone(), MasterKeys::kept(dir)),
        },
        log: RejectedLog::start(store.clone(), metrics.clone()),
        store: store.clone(),
        clock: clock.clone(),
        metrics,
        public_url: None,
    }
}

/// What takes actions, with no plugin in force.
fn actions(
    store: &SharedStore,
    clock: &Arc<FakeClock>,
    wake: &Arc<Wake>,
    dir: &Path,
    specs: SharedSpecs,
) -> Actions {
    let deps = RegistryDeps {
        store: store.clone(),
        environment: Arc::new(Environment::default()),
        vault: Vault::new(store.clone(), clock.clone(), MasterKeys::kept(dir)),
        metrics: Arc::default(),
        wire: Arc::default(),
        clock: clock.clone(),
        data_dir: dir.to_owned(),
    };
    Actions {
        store: store.clone(),
        registry: Arc::new(Registry::new(Runtime::new().expect("a runtime"), deps)),
        specs,
        clock: clock.clone(),
        wake: wake.clone(),
        lifecycle: Lifecycle::default(),
    }
}

/// What deliveries wait for, with no lane that runs.
fn waits(actions: &Actions) -> Waits {
    Waits {
        specs: actions.specs.clone(),
        registry: actions.registry.clone(),
        lanes: Arc::default(),
        clock: actions.clock.clone(),
        file_read: true,
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        if let Some(served) = &self.served
            && !std::thread::panicking()
        {
            assert!(!served.is_finished(), "the server ended on its own");
        }
        self.lifecycle.soft.cancel();
        self.stop.cancel();
    }
}

/// Sends a request and reads the answer.
pub async fn send(request: RequestBuilder) -> Answer {
    Answer::of(request.send().await.expect("an answer")).await
}

/// A password that nobody else has: made at run time, never written down.
pub fn fresh_password() -> String {
    uuid::Uuid::new_v4().to_string()
}

fn authorized(request: RequestBuilder, token: &str) -> RequestBuilder {
    if token.is_empty() {
        request
    } else {
        request.bearer_auth(token)
    }
}

async fn fresh_store() -> (SharedStore, TempDir) {
    let dir = tempfile::tempdir().expect("a directory");
    let url = format!("sqlite://{}", dir.path().join("test.db").display());
    (store::open(&url).await.expect("a store"), dir)
}

fn spec(plugin: &str, source: &str, event_type: &str) -> PluginSpec {
    PluginSpec {
        routes: vec![Route::new(source, event_type).expect("a route")],
        ..PluginSpec::named(plugin.parse().expect("a name"), PathBuf::new())
    }
}
