//! `write`: a table in the place of what the sheet has.

use serde_json::{Value, json};
use standins::fault::FaultKind;
use standins::google::{Area, Cell, Sheet};

use super::scene::{BATCH, GET, Scene, entered, row};

async fn writing() -> Scene {
    Scene::new(json!({"mode": "write"})).await
}

/// A table of this size whose cells are all different.
fn table(rows: usize, columns: usize) -> Value {
    let titles: Vec<_> = (0..columns).map(|column| format!("Column {column}")).collect();
    let rows: Vec<Vec<Value>> = (0..rows)
        .map(|row| (0..columns).map(|column| cell(row, column)).collect())
        .collect();
    json!({"columns": titles, "rows": rows})
}

fn cell(row: usize, column: usize) -> Value {
    match column % 3 {
        0 => json!(f64::from(u32::try_from(row * 10 + column).expect("small"))),
        1 => json!(format!("r{row} c{column} 🦀 é")),
        _ => json!(row.is_multiple_of(2)),
    }
}

fn format(cell: &Cell, path: &str) -> Value {
    let format = cell
        .format
        .as_ref()
        .map(|format| Value::Object((**format).clone()));
    format
        .unwrap_or_default()
        .pointer(path)
        .cloned()
        .unwrap_or_default()
}

fn assert_heading(cell: &Cell) {
    assert_eq!(format(cell, "/textFormat/bold"), true);
    assert_eq!(format(cell, "/horizontalAlignment"), "CENTER");
    let white = format(cell, "/textFormat/foregroundColorStyle/rgbColor");
    assert_eq!(white, json!({"red": 1, "green": 1, "blue": 1}));
    let blue = format(cell, "/backgroundColorStyle/rgbColor");
    assert_eq!(blue, json!({"red": 0.102, "green": 0.451, "blue": 0.910}));
}

fn assert_bordered(cell: &Cell, place: (usize, usize)) {
    for side in ["top", "bottom", "left", "right"] {
        let style = format(cell, &format!("/borders/{side}/style"));
        assert_eq!(style, "SOLID", "{side} of {place:?}");
    }
}

/// Every cell, every format, the frozen row, and the bands of a table of this size.
fn assert_table(sheet: &Sheet, rows: usize, columns: usize) {
    assert_eq!(sheet.frozen_rows, 1);
    for column in 0..columns {
        assert_eq!(entered(sheet, 0, column), format!("Column {column}"));
        assert_heading(sheet.cell(0, column));
        for row in 0..rows {
            assert_eq!(
                entered(sheet, row + 1, column),
                cell(row, column),
                "{row}, {column}"
            );
            assert_eq!(format(sheet.cell(row + 1, column), "/textFormat"), Value::Null);
        }
        for row in 0..=rows {
            assert_bordered(sheet.cell(row, column), (row, column));
        }
    }
    for row in 0..sheet.row_count {
        for column in 0..sheet.column_count {
            if row > rows || column >= columns {
                let empty = sheet.cell(row, column);
                assert_eq!(empty.entered, None, "left over at {row}, {column}");
                assert_eq!(format(empty, "/textFormat"), Value::Null);
            }
        }
    }
    let [band] = &*sheet.bands else {
        panic!("one band, not {:?}", sheet.bands);
    };
    let wanted = Area {
        rows: 1..rows + 1,
        columns: 0..columns,
    };
    assert_eq!(band.area, wanted);
    let colours = band.rows.as_ref().expect("row bands");
    assert_ne!(colours["firstBandColorStyle"], colours["secondBandColorStyle"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_takes_one_read_and_one_write_and_again_the_same() {
    let scene = writing().await;
    scene.done(&table(200, 6)).await;
    assert_eq!(scene.called(), [GET, BATCH]);
    let sheet = scene.sheet();
    assert_table(&sheet, 200, 6);
    for column in 0..6 {
        assert_ne!(
            sheet.columns[&column].pixels, None,
            "column {column} has its width"
        );
    }
    // A smaller one in its place: nothing of the old is left, and the bands fit.
    scene.done(&table(20, 3)).await;
    assert_eq!(scene.called(), [GET, BATCH]);
    assert_table(&scene.sheet(), 20, 3);
    // A larger one again.
    scene.done(&table(1500, 30)).await;
    let requests = scene.google.requests();
    assert!(
        requests.iter().all(|request| request.warnings.is_empty()),
        "{requests:#?}"
    );
    assert_eq!(scene.called(), [GET, BATCH]);
    assert_table(&scene.sheet(), 1500, 30);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_table_leaves_the_headings_or_nothing() {
    let scene = writing().await;
    scene.done(&table(5, 2)).await;
    scene.done(&json!({"columns": ["A", "B"], "rows": []})).await;
    let sheet = scene.sheet();
    assert_eq!(row(&sheet, 0, 3), [json!("A"), json!("B"), json!(null)]);
    assert_eq!(row(&sheet, 1, 2), [Value::Null, Value::Null]);
    assert!(sheet.bands.is_empty(), "{:?}", sheet.bands);
    scene.done(&json!([])).await;
    assert_eq!(row(&scene.sheet(), 0, 2), [Value::Null, Value::Null]);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_cells() {
    let scene = writing().await;
    let rows: Vec<Value> = (0..20_000)
        .map(|row| json!([row, "é", row % 7, true, null]))
        .collect();
    let began = std::time::Instant::now();
    let event = scene
        .done(&json!({"columns": ["A", "B", "C", "D", "E"], "rows": rows}))
        .await;
    eprintln!("100,000 cells took {:?}", began.elapsed());
    let summary = &event["deliveries"][0]["attempts"][0]["summary"];
    assert_eq!(summary, "wrote 20000 rows of 5 columns to `Orders` in `Shop`");
    assert_eq!(scene.called(), [GET, BATCH]);
    let sheet = scene.sheet();
    for at in [0, 1, 9_999, 19_999] {
        let wanted = [
            json!(f64::from(at)),
            json!("é"),
            json!(f64::from(at % 7)),
            json!(true),
            json!(null),
        ];
        assert_eq!(row(&sheet, usize::try_from(at).expect("small") + 1, 5), wanted);
    }
    assert_eq!(sheet.row_count, 20_001);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_too_long_for_a_cell_names_its_place() {
    let scene = writing().await;
    let long = "x".repeat(50_001);
    let error = scene
        .refused(&json!({"columns": ["A", "Note"], "rows": [[1, "ok"], [2, long]]}))
        .await;
    assert!(
        error.contains("row 2, column `Note`: the text has 50001 characters"),
        "{error}"
    );
    assert_eq!(scene.called(), Vec::<String>::new());
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_wait_together_share_the_limits_of_a_run() {
    let mut scene = writing().await;
    // Three tables in a run, each with a read and a write.
    scene.limit("requests = 6").await;
    scene.pause(true).await;
    let mut ids = Vec::new();
    for n in 1..=8 {
        ids.push(scene.send(&table(n, 2)).await);
    }
    scene.pause(false).await;
    for id in &ids {
        let event = scene.pipeline.wait_status(id, "processed").await;
        let attempts = event["deliveries"][0]["attempts"].as_array().expect("attempts");
        let ends = attempts
            .iter()
            .map(|attempt| attempt["outcome"].as_str().expect("an outcome"));
        assert!(
            ends.clone().all(|end| end == "succeeded" || end == "deferred"),
            "{event:#}"
        );
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_more_than_one_request_goes_in_two() {
    let mut scene = writing().await;
    scene.limit("request-bytes = \"64MiB\"").await;
    let rows: Vec<Vec<u32>> = vec![(0..100).map(|n| n % 10).collect(); 2_000];
    let titles: Vec<String> = (0..100).map(|n| format!("C{n}")).collect();
    scene.done(&json!({"columns": titles, "rows": rows})).await;
    assert_eq!(scene.called(), [GET, BATCH, BATCH]);
    let sheet = scene.sheet();
    for at in [1, 1_000, 2_000] {
        assert_eq!(row(&sheet, at, 3), [json!(0.0), json!(1.0), json!(2.0)]);
        assert_bordered(sheet.cell(at, 99), (at, 99));
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_between_read_and_write_is_read_again() {
    let scene = writing().await;
    scene.done(&table(3, 2)).await;
    scene.called();
    scene.fault(BATCH, FaultKind::Status { status: 400 }, 1);
    scene.done(&table(4, 2)).await;
    assert_eq!(scene.called(), [GET, BATCH, GET, BATCH]);
    assert_table(&scene.sheet(), 4, 2);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tables_at_once_are_written_one_after_the_other() {
    let mut scene = writing().await;
    scene.limit("batch = 1").await;
    scene.done(&table(3, 2)).await;
    scene.called();
    scene.fault(BATCH, FaultKind::Slow { ms: 1_500 }, 1);
    let first = scene.send(&table(5, 2)).await;
    let began = |event: &Value| event["status"] == "processing";
    scene.pipeline.wait_event(&first, began).await;
    let second = scene.send(&table(6, 2)).await;
    for id in [&first, &second] {
        scene.pipeline.wait_status(id, "processed").await;
    }
    let refused = scene
        .google
        .requests()
        .into_iter()
        .filter(|seen| seen.status == Some(400));
    assert_eq!(refused.count(), 0, "neither met the other's bands");
    assert_table(&scene.sheet(), 6, 2);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_over_added_rows_hides_no_column() {
    let scene = writing().await;
    scene.add(&json!({"A": 1})).await;
    let hidden = |sheet: &Sheet| (0..sheet.column_count).any(|column| sheet.column_hidden(column));
    assert!(hidden(&scene.sheet()), "the column of keys");
    scene.done(&table(3, 4)).await;
    assert!(!hidden(&scene.sheet()));
    scene.end().await;
}
