//! What batch updates do to sheets, rows and columns.

use serde_json::json;

use crate::support::google::{Desk, told};

#[tokio::test]
async fn a_batch_is_all_or_nothing() {
    let desk = Desk::new().await;
    let band = json!({"addBanding": {"bandedRange": {"range": {"endRowIndex": 5, "endColumnIndex": 3},
        "rowProperties": {"firstBandColor": {"red": 1}, "secondBandColor": {"blue": 1}}}}});
    let message = desk
        .refused(json!([{"addSheet": {"properties": {"title": "New"}}}, band, band]))
        .await;
    assert_eq!(
        message,
        "Invalid requests[2].addBanding: You cannot add alternating background colors to a range that already has alternating background colors."
    );
    let book = desk.google.spreadsheet(&desk.id).expect("it");
    assert_eq!((book.sheets.len(), book.sheets[0].bands.len()), (1, 0));
    desk.batch(json!([band])).await;
    assert!(desk.refused(json!([band])).await.contains("alternating"));
}

#[tokio::test]
async fn sheets_come_go_move_and_keep_their_ids() {
    let desk = Desk::new().await;
    let replies = desk.batch(json!([
        {"addSheet": {"properties": {"title": "A"}}},
        {"addSheet": {"properties": {"title": "B", "sheetId": 77, "index": 0, "gridProperties": {"frozenRowCount": 1}}}},
        {"updateCells": {"start": {"sheetId": 77}, "rows": [{"values": [{"userEnteredValue": {"numberValue": 5}}]}], "fields": "*"}},
    ])).await;
    let made = &replies[0]["addSheet"]["properties"];
    assert!(
        made["sheetId"].as_i64().is_some_and(|id| id > 0),
        "random: {made}"
    );
    assert_eq!((&made["title"], &made["index"]), (&json!("A"), &json!(1)));
    assert_eq!(replies[2], json!({}));
    let titles = |desk: &Desk| {
        desk.google
            .spreadsheet(&desk.id)
            .expect("it")
            .sheets
            .iter()
            .map(|s| s.title.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(titles(&desk), ["B", "Sheet1", "A"]);
    desk.batch(json!([{"updateSheetProperties": {"properties": {"sheetId": 77, "title": "Bee", "index": 2}, "fields": "title,index"}}])).await;
    assert_eq!(titles(&desk), ["Sheet1", "A", "Bee"]);
    assert_eq!(
        desk.google.grid(&desk.id, "Bee").expect("it").frozen_rows,
        1,
        "what the mask does not name stays"
    );
    for (request, message) in [
        (
            json!({"addSheet": {"properties": {"title": "bee"}}}),
            "Invalid requests[0].addSheet: A sheet with the name \"bee\" already exists. Please enter another name.",
        ),
        (
            json!({"addSheet": {"properties": {"sheetId": 77}}}),
            "Invalid requests[0].addSheet: The sheet with id 77 already exists.",
        ),
        (
            json!({"deleteSheet": {"sheetId": 5}}),
            "Invalid requests[0].deleteSheet: No grid with id: 5",
        ),
        (
            json!({"updateSheetProperties": {"properties": {"sheetId": 77}, "fields": ""}}),
            "Invalid requests[0].updateSheetProperties: At least one field must be listed in 'fields'. (Use '*' to indicate all fields.)",
        ),
        (
            json!({"updateSheetProperties": {"properties": {"sheetId": 77, "gridProperties": {"frozenRowCount": 1000}}, "fields": "gridProperties.frozenRowCount"}}),
            "Invalid requests[0].updateSheetProperties: You can't freeze all visible rows on the sheet.",
        ),
    ] {
        assert_eq!(desk.refused(json!([request])).await, message);
    }
    desk.batch(json!([{"deleteSheet": {"sheetId": 77}}, {"deleteSheet": {"sheetId": made["sheetId"]}}]))
        .await;
    assert!(
        desk.refused(json!([{"deleteSheet": {"sheetId": 0}}]))
            .await
            .contains("can't remove all")
    );
}

#[tokio::test]
async fn rows_and_columns_go_in_and_out_and_everything_moves_with_them() {
    let desk = Desk::new().await;
    desk.fill(json!([["h1", "h2", "h3"], ["a", "b", "c"], ["d", "e", "f"]]))
        .await;
    desk.batch(json!([
        {"addBanding": {"bandedRange": {"bandedRangeId": 9, "range": {"endRowIndex": 3, "endColumnIndex": 3}, "rowProperties": {"firstBandColor": {}, "secondBandColor": {}}}}},
        {"mergeCells": {"range": {"startRowIndex": 1, "endRowIndex": 3, "startColumnIndex": 2, "endColumnIndex": 3}, "mergeType": "MERGE_ALL"}},
        {"createDeveloperMetadata": {"developerMetadata": {"metadataKey": "row", "visibility": "DOCUMENT", "location": {"dimensionRange": {"dimension": "ROWS", "startIndex": 2, "endIndex": 3}}}}},
        {"updateDimensionProperties": {"range": {"dimension": "COLUMNS", "startIndex": 1, "endIndex": 2}, "properties": {"hiddenByUser": true, "pixelSize": 50}, "fields": "hiddenByUser,pixelSize"}},
        {"insertDimension": {"range": {"dimension": "ROWS", "startIndex": 1, "endIndex": 3}}},
        {"insertDimension": {"range": {"dimension": "COLUMNS", "startIndex": 1, "endIndex": 2}, "inheritFromBefore": true}},
    ])).await;
    let book = desk.google.spreadsheet(&desk.id).expect("it");
    let sheet = &book.sheets[0];
    assert_eq!((sheet.row_count, sheet.column_count), (1002, 27));
    assert_eq!(sheet.row_texts(0), ["h1", "", "h2", "h3"]);
    assert_eq!(sheet.row_texts(3), ["a", "", "b", "c"]);
    assert_eq!(
        (
            sheet.bands[0].area.rows.clone(),
            sheet.bands[0].area.columns.clone()
        ),
        (0..5, 0..4)
    );
    assert_eq!(
        (sheet.merges[0].rows.clone(), sheet.merges[0].columns.clone()),
        (3..5, 3..4)
    );
    assert!(sheet.column_hidden(2) && !sheet.column_hidden(1));
    assert_eq!(sheet.column_pixels(2), 50);
    let place = |book: &standins::google::Spreadsheet| book.metadata.values().next().map(|m| m.place.clone());
    assert_eq!(place(&book), Some(standins::google::Place::Row(0, 4)));
    desk.batch(
        json!([{"deleteDimension": {"range": {"dimension": "ROWS", "startIndex": 0, "endIndex": 3}}}]),
    )
    .await;
    let book = desk.google.spreadsheet(&desk.id).expect("it");
    assert_eq!(book.sheets[0].bands[0].area.rows, 0..2);
    assert_eq!(place(&book), Some(standins::google::Place::Row(0, 1)));
    desk.batch(
        json!([{"deleteDimension": {"range": {"dimension": "ROWS", "startIndex": 0, "endIndex": 2}}}]),
    )
    .await;
    let book = desk.google.spreadsheet(&desk.id).expect("it");
    assert!(book.sheets[0].bands.is_empty() && book.sheets[0].merges.is_empty() && book.metadata.is_empty());
    assert!(
        desk.refused(json!([{"deleteDimension": {"range": {"dimension": "COLUMNS"}}}]))
            .await
            .contains("can't delete all the columns")
    );
}

#[tokio::test]
async fn rows_append_below_the_last_with_data() {
    let desk = Desk::new().await;
    desk.fill(json!([["h"], ["1"]])).await;
    desk.batch(json!([
        {"repeatCell": {"range": {"startRowIndex": 0, "endRowIndex": 9}, "cell": {"userEnteredFormat": {"textFormat": {"bold": true}}}, "fields": "userEnteredFormat.textFormat.bold"}},
        {"appendCells": {"rows": [{"values": [{"userEnteredValue": {"stringValue": "2"}}]}, {"values": [{"userEnteredValue": {"stringValue": "3"}}]}], "fields": "userEnteredValue"}},
    ])).await;
    let sheet = desk.google.grid(&desk.id, "Sheet1").expect("it");
    assert_eq!(
        sheet.texts(),
        [["h"], ["1"], ["2"], ["3"]],
        "formats alone are no data"
    );
    assert!(sheet.bold(3, 0), "a format that the mask does not name stays");
}

#[tokio::test]
async fn updating_a_range_clears_what_is_not_sent_and_a_start_does_not() {
    let desk = Desk::new().await;
    desk.fill(json!([["a", "b"], ["c", "d"]])).await;
    let rows = json!([{"values": [{"userEnteredValue": {"stringValue": "x"}}]}]);
    desk.batch(
        json!([{"updateCells": {"start": {"rowIndex": 0}, "rows": rows, "fields": "userEnteredValue"}}]),
    )
    .await;
    assert_eq!(
        desk.google.grid(&desk.id, "Sheet1").expect("it").texts(),
        [["x", "b"], ["c", "d"]]
    );
    desk.batch(json!([{"updateCells": {"range": {"endRowIndex": 2, "endColumnIndex": 2}, "rows": rows, "fields": "userEnteredValue"}}])).await;
    assert_eq!(desk.google.grid(&desk.id, "Sheet1").expect("it").texts(), [["x"]]);
    let formula = json!([{"values": [{"userEnteredValue": {"formulaValue": "1+1"}}]}]);
    let message = desk
        .refused(json!([{"updateCells": {"start": {}, "rows": formula, "fields": "*"}}]))
        .await;
    assert!(message.contains("must begin with '='"), "{message}");
}

#[tokio::test]
async fn a_spreadsheet_is_made_renamed_and_read_back() {
    let mut desk = Desk::new().await;
    let body = json!({"properties": {"title": "Made", "locale": "de_DE", "timeZone": "Europe/Berlin"},
        "sheets": [{"properties": {"title": "First"}, "data": [{"rowData": [{"values": [{"userEnteredValue": {"boolValue": true}}]}]}]}, {"properties": {"title": "Second"}}]});
    let url = format!("{}/spreadsheets", desk.google.api_base());
    let create = |token: &str| {
        crate::support::client()
            .post(&url)
            .bearer_auth(token)
            .header("content-type", "application/json")
            .body(body.to_string())
    };
    let (status, answer) = told(create(&desk.token)).await;
    assert_eq!(
        (status, &answer["error"]["message"]),
        (403, &json!("The caller does not have permission")),
        "service accounts own no files"
    );
    desk.google.set_accounts_own_files(true);
    let (status, answer) = told(create(&desk.token)).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["properties"]["timeZone"], "Europe/Berlin");
    assert_eq!(answer["sheets"][0]["properties"]["sheetId"], 0);
    assert_ne!(answer["sheets"][1]["properties"]["sheetId"], 0);
    desk.id = answer["spreadsheetId"].as_str().expect("an id").to_owned();
    desk.batch(
        json!([{"updateSpreadsheetProperties": {"properties": {"title": "Renamed"}, "fields": "title"}}]),
    )
    .await;
    assert_eq!(desk.google.file(&desk.id).expect("it").name, "Renamed");
    let got = desk.get("?includeGridData=true").await;
    assert_eq!(
        got["sheets"][0]["data"][0]["rowData"][0]["values"][0]["formattedValue"],
        "TRUE"
    );
    let masked = desk.get("?fields=sheets(properties(sheetId,title))").await;
    assert_eq!(
        masked["sheets"][0],
        json!({"properties": {"sheetId": 0, "title": "First"}})
    );
    assert_eq!(masked.as_object().map(serde_json::Map::len), Some(1));
    let (_, whole) = desk
        .send(
            "POST",
            ":batchUpdate",
            &json!({"requests": [{"addSheet": {}}], "includeSpreadsheetInResponse": true}),
        )
        .await;
    assert_eq!(
        whole["updatedSpreadsheet"]["sheets"].as_array().map(Vec::len),
        Some(3)
    );
}
