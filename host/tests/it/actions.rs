//! Actions by people: over HTTP and from the command line.

use serde_json::json;

use crate::support::command::{Ran, hookyard};
use crate::support::pipeline::Pipeline;
use crate::support::plugins::component;

fn plugins(name: &str, fixture: &str, more: &str) -> String {
    let file = component(fixture);
    format!("[plugins.{name}]\ncomponent = \"{}\"\n{more}\n", file.display())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_is_an_event_that_can_be_waited_for() {
    let pipeline = Pipeline::start(&plugins("echo", "echo", "")).await;
    let (status, answer) = pipeline
        .post("/api/plugins/echo/actions/echo/?wait=20", &json!({"n": 1}))
        .await;
    assert_eq!(status, 200, "{answer}");
    let attempt = &answer["delivery"]["attempts"][0];
    assert_eq!(
        attempt["output"]["trigger"]["input"],
        json!({"n": 1}),
        "{attempt}"
    );
    let (status, answer) = pipeline.post("/api/plugins/echo/actions/echo/", &json!({})).await;
    assert_eq!((status, &answer["delivery"]), (202, &json!(null)), "{answer}");
    let id = answer["id"].as_str().expect("an id");
    let event = pipeline.wait_status(id, "processed").await;
    assert_eq!(
        (&event["source"], &event["type"]),
        (&json!("action"), &json!("echo"))
    );
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_told_and_not_stored() {
    let pipeline = Pipeline::start(&plugins("echo", "echo", "enabled = false")).await;
    let cases = [
        ("/api/plugins/none/actions/echo/", 404),
        ("/api/plugins/echo/actions/echo/", 409),
    ];
    for (path, wanted) in cases {
        let (status, problem) = pipeline.post(path, &json!({})).await;
        assert_eq!(status, wanted, "{problem}");
    }
    let filter = hookyard::domain::event::EventFilter::default();
    let page = hookyard::domain::page::PageRequest { page: 1, size: 9 };
    let stored = pipeline
        .store
        .events(&filter, hookyard::domain::event::EventOrder::NewestFirst, page)
        .await;
    assert_eq!(stored.expect("listed").total, 0, "nothing is stored");
    pipeline.write_plugins(&plugins("echo", "echo", ""));
    pipeline.wait_plugin("echo", "ready").await;
    let cases = [
        ("/api/plugins/echo/actions/none/", json!({})),
        ("/api/plugins/echo/actions/echo/", json!(7)),
        ("/api/plugins/echo/actions/echo/?wait=99", json!({})),
    ];
    for (path, input) in cases {
        let (status, problem) = pipeline.post(path, &input).await;
        assert_eq!(status, 400, "{problem}");
    }
    pipeline.stop().await;
}

#[test]
fn the_exit_code_tells_retry_from_rejection() {
    let yard = hookyard(&plugins("fail", "fail", ""));
    for (ending, code) in [("ok", 0), ("retry", 75), ("reject", 1)] {
        let input = json!({"do": ending, "reason": "because"}).to_string();
        let Ran { status, out, err } = yard.run(&["plugins", "run", "fail", "end", "--input", &input]);
        assert_eq!(status, code, "{out}{err}");
    }
    let wrong = yard.run(&["plugins", "run", "fail", "none"]);
    assert!(
        wrong.status == 1 && wrong.err.contains("offers: end"),
        "{}",
        wrong.err
    );
}

#[test]
fn the_old_commands_are_there_under_both_names() {
    let yard = hookyard(&plugins("fail", "fail", ""));
    for name in ["create-sample-processes", "create_sample_processes"] {
        let ran = yard.run(&[name, "--json"]);
        assert_eq!(ran.status, 0, "{}", ran.err);
    }
    for name in [
        "write-to-gsheet",
        "write_to_gsheet",
        "send-slack-welcome",
        "send_slack_welcome",
        "backup-processes",
        "backup_processes",
    ] {
        let ran = yard.run(&[name]);
        assert_eq!(ran.status, 1, "{}", ran.out);
        assert!(ran.err.contains("there is no plugin `"), "{}", ran.err);
    }
    let wrong = yard.run(&["send-slack-welcome", "--method", "webhook", "--user", "U1"]);
    assert!(wrong.err.contains("--method sdk"), "{}", wrong.err);
}

#[test]
fn scripts_go_in_and_out_of_folders_unchanged() {
    let yard = hookyard("");
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name);
    std::fs::write(file("plain.py"), "print('\u{1f600}')\r\n").expect("written");
    std::fs::write(file("a%2F..%2Fb.py"), "").expect("written");
    std::fs::write(file("latin1.py"), [b'#', 0xe9]).expect("written");
    std::fs::write(file("notes.txt"), "no script").expect("written");
    let path = folder.path().display().to_string();

    let dry = yard.run(&["processes", "import", &path, "--dry-run"]);
    assert!(
        dry.out.contains("2 created, 0 updated, 0 unchanged, 1 failed"),
        "{}",
        dry.out
    );
    let first = yard.run(&["processes", "import", &path]);
    assert_eq!(first.status, 1, "a failed file shows in the exit code");
    assert!(
        first.out.contains("latin1.py: byte 1 is not UTF-8"),
        "{}",
        first.out
    );
    assert!(first.out.contains("2 created"), "{}", first.out);
    let second = yard.run(&["processes", "import", &path]);
    assert!(
        second.out.contains("0 created, 0 updated, 2 unchanged"),
        "{}",
        second.out
    );

    let out = tempfile::tempdir().expect("a folder");
    let to = out.path().display().to_string();
    assert_eq!(yard.run(&["processes", "export", &to]).status, 0);
    let back = std::fs::read(out.path().join("plain.py")).expect("exported");
    assert_eq!(back, "print('\u{1f600}')\r\n".as_bytes());
    assert!(
        out.path().join("a%2F%2E%2E%2Fb.py").is_file(),
        "no code leads out of the folder"
    );
}

#[test]
fn a_folder_keeps_the_names_of_what_is_known() {
    let yard = hookyard("");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("invoice.py");
    std::fs::write(&file, "one\n").expect("written");
    let file = file.display().to_string();
    let added = yard.run(&[
        "processes",
        "add",
        "invoice",
        "--file",
        &file,
        "--name",
        "Monthly invoices",
    ]);
    assert_eq!(added.status, 0, "{}", added.err);
    let path = folder.path().display().to_string();
    for arguments in [
        &["processes", "import", &path, "--dry-run"][..],
        &["processes", "import", &path],
    ] {
        let ran = yard.run(arguments);
        assert!(
            ran.out.contains("0 created, 0 updated, 1 unchanged"),
            "{}{}",
            ran.out,
            ran.err
        );
    }
    std::fs::write(folder.path().join("invoice.py"), "two\n").expect("written");
    assert!(
        yard.run(&["processes", "import", &path])
            .out
            .contains("1 updated")
    );
    let listed = yard.run(&["processes", "list"]).out;
    assert!(listed.contains("Monthly invoices"), "{listed}");
}

#[test]
fn a_bad_file_is_named_and_the_others_are_stored() {
    let yard = hookyard("");
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    for (name, text) in [
        (" lead.py", ""),
        ("a%2Db.py", "one"),
        ("a-b.py", "two"),
        ("nul.py", "\0"),
        ("ok.py", ""),
    ] {
        write(name, text);
    }
    let path = folder.path().display().to_string();
    for dry_run in [true, false] {
        let mut arguments = vec!["processes", "import", &path];
        arguments.extend(dry_run.then_some("--dry-run"));
        let ran = yard.run(&arguments);
        assert_eq!(ran.status, 1, "{}", ran.err);
        assert!(
            ran.out.contains("2 created, 0 updated, 0 unchanged, 3 failed"),
            "{}",
            ran.out
        );
        for told in [
            " lead.py: code: ",
            "nul.py: script: ",
            "a-b.py: ",
            "a%2Db.py has the same code",
        ] {
            assert!(ran.out.contains(told), "{told}: {}", ran.out);
        }
    }
    assert_eq!(yard.run(&["processes", "show", "a-b"]).out, "one");
}

#[test]
fn an_export_says_what_no_file_can_hold() {
    let yard = hookyard("");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("x");
    std::fs::write(&file, "one").expect("written");
    let file = file.display().to_string();
    let long = "\u{e9}".repeat(50);
    for code in [long.as_str(), "Twin", "twin"] {
        let added = yard.run(&["processes", "add", code, "--file", &file]);
        assert_eq!(added.status, 0, "{}", added.err);
    }
    let to = folder.path().join("out");
    let ran = yard.run(&["processes", "export", &to.display().to_string()]);
    assert_eq!(ran.status, 1, "{}", ran.err);
    assert!(
        ran.out.contains("303 bytes") && ran.out.contains("2 processes written"),
        "{}",
        ran.out
    );
    assert!(to.join("%54win.py").is_file() && to.join("twin.py").is_file());
    let back = yard.run(&["processes", "import", &to.display().to_string()]);
    assert!(
        back.out.contains("0 created, 0 updated, 2 unchanged"),
        "{}",
        back.out
    );
}

#[test]
fn scripts_are_added_edited_shown_and_removed() {
    let yard = hookyard("");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("x.py");
    std::fs::write(&file, "one\n").expect("written");
    let file = file.display().to_string();
    assert_eq!(yard.run(&["processes", "add", "x", "--file", &file]).status, 0);
    let taken = yard.run(&["processes", "add", "x", "--file", &file]);
    assert!(taken.err.contains("already exists"), "{}", taken.err);
    std::fs::write(&file, "two\n").expect("written");
    let edited = yard.run(&["processes", "edit", "x", "--file", &file, "--name", "X"]);
    assert_eq!(edited.out, "updated x\n", "{}", edited.err);
    assert_eq!(yard.run(&["processes", "show", "x"]).out, "two\n");
    assert!(yard.run(&["processes", "list"]).out.contains("x     X"));
    assert_eq!(yard.run(&["processes", "remove", "x"]).out, "removed x\n");
    let history = yard.run(&["processes", "history", "x"]).out;
    assert!(
        history.contains("cli:") && history.contains("removed"),
        "{history}"
    );
    assert_eq!(yard.run(&["processes", "show", "x"]).status, 1);
}
