//! Plain values: ranges, what typing means, appending, clearing.

use serde_json::{Value, json};

use crate::support::google::{Desk, told};

#[tokio::test]
async fn raw_values_stay_as_they_are() {
    let desk = Desk::new().await;
    let rows = json!([
        ["=1+1", "+1", "-2x", "@x", "12", "2026-01-31"],
        [1.5, true, null, ""]
    ]);
    desk.fill(rows).await;
    let answer = desk.get("/values/A1:Z?valueRenderOption=UNFORMATTED_VALUE").await;
    assert_eq!(
        answer["values"],
        json!([["=1+1", "+1", "-2x", "@x", "12", "2026-01-31"], [1.5, true]])
    );
    assert_eq!(answer["range"], "Sheet1!A1:Z1000");
    let cell = desk
        .get("?ranges=A1:F2&fields=sheets.data.rowData.values.userEnteredValue")
        .await;
    let first = &cell["sheets"][0]["data"][0]["rowData"][0]["values"];
    assert_eq!(first[0], json!({"userEnteredValue": {"stringValue": "=1+1"}}));
}

#[tokio::test]
async fn typed_values_become_formulas_numbers_dates_and_booleans() {
    let desk = Desk::new().await;
    let cases = [
        (
            "=SUM(B1:B9)",
            json!({"formulaValue": "=SUM(B1:B9)"}),
            "=SUM(B1:B9)",
        ),
        ("+SUM(B1)", json!({"formulaValue": "=+SUM(B1)"}), "=+SUM(B1)"),
        ("-x", json!({"formulaValue": "=-x"}), "=-x"),
        ("@x", json!({"stringValue": "@x"}), "@x"),
        ("'=1", json!({"stringValue": "=1"}), "=1"),
        ("-12.50", json!({"numberValue": -12.5}), "-12.5"),
        ("1,234,567", json!({"numberValue": 1_234_567}), "1,234,567"),
        ("12,34", json!({"stringValue": "12,34"}), "12,34"),
        ("1e3", json!({"numberValue": 1000}), "1000"),
        ("12.5%", json!({"numberValue": 0.125}), "12.50%"),
        ("$5", json!({"numberValue": 5}), "$5"),
        ("true", json!({"boolValue": true}), "TRUE"),
        ("2026-01-31", json!({"numberValue": 46053}), "2026-01-31"),
        ("1/31/2026", json!({"numberValue": 46053}), "1/31/2026"),
        (
            "2026-01-31 12:00:00",
            json!({"numberValue": 46053.5}),
            "2026-01-31 12:00:00",
        ),
        ("2026-13-31", json!({"stringValue": "2026-13-31"}), "2026-13-31"),
        ("inf", json!({"stringValue": "inf"}), "inf"),
        ("🦀 ünï", json!({"stringValue": "🦀 ünï"}), "🦀 ünï"),
    ];
    let rows: Vec<Value> = cases.iter().map(|(typed, _, _)| json!([typed])).collect();
    let put = desk
        .send(
            "PUT",
            "/values/A1?valueInputOption=USER_ENTERED",
            &json!({ "values": rows }),
        )
        .await;
    assert_eq!(put.0, 200, "{}", put.1);
    let answer = desk
        .get("?ranges=A1:A&fields=sheets.data.rowData.values(userEnteredValue,formattedValue)")
        .await;
    let got = answer["sheets"][0]["data"][0]["rowData"]
        .as_array()
        .expect("rows")
        .clone();
    for ((typed, value, shown), row) in cases.iter().zip(got) {
        assert_eq!(row["values"][0]["userEnteredValue"], *value, "{typed}");
        assert_eq!(row["values"][0]["formattedValue"], *shown, "{typed}");
    }
}

#[tokio::test]
async fn ranges_are_read_in_every_notation() {
    let desk = Desk::new().await;
    desk.fill(json!([["a", "b", "c"], ["d", "e", "f"], ["", "", ""], ["g"]]))
        .await;
    desk.batch(json!([{"addSheet": {"properties": {"title": "It's new", "gridProperties": {"rowCount": 5, "columnCount": 3}}}}])).await;
    for (range, name, values) in [
        ("A1", "Sheet1!A1", json!([["a"]])),
        (
            "Sheet1",
            "Sheet1!A1:Z1000",
            json!([["a", "b", "c"], ["d", "e", "f"], [], ["g"]]),
        ),
        ("B:B", "Sheet1!B1:B1000", json!([["b"], ["e"]])),
        ("2:2", "Sheet1!A2:Z2", json!([["d", "e", "f"]])),
        ("B2:C", "Sheet1!B2:C1000", json!([["e", "f"]])),
        ("c2:a1", "Sheet1!A1:C2", json!([["a", "b", "c"], ["d", "e", "f"]])),
        ("$A$1:$B$1", "Sheet1!A1:B1", json!([["a", "b"]])),
        ("'It''s new'", "'It''s new'!A1:C5", Value::Null),
        ("'It''s new'!B2", "'It''s new'!B2", Value::Null),
        ("Y999:AB1005", "Sheet1!Y999:Z1000", Value::Null),
    ] {
        let path: String = url::form_urlencoded::byte_serialize(range.as_bytes()).collect();
        let answer = desk.get(&format!("/values/{}", path.replace('+', "%20"))).await;
        assert_eq!(
            (&answer["range"], &answer["values"]),
            (&json!(name), &values),
            "{range}"
        );
    }
    let columns = desk.get("/values/A1:C2?majorDimension=COLUMNS").await;
    assert_eq!(columns["values"], json!([["a", "d"], ["b", "e"], ["c", "f"]]));
}

/// The example of Google's own page about appending: two tables, A1:C2 and B4:D6.
#[tokio::test]
async fn appending_finds_the_table_as_googles_example_says() {
    for (range, start) in [
        ("Sheet1", "B7"),
        ("B4", "B7"),
        ("C5:D5", "B7"),
        ("B2:D4", "B7"),
        ("A3:G10", "B7"),
        ("A1", "A3"),
        ("E4", "E4"),
    ] {
        let desk = Desk::new().await;
        desk.fill(json!([
            ["x", "y", "z"],
            ["1", "2", "3"],
            [],
            [null, "x", "y", "z"],
            [null, "y", "5", "6"],
            [null, "z", "7", "8"]
        ]))
        .await;
        let suffix = format!("/values/{range}:append?valueInputOption=RAW");
        let (status, answer) = desk.send("POST", &suffix, &json!({"values": [["new"]]})).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(
            answer["updates"]["updatedRange"],
            format!("Sheet1!{start}"),
            "{range}"
        );
    }
}

#[tokio::test]
async fn appending_grows_the_grid_and_can_insert() {
    let desk = Desk::new().await;
    desk.batch(json!([{"updateSheetProperties": {"properties": {"gridProperties": {"rowCount": 3, "columnCount": 2}}, "fields": "gridProperties(rowCount,columnCount)"}}])).await;
    desk.fill(json!([["h"], ["1"], ["2"]])).await;
    let append = |option: &'static str, values: Value| {
        let suffix = format!("/values/A1:append?valueInputOption=RAW&insertDataOption={option}");
        let desk = &desk;
        async move { desk.send("POST", &suffix, &json!({ "values": values })).await.1 }
    };
    let answer = append("OVERWRITE", json!([["3", "4", "5"], ["6"]])).await;
    assert_eq!(answer["tableRange"], "Sheet1!A1:A3");
    assert_eq!(answer["updates"]["updatedRange"], "Sheet1!A4:C5");
    let sheet = desk.google.grid(&desk.id, "Sheet1").expect("it");
    assert_eq!((sheet.row_count, sheet.column_count), (5, 3));
    append("INSERT_ROWS", json!([["7"]])).await;
    let sheet = desk.google.grid(&desk.id, "Sheet1").expect("it");
    assert_eq!((sheet.row_count, sheet.text(5, 0)), (6, "7".to_owned()));
}

#[tokio::test]
async fn many_ranges_at_once() {
    let desk = Desk::new().await;
    let body = json!({"valueInputOption": "RAW", "includeValuesInResponse": true, "data": [
        {"range": "A1:B1", "values": [["a", "b"]]},
        {"range": "D1", "majorDimension": "COLUMNS", "values": [["c", "d"]]},
    ]});
    let (status, answer) = desk.send("POST", "/values:batchUpdate", &body).await;
    assert_eq!(
        (status, &answer["totalUpdatedCells"]),
        (200, &json!(4)),
        "{answer}"
    );
    assert_eq!(
        answer["responses"][1]["updatedData"]["values"],
        json!([["c"], ["d"]])
    );
    let bad = json!({"valueInputOption": "RAW", "data": [{"range": "A5", "values": [["x"]]}, {"range": "Tea!A1", "values": [["x"]]}]});
    assert_eq!(desk.send("POST", "/values:batchUpdate", &bad).await.0, 400);
    let (status, answer) =
        told(desk.request("GET", "/values:batchGet?ranges=A1:B1&ranges=D1:D2&ranges=A5")).await;
    assert_eq!(status, 200);
    assert_eq!(answer["valueRanges"][0]["values"], json!([["a", "b"]]));
    assert_eq!(answer["valueRanges"][2]["values"], Value::Null, "all or nothing");
    let (_, answer) = desk
        .send("POST", "/values:batchClear", &json!({"ranges": ["B1", "D:D"]}))
        .await;
    assert_eq!(answer["clearedRanges"], json!(["Sheet1!B1", "Sheet1!D1:D1000"]));
    assert_eq!(desk.google.grid(&desk.id, "Sheet1").expect("it").texts(), [["a"]]);
    let (_, answer) = desk
        .send(
            "PUT",
            "/values/A1?valueInputOption=RAW",
            &json!({"values": [[["x"]]]}),
        )
        .await;
    assert!(
        answer["error"]["message"]
            .as_str()
            .is_some_and(|m| m.starts_with("Invalid values[0][0]: list_value")),
        "{answer}"
    );
}

#[tokio::test]
async fn a_large_table_passes_in_one_request() {
    let desk = Desk::new().await;
    let rows: Vec<Value> = (0..10_000)
        .map(|row| {
            (0..10)
                .map(|column| json!({"userEnteredValue": {"stringValue": format!("{row}.{column}")}}))
                .collect::<Vec<_>>()
        })
        .map(|values| json!({ "values": values }))
        .collect();
    desk.batch(json!([
        {"updateSheetProperties": {"properties": {"gridProperties": {"rowCount": 10_000}}, "fields": "gridProperties.rowCount"}},
        {"updateCells": {"start": {}, "rows": rows, "fields": "userEnteredValue"}},
    ])).await;
    let sheet = desk.google.grid(&desk.id, "Sheet1").expect("it");
    assert_eq!(
        (sheet.used_rows(), sheet.text(9_999, 9)),
        (10_000, "9999.9".to_owned())
    );
}
