//! `events purge`, `export`, `reseal` and `db vacuum`.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection};

use crate::support::command::{Yard, hookyard};

/// Takes an event in.
fn send(yard: &Yard, source: &str, body: &str) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hookyard"))
        .args(["events", "send", "--source", source, "--type", "t"])
        .env_clear()
        .env("HOOKYARD_DATA_DIR", yard.path().join("data"))
        .env("HOOKYARD_PLUGINS_FILE", yard.path().join("plugins.toml"))
        .current_dir(yard.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the binary");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(body.as_bytes()).expect("written");
    drop(stdin);
    assert!(child.wait().expect("it ends").success());
}

fn count(yard: &Yard) -> Value {
    let listed = yard.run(&["events", "list", "--json"]);
    serde_json::from_str::<Value>(&listed.out).expect("JSON")["count"].clone()
}

#[test]
fn a_purge_is_counted_first_and_noted() {
    let yard = hookyard("");
    for source in ["a", "b", "a"] {
        send(&yard, source, "{}");
    }
    let young = yard.run(&["events", "purge", "--older-than", "1h"]);
    assert!(
        young.out.starts_with("0 events from before "),
        "{} {}",
        young.out,
        young.err
    );
    let dry = yard.run(&[
        "events",
        "purge",
        "--older-than",
        "0s",
        "--source",
        "a",
        "--dry-run",
    ]);
    assert!(
        dry.out.starts_with("2 events from before ") && dry.out.ends_with("would go\n"),
        "{}",
        dry.out
    );
    assert_eq!(count(&yard), 3);
    let purged = yard.run(&["events", "purge", "--older-than", "0s", "--source", "a"]);
    assert!(
        purged.out.starts_with("2 events from before ") && purged.out.ends_with("purged\n"),
        "{}",
        purged.out
    );
    assert_eq!(count(&yard), 1);
    assert_eq!(yard.run(&["db", "vacuum"]).status, 0);
    let log = yard.run(&["audit", "list", "--json"]);
    let log: Value = serde_json::from_str(&log.out).expect("JSON");
    let rows: Vec<_> = log["results"].as_array().expect("rows").iter().take(3).collect();
    assert_eq!(
        (&rows[0]["action"], &rows[1]["action"]),
        (&json!("database.vacuum"), &json!("event.purge"))
    );
    assert_eq!(rows[1]["target"], "a");
}

/// A number that SQLite tells about the file.
async fn pragma(yard: &Yard, name: &str) -> i64 {
    let path = yard.path().join("data/hookyard.db").display().to_string();
    let mut db = SqliteConnection::connect(&path).await.expect("opened");
    let number = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("PRAGMA {name}")))
        .fetch_one(&mut db)
        .await
        .expect("told");
    db.close().await.expect("closed");
    number
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_by_hand_gives_its_pages_back() {
    let yard = hookyard("");
    // More than one step gives back.
    let large = format!("\"{}\"", "x".repeat(900_000));
    for _ in 0..3 {
        send(&yard, "a", &large);
    }
    let before = pragma(&yard, "page_count").await;
    let purged = yard.run(&["events", "purge", "--older-than", "0s"]);
    assert!(purged.out.starts_with("3 events"), "{}{}", purged.out, purged.err);
    let (free, after) = (
        pragma(&yard, "freelist_count").await,
        pragma(&yard, "page_count").await,
    );
    assert_eq!(free, 0);
    assert!(after + 600 < before, "{after} pages of {before}");
}

#[test]
fn an_export_has_every_byte_and_the_order_of_coming() {
    let yard = hookyard("");
    let bodies = [
        r#"{"n": 1.50, "b":"é"}"#.to_owned(),
        format!("\"{}\"", "x".repeat(900_000)),
    ];
    for body in bodies.iter().cycle().take(24) {
        send(&yard, "shop", body);
    }
    send(&yard, "other", "7");
    let ran = yard.run(&["events", "export", "--source", "shop"]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    let rows: Vec<Value> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(rows.len(), 24);
    assert!(ran.err.contains("24 events written"), "{}", ran.err);
    for (row, body) in rows.iter().zip(bodies.iter().cycle()) {
        assert_eq!(row["body"].as_str(), Some(body.as_str()));
        assert_eq!(
            (&row["source"], &row["type"], &row["status"]),
            (&json!("shop"), &json!("t"), &json!("processed"))
        );
    }
    let none = yard.run(&["events", "export", "--since", "2100-01-01T00:00:00Z"]);
    assert_eq!((none.out.as_str(), none.status), ("", 0));
    let none = yard.run(&["events", "export", "--until", "1h"]);
    assert_eq!((none.out.as_str(), none.status), ("", 0));
    let listed = |flag| yard.run(&["events", "list", flag, "1h"]).out;
    assert!(listed("--since").contains("25 in all") && listed("--until").contains("no events match"));
    let wrong = yard.run(&["events", "export", "--until", "soon"]);
    assert!(
        wrong.status == 1 && wrong.err.contains("--until: `soon` is no moment"),
        "{}",
        wrong.err
    );
}

#[test]
fn an_export_passes_over_what_it_cannot_read_and_says_so() {
    let yard = hookyard("");
    let file = yard.path().join("body.json").display().to_string();
    std::fs::write(&file, "7").expect("written");
    let under = |key: &str, mode: &str, args: &[&str]| {
        let key = key.repeat(64);
        yard.run_with(
            &[
                ("HOOKYARD_MASTER_KEY", key.as_str()),
                ("HOOKYARD_ENCRYPT_EVENTS", mode),
            ],
            args,
        )
    };
    for (key, mode) in [("a", "on"), ("b", "off"), ("a", "on")] {
        let sent = under(key, mode, &["events", "send", "--source", mode, &file]);
        assert_eq!(sent.status, 0, "{}", sent.err);
    }
    let ran = under("b", "off", &["events", "export"]);
    assert_eq!((ran.status, ran.out.lines().count()), (1, 1), "{}", ran.err);
    assert!(ran.out.contains("\"source\":\"off\""), "{}", ran.out);
    assert!(
        ran.err.contains("1 events written")
            && ran.err.contains("2 events passed over")
            && ran.err.contains("under the master key"),
        "{}",
        ran.err
    );
    let listed = under("b", "off", &["events", "list"]);
    assert!(
        listed.status == 0 && listed.out.matches(" cannot be read: ").count() == 2,
        "{}{}",
        listed.out,
        listed.err
    );
    assert!(listed.out.contains("3 in all"), "{}", listed.out);
    let whole = under("a", "off", &["events", "export"]);
    assert_eq!((whole.status, whole.out.lines().count()), (0, 3), "{}", whole.err);
}

#[test]
fn a_reseal_with_nothing_to_do_says_so() {
    let yard = hookyard("");
    send(&yard, "a", "{}");
    let ran = yard.run(&["events", "reseal"]);
    assert_eq!(
        ran.out, "sealed 0 events, attempts and refused requests anew\n",
        "{}",
        ran.err
    );
}
