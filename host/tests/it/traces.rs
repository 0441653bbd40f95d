//! One trace from the sender through intake, delivery and plugin to the vendor, received by a collector, and the ids in
//! every line of the log.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::pipeline::{JsonValue as _, PATIENCE, client};
use crate::support::plugins::{Mirror, component};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// The real binary; its log is read when it has ended.
struct Served {
    child: Child,
    url: String,
}

impl Served {
    fn start(dir: &Path, variables: &[(&str, &str)]) -> Self {
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
    fn stop(mut self) -> Vec<Value> {
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

/// What exporters have sent: path, media type and protobuf.
type Exports = Arc<Mutex<Vec<(String, String, Vec<u8>)>>>;

/// A collector that keeps what it is sent.
async fn collector() -> (String, Exports) {
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
            let media = parts
                .headers
                .get("content-type")
                .map(|value| value.to_str().expect("text").to_owned());
            let export = (
                parts.uri.path().to_owned(),
                media.unwrap_or_default(),
                body.to_vec(),
            );
            kept.lock().expect("no panic").push(export);
        }
    });
    tokio::spawn(async move { axum::serve(listener, app).await });
    (base, exports)
}

async fn post(url: String, token: Option<&str>, body: &Value, traceparent: Option<&str>) -> Value {
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
async fn sender(url: &str) -> String {
    let word = || uuid::Uuid::new_v4().simple().to_string();
    let (username, password) = (format!("sender-{}", word()), word());
    let account = json!({"username": username, "password": password, "email": "sender@example.test"});
    post(format!("{url}/api/auth/register/"), None, &account, None).await;
    let tokens = post(format!("{url}/api/auth/token/"), None, &account, None).await;
    tokens["access"].as_str().expect("a token").to_owned()
}

fn write_plugins(dir: &Path, mirror: &Mirror) {
    let text = format!(
        "[plugins.http]\ncomponent = \"{}\"\nconfig = {{ base = \"{base}\" }}\n\
         [plugins.http.grants]\nhttp = [\"POST {base}/**\"]\nprivate-network = true\n\
         [[plugins.http.routes]]\nsource = \"*\"\ntype = \"*\"\n",
        component("http").display(),
        base = mirror.base,
    );
    std::fs::write(dir.join("plugins.toml"), text).expect("plugins.toml");
}

/// Sends an event whose plugin asks the vendor, with the sender's place in a trace, and waits for the vendor.
async fn send(url: &str, mirror: &Mirror, traceparent: &str) -> String {
    let token = sender(url).await;
    let request = json!({"method": "POST", "url": format!("{}/api/x", mirror.base), "body": "hello"});
    let event = post(
        format!("{url}/api/webhooks/receive/?source=s&type=t"),
        Some(&token),
        &json!({ "requests": [request] }),
        Some(traceparent),
    )
    .await;
    mirror.arrived(1).await;
    event["id"]
        .as_str()
        .unwrap_or_else(|| panic!("{event}"))
        .to_owned()
}

fn contains(bytes: &[u8], sought: &[u8]) -> bool {
    bytes.windows(sought.len()).any(|window| window == sought)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_leads_from_the_sender_to_the_vendor() {
    let (mirror, (base, exports)) = (Mirror::start().await, collector().await);
    let dir = tempfile::tempdir().expect("a directory");
    write_plugins(dir.path(), &mirror);
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", base.as_str()),
        // Milliseconds, of the specification.
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
    ];
    let server = Served::start(dir.path(), &variables);
    let event = send(&server.url, &mirror, &format!("00-{TRACE}-00f067aa0ba902b7-01")).await;

    // The vendor is told of the same trace, and of another span than the sender's.
    let seen = &mirror.requests()[0];
    let told = seen.headers["traceparent"].to_str().expect("text").to_owned();
    assert!(told.starts_with(&format!("00-{TRACE}-")), "{told}");
    assert!(!told.contains("00f067aa0ba902b7"), "{told}");

    // The collector has the spans of all parts, in that trace.
    let trace = hex::decode(TRACE).expect("digits");
    let began = Instant::now();
    loop {
        let spans = exports.lock().expect("no panic").clone();
        let all: Vec<u8> = spans.iter().flat_map(|(_, _, body)| body.clone()).collect();
        let named = ["request", "deliver", "outbound"]
            .iter()
            .all(|name| contains(&all, name.as_bytes()));
        if named && contains(&all, &trace) {
            assert!(
                spans
                    .iter()
                    .all(|(path, media, _)| path == "/v1/traces" && media == "application/x-protobuf"),
                "{spans:?}"
            );
            assert!(contains(&all, b"hookyard"), "the service is named");
            break;
        }
        assert!(began.elapsed() < PATIENCE, "the spans did not come");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    // Each attempt's line has its delivery and event, and says in which span it was logged.
    let log = tokio::task::spawn_blocking(move || server.stop())
        .await
        .expect("no panic");
    let attempt = log
        .iter()
        .find(|line| line["message"] == "attempt")
        .expect("it was logged");
    assert_eq!(attempt["event"], event, "{attempt}");
    let spans = attempt["spans"].as_array().expect("spans");
    assert!(
        spans
            .iter()
            .any(|span| span["name"] == "deliver" && span["event"] == event),
        "{attempt}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_collector_nothing_is_traced() {
    let mirror = Mirror::start().await;
    let dir = tempfile::tempdir().expect("a directory");
    write_plugins(dir.path(), &mirror);
    let server = Served::start(dir.path(), &[]);
    send(&server.url, &mirror, &format!("00-{TRACE}-00f067aa0ba902b7-01")).await;
    assert!(!mirror.requests()[0].headers.contains_key("traceparent"));
    tokio::task::spawn_blocking(move || server.stop())
        .await
        .expect("no panic");
}

#[test]
fn a_collector_that_is_no_address_is_refused_at_the_start() {
    let yard = crate::support::command::hookyard("");
    let wrong = [("OTEL_EXPORTER_OTLP_ENDPOINT", "nowhere")];
    let ran = yard.run_with(&wrong, &["serve", "--listen", "127.0.0.1:0"]);
    assert!(
        ran.status == 1 && ran.err.contains("OTEL_EXPORTER_OTLP_ENDPOINT"),
        "{}",
        ran.err
    );
}
