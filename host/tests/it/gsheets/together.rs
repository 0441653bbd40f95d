//! Rows that wait together, and columns that come later.

use serde_json::{Value, json};
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
async fn one_row_that_google_refuses_keeps_no_other_back() {
    let columns = json!([
        {"title": "Order", "value": "/id"},
        {"title": "Sum", "value": "/sum", "type": "formula"},
    ]);
    let scene = Scene::new(json!({ "columns": columns })).await;
    scene.done(&json!({"id": "first", "sum": "=1+1"})).await;
    scene.pause(true).await;
    let good = scene.send(&json!({"id": "A", "sum": "=2+2"})).await;
    let wrong = scene.send(&json!({"id": "B", "sum": "=SUM("})).await;
    let other = scene.send(&json!({"id": "C", "sum": "=3+3"})).await;
    scene.pause(false).await;
    scene.pipeline.wait_status(&good, "processed").await;
    scene.pipeline.wait_status(&other, "processed").await;
    let failed = scene.pipeline.wait_status(&wrong, "failed").await;
    let error = failed["error_message"].as_str().expect("an error");
    assert!(error.contains("400"), "{error}");
    let mut rows = below(&scene.sheet(), 0);
    rows.sort_by_key(ToString::to_string);
    assert_eq!(rows, ["A", "C", "first"]);
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
    let scene = Scene::with(
        options,
        |_, book| json!({"spreadsheet": book, "columns": columns()}),
    )
    .await;
    let mut ids = Vec::new();
    for at in 0..40 {
        ids.push(scene.send(&json!({"id": format!("Q-{at:02}")})).await);
    }
    for id in &ids {
        scene.pipeline.wait_status(id, "processed").await;
    }
    let refused = scene
        .google
        .requests()
        .iter()
        .filter(|seen| seen.status == Some(429))
        .count();
    assert_eq!(refused, 0);
    assert_eq!(below(&scene.sheet(), 0).len(), 40);
    scene.end().await;
}
