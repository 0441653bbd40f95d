//! A component's file as it really changes: every manner of writing, and every kind of rubbish.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::replace;
use crate::support::pipeline::{JsonValue as _, PATIENCE, Pipeline};
use crate::support::plugins::component;

pub(super) fn bytes(fixture: &str) -> Vec<u8> {
    fs::read(component(fixture)).expect("read")
}

pub(super) fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

pub(super) async fn plugin(pipeline: &Pipeline) -> Value {
    let request = pipeline
        .client
        .get(format!("http://{}/api/plugins/", pipeline.address));
    let answer = request.bearer_auth(&pipeline.token).send().await;
    answer.expect("an answer").json_value().await[0].take()
}

/// Waits until the plugin is as wanted.
pub(super) async fn wait(pipeline: &Pipeline, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let plugin = plugin(pipeline).await;
        if wanted(&plugin) {
            return plugin;
        }
        assert!(began.elapsed() < PATIENCE, "{what}: {plugin:#}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

async fn wait_serving(pipeline: &Pipeline, what: &str, fixture: &str) {
    let digest = digest(&bytes(fixture));
    wait(pipeline, what, |plugin| {
        plugin["digest"] == json!(digest) && plugin["state"] == "ready"
    })
    .await;
}

async fn start(dir: &Path, file: &Path) -> Pipeline {
    let section = format!(
        "[plugins.version]\ncomponent = \"{}\"\nroutes = [{{ source = \"*\" }}]\n",
        file.display()
    );
    Pipeline::start_in(dir, &section, hookyard::environment::Environment::default()).await
}

/// Writes the fixture in the manner under test.
type Manner = fn(&Path, &[u8]);

#[tokio::test(flavor = "multi_thread")]
async fn every_manner_of_writing_is_noticed() {
    let manners: [(&str, Manner); 5] = [
        ("a write in place", |file, bytes| {
            fs::write(file, bytes).expect("written");
        }),
        ("a write beside it and a rename", replace),
        ("git, which removes and makes anew", |file, bytes| {
            fs::remove_file(file).expect("removed");
            fs::write(file, bytes).expect("written");
        }),
        ("an editor with a backup file", |file, bytes| {
            fs::rename(file, file.with_extension("wasm~")).expect("renamed");
            fs::write(file, bytes).expect("written");
        }),
        ("a slow writer", |file, bytes| {
            use std::io::Write as _;
            let mut open = fs::File::create(file).expect("made");
            for part in bytes.chunks(bytes.len() / 4 + 1) {
                open.write_all(part).expect("written");
                open.sync_all().expect("synced");
                std::thread::sleep(std::time::Duration::from_millis(300));
            }
        }),
    ];
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("version.wasm");
    fs::write(&file, bytes("version_one")).expect("written");
    let pipeline = start(dir.path(), &file).await;
    for (what, write) in manners {
        for fixture in ["version_two", "version_one"] {
            let (file, new) = (file.clone(), bytes(fixture));
            let written = tokio::task::spawn_blocking(move || write(&file, &new));
            written.await.expect("written");
            wait_serving(&pipeline, what, fixture).await;
        }
    }
    pipeline.stop().await;
}

/// As Kubernetes mounts a configuration: `version.wasm` → `..data/version.wasm`, `..data` → a dated directory.
#[tokio::test(flavor = "multi_thread")]
async fn a_swapped_data_link_is_noticed() {
    let dir = tempfile::tempdir().expect("a directory");
    let mount = dir.path().join("mount");
    let publish = |dated: &str, fixture: &str| {
        fs::create_dir_all(mount.join(dated)).expect("made");
        fs::write(mount.join(dated).join("version.wasm"), bytes(fixture)).expect("written");
        symlink(dated, mount.join("..data_tmp")).expect("linked");
        fs::rename(mount.join("..data_tmp"), mount.join("..data")).expect("swapped");
    };
    publish("..2026_01", "version_one");
    let file = mount.join("version.wasm");
    symlink("..data/version.wasm", &file).expect("linked");
    let pipeline = start(dir.path(), &file).await;
    wait_serving(&pipeline, "the first", "version_one").await;
    publish("..2026_02", "version_two");
    fs::remove_dir_all(mount.join("..2026_01")).expect("removed");
    wait_serving(&pipeline, "the swap", "version_two").await;
    pipeline.stop().await;
}

/// A component in text, in binary.
fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("a component")
}

fn rubbish() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let mut torn = bytes("version_two");
    torn.truncate(torn.len() / 2);
    vec![
        ("0 bytes", Vec::new(), "it is not a WebAssembly component"),
        ("a torn file", torn, "it is not a valid WebAssembly component"),
        (
            "not wasm",
            b"#!/bin/sh\n".to_vec(),
            "it is not a WebAssembly component",
        ),
        ("a core module", wat("(module)"), "core WebAssembly module"),
        ("a wrong world", bytes("wrong_world"), "does not export `describe"),
        (
            "another version of the interfaces",
            wat(r#"(component (import "hookyard:plugin/state@0.2.0" (instance
                (export "get" (func (param "key" string) (result string))))))"#),
            "imports `hookyard:plugin/state@0.2.0`; this Hookyard has `hookyard:plugin/state@0.1.0`",
        ),
        (
            "an import of another type",
            wat(r#"(component (import "hookyard:plugin/config@0.1.0" (instance
                (export "get" (func (result u32))))))"#),
            "function `get`, result: the component has `u32`, Hookyard `string`",
        ),
        (
            "an import nobody has",
            wat(r#"(component (import "acme:thing/api@1.0.0" (instance)))"#),
            "imports `acme:thing/api@1.0.0`, which Hookyard does not provide",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn all_kinds_of_rubbish_keep_the_last_good_build_and_say_why() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("version.wasm");
    fs::write(&file, bytes("version_one")).expect("written");
    let pipeline = start(dir.path(), &file).await;
    let good = json!(digest(&bytes("version_one")));
    for (what, content, reason) in rubbish() {
        fs::write(&file, content).expect("written");
        expect_last_good(&pipeline, what, reason, &good).await;
    }
    let large = fs::File::create(&file).expect("made");
    large.set_len(200 << 20).expect("a sparse file of 200 MB");
    expect_last_good(&pipeline, "200 MB", "is larger than 64 MiB", &good).await;
    // A directory is as unreadable to root as to anybody.
    fs::remove_file(&file).expect("removed");
    fs::create_dir(&file).expect("made");
    expect_last_good(&pipeline, "unreadable", "cannot read", &good).await;
    fs::remove_dir(&file).expect("removed");
    symlink("nowhere.wasm", &file).expect("linked");
    expect_last_good(&pipeline, "a broken link", "No such file", &good).await;

    let id = pipeline.send("s", "t", &json!({})).await;
    let event = pipeline.wait_status(&id, "processed").await;
    assert_eq!(event["deliveries"][0]["attempts"][0]["summary"], "version one");
    let path = format!("http://{}/api/plugins/version/reloads/", pipeline.address);
    let request = pipeline.client.get(path).bearer_auth(&pipeline.token);
    let history = request.send().await.expect("an answer").json_value().await;
    let refused = history.as_array().into_iter().flatten();
    let refused = refused.filter(|load| load["result"] == "refused").count();
    assert_eq!(refused, rubbish().len() + 3, "{history:#}");
    pipeline.stop().await;
}

async fn expect_last_good(pipeline: &Pipeline, what: &str, reason: &str, good: &Value) {
    let told = |plugin: &Value| {
        plugin["error"]
            .as_str()
            .is_some_and(|error| error.contains(reason))
    };
    let plugin = wait(pipeline, what, told).await;
    assert_eq!(plugin["state"], "last-good", "{what}: {plugin:#}");
    assert_eq!(plugin["digest"], *good, "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn plugins_are_managed_over_http() {
    let dir = tempfile::tempdir().expect("a directory");
    let file: PathBuf = dir.path().join("version.wasm");
    fs::write(&file, bytes("version_one")).expect("written");
    let pipeline = start(dir.path(), &file).await;
    replace(&file, &bytes("version_two"));
    wait_serving(&pipeline, "the second", "version_two").await;

    let (status, plugin) = pipeline.post("/api/plugins/version/rollback/", &json!({})).await;
    assert_eq!((status, &plugin["state"]), (200, &json!("last-good")), "{plugin}");
    let (status, problem) = pipeline.post("/api/plugins/version/rollback/", &json!({})).await;
    assert_eq!(status, 409, "{problem}");
    let undo = format!("http://{}/api/plugins/version/rollback/", pipeline.address);
    let undone = pipeline.client.delete(undo).bearer_auth(&pipeline.token);
    let plugin = undone.send().await.expect("an answer").json_value().await;
    assert_eq!(plugin["state"], "ready", "{plugin}");

    let (status, plugin) = pipeline.post("/api/plugins/version/disable/", &json!({})).await;
    assert_eq!((status, &plugin["state"]), (200, &json!("disabled")), "{plugin}");
    let note = plugin["note"].as_str().unwrap_or_default();
    assert!(note.contains("new events will not wait for version"), "{plugin}");
    let text = fs::read_to_string(dir.path().join("plugins.toml")).expect("read");
    assert!(text.contains("enabled = false"), "{text}");
    let (_, plugin) = pipeline.post("/api/plugins/version/enable/", &json!({})).await;
    assert_eq!(plugin["state"], "ready", "{plugin}");
    for action in ["enable", "disable", "rollback"] {
        let path = format!("/api/plugins/none/{action}/");
        let (status, problem) = pipeline.post(&path, &json!({})).await;
        assert_eq!(status, 404, "{problem}");
    }
    pipeline.stop().await;
}
