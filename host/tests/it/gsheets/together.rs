//! Rows that wait together, and columns that come later.

use serde_json::{Value, json};
use standins::fault::FaultKind;
use standins::google::{Options, Quota};

use super::scene::{BATCH, GET, Scene, below, columns, entered, row};

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_wait_go_in_one_call() {
    let scene = Scene::appending().await;
    scene.done(&json!({"id": "first"})).await;
    scene.called();
    scene.pause(true).await;
    let mut ids = Vec::new();
    for at in 0..30 {
        ids.push(scene.send(&json!({"id": format!("W-{at:02}")})).await);
    }
    scene.pause(false).await;
    for id in &ids {
        scene.pipeline.wait_status(id, "processed").await;
    }
    assert_eq!(scene.called(), [GET, BATCH]);
    let wanted: Vec<_> = (0..30).map(|at| json!(format!("W-{at:02}"))).collect();
    let mut rows = below(&scene.sheet(), 0);
    assert_eq!(rows.remove(0), "first");
    assert_eq!(rows, wanted, "in the order they came");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_google_refuses_together_are_sent_alone() {
    let scene = Scene::appending().await;
    scene.done(&json!({"id": "first"})).await;
    scene.called();
    scene.pause(true).await;
    let mut ids = Vec::new();
    for id in ["A", "B", "C"] {
        ids.push(scene.send(&json!({ "id": id })).await);
    }
    scene.fault(BATCH, FaultKind::Status { status: 400 }, 1);
    scene.pause(false).await;
    for id in &ids {
        scene.pipeline.wait_status(id, "processed").await;
    }
    assert_eq!(scene.called(), [GET, BATCH, BATCH, BATCH, BATCH]);
    assert_eq!(below(&scene.sheet(), 0), ["first", "A", "B", "C"]);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_column_goes_to_the_end_and_moves_no_other() {
    let scene = Scene::new(json!({})).await;
    scene.add(&json!({"B": 1})).await;
    let before = row(&scene.sheet(), 0, 3);
    assert_eq!(before[0], "B");
    scene.add(&json!({"A": "x", "B": 2})).await;
    scene.add(&json!({"A": "y"})).await;
    let sheet = scene.sheet();
    let head = row(&sheet, 0, 3);
    assert_eq!(head[..2], before[..2], "what was there stays where it was");
    assert_eq!(head[2], "A");
    assert_eq!(
        (1..4).map(|at| entered(&sheet, at, 0)).collect::<Vec<_>>(),
        [json!(1.0), json!(2.0), Value::Null]
    );
    assert_eq!(
        (1..4).map(|at| entered(&sheet, at, 2)).collect::<Vec<_>>(),
        [Value::Null, json!("x"), json!("y")]
    );
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_script_and_emoji_comes_through() {
    let columns = json!([{"title": "Größe 👩🏽‍🚀", "value": "/text"}]);
    let scene = Scene::new(json!({ "columns": columns })).await;
    let text = "日本語 עברית 👩🏽‍🚀 e\u{301} \u{202e}abc 𝔘 'quoted' \"double\"\nsecond line";
    scene.done(&json!({ "text": text })).await;
    let sheet = scene.sheet();
    assert_eq!(entered(&sheet, 0, 0), "Größe 👩🏽‍🚀");
    assert_eq!(entered(&sheet, 1, 0), text);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn googles_own_quota_is_met_without_a_refusal() {
    let options = Options {
        quota: Quota::GOOGLES,
        ..Options::default()
    };
    let mut scene = Scene::with(
        options,
        |_, book| json!({"spreadsheet": book, "columns": columns()}),
    )
    .await;
    scene.limit("batch = 1").await;
    // One write more than may go at once: that half of a minute's 60 which a full bucket holds.
    let mut ids = Vec::new();
    for at in 0..31 {
        ids.push(scene.send(&json!({"id": format!("Q-{at:02}")})).await);
    }
    let mut waits = Vec::new();
    for id in &ids {
        let event = scene.pipeline.wait_status(id, "processed").await;
        let attempts = event["deliveries"][0]["attempts"].as_array().cloned();
        waits.extend(
            attempts
                .into_iter()
                .flatten()
                .filter(|attempt| attempt["outcome"] == "deferred"),
        );
    }
    assert!(
        waits.iter().any(|wait| wait["error"]
            .as_str()
            .is_some_and(|error| error.contains("quota/write"))),
        "the plugin's own count has held one back: {waits:#?}"
    );
    let requests = scene.google.requests();
    assert!(requests.iter().all(|seen| seen.status != Some(429)));
    assert_eq!(below(&scene.sheet(), 0).len(), 31);
    scene.end().await;
}

/// Somebody else uses the account too: its quota is gone before the plugin's own count says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_by_quota_costs_no_attempt() {
    let scene = Scene::appending().await;
    scene.fault(BATCH, FaultKind::Status { status: 429 }, 1);
    let id = scene.send(&json!({"id": "A-1"})).await;
    let deferred = |event: &Value| event["deliveries"][0]["attempts"][0]["outcome"] == "deferred";
    let event = scene.pipeline.wait_event(&id, deferred).await;
    let error = event["deliveries"][0]["attempts"][0]["error"]
        .as_str()
        .expect("an error");
    assert!(error.contains("429"), "{error}");
    assert_eq!(event["deliveries"][0]["attempts_made"], 0, "{event:#}");
    scene.end().await;
}
