//! `hookyard db backup` beside a running server, and the way back.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use hookyard::environment::Environment;
use serde_json::{Value, json};

use crate::support::command::{Ran, Yard, hookyard};
use crate::support::pipeline::Pipeline;

/// Runs the command off the runtime, which serves meanwhile.
async fn ran(yard: &Arc<Yard>, args: &[&str]) -> Ran {
    let yard = yard.clone();
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    let run = move || yard.run(&args.iter().map(String::as_str).collect::<Vec<_>>());
    tokio::task::spawn_blocking(run).await.expect("no panic")
}

async fn events(yard: &Arc<Yard>) -> Value {
    let Ran { out, err, .. } = ran(yard, &["events", "list", "--json"]).await;
    let listed: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"));
    listed["count"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_made_while_events_come_and_restored_later() {
    let yard = Arc::new(hookyard(""));
    let server = Pipeline::start_in(yard.path(), "", Environment::default()).await;
    for number in 0..3 {
        server.send("s", "t", &json!({ "number": number })).await;
    }
    let Ran { status, out, err } = ran(&yard, &["--json", "db", "backup", "b.db"]).await;
    assert_eq!(status, 0, "{err}");
    let backup: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(backup["events"], 3, "{backup}");
    let file = yard.path().join("b.db");
    let mode = fs::metadata(&file).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    assert!(!yard.path().join("b.db.part").exists());

    let Ran { status, err, .. } = ran(&yard, &["db", "backup", "b.db"]).await;
    assert!(status == 1 && err.contains("overwrites nothing"), "{err}");
    let Ran { status, err, .. } = ran(&yard, &["db", "restore", "b.db", "--replace"]).await;
    assert!(status == 1 && err.contains("a server runs"), "{err}");

    server.send("s", "t", &json!({ "late": true })).await;
    server.stop().await;
    assert_eq!(events(&yard).await, 4);
    let Ran { status, err, .. } = ran(&yard, &["db", "restore", "b.db"]).await;
    assert!(status == 1 && err.contains("--replace"), "{err}");
    let Ran { status, out, err } = ran(&yard, &["db", "restore", "b.db", "--replace"]).await;
    assert_eq!(status, 0, "{err}");
    assert!(out.contains(".before-restore-1"), "{out}");
    assert_eq!(events(&yard).await, 3);
    // What was kept is a database too.
    let kept = yard.path().join("data/hookyard.db.before-restore-1");
    let url = format!("sqlite://{}", kept.display());
    let kept = ran(&yard, &["--json", "--database-url", &url, "events", "list"]).await;
    let kept: Value = serde_json::from_str(&kept.out).expect("JSON");
    assert_eq!(kept["count"], 4);
    // And the restored one serves.
    let server = Pipeline::start_in(yard.path(), "", Environment::default()).await;
    server.send("s", "t", &json!({})).await;
    server.stop().await;
    assert_eq!(events(&yard).await, 4);
}

#[test]
fn a_damaged_backup_is_not_restored() {
    let yard = hookyard("");
    assert_eq!(yard.run(&["migrate"]).status, 0);
    assert_eq!(yard.run(&["db", "backup", "b.db"]).status, 0);
    let file = yard.path().join("b.db");
    let mut bytes = fs::read(&file).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0xff);
    fs::write(&file, bytes).expect("written");
    let before = fs::read(yard.path().join("data/hookyard.db")).expect("read");
    let Ran { status, err, .. } = yard.run(&["db", "restore", "b.db", "--replace"]);
    assert!(status == 1 && err.contains("damaged"), "{err}");
    assert_eq!(
        fs::read(yard.path().join("data/hookyard.db")).expect("read"),
        before
    );
}

#[test]
fn a_postgres_database_is_left_to_its_own_tools() {
    let yard = hookyard("");
    let url = "postgres://user:sesame@127.0.0.1:1/db";
    let Ran { status, err, .. } = yard.run(&["--database-url", url, "db", "backup", "b.db"]);
    assert!(status == 1 && err.contains("pg_dump"), "{err}");
    assert!(!err.contains("sesame"), "{err}");
}

#[test]
fn a_copy_by_the_command_takes_urls_from_variables() {
    let yard = hookyard("");
    assert_eq!(yard.run(&["migrate"]).status, 0);
    let from = format!("sqlite://{}", yard.path().join("data/hookyard.db").display());
    let to = format!("sqlite://{}", yard.path().join("copy.db").display());
    let variables = [("OLD", from.as_str()), ("NEW", to.as_str())];
    let args = ["--json", "db", "copy", "--from", "env:OLD", "--to", "env:NEW"];
    let Ran { status, out, err } = yard.run_with(&variables, &args);
    assert_eq!(status, 0, "{err}");
    let copied: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(copied["verified"], true);
    let Ran { status, err, .. } = yard.run_with(&variables[..1], &args);
    assert!(status == 1 && err.contains("NEW is not set"), "{err}");
}
