//! Sources of the running application: changed by a saved file, refused requests from the command line.

use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};

use crate::support::pipeline::{PATIENCE, Pipeline};

const SOURCE: &str = "[sources.s]\nverify = \"bearer\"\nsecret = \"file:secret\"\n";

async fn post(pipeline: &Pipeline, token: &str) -> u16 {
    let url = format!("http://{}/api/webhooks/receive/s", pipeline.address);
    let request = pipeline.client.post(url).bearer_auth(token).body("hello");
    request.send().await.expect("an answer").status().as_u16()
}

/// Saves the file as an editor does, and waits until the answer is this one.
async fn save(pipeline: &Pipeline, plugins: &str, token: &str, wanted: u16) {
    let file = pipeline.dir.join("plugins.toml");
    std::fs::write(file.with_extension("new"), plugins).expect("written");
    std::fs::rename(file.with_extension("new"), &file).expect("renamed");
    let began = Instant::now();
    while post(pipeline, token).await != wanted {
        assert!(began.elapsed() < PATIENCE, "the change never came");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// A command beside the running server.
async fn hookyard(pipeline: &Pipeline, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookyard"));
    command
        .args(args)
        .env_clear()
        .env("HOOKYARD_DATA_DIR", pipeline.dir.join("data"))
        .env("HOOKYARD_PLUGINS_FILE", pipeline.dir.join("plugins.toml"))
        .current_dir(&pipeline.dir);
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .expect("no panic");
    let output = output.expect("the binary");
    (
        output.status.code().expect("it ended by itself"),
        String::from_utf8(output.stdout).expect("UTF-8"),
        String::from_utf8(output.stderr).expect("UTF-8"),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_saved_file_changes_sources_and_a_wrong_one_does_not() {
    let pipeline = Pipeline::start("").await;
    std::fs::write(pipeline.dir.join("secret"), "right\n").expect("written");
    assert_eq!(post(&pipeline, "right").await, 404);
    save(&pipeline, SOURCE, "right", 200).await;
    assert_eq!(post(&pipeline, "wrong").await, 401);
    // What is wrong changes nothing: the next right save is what shows that it was looked at.
    let file = pipeline.dir.join("plugins.toml");
    std::fs::write(&file, "[sources.s]\nverify = \"magic\"\n").expect("written");
    assert_eq!(post(&pipeline, "right").await, 200);
    let other = SOURCE
        .replace("bearer", "api-key")
        .replace("\nsecret", "\nheader = \"x-key\"\nsecret");
    save(&pipeline, &other, "right", 401).await;
    save(&pipeline, "", "right", 404).await;
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_shows_judges_and_accepts_refused_requests() {
    let pipeline = Pipeline::start(SOURCE).await;
    std::fs::write(pipeline.dir.join("secret"), "mistyped").expect("written");
    assert_eq!(post(&pipeline, "right").await, 401);
    let began = Instant::now();
    let listed: Value = loop {
        let (_, out, err) = hookyard(&pipeline, &["rejected", "list", "--json"]).await;
        let listed: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"));
        if listed != json!([]) {
            break listed;
        }
        assert!(began.elapsed() < PATIENCE, "never kept");
    };
    assert_eq!(
        (&listed[0]["check"], &listed[0]["source"]),
        (&json!("credential"), &json!("s"))
    );
    let id = listed[0]["id"].as_str().expect("an id");

    let (_, out, _) = hookyard(&pipeline, &["rejected", "list"]).await;
    assert!(out.contains("none of the source's secrets"), "{out}");
    let (_, out, _) = hookyard(&pipeline, &["rejected", "show", id]).await;
    assert!(
        out.contains("hello") && out.contains("authorization: ***") && out.contains("content-length: 5"),
        "{out}"
    );
    let (status, out, _) = hookyard(&pipeline, &["rejected", "verify", id]).await;
    assert!(
        status == 1 && out.contains("would be refused again (credential)"),
        "{out}"
    );
    let (status, _, err) = hookyard(&pipeline, &["rejected", "accept", id]).await;
    assert!(status == 1 && err.contains("would be refused again"), "{err}");

    std::fs::write(pipeline.dir.join("secret"), "right").expect("written");
    let (status, out, _) = hookyard(&pipeline, &["rejected", "verify", id]).await;
    assert!(
        status == 0 && out.contains("would become an event of type unknown"),
        "{out}"
    );
    let (status, out, err) = hookyard(&pipeline, &["rejected", "accept", id]).await;
    assert!(status == 0 && out.starts_with("event "), "{out}{err}");
    let (status, _, err) = hookyard(&pipeline, &["rejected", "accept", id]).await;
    assert!(status == 1 && err.contains("accepted before"), "{err}");
    let (_, out, _) = hookyard(&pipeline, &["rejected", "show", id]).await;
    assert!(out.contains("accepted by  cli:"), "{out}");
    let (status, _, err) = hookyard(&pipeline, &["rejected", "show", "x"]).await;
    assert!(
        status == 1 && err.contains("not the id of a rejected request"),
        "{err}"
    );
    pipeline.stop().await;
}

#[test]
fn check_tells_a_source_whose_secret_is_missing() {
    let yard = crate::support::command::hookyard(SOURCE);
    let ran = yard.run(&["check"]);
    assert!(
        ran.status == 1 && ran.out.contains("WRONG  source s: no secret can be read"),
        "{}",
        ran.out
    );
    std::fs::write(yard.path().join("secret"), "right").expect("written");
    let ran = yard.run(&["check"]);
    assert!(
        ran.status == 0 && ran.out.contains("ok     source s: verify = bearer"),
        "{}",
        ran.out
    );
}

#[test]
fn check_tells_a_secret_that_can_be_no_key() {
    let yard = crate::support::command::hookyard(
        "[sources.s]\nverify = \"standard-webhooks\"\nsecret = [\"file:secret\", \"file:other\"]\n",
    );
    std::fs::write(
        yard.path().join("secret"),
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    )
    .expect("written");
    std::fs::write(yard.path().join("other"), "whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2La").expect("written");
    let ran = yard.run(&["check"]);
    assert!(
        ran.status == 1
            && ran
                .out
                .contains("WRONG  source s: verify = standard-webhooks; secret 2: `whsk_`"),
        "{}",
        ran.out
    );
}
