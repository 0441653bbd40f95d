//! Bodies and headers sealed in the database.

use std::fs;
use std::path::Path;

use hookyard::environment::Environment;
use hookyard::store::{self, Sealer, StoreError};
use serde_json::json;
use sqlx::{Connection as _, SqliteConnection};

use super::get;
use crate::support::pipeline::Pipeline;
use crate::support::plugins::component;

fn env(settings: &[(&'static str, &str)]) -> Environment {
    Environment::of(settings.iter().map(|(name, value)| (*name, *value)))
}

/// Whether the text stands anywhere in the database's files.
fn in_the_files(dir: &Path, text: &str) -> bool {
    let files = fs::read_dir(dir.join("data")).expect("the data directory");
    files
        .map(|file| file.expect("an entry").path())
        .filter(|path| path.to_string_lossy().contains("hookyard.db"))
        .any(|path| {
            let bytes = fs::read(path).expect("read");
            memchr::memmem::find(&bytes, text.as_bytes()).is_some()
        })
}

/// Sends a webhook with a header and this text in body and header; its id.
async fn send(pipeline: &Pipeline, source: &str, marker: &str) -> String {
    let url = format!(
        "http://{}/api/webhooks/receive/?source={source}",
        pipeline.address
    );
    let request = pipeline.client.post(url).bearer_auth(&pipeline.token);
    let request = request
        .header("content-type", "application/json")
        .header("x-note", marker);
    let response = request
        .body(json!({"text": marker}).to_string())
        .send()
        .await
        .expect("an answer");
    let answer: serde_json::Value =
        serde_json::from_str(&response.text().await.expect("text")).expect("JSON");
    answer["id"].as_str().expect("an id").to_owned()
}

fn plugins() -> String {
    format!(
        "[plugins.echo]\ncomponent = \"{}\"\nroutes = [{{ source = \"shop\" }}]\n",
        component("echo").display()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copied_database_shows_nothing_and_the_service_everything() {
    let dir = tempfile::tempdir().expect("a directory");
    let marker = uuid::Uuid::new_v4().to_string();
    let sealing = env(&[("HOOKYARD_ENCRYPT_EVENTS", "on")]);
    let pipeline = Pipeline::start_in(dir.path(), &plugins(), sealing).await;
    let id = send(&pipeline, "shop", &marker).await;
    let event = pipeline.wait_status(&id, "processed").await;
    assert_eq!(event["payload"], json!({"text": marker}));
    let headers = event["headers"].as_array().expect("headers");
    assert!(
        headers.contains(&json!({"name": "x-note", "value": marker})),
        "{event}"
    );
    // The plugin got it in clear, and what it gave back is sealed as well.
    let output = event["deliveries"][0]["attempts"][0]["output"].to_string();
    assert!(output.contains(&marker), "{output}");
    // Whoever may read finds it by what is inside: it is opened to look.
    for query in [
        format!("search={marker}"),
        format!("pointer=/text&value={marker}"),
    ] {
        let (_, found) = get(&pipeline, &format!("/api/webhooks/list/?{query}")).await;
        assert_eq!(
            (&found["count"], &found["results"][0]["id"]),
            (&json!(1), &json!(id))
        );
    }
    pipeline.stop().await;
    assert!(!in_the_files(dir.path(), &marker));

    // With the setting off what is sealed can be read, and what comes is in clear.
    let pipeline = Pipeline::start_in(dir.path(), "", Environment::default()).await;
    let (_, event) = get(&pipeline, &format!("/api/webhooks/{id}/")).await;
    assert_eq!(event["payload"], json!({"text": marker}));
    send(&pipeline, "shop", &marker).await;
    let (_, found) = get(&pipeline, &format!("/api/webhooks/list/?search={marker}")).await;
    assert_eq!(found["count"], 2, "sealed ones as well");
    pipeline.stop().await;
    assert!(
        in_the_files(dir.path(), &marker),
        "the search of the files is broken"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_seals_anew_and_the_old_one_can_go() {
    let dir = tempfile::tempdir().expect("a directory");
    let (old, new) = ("a".repeat(64), "b".repeat(64));
    let both = format!("{new},{old}");
    let keyed =
        |keys: &str, mode: &str| env(&[("HOOKYARD_MASTER_KEY", keys), ("HOOKYARD_ENCRYPT_EVENTS", mode)]);
    let pipeline = Pipeline::start_in(dir.path(), "", keyed(&old, "off")).await;
    let clear = send(&pipeline, "clear", "one").await;
    pipeline.stop().await;
    let pipeline = Pipeline::start_in(dir.path(), "", keyed(&old, "on")).await;
    let sealed = send(&pipeline, "sealed", "two").await;
    pipeline.stop().await;

    let pipeline = Pipeline::start_in(dir.path(), "", keyed(&both, "on")).await;
    assert_eq!(pipeline.store.count_unresealed().await.expect("readable"), 2);
    let step = pipeline.store.reseal_events(None, 1).await.expect("resealed");
    assert_eq!(step.rows, 1);
    let step = pipeline
        .store
        .reseal_events(step.last, 9)
        .await
        .expect("resealed");
    assert_eq!(step.rows, 1);
    assert_eq!(
        pipeline
            .store
            .reseal_events(None, 9)
            .await
            .expect("resealed")
            .last,
        None
    );
    pipeline.stop().await;

    let pipeline = Pipeline::start_in(dir.path(), "", keyed(&new, "on")).await;
    for (id, text) in [(&clear, "one"), (&sealed, "two")] {
        let (_, event) = get(&pipeline, &format!("/api/webhooks/{id}/")).await;
        assert_eq!(event["payload"], json!({"text": text}));
    }
    pipeline.stop().await;
    // Without the key the rest goes on, and what is sealed says which key it misses.
    let pipeline = Pipeline::start_in(dir.path(), "", keyed(&old, "on")).await;
    let (status, _) = get(&pipeline, &format!("/api/webhooks/{sealed}/")).await;
    assert_eq!(status, 500);
    let id = clear.parse().expect("an id");
    let error = pipeline.store.event(id).await.expect_err("sealed");
    assert!(
        matches!(&error, StoreError::Sealed { why, .. } if why.contains("this node does not have")),
        "{error}"
    );
    send(&pipeline, "shop", "three").await;
    pipeline.stop().await;

    // Off again: in clear.
    let pipeline = Pipeline::start_in(dir.path(), "", keyed(&format!("{old},{new}"), "off")).await;
    assert_eq!(
        pipeline.store.reseal_events(None, 9).await.expect("opened").rows,
        3
    );
    let (_, found) = get(&pipeline, "/api/webhooks/list/?search=two").await;
    assert_eq!(found["count"], 1);
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_request_is_sealed_like_an_event() {
    let dir = tempfile::tempdir().expect("a directory");
    let marker = uuid::Uuid::new_v4().to_string();
    fs::write(dir.path().join("shop.txt"), "right").expect("written");
    let plugins = "[sources.shop]\nverify = \"bearer\"\nsecret = \"file:shop.txt\"\n";
    let sealing = env(&[("HOOKYARD_ENCRYPT_EVENTS", "on")]);
    let pipeline = Pipeline::start_in(dir.path(), plugins, sealing).await;
    let url = format!("http://{}/api/webhooks/receive/shop/", pipeline.address);
    let request = pipeline.client.post(url).bearer_auth("wrong");
    let request = request.header("x-note", &marker).body(marker.clone());
    assert_eq!(request.send().await.expect("an answer").status(), 401);
    // Written when the server stops, at the latest.
    pipeline.stop().await;
    assert!(!in_the_files(dir.path(), &marker));

    let pipeline = Pipeline::start_in(dir.path(), plugins, Environment::default()).await;
    let (_, list) = get(&pipeline, "/api/rejected/").await;
    let path = format!(
        "/api/rejected/{}/",
        list["results"][0]["id"].as_str().expect("an id")
    );
    assert_eq!(pipeline.store.count_unresealed().await.expect("readable"), 1);
    for rows in [1, 0] {
        let (_, shown) = get(&pipeline, &path).await;
        assert_eq!(shown["body"], marker);
        let headers = shown["headers"].as_array().expect("headers");
        assert!(
            headers.contains(&json!({"name": "x-note", "value": marker})),
            "{shown}"
        );
        let step = pipeline.store.reseal_rejected(None, 9).await.expect("opened");
        assert_eq!(step.rows, rows);
    }
    pipeline.stop().await;
    assert!(
        in_the_files(dir.path(), &marker),
        "the search of the files is broken"
    );
}

/// Marks a value with where it belongs instead of sealing it.
struct Marks;

impl Sealer for Marks {
    fn key_id(&self) -> Option<String> {
        Some("k".to_owned())
    }

    fn seal(&self, bound: &str, clear: &[u8]) -> Result<Vec<u8>, String> {
        Ok([bound.as_bytes(), b"|", clear].concat())
    }

    fn open(&self, key_id: &str, bound: &str, sealed: &[u8]) -> Result<Vec<u8>, String> {
        let prefix = [bound.as_bytes(), b"|"].concat();
        let clear = sealed
            .strip_prefix(prefix.as_slice())
            .ok_or("it is of another place")?;
        (key_id == "k")
            .then(|| clear.to_vec())
            .ok_or_else(|| "another key".to_owned())
    }
}

/// A value cannot pass for that of another row: each is bound to its place.
#[tokio::test]
async fn a_value_put_into_another_row_does_not_open() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("test.db");
    let store = store::open(&format!("sqlite://{}", path.display()))
        .await
        .expect("a store");
    store.seal_with(std::sync::Arc::new(Marks));
    let (one, two) = (crate::store::event(&[]), crate::store::event(&[]));
    store
        .accept_events(&[one.clone(), two.clone()])
        .await
        .expect("accepted");
    assert_eq!(
        store.event(one.id).await.expect("opened").expect("there").body,
        one.body
    );
    let mut db = SqliteConnection::connect(&path.display().to_string())
        .await
        .expect("opened");
    sqlx::query("UPDATE events SET body = (SELECT body FROM events WHERE id = $1) WHERE id = $2")
        .bind(one.id.to_string())
        .bind(two.id.to_string())
        .execute(&mut db)
        .await
        .expect("moved");
    let error = store.event(two.id).await.expect_err("moved");
    assert!(error.to_string().contains("events.body of row"), "{error}");
    store.close().await;
}
