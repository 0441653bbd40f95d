//! The whole application on a free port, with real components, for tests of the pipeline.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hookyard::app::App;
use hookyard::clock::{SharedClock, SystemClock};
use hookyard::config::{Settings, SettingsArgs};
use hookyard::data_dir::{DataDir, Ownership};
use hookyard::environment::Environment;
use hookyard::lifecycle::{Lifecycle, Stopped};
use hookyard::looks::Looks;
use hookyard::store::SharedStore;
use hookyard::wasm::Registry;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::compiled;

/// How long a mark is waited for before the test fails: far above what a loaded machine needs.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// A running application and a signed-in staff user.
pub struct Pipeline {
    pub dir: PathBuf,
    pub address: SocketAddr,
    pub client: reqwest::Client,
    pub token: String,
    pub store: SharedStore,
    pub registry: Arc<Registry>,
    pub looks: Looks,
    lifecycle: Lifecycle,
    served: JoinHandle<anyhow::Result<Stopped>>,
    temporary: Option<TempDir>,
}

impl Pipeline {
    /// Starts with this `plugins.toml`, in a directory that goes when the test ends.
    pub async fn start(plugins: &str) -> Self {
        let temporary = tempfile::tempdir().expect("a directory");
        let mut pipeline = Self::start_in(temporary.path(), plugins, Environment::default()).await;
        pipeline.temporary = Some(temporary);
        pipeline
    }

    /// Starts in a directory that may hold the data of an earlier start.
    pub async fn start_in(dir: &Path, plugins: &str, env: Environment) -> Self {
        Self::start_by(Arc::new(SystemClock), dir, plugins, env).await
    }

    /// The same by another clock.
    pub async fn start_by(clock: SharedClock, dir: &Path, plugins: &str, env: Environment) -> Self {
        let file = dir.join("plugins.toml");
        std::fs::write(&file, plugins).expect("plugins.toml");
        let args = SettingsArgs {
            listen: Some("127.0.0.1:0".to_owned()),
            data_dir: Some(dir.join("data").display().to_string()),
            plugins_file: Some(file.display().to_string()),
            // A busy machine may need longer for a test than a token lives.
            access_ttl: env.get("HOOKYARD_ACCESS_TTL").is_none().then(|| "1h".to_owned()),
            ..SettingsArgs::default()
        };
        let settings = Settings::resolve(&args, &env).expect("settings");
        let Ownership::Owned(owned) = DataDir::own(&settings.data_dir).expect("a data directory") else {
            panic!("the data directory is taken");
        };
        compiled::lend(&settings.data_dir, plugins).await;
        let app = App::build_with(settings, env, owned, clock)
            .await
            .expect("the application");
        let password = uuid::Uuid::new_v4().to_string();
        let username = format!("staff-{}", uuid::Uuid::new_v4().simple());
        let account = hookyard::auth::NewAccount {
            username: username.clone(),
            email: "staff@example.test".to_owned(),
            password: password.clone().into(),
            first_name: String::new(),
            last_name: String::new(),
            role: hookyard::domain::access::Role::Admin,
        };
        app.auth.create_user(account).await.expect("a staff user");
        let lifecycle = app.lifecycle.clone();
        let (store, registry) = (app.store.clone(), app.registry.clone());
        let looks = app.looks.clone();
        let (ready, address) = tokio::sync::oneshot::channel();
        let served = tokio::spawn(app.serve(|address| ready.send(address).expect("the test waits")));
        let Ok(address) = address.await else {
            panic!("did not start: {:?}", served.await.expect("no panic").err());
        };
        let client = client();
        let tokens: Value = client
            .post(format!("http://{address}/api/auth/token/"))
            .body(json!({"username": username, "password": password}).to_string())
            .header("content-type", "application/json")
            .send()
            .await
            .expect("an answer")
            .json_value()
            .await;
        let token = tokens["access"].as_str().expect("a token").to_owned();
        Self {
            dir: dir.to_owned(),
            address,
            client,
            token,
            store,
            registry,
            looks,
            lifecycle,
            served,
            temporary: None,
        }
    }

    /// Sends a webhook; its id.
    pub async fn send(&self, source: &str, event_type: &str, body: &Value) -> String {
        self.send_text(source, event_type, body.to_string()).await
    }

    /// Sends a webhook with this very text as its body; its id.
    pub async fn send_text(&self, source: &str, event_type: &str, body: String) -> String {
        let url = format!(
            "http://{}/api/webhooks/receive/?source={source}&type={event_type}",
            self.address
        );
        let response = self
            .client
            .post(url)
            .bearer_auth(&self.token)
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await
            .expect("an answer");
        assert_eq!(response.status(), 200);
        response.json_value().await["id"]
            .as_str()
            .expect("an id")
            .to_owned()
    }

    /// Posts JSON as the staff user: the answer's status and body.
    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.client.post(format!("http://{}{path}", self.address));
        let request = request.bearer_auth(&self.token).body(body.to_string());
        let response = request
            .header("content-type", "application/json")
            .send()
            .await
            .expect("an answer");
        (response.status().as_u16(), response.json_value().await)
    }

    /// An event with its deliveries. A payload that no value can hold (`1e999`) stands there as its text.
    pub async fn event(&self, id: &str) -> Value {
        let url = format!("http://{}/api/webhooks/{id}/", self.address);
        let request = self.client.get(url).bearer_auth(&self.token);
        let response = request.send().await.expect("an answer");
        let status = response.status();
        let text = response.text().await.expect("a body");
        let members: BTreeMap<String, &RawValue> =
            serde_json::from_str(&text).unwrap_or_else(|e| panic!("{status}: {text}: {e}"));
        let value =
            |raw: &RawValue| serde_json::from_str(raw.get()).unwrap_or_else(|_| Value::from(raw.get()));
        let members = members.into_iter();
        Value::Object(members.map(|(name, raw)| (name, value(raw))).collect())
    }

    /// Waits until a plugin is in this state.
    pub async fn wait_plugin(&self, name: &str, state: &str) {
        let began = Instant::now();
        loop {
            let request = self.client.get(format!("http://{}/api/plugins/", self.address));
            let response = request.bearer_auth(&self.token).send().await.expect("an answer");
            let plugins = response.json_value().await;
            let mut plugins = plugins.as_array().into_iter().flatten();
            if plugins.any(|plugin| plugin["name"] == name && plugin["state"] == state) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{name} did not become {state}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the event is as the test wants it.
    pub async fn wait_event(&self, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let event = self.event(id).await;
            if wanted(&event) {
                return event;
            }
            assert!(began.elapsed() < PATIENCE, "never became as wanted: {event:#}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the event has this status.
    pub async fn wait_status(&self, id: &str, status: &str) -> Value {
        self.wait_event(id, |event| event["status"] == status).await
    }

    /// Replaces `plugins.toml` in one step.
    pub fn write_plugins(&self, text: &str) {
        let temporary = self.dir.join("plugins.toml.new");
        std::fs::write(&temporary, text).expect("written");
        std::fs::rename(temporary, self.dir.join("plugins.toml")).expect("renamed");
    }

    /// Asks the application to stop, and fails if it had to be forced or a part died.
    pub async fn stop(self) {
        self.lifecycle.soft.cancel();
        let stopped = self.served.await.expect("no panic").expect("a clean stop");
        assert_eq!(stopped, Stopped::Clean);
        drop(self.temporary);
    }
}

/// A client without proxies or redirects.
pub fn client() -> reqwest::Client {
    // Fails when another test of this process was first; then that provider serves.
    let _first = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client")
}

/// Reading answers as JSON.
pub trait JsonValue {
    /// The body as JSON; fails the test when it is not.
    async fn json_value(self) -> Value;
}

impl JsonValue for reqwest::Response {
    async fn json_value(self) -> Value {
        let status = self.status();
        let text = self.text().await.expect("a body");
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{status}: {text}: {e}"))
    }
}
