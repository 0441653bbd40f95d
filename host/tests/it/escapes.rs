//! Every way out that was tried, one row each, through real components and the real host. The table of
//! `docs/security.md` is made from these rows; `HOOKYARD_WRITE_DOCS=1` writes it.

mod addresses;
mod elsewhere;
mod limits;
mod process;
mod requests;
mod secrets;
mod system;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hookyard::domain::grant::PrivateNetwork;
use hookyard::domain::plugin::{Limits, PluginSpec};
use hookyard::environment::Environment;
use serde_json::{Value, json};

use crate::support::plugins::{Mirror, Yard, component, fixture, grant_secret, secret_value, spec};

/// One attempt.
pub struct Row {
    pub id: &'static str,
    /// For the table.
    pub tried: &'static str,
    pub came: &'static str,
    pub setting: Setting,
    /// `{authority}` becomes the mirror's host and port.
    pub payload: Value,
    /// What is to be seen of it.
    pub sign: &'static str,
    /// How many requests reach the mirror.
    pub arrives: usize,
    pub limits: fn(&mut Limits),
}

/// What the plugin is granted.
pub enum Setting {
    /// Everything at the mirror, on loopback too, and the secret.
    Open,
    /// `POST {mirror}/api/*`.
    Narrow,
    /// Everything at this origin; no private address.
    Public(&'static str),
    /// Everything at this origin, private or not.
    Private(&'static str),
    /// Another component, with the settings it has by itself.
    Other(&'static str),
}

fn usual(limits: &mut Limits) {
    limits.timeout = Duration::from_mins(1);
}

/// A row in which nothing may reach the mirror.
pub fn row(
    id: &'static str,
    tried: &'static str,
    came: &'static str,
    setting: Setting,
    payload: Value,
    sign: &'static str,
) -> Row {
    Row {
        id,
        tried,
        came,
        setting,
        payload,
        sign,
        arrives: 0,
        limits: usual,
    }
}

fn rows() -> Vec<Row> {
    let mut rows = system::rows();
    rows.extend(requests::rows());
    rows.extend(addresses::rows());
    rows.extend(secrets::rows());
    rows.extend(limits::rows());
    rows
}

fn section(row: &Row, mirror: &Mirror) -> PluginSpec {
    let (origin, grant, private) = match &row.setting {
        Setting::Other(component) => {
            let mut spec = fixture(component);
            (row.limits)(&mut spec.limits);
            return spec;
        }
        Setting::Open => (mirror.base.as_str(), format!("* {}/**", mirror.base), true),
        Setting::Narrow => (mirror.base.as_str(), format!("POST {}/api/*", mirror.base), true),
        Setting::Public(origin) => (*origin, format!("* {origin}/**"), false),
        Setting::Private(origin) => (*origin, format!("* {origin}/**"), true),
    };
    let mut spec = spec("escape", component("escape"));
    spec.config = json!({ "base": origin, "other": "http://127.0.0.2:9" });
    spec.grants.http = vec![grant.parse().expect("a grant")];
    spec.grants.private_network = if private {
        PrivateNetwork::All
    } else {
        PrivateNetwork::None
    };
    grant_secret(&mut spec, "plain", "PLAIN");
    if let Some(grant) = spec.grants.secrets.get_mut("plain") {
        grant.to = Some(vec![mirror.base.parse().expect("an origin")]);
    }
    (row.limits)(&mut spec.limits);
    spec
}

/// What is seen of a row: how the run ended, its log, its requests, and what reached the mirror.
async fn seen(yard: &Yard, mirror: &Mirror, row: &Row) -> (String, usize) {
    let before = mirror.requests().len();
    let spec = section(row, mirror);
    let plugin = spec.name.to_string();
    yard.apply_ready(vec![spec]).await;
    let authority = mirror.base.trim_start_matches("http://");
    let payload = row.payload.to_string().replace("{authority}", authority);
    let payload: Value = serde_json::from_str(&payload).expect("JSON");
    let run = yard.run(&plugin, &payload).await;
    let arrived = mirror.requests().split_off(before);
    let logs = run.logs.iter().map(|line| line.message.as_str());
    let last = run.logs.last().map(|line| line.message.as_str());
    let logs: Vec<_> = logs.take(3).chain(last).collect();
    let calls: Vec<_> = run.calls.iter().take(3).collect();
    let mut text = format!("{:?}\nlog {logs:?}\ncalls {calls:?}\n", run.end);
    for request in &arrived {
        writeln!(
            text,
            "arrived {} {:?} {}",
            request.line, request.headers, request.body
        )
        .expect("a String takes all");
    }
    (text, arrived.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_tried_got_out() {
    let mirror = Mirror::start().await;
    let yard = Yard::new(Environment::of([("PLAIN", secret_value())])).await;
    let mut wrong = Vec::new();
    for row in rows() {
        let (text, arrived) = seen(&yard, &mirror, &row).await;
        let told = text.split("arrived").next().unwrap_or_default();
        if !text.contains(row.sign) {
            wrong.push(format!("{}: no `{}` in\n{text}", row.id, row.sign));
        } else if arrived != row.arrives {
            wrong.push(format!(
                "{}: {arrived} requests reached the vendor, not {}\n{text}",
                row.id, row.arrives
            ));
        } else if told.contains(secret_value()) {
            wrong.push(format!("{}: the secret was seen\n{text}", row.id));
        }
        // The host and its other plugins go on.
        yard.apply_ready(vec![fixture("echo")]).await;
        let (output, _) = yard.output("echo", &json!({"row": row.id})).await;
        let body = json!({"row": row.id}).to_string();
        assert_eq!(output["trigger"]["body"], body, "{}", row.id);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/security.md")
}

const BEGIN: &str = "<!-- escapes: begin -->\n";
const END: &str = "<!-- escapes: end -->";

#[test]
fn the_table_of_the_documentation_is_these_rows() {
    let mut table = "| | tried | what happened | test |\n|---|---|---|---|\n".to_owned();
    let mut ids = BTreeSet::new();
    let here = rows();
    let here = here.iter().map(|row| {
        (
            row.id,
            row.tried,
            row.came,
            "escapes::nothing_that_was_tried_got_out",
        )
    });
    let all: Vec<_> = here.chain(elsewhere::ROWS.iter().copied()).collect();
    for (id, tried, came, test) in &all {
        assert!(ids.insert(*id), "{id} is there twice");
        writeln!(table, "| {id} | {tried} | {came} | `{test}` |").expect("a String takes all");
    }
    assert!(all.len() >= 60, "{} escapes", all.len());
    let text = fs::read_to_string(docs()).expect("docs/security.md");
    let (before, rest) = text.split_once(BEGIN).expect("where the table begins");
    let (written, after) = rest.split_once(END).expect("where the table ends");
    if std::env::var_os("HOOKYARD_WRITE_DOCS").is_some() {
        fs::write(docs(), format!("{before}{BEGIN}{table}{END}{after}")).expect("written");
        return;
    }
    assert!(
        written == table,
        "the table of docs/security.md is not that of the tests; HOOKYARD_WRITE_DOCS=1 cargo test --workspace \
         --test it the_table_of_the_documentation writes it"
    );
}

#[test]
fn the_tests_that_the_table_names_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = String::new();
    for folder in ["src", "tests/it"] {
        gather(&root.join(folder), &mut sources);
    }
    for (id, _, _, test) in elsewhere::ROWS {
        let function = test.rsplit("::").next().unwrap_or_default();
        assert!(
            sources.contains(&format!("fn {function}(")),
            "{id}: no test {test}"
        );
    }
}

fn gather(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            gather(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(&path).expect("a source"));
        }
    }
}
