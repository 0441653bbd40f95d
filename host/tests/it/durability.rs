//! Once the sender has a 2xx, the event is delivered: through kill -9, and through a power cut. Once each, for every
//! change; `cargo xtask faults` does it many times, at random moments, beside much else.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use faults::power_cut::PowerCut;
use serde_json::{Value, json};

use crate::support::pipeline::{JsonValue as _, PATIENCE, client};
use crate::support::plugins::component;

/// Senders at the same time: enough that commits are shared.
const SENDERS: usize = 8;

/// The process is killed as soon as this many events are acknowledged, in the midst of the others.
const ACKNOWLEDGED_BEFORE_KILL: usize = 60;

/// More than any sender gets to send before the kill.
const MAX_SENDS: usize = 10_000;

/// How long a wait pauses before it looks again.
const STEP: Duration = Duration::from_millis(20);

/// The real binary, on a data directory.
struct Served {
    child: Child,
    url: String,
}

/// `hookyard`, told everything by flags and variables, nothing by the machine.
fn hookyard(data: &Path, plugins: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookyard"));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOOKYARD_LISTEN", "127.0.0.1:0")
        .env("HOOKYARD_DATA_DIR", data)
        .env("HOOKYARD_PLUGINS_FILE", plugins)
        .env("HOOKYARD_LOG", "warn")
        .current_dir(plugins.parent().expect("a folder"));
    command
}

impl Served {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .arg("serve")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let url = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once("listening on ")?.1.trim().to_owned()))
            .expect("hookyard serve ended before it listened; its words are above");
        // Whatever else it prints must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url }
    }

    fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it was killed");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

async fn post(url: String, body: &Value) -> Value {
    let request = client()
        .post(url)
        .header("content-type", "application/json")
        .body(body.to_string());
    let response = request.send().await.expect("an answer");
    assert!(
        response.status().is_success(),
        "{}",
        response.text().await.expect("a body")
    );
    response.json_value().await
}

/// A sender's account, made at run time.
struct Account {
    username: String,
    password: String,
}

impl Account {
    async fn register(url: &str) -> Self {
        let word = || uuid::Uuid::new_v4().simple().to_string();
        let account = Self {
            username: format!("sender-{}", word()),
            password: word(),
        };
        let Self { username, password } = &account;
        let body = json!({"username": username, "password": password, "email": "sender@example.test"});
        post(format!("{url}/api/auth/register/"), &body).await;
        account
    }

    async fn token(&self, url: &str) -> String {
        let body = json!({"username": self.username, "password": self.password});
        let tokens = post(format!("{url}/api/auth/token/"), &body).await;
        tokens["access"].as_str().expect("a token").to_owned()
    }
}

/// Send from many at once and kill the server as soon as enough is acknowledged; all ids with a 2xx.
async fn send_until_killed(served: &mut Served, token: &str) -> BTreeSet<String> {
    let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
    let (count, killed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let mut senders = tokio::task::JoinSet::new();
    for sender in 0..SENDERS {
        let request = client()
            .post(format!(
                "{}/api/webhooks/receive/?source=durable&type=test",
                served.url
            ))
            .bearer_auth(token)
            .header("content-type", "application/json");
        let (acknowledged, count, killed) =
            (Arc::clone(&acknowledged), Arc::clone(&count), Arc::clone(&killed));
        senders.spawn(async move {
            for number in 0..MAX_SENDS {
                let body = json!({"sender": sender, "number": number}).to_string();
                let sent = request
                    .try_clone()
                    .expect("a plain request")
                    .body(body)
                    .send()
                    .await;
                // The head of a 2xx is the promise, but without the body there is no id to ask for.
                let Ok(response) = sent else { break };
                assert_eq!(response.status(), 200);
                let Ok(text) = response.text().await else { break };
                let answer: Value = serde_json::from_str(&text).expect("JSON");
                acknowledged
                    .lock()
                    .expect("no panic")
                    .insert(answer["id"].as_str().expect("an id").to_owned());
                count.fetch_add(1, Ordering::SeqCst);
            }
            assert!(
                killed.load(Ordering::SeqCst),
                "the server closed a connection before it was killed"
            );
        });
    }
    let began = Instant::now();
    while count.load(Ordering::SeqCst) < ACKNOWLEDGED_BEFORE_KILL {
        assert!(began.elapsed() < PATIENCE, "too few events were taken in");
        assert!(!senders.is_empty());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    killed.store(true, Ordering::SeqCst);
    served.kill();
    while let Some(sender) = senders.join_next().await {
        sender.expect("a sender failed");
    }
    let acknowledged = acknowledged.lock().expect("no panic");
    acknowledged.clone()
}

/// Every acknowledged event is there, and its delivery succeeds.
async fn reconcile(data: &Path, plugins: &Path, account: &Account, acknowledged: &BTreeSet<String>) {
    let served = Served::start(&mut hookyard(data, plugins));
    let token = account.token(&served.url).await;
    let client = client();
    let began = Instant::now();
    for id in acknowledged {
        loop {
            let url = format!("{}/api/webhooks/{id}/", served.url);
            let response = client
                .get(url)
                .bearer_auth(&token)
                .send()
                .await
                .expect("an answer");
            assert_eq!(response.status(), 200, "the acknowledged event {id} is lost");
            let event = response.json_value().await;
            if event["status"] == "processed" {
                assert_eq!(event["deliveries"][0]["state"], "succeeded", "{event:#}");
                break;
            }
            assert_ne!(event["status"], "failed", "{event:#}");
            assert!(began.elapsed() < PATIENCE, "never delivered: {event:#}");
            tokio::time::sleep(STEP).await;
        }
    }
}

/// `plugins.toml`, in a folder that survives everything.
fn plugins_file(folder: &Path) -> std::path::PathBuf {
    let file = folder.join("plugins.toml");
    let text = format!(
        "[plugins.echo]\ncomponent = \"{}\"\nroutes = [{{ source = \"durable\" }}]\n",
        component("echo").display()
    );
    std::fs::write(&file, text).expect("a temporary folder");
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_events_survive_kill_nine() {
    let folder = tempfile::tempdir().expect("a folder");
    let plugins = plugins_file(folder.path());
    let data = folder.path().join("data");
    let mut served = Served::start(&mut hookyard(&data, &plugins));
    let account = Account::register(&served.url).await;
    let token = account.token(&served.url).await;
    let acknowledged = send_until_killed(&mut served, &token).await;
    assert!(acknowledged.len() >= ACKNOWLEDGED_BEFORE_KILL);
    reconcile(&data, &plugins, &account, &acknowledged).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_events_survive_a_power_cut() {
    let folder = tempfile::tempdir().expect("a folder");
    let plugins = plugins_file(folder.path());
    let disk = PowerCut::new();
    let mut served = Served::start(disk.watch(&mut hookyard(disk.directory(), &plugins)));
    let account = Account::register(&served.url).await;
    let token = account.token(&served.url).await;
    let acknowledged = send_until_killed(&mut served, &token).await;
    assert!(acknowledged.len() >= ACKNOWLEDGED_BEFORE_KILL);
    reconcile(&disk.what_remains(), &plugins, &account, &acknowledged).await;
}
