//! The commands about plugins, as a person types them: beside a running server, and without one.

use std::fs;
use std::sync::Arc;

use hookyard::environment::Environment;
use serde_json::{Value, json};
use standins::slack::{Options, Slack};

use crate::support::command::{Ran, Yard, hookyard};
use crate::support::pipeline::Pipeline;
use crate::support::plugins::{component, shipped};

/// Runs the command off the runtime, which serves meanwhile.
async fn ran(yard: &Arc<Yard>, args: &[&str]) -> Ran {
    let yard = yard.clone();
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    let run = move || yard.run(&args.iter().map(String::as_str).collect::<Vec<_>>());
    tokio::task::spawn_blocking(run).await.expect("no panic")
}

/// What a command that must work prints, as JSON.
async fn json_of(yard: &Arc<Yard>, args: &[&str]) -> Value {
    let Ran { status, out, err } = ran(yard, &[&["--json"][..], args].concat()).await;
    assert_eq!(status, 0, "{args:?}: {out}{err}");
    serde_json::from_str(&out).expect("JSON")
}

fn text(yard: &Yard) -> String {
    fs::read_to_string(yard.path().join("plugins.toml")).expect("plugins.toml")
}

#[test]
fn inspect_is_for_people() {
    let yard = hookyard("");
    let file = shipped("slack_webhook").display().to_string();
    let Ran { status, out, err } = yard.run(&["plugins", "inspect", &file]);
    assert_eq!(status, 0, "{err}");
    for line in [
        "name         slack-webhook",
        "sends        POST {secret:webhook-url}",
    ] {
        assert!(out.contains(line), "{line}: {out}");
    }
    assert!(out.contains("secrets      webhook-url (url): "), "{out}");
    assert!(
        out.lines()
            .any(|line| line.trim().trim_end_matches(',') == "\"type\": \"object\""),
        "a schema is more than one line: {out}"
    );
    assert!(
        out.lines().all(|line| line.chars().count() < 300),
        "a line is too long to read: {out}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn enable_and_disable_edit_the_file_with_a_server_and_without() {
    let section = format!(
        "# mine\n[plugins.echo] # here\ncomponent = \"{}\"\n",
        component("echo").display()
    );
    let yard = Arc::new(hookyard(&section));
    let state = |answer: Value| answer["plugins"][0]["state"].clone();
    for with_server in [false, true] {
        let server = if with_server {
            Some(Pipeline::start_in(yard.path(), &text(&yard), Environment::default()).await)
        } else {
            None
        };
        let off = json_of(&yard, &["plugins", "disable", "echo"]).await;
        let note = off["note"].as_str().unwrap_or_default().to_owned();
        assert!(
            note.contains("new events will not wait for echo")
                && note.contains("`paused = true` in [plugins.echo]"),
            "{note}"
        );
        assert_eq!(state(off), "disabled");
        assert!(text(&yard).contains("enabled = false"), "{}", text(&yard));
        let on = json_of(&yard, &["plugins", "enable", "echo"]).await;
        assert!(on["note"].is_null(), "{on}");
        assert_eq!(state(on), "ready");
        assert!(
            text(&yard).starts_with("# mine\n[plugins.echo] # here\n"),
            "{}",
            text(&yard)
        );
        let unknown = ran(&yard, &["plugins", "enable", "nobody"]).await;
        assert!(
            unknown.status == 1 && unknown.err.contains("has no section [plugins.nobody]"),
            "{}",
            unknown.err
        );
        if let Some(server) = server {
            server.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rollback_and_history_work_with_a_server_and_without() {
    let yard = Arc::new(hookyard(""));
    let file = yard.path().join("plugin.wasm");
    fs::copy(component("version_one"), &file).expect("copied");
    let section = "[plugins.version]\ncomponent = \"plugin.wasm\"\n";
    let server = Pipeline::start_in(yard.path(), section, Environment::default()).await;
    let new = file.with_extension("new");
    fs::copy(component("version_two"), &new).expect("copied");
    fs::rename(&new, &file).expect("renamed");
    let two = loop {
        let listed = json_of(&yard, &["plugins", "list"]).await;
        if listed["plugins"][0]["generation"] == 2 {
            break listed["plugins"][0]["digest"]
                .as_str()
                .expect("a digest")
                .to_owned();
        }
    };
    let rollback = ["plugins", "rollback", "version", "--from", &two[..12]];
    for _ in 0..2 {
        let rolled_back = json_of(&yard, &rollback).await;
        assert_eq!(rolled_back["plugins"][0]["state"], "last-good", "{rolled_back:#}");
        assert_ne!(rolled_back["plugins"][0]["digest"], two);
    }
    let (status, answer) = server
        .post(
            &format!("/api/plugins/version/rollback/?from={}", "0".repeat(64)),
            &json!({}),
        )
        .await;
    assert_eq!(status, 409, "{answer:#}");
    assert!(
        answer["detail"]
            .as_str()
            .is_some_and(|why| why.contains("does not serve")),
        "{answer:#}"
    );
    let (status, answer) = server
        .post("/api/plugins/version/rollback/?from=x", &json!({}))
        .await;
    assert_eq!(
        (status, &answer["parameter"]),
        (400, &json!("from")),
        "{answer:#}"
    );
    let Ran { out, .. } = ran(&yard, &["plugins", "history", "version"]).await;
    assert!(out.contains("rolled back by cli:"), "{out}");
    server.stop().await;

    // Commands without a server look, and leave no trace but of what they were asked to do.
    let before = json_of(&yard, &["plugins", "history", "version"]).await;
    for _ in 0..2 {
        let listed = json_of(&yard, &["plugins", "list"]).await;
        assert_eq!(listed["plugins"][0]["state"], "last-good", "{listed:#}");
    }
    assert_eq!(json_of(&yard, &["plugins", "history", "version"]).await, before);
    let undone = json_of(&yard, &["plugins", "rollback", "version", "--undo"]).await;
    assert_eq!(undone["plugins"][0]["state"], "ready", "{undone:#}");
    let after = json_of(&yard, &["plugins", "history", "version"]).await;
    let count = |history: &Value| history.as_array().map(Vec::len);
    assert_eq!(count(&after), count(&before).map(|count| count + 1), "{after:#}");
    let why = after[0]["why"].as_str().unwrap_or_default();
    assert!(
        after[0]["cause"] == "undo" && why.starts_with("rollback taken back by cli:"),
        "{after:#}"
    );
    let unknown = ran(&yard, &["plugins", "history", "nobody"]).await;
    assert!(
        unknown.status == 1 && unknown.err.contains("no section [plugins.nobody]"),
        "{}",
        unknown.err
    );
}

#[test]
fn add_asks_at_a_terminal_and_takes_no_for_an_answer() {
    let yard = hookyard("# mine\n");
    let file = component("echo").display().to_string();
    for (typed, status) in [("n\n", 1), ("\n", 1), ("y\n", 0)] {
        let Ran {
            status: code,
            out,
            err,
        } = yard.at_terminal(typed, &["plugins", "add", &file]);
        assert_eq!(code, status, "{typed:?}: {out}{err}");
        assert!(out.contains("Grant this and add the section? [y/N]"), "{out}");
        assert_eq!(
            text(&yard).contains("[plugins.echo]"),
            status == 0,
            "{typed:?}: {}",
            text(&yard)
        );
    }
    let file = shipped("slack_webhook").display().to_string();
    let ran = yard.at_terminal("https://hooks.example.com\ny\n", &["plugins", "add", &file]);
    assert_eq!(ran.status, 0, "{}{}", ran.out, ran.err);
    assert!(
        text(&yard).contains("\"POST https://hooks.example.com/**\""),
        "{}",
        text(&yard)
    );
}

/// The section that is written works: the plugin's request arrives.
#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_sends_to_a_secret_url_is_added_so_that_it_delivers() {
    let slack = Slack::start(Options::default()).await.expect("a stand-in");
    let yard = Arc::new(hookyard("# mine\n"));
    let file = shipped("slack_webhook").display().to_string();
    let add = [
        "plugins",
        "add",
        &file,
        "--yes",
        "--source",
        "shop",
        "--private-network",
        "--config",
        "{\"message\": \"n is {{ body.n }}\"}",
        "--secret",
        "webhook-url=env:HOOK",
    ];
    let unknown = ran(&yard, &add).await;
    assert!(
        unknown.status == 1 && unknown.err.contains("--origin webhook-url=https://HOST"),
        "{}",
        unknown.err
    );
    assert_eq!(text(&yard), "# mine\n");

    let variables = Environment::of([("HOOK", slack.webhook_url.as_str())]);
    let server = Pipeline::start_in(yard.path(), "# mine\n", variables).await;
    let origin = format!("webhook-url={}", slack.base_url);
    let with_origin = [&add[..], &["--origin", &origin]].concat();
    let added = ran(&yard, &with_origin).await;
    assert_eq!(added.status, 0, "{}{}", added.out, added.err);
    assert!(
        added.out.contains("it is ready"),
        "the server has it in force: {}",
        added.out
    );
    assert!(text(&yard).starts_with("# mine\n"), "{}", text(&yard));
    let id = server.send("shop", "order", &json!({"n": 7})).await;
    server.wait_status(&id, "processed").await;
    let sent: Vec<String> = slack.messages().into_iter().map(|message| message.text).collect();
    assert_eq!(sent, ["n is 7"]);
    server.stop().await;

    // With the variable at hand nobody needs to say where it leads.
    let variables = [("HOOK", slack.webhook_url.as_str())];
    let second = [&add[..], &["--name", "again"]].concat();
    let blocking = {
        let (yard, second) = (
            yard.clone(),
            second.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>(),
        );
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        move || {
            let variables = variables
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()));
            let args: Vec<&str> = second.iter().map(String::as_str).collect();
            yard.run_with(&variables.collect::<Vec<_>>(), &args)
        }
    };
    let added = tokio::task::spawn_blocking(blocking).await.expect("no panic");
    assert_eq!(added.status, 0, "{}{}", added.out, added.err);
    let granted = format!("\"POST {}/**\"", slack.base_url);
    assert_eq!(text(&yard).matches(&granted).count(), 2, "{}", text(&yard));
}

#[test]
fn a_secret_url_without_a_grant_is_told() {
    let section = format!(
        "[plugins.hook]\ncomponent = \"{}\"\n[plugins.hook.grants]\nsecrets = {{ webhook-url = \"env:HOOK\" }}\n\
         [plugins.hook.config]\nmessage = \"x\"\n",
        shipped("slack_webhook").display()
    );
    let yard = hookyard(&section);
    for (variables, lines) in [
        (&[][..], "http = [\"POST https://HOST/**\"]"),
        (
            &[("HOOK", "https://hooks.example.com/x/y")][..],
            "http = [\"POST https://hooks.example.com/**\"]",
        ),
    ] {
        let listed = yard.run_with(variables, &["plugins", "list"]);
        assert!(
            listed.out.contains("leads where nothing is granted") && listed.out.contains(lines),
            "{}{}",
            listed.out,
            listed.err
        );
    }
}
