//! The real binary and a collector that keeps what it is sent.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::pipeline::{JsonValue as _, client};
use super::plugins::{Mirror, component};

/// The real binary; its log is read when it has ended.
pub struct Served {
    child: Child,
    pub url: String,
}

impl Served {
    /// Starts with these variables and no others.
    pub fn start(dir: &Path, variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_hookyard"))
            .arg("serve")
            .env_clear()
            .env("HOOKYARD_LISTEN", "127.0.0.1:0")
            .env("HOOKYARD_DATA_DIR", dir.join("data"))
            .env("HOOKYARD_PLUGINS_FILE", dir.join("plugins.toml"))
            .env("HOOKYARD_LOG_FORMAT", "json")
            .envs(variables.iter().copied())
            .current_dir(dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let url = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once("listening on ")?.1.trim().to_owned()));
        Self {
            url: url.expect("hookyard ended before it listened"),
            child,
        }
    }

    /// Asks it to stop; what it has logged.
    pub fn stop(mut self) -> Vec<Value> {
        let asked = Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(asked.expect("kill runs").success());
        let mut log = String::new();
        let mut stderr = self.child.stderr.take().expect("piped");
        stderr.read_to_string(&mut log).expect("UTF-8");
        assert!(self.child.wait().expect("it ends").success(), "{log}");
        log.lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
            .collect()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// What an exporter has sent.
#[derive(Clone, Debug)]
pub struct Export {
    pub path: String,
    pub headers: http::HeaderMap,
    pub body: Vec<u8>,
}

/// All that came, in order.
pub type Exports = Arc<Mutex<Vec<Export>>>;

/// A collector that keeps what it is sent, and its address.
pub async fn collector() -> (String, Exports) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let exports: Exports = Arc::default();
    let kept = exports.clone();
    let app = axum::Router::new().fallback(move |request: axum::extract::Request| {
        let kept = kept.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = axum::body::to_bytes(body, 1 << 24).await.expect("a body");
            let export = Export {
                path: parts.uri.path().to_owned(),
                headers: parts.headers,
                body: body.to_vec(),
            };
            kept.lock().expect("no panic").push(export);
        }
    });
    tokio::spawn(async move { axum::serve(listener, app).await });
    (base, exports)
}

/// Posts JSON, with a token and a place in a trace where there are such.
pub async fn post(url: String, token: Option<&str>, body: &Value, traceparent: Option<&str>) -> Value {
    let mut request = client()
        .post(url)
        .header("content-type", "application/json")
        .body(body.to_string());
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if let Some(traceparent) = traceparent {
        request = request.header("traceparent", traceparent);
    }
    request.send().await.expect("an answer").json_value().await
}

/// A sender's token.
pub async fn sender(url: &str) -> String {
    let word = || uuid::Uuid::new_v4().simple().to_string();
    let (username, password) = (format!("sender-{}", word()), word());
    let account = json!({"username": username, "password": password, "email": "sender@example.test"});
    post(format!("{url}/api/auth/register/"), None, &account, None).await;
    let tokens = post(format!("{url}/api/auth/token/"), None, &account, None).await;
    tokens["access"].as_str().expect("a token").to_owned()
}

/// A plugin that gets every event, and may ask the vendor.
pub fn write_plugins(dir: &Path, mirror: &Mirror) {
    let text = format!(
        "[plugins.http]\ncomponent = \"{}\"\nconfig = {{ base = \"{base}\" }}\n\
         [plugins.http.grants]\nhttp = [\"POST {base}/**\"]\nprivate-network = true\n\
         [[plugins.http.routes]]\nsource = \"*\"\ntype = \"*\"\n",
        component("http").display(),
        base = mirror.base,
    );
    std::fs::write(dir.join("plugins.toml"), text).expect("plugins.toml");
}
