//! Replays with real components, and from the command line.

use serde_json::{Value, json};

use crate::support::command::{Ran, Yard, hookyard};
use crate::support::pipeline::{JsonValue as _, Pipeline};
use crate::support::plugins::component;

/// One plugin that fails as its payload says and is tried once, and one that takes everything.
fn plugins() -> String {
    format!(
        "[plugins.fail]\ncomponent = \"{}\"\nroutes = [{{ source = \"s\" }}]\n[plugins.fail.retry]\nattempts = 1\n\
         [plugins.echo]\ncomponent = \"{}\"\n",
        component("fail").display(),
        component("echo").display()
    )
}

async fn get(pipeline: &Pipeline, path: &str) -> Value {
    let request = pipeline.client.get(format!("http://{}{path}", pipeline.address));
    let answer = request
        .bearer_auth(&pipeline.token)
        .send()
        .await
        .expect("an answer");
    answer.json_value().await
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_replayed_elsewhere_and_run() {
    let pipeline = Pipeline::start(&plugins()).await;
    let mut events = Vec::new();
    for n in 0..5 {
        events.push(pipeline.send("s", "x", &json!({"do": "reject", "n": n})).await);
    }
    for id in &events {
        pipeline.wait_status(id, "failed").await;
    }
    let order = json!({"filter": {"plugin": "fail"}, "to": "echo", "rate": "1000/s"});
    let (status, given) = pipeline.post("/api/replays/", &order).await;
    assert_eq!((status, &given["total"]), (201, &json!(5)), "{given}");
    for id in &events {
        let event = pipeline.wait_status(id, "processed").await;
        let came_to: Vec<_> = event["deliveries"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|delivery| (delivery["plugin"].as_str(), delivery["state"].as_str()))
            .collect();
        assert_eq!(
            came_to,
            [(Some("echo"), Some("succeeded")), (Some("fail"), Some("dead"))]
        );
    }
    let path = format!("/api/replays/{}/", given["id"].as_str().expect("an id"));
    assert_eq!(get(&pipeline, &path).await["made"], 5);
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mended_payload_runs_and_the_original_keeps_what_it_had() {
    let pipeline = Pipeline::start(&plugins()).await;
    let id = pipeline.send("s", "x", &json!({"do": "reject"})).await;
    pipeline.wait_status(&id, "failed").await;
    let (status, done) = pipeline
        .post(
            &format!("/api/events/{id}/replay/"),
            &json!({"payload": {"do": "ok"}}),
        )
        .await;
    assert_eq!(status, 201, "{done}");
    pipeline
        .wait_status(done["event"].as_str().expect("an id"), "processed")
        .await;
    let original = pipeline.event(&id).await;
    assert_eq!(
        (&original["status"], &original["payload"]),
        (&json!("failed"), &json!({"do": "reject"}))
    );
    pipeline.stop().await;
}

fn ran(yard: &Yard, args: &[&str]) -> Value {
    let args: Vec<_> = args.iter().copied().chain(["--json"]).collect();
    let Ran { status, out, err } = yard.run(&args);
    assert_eq!(status, 0, "{args:?}: {out}{err}");
    serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}"))
}

fn refused(yard: &Yard, args: &[&str], why: &str) {
    let Ran { status, out, err } = yard.run(args);
    assert!(status == 1 && err.contains(why), "{args:?}: {out}{err}");
}

/// Makes a dead letter; the delivery's id.
fn dead_letter(yard: &Yard) -> String {
    let input = json!({"do": "reject", "reason": "because"}).to_string();
    assert_eq!(
        yard.run(&["plugins", "run", "fail", "end", "--input", &input])
            .status,
        1
    );
    let listed = ran(yard, &["dead-letters", "list"]);
    listed["results"][0]["id"].as_str().expect("an id").to_owned()
}

#[test]
fn the_command_line_does_it_all_without_a_server() {
    let yard = hookyard(&plugins());
    let dead = dead_letter(&yard);
    let table = yard.run(&["dead-letters", "list"]).out;
    assert!(
        table.contains(&dead) && table.contains("because") && table.contains("1 in all"),
        "{table}"
    );
    let shown = yard.run(&["dead-letters", "show", &dead]).out;
    assert!(
        shown.contains("state          dead") && shown.contains("attempt 1"),
        "{shown}"
    );

    let made = ran(&yard, &["replay", &dead, "--note", "once more"]);
    let again = made[0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(made[0]["replay_of"], json!(dead));
    refused(&yard, &["replay", &dead], "still open");
    refused(&yard, &["replay", &dead, "--to", "none"], "no plugin `none`");
    let empty = yard.run(&["dead-letters", "list"]).out;
    assert!(empty.contains("no dead letters"), "{empty}");
    let all = ran(&yard, &["dead-letters", "list", "--all"]);
    assert_eq!(
        (&all["count"], &all["results"][0]["replayed"]),
        (&json!(1), &json!(true))
    );

    refused(
        &yard,
        &["resolve", &again, "--as", "dead"],
        "only an unknown outcome",
    );
    refused(
        &yard,
        &["resolve", &again, "--as", "maybe"],
        "succeeded, retry or dead",
    );
    let discarded = yard.run(&["discard", &again, "--reason", "enough"]).out;
    assert_eq!(discarded, format!("discarded {again}\n"));
    let shown = ran(&yard, &["deliveries", "show", &again]);
    assert_eq!(shown["state"], "cancelled");
    assert_eq!(shown["acts"][1]["note"], "enough");
    assert!(
        shown["acts"][1]["actor"]
            .as_str()
            .is_some_and(|actor| actor.starts_with("cli:"))
    );
    let counts = yard.run(&["deliveries", "counts"]).out;
    assert!(
        counts.contains("cancelled") && counts.contains("dead"),
        "{counts}"
    );
}

#[test]
fn the_command_line_replays_by_filter_and_edits() {
    let yard = hookyard(&plugins());
    let dead = dead_letter(&yard);
    refused(&yard, &["replay"], "say which");
    refused(
        &yard,
        &["replay", "--plugin", "fail", "--since", "today"],
        "--since: `today` is no moment",
    );
    let filter = [
        "replay", "--plugin", "fail", "--since", "1h", "--error", "because",
    ];
    let with = |more: &[&'static str]| {
        filter
            .iter()
            .copied()
            .chain(more.iter().copied())
            .collect::<Vec<_>>()
    };
    let dry = yard.run(&with(&["--dry-run"])).out;
    assert!(
        dry.contains(&dead) && dry.contains("1 in all; nothing was done"),
        "{dry}"
    );
    let done = yard.run(&with(&["--rate", "1000/s"])).out;
    assert!(done.contains(": done, 1 replayed, 0 left alone, of 1"), "{done}");
    let orders = ran(&yard, &["replays", "list"]);
    let order = orders["results"][0]["id"].as_str().expect("an id");
    assert!(yard.run(&["replays", "show", order]).out.contains("1 replayed"));
    assert!(yard.run(&["replays", "cancel", order]).out.contains(": done"));
    let noted = yard.run(&["audit", "list", "--json"]).out;
    assert!(
        noted.contains("replay.start") && !noted.contains("replay.cancel"),
        "{noted}"
    );

    let event = ran(&yard, &["deliveries", "show", &dead])["event"]
        .as_str()
        .expect("an id")
        .to_owned();
    let file = yard.path().join("payload.json");
    std::fs::write(&file, r#"{"do": "ok"}"#).expect("written");
    let file = file.display().to_string();
    let done = ran(
        &yard,
        &[
            "replay",
            "--event",
            &event,
            "--to",
            "echo",
            "--to",
            "fail",
            "--payload",
            &file,
        ],
    );
    assert_eq!(
        (&done["edited_from"], done["deliveries"].as_array().map(Vec::len)),
        (&json!(event), Some(2))
    );
    std::fs::write(&file, "nonsense").expect("written");
    refused(
        &yard,
        &["replay", "--event", &event, "--payload", &file],
        "JSON parse error",
    );
    let gone = yard
        .run(&["discard", "--state", "pending", "--reason", "test data"])
        .out;
    assert!(gone.contains(": done, 3 discarded"), "{gone}");
}

#[test]
fn what_goes_with_a_filter_is_refused_where_it_would_be_ignored() {
    let yard = hookyard(&plugins());
    let dead = dead_letter(&yard);
    let event = ran(&yard, &["deliveries", "show", &dead])["event"]
        .as_str()
        .expect("an id")
        .to_owned();
    let discard = ["discard", dead.as_str(), "--reason", "x"];
    let by_id = ["replay", dead.as_str()];
    let by_event = ["replay", "--event", event.as_str()];
    let cases: [(&[&str], &[&str], &str); 10] = [
        (&discard, &["--dry-run"], "--dry-run goes with a filter"),
        (&discard, &["--plugin", "fail"], "--plugin goes with a filter"),
        (
            &discard,
            &["--state", "dead", "--no-wait"],
            "--state, --no-wait go with a filter",
        ),
        (
            &by_id,
            &["--dry-run"],
            "not with deliveries by their ids; nothing was done",
        ),
        (&by_id, &["--rate", "1/s"], "--rate goes with a filter"),
        (&by_id, &["--state", "dead"], "--state goes with a filter"),
        (&by_id, &["--again"], "--again goes with a filter"),
        (&by_event, &["--dry-run"], "not with --event; nothing was done"),
        (
            &by_event,
            &["--source", "s", "--type", "x", "--error", "y"],
            "--source, --type, --error go with a filter",
        ),
        (
            &by_event,
            &[
                "--since",
                "2026-01-01T00:00:00Z",
                "--until",
                "2026-01-02T00:00:00Z",
            ],
            "--since, --until go with a filter",
        ),
    ];
    for (command, options, why) in cases {
        let args: Vec<_> = command.iter().chain(options).copied().collect();
        refused(&yard, &args, why);
    }
    let all = ran(&yard, &["deliveries", "list"]);
    assert_eq!(
        (&all["count"], &all["results"][0]["state"]),
        (&json!(1), &json!("dead"))
    );
}

#[test]
fn events_that_passed_a_plugin_by_are_brought_by_the_command_line() {
    let yard = hookyard(&plugins());
    let file = yard.path().join("body.json");
    std::fs::write(&file, r#"{"do": "ok"}"#).expect("written");
    let file = file.display().to_string();
    for source in ["passed", "passed", "s"] {
        ran(&yard, &["events", "send", "--source", source, &file]);
    }
    let which = ["replay", "--events", "--source", "passed", "--since", "1h"];
    let with = |more: &[&'static str]| {
        which
            .iter()
            .copied()
            .chain(more.iter().copied())
            .collect::<Vec<_>>()
    };
    let dry = yard.run(&with(&["--to", "echo", "--dry-run"])).out;
    assert!(
        dry.contains("passed") && dry.contains("2 in all; nothing was done"),
        "{dry}"
    );
    let done = yard.run(&with(&["--to", "echo,fail", "--rate", "1000/s"])).out;
    assert!(done.contains(": done, 2 replayed, 0 left alone, of 2"), "{done}");
    let waiting = ran(&yard, &["deliveries", "list", "--source", "passed"]);
    assert_eq!(waiting["count"], 4, "{waiting}");
    // Those are on their way; and by routes nobody wants them.
    let twice = yard.run(&with(&["--to", "echo"])).out;
    assert!(
        twice.contains(": done, 0 replayed, 0 left alone, of 0"),
        "{twice}"
    );
    let nobody = yard.run(&with(&["--to", "all"])).out;
    assert!(
        nobody.contains(": done, 0 replayed, 2 left alone, of 2"),
        "{nobody}"
    );
    let orders = ran(&yard, &["replays", "list"]);
    assert_eq!(
        (&orders["results"][0]["about"], &orders["results"][0]["to"]),
        (&json!("events"), &json!("all"))
    );
    refused(&yard, &["replay", "--events"], "say which events");
    refused(
        &yard,
        &["replay", "--events", "--plugin", "fail", "--since", "1h"],
        "--plugin is about deliveries, not with --events",
    );
    refused(&yard, &with(&["--to", "none"]), "no plugin `none`");
    let wrong = yard.run(&["replay", "--status", "failed", "--since", "1h"]);
    assert_eq!(wrong.status, 2, "{}", wrong.err);
}
