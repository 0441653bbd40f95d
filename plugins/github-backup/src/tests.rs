//! The plugin against a host that the test plays.

use std::time::Duration;

use hookyard_plugin_sdk::http::{Error, Response};
use hookyard_plugin_sdk::processes::Process;
use hookyard_plugin_sdk::testing::{self, Host, json as answer};
use hookyard_plugin_sdk::{Failure, Outcome};
use serde_json::{Value, json};

use super::*;
use crate::blob::id;

mod failures;
mod ways;

const API: &str = "https://github.test";

/// A stored process.
pub(crate) fn process(code: &str, script: &str) -> Process {
    Process {
        code: code.to_owned(),
        name: code.to_owned(),
        script: script.to_owned(),
        created_at: 1,
        updated_at: 1,
    }
}

/// A host with these processes and a token.
fn host(processes: &[(&str, &str)], extra: &Value) -> Host {
    let mut config = json!({"api-base": API, "owner": "ada", "repo": "backup"});
    for (key, value) in extra.as_object().expect("an object") {
        config[key] = value.clone();
    }
    let host = Host::new().config(config).secret("token", "stand-in");
    processes
        .iter()
        .fold(host, |host, (code, script)| host.process(process(code, script)))
}

fn backup(host: &Host, input: &Value) -> Result<Outcome, Failure> {
    host.action::<GithubBackup>("backup", input)
}

fn output(outcome: &Outcome) -> Value {
    serde_json::from_str(outcome.output.as_deref().expect("an output")).expect("JSON")
}

fn line(method: &str, path: &str) -> String {
    format!("{method} {API}{path}")
}

fn in_repo(method: &str, path: &str) -> String {
    line(method, &format!("/repos/ada/backup{path}"))
}

fn repository() -> Value {
    json!({"id": 1, "name": "backup", "url": "https://github.test/repos/ada/backup", "default_branch": "main",
        "html_url": "https://github.test/ada/backup", "archived": false})
}

fn reference(sha: &str) -> Value {
    json!({"ref": "refs/heads/main", "node_id": "n", "url": "https://github.test/ref",
        "object": {"type": "commit", "sha": sha, "url": "https://github.test/commit"}})
}

fn commit(sha: &str, tree: &str, message: &str) -> Value {
    let person = json!({"name": "Ada", "email": "ada@x.test", "date": "2026-01-01T00:00:00Z"});
    json!({"sha": sha, "node_id": "n", "url": "u", "author": person, "committer": person, "message": message,
        "tree": {"sha": tree, "url": "https://github.test/tree"}, "parents": [],
        "verification": {"verified": false, "reason": "unsigned"},
        "html_url": format!("https://github.test/ada/backup/commit/{sha}")})
}

fn tree(sha: &str, entries: &[(&str, &str, &str)]) -> Value {
    let entries: Vec<Value> = entries
        .iter()
        .map(|(path, kind, sha)| {
            let mode = if *kind == "tree" { "040000" } else { "100644" };
            json!({"path": path, "mode": mode, "type": kind, "sha": sha, "url": "https://github.test/x"})
        })
        .collect();
    json!({"sha": sha, "url": "https://github.test/t", "truncated": false, "tree": entries})
}

/// A refusal as GitHub words it.
fn refusal(status: u16, message: &str) -> Response {
    answer(
        status,
        &json!({"message": message, "documentation_url": "https://docs.github.com/rest"}),
    )
}

/// Lets the repository be read: it stands at `c1` with this tree.
fn expect_state(host: &Host, message: &str, entries: &[(&str, &str, &str)]) {
    host.expect(&in_repo("GET", ""))
        .answer(answer(200, &repository()));
    expect_branch(host, "c1", message, entries);
}

fn expect_branch(host: &Host, head: &str, message: &str, entries: &[(&str, &str, &str)]) {
    host.expect(&in_repo("GET", "/git/ref/heads/main"))
        .answer(answer(200, &reference(head)));
    host.expect(&in_repo("GET", &format!("/git/commits/{head}")))
        .answer(answer(200, &commit(head, "t1", message)));
    host.expect(&in_repo("GET", "/git/trees/t1?recursive=1"))
        .answer(answer(200, &tree("t1", entries)));
}

/// Lets a commit be written, as far as the branch.
fn expect_commit(host: &Host) {
    host.expect(&in_repo("POST", "/git/trees"))
        .answer(answer(201, &tree("t2", &[])));
    host.expect(&in_repo("POST", "/git/commits"))
        .answer(answer(201, &commit("c2", "t2", "m")));
}

fn expect_move(host: &Host) {
    host.expect(&in_repo("PATCH", "/git/refs/heads/main"))
        .answer(answer(200, &reference("c2")));
}
