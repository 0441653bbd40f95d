//! Accounts, keys and the audit log from the command line, and what commands leave in the log.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::api::fresh_password;
use crate::support::command::{Yard, hookyard};
use crate::support::plugins::component;

/// Runs a command with this on its standard input; what it prints.
fn with_input(yard: &Yard, args: &[&str], input: &str) -> String {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hookyard"))
        .args(args)
        .env_clear()
        .env("HOOKYARD_DATA_DIR", yard.path().join("data"))
        .env("HOOKYARD_PLUGINS_FILE", yard.path().join("plugins.toml"))
        .current_dir(yard.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input.as_bytes()).expect("written");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{args:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn json(yard: &Yard, args: &[&str]) -> Value {
    let ran = yard.run(&[args, &["--json"]].concat());
    assert_eq!(ran.status, 0, "{args:?}: {}", ran.err);
    serde_json::from_str(&ran.out).expect("JSON")
}

fn user(yard: &Yard, command: &[&str], name: &str) -> String {
    let email = format!("{name}@example.test");
    let flags = ["--username", name, "--email", &email, "--password-stdin"];
    with_input(yard, &[command, &flags].concat(), &fresh_password())
}

#[test]
fn roles_are_given_and_the_last_admin_stays() {
    let yard = hookyard("");
    assert_eq!(user(&yard, &["createsuperuser"], "root"), "made admin root\n");
    assert_eq!(user(&yard, &["user", "create"], "ada"), "made sender ada\n");
    assert_eq!(
        user(&yard, &["user", "create", "--role", "viewer"], "eve"),
        "made viewer eve\n"
    );
    let ran = yard.run(&["user", "role", "ada", "king"]);
    assert!(
        ran.status != 0 && ran.err.contains("admin, operator, viewer or sender"),
        "{}",
        ran.err
    );
    assert_eq!(
        yard.run(&["user", "role", "ada", "operator"]).out,
        "changed user ada\n"
    );
    let listed = json(&yard, &["user", "list"]);
    let roles: Vec<_> = listed
        .as_array()
        .expect("users")
        .iter()
        .map(|user| &user["role"])
        .collect();
    assert_eq!(roles, ["operator", "viewer", "admin"]);
    for args in [
        ["user", "role", "root", "sender"].as_slice(),
        &["user", "deactivate", "root"],
    ] {
        let ran = yard.run(args);
        assert!(
            ran.status == 1 && ran.err.contains("the last active admin"),
            "{}",
            ran.err
        );
    }
    assert_eq!(yard.run(&["user", "sign-out", "ada"]).out, "changed user ada\n");
}

#[test]
fn keys_are_made_listed_and_revoked() {
    let yard = hookyard("");
    user(&yard, &["user", "create"], "ada");
    let create = [
        "keys",
        "create",
        "the shop",
        "--owner",
        "ada",
        "--source",
        "shop-*",
        "--expires-in",
        "90d",
    ];
    let ran = yard.run(&create);
    let key = ran.out.trim().to_owned();
    assert!(key.starts_with("hk_") && key.len() == 53, "{key} {}", ran.err);
    let id = &key[3..9];
    assert!(
        ran.err.contains(&format!("made key {id} (the shop)")),
        "{}",
        ran.err
    );
    let listed = yard.run(&["keys", "list"]).out;
    assert!(
        listed.contains(id) && listed.contains("shop-*") && !listed.contains(&key),
        "{listed}"
    );
    let ran = yard.run(&["keys", "revoke", id]);
    assert!(
        ran.out.starts_with(&format!("key {id} is revoked since ")),
        "{} {}",
        ran.out,
        ran.err
    );
    for (args, wanted) in [
        (
            ["keys", "create", "x", "--owner", "nobody"].as_slice(),
            "there is no user `nobody`",
        ),
        (
            &["keys", "create", "x", "--owner", "ada", "--source", "["],
            "is no glob",
        ),
        (
            &["keys", "create", "x", "--owner", "ada", "--expires-in", "0s"],
            "the key would be over at once",
        ),
        (
            &["keys", "create", "a\tb", "--owner", "ada"],
            "no control characters",
        ),
        (
            &["keys", "create", "x", "--owner", "ada", "--rate", "1/d"],
            "is no rate",
        ),
        (
            &["keys", "create", "x", "--owner", "ada", "--expires-at", "soon"],
            "is no moment",
        ),
        (&["keys", "revoke", "zzzzzz"], "there is no key `zzzzzz`"),
        (&["keys", "revoke", "z"], "is no key's id"),
    ] {
        let ran = yard.run(args);
        assert!(
            ran.status == 1 && ran.err.contains(wanted),
            "{args:?}: {}",
            ran.err
        );
    }
    let log = json(&yard, &["audit", "list"]);
    assert!(!log.to_string().contains(&key), "{log}");
    let actions: Vec<_> = log["results"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| &row["action"])
        .collect();
    assert_eq!(actions, ["key.revoke", "key.create", "user.create"]);
    assert_eq!(log["results"][1]["target"], id);
}

/// What a command changed is noted with who gave it; what only looked, or failed, is not.
#[test]
fn commands_are_noted_by_who_gave_them() {
    let yard = hookyard("");
    let secret = fresh_password();
    with_input(&yard, &["secrets", "set", "token", "--stdin"], &secret);
    with_input(&yard, &["processes", "add", "hello", "--file", "-"], &secret);
    with_input(&yard, &["events", "send", "--source", "shop"], "{}");
    for args in [
        ["secrets", "list"].as_slice(),
        &["processes", "list"],
        &["events", "list"],
        &["user", "list"],
        &["keys", "list"],
        &["audit", "list"],
        &["state", "list", "echo"],
        &["plugins", "list"],
        &["nodes"],
    ] {
        assert_eq!(yard.run(args).status, 0, "{args:?}");
    }
    assert_eq!(yard.run(&["secrets", "remove", "nothing"]).status, 1);
    let echo = component("echo").display().to_string();
    let changes = [
        ["secrets", "reseal"].as_slice(),
        &["secrets", "remove", "token"],
        &["processes", "remove", "hello"],
        &["state", "clear", "echo", "--yes"],
        &["plugins", "add", &echo, "--name", "echo", "--yes"],
        &["plugins", "disable", "echo"],
    ];
    for args in changes {
        let ran = yard.run(args);
        assert_eq!(ran.status, 0, "{args:?}: {}", ran.err);
    }
    let log = json(&yard, &["audit", "list"]);
    assert!(!log.to_string().contains(&secret), "{log}");
    let rows = log["results"].as_array().expect("rows");
    let noted: Vec<_> = rows
        .iter()
        .rev()
        .map(|row| {
            (
                row["action"].as_str().expect("text"),
                row["target"].as_str().expect("text"),
            )
        })
        .collect();
    assert_eq!(
        noted,
        [
            ("secret.set", "token"),
            ("process.create", "hello"),
            ("event.send", "shop"),
            ("secret.reseal", "all"),
            ("secret.remove", "token"),
            ("process.remove", "hello"),
            ("state.clear", "echo"),
            ("plugin.add", "echo"),
            ("plugin.disable", "echo"),
        ]
    );
    for row in rows {
        assert_eq!(row["via"], "cli");
        assert_eq!(row["role"], Value::Null);
        assert!(
            row["actor"]
                .as_str()
                .is_some_and(|actor| actor.starts_with("cli:") && actor.len() > 4),
            "{row}"
        );
    }
    let filtered = json(&yard, &["audit", "list", "--action", "event.send"]);
    assert_eq!(filtered["count"], 1);
}
