//! Formats: masks, bands, borders, colours in both forms, sizes.

use serde_json::json;

use crate::support::google::Desk;

#[tokio::test]
async fn a_mask_writes_what_it_names_and_clears_what_is_left_out() {
    let desk = Desk::new().await;
    let format = |format: serde_json::Value, fields: &str| json!([{"repeatCell": {"range": {"endRowIndex": 1, "endColumnIndex": 2}, "cell": {"userEnteredFormat": format}, "fields": fields}}]);
    desk.batch(format(
        json!({"textFormat": {"bold": true, "fontSize": 14}, "horizontalAlignment": "CENTER"}),
        "userEnteredFormat(textFormat,horizontalAlignment)",
    ))
    .await;
    desk.batch(format(
        json!({"textFormat": {"italic": true}}),
        "userEnteredFormat.textFormat(italic,fontSize)",
    ))
    .await;
    let got = desk
        .get("?ranges=A1:B1&fields=sheets/data/rowData/values/userEnteredFormat")
        .await;
    let cell = &got["sheets"][0]["data"][0]["rowData"][0]["values"][1]["userEnteredFormat"];
    assert_eq!(
        *cell,
        json!({"textFormat": {"bold": true, "italic": true}, "horizontalAlignment": "CENTER"})
    );
    let message = desk.refused(format(json!({}), "userEnteredFormat.bold")).await;
    assert!(
        message.starts_with("Invalid requests[0].repeatCell: Invalid field: userEnteredFormat.bold"),
        "{message}"
    );
    desk.batch(format(json!({}), "userEnteredFormat")).await;
    assert_eq!(
        desk.google
            .grid(&desk.id, "Sheet1")
            .expect("it")
            .cell(0, 0)
            .format,
        None
    );
}

#[tokio::test]
async fn colours_are_told_in_both_forms() {
    let desk = Desk::new().await;
    let blue = json!({"red": 0.25, "green": 0.5, "blue": 1});
    desk.batch(json!([
        {"repeatCell": {"range": {"endRowIndex": 1, "endColumnIndex": 1}, "cell": {"userEnteredFormat": {"backgroundColor": blue}}, "fields": "userEnteredFormat.backgroundColor"}},
        {"repeatCell": {"range": {"endRowIndex": 1, "endColumnIndex": 1}, "cell": {"userEnteredFormat": {"textFormat": {"foregroundColorStyle": {"rgbColor": {"red": 1}}}}}, "fields": "userEnteredFormat.textFormat.foregroundColorStyle"}},
    ])).await;
    let got = desk
        .get("?ranges=A1&fields=sheets.data.rowData.values.userEnteredFormat")
        .await;
    let format = &got["sheets"][0]["data"][0]["rowData"][0]["values"][0]["userEnteredFormat"];
    assert_eq!(
        (
            &format["backgroundColor"],
            &format["backgroundColorStyle"]["rgbColor"]
        ),
        (&blue, &blue)
    );
    assert_eq!(format["textFormat"]["foregroundColor"], json!({"red": 1}));
    let sheet = desk.google.grid(&desk.id, "Sheet1").expect("it");
    assert_eq!(
        (sheet.background(0, 0), sheet.foreground(0, 0)),
        ("#4080ff".to_owned(), "#ff0000".to_owned())
    );
}

#[tokio::test]
async fn bands_colour_header_and_rows_in_turn_under_what_was_entered() {
    let desk = Desk::new().await;
    let replies = desk.batch(json!([
        {"addBanding": {"bandedRange": {"range": {"endRowIndex": 4, "endColumnIndex": 2}, "rowProperties": {"headerColor": {"blue": 1}, "firstBandColor": {"red": 1}, "secondBandColorStyle": {"rgbColor": {"green": 1}}}}}},
        {"repeatCell": {"range": {"startRowIndex": 2, "endRowIndex": 3, "endColumnIndex": 1}, "cell": {"userEnteredFormat": {"backgroundColor": {"red": 1, "green": 1}}}, "fields": "userEnteredFormat.backgroundColor"}},
    ])).await;
    let id = replies[0]["addBanding"]["bandedRange"]["bandedRangeId"]
        .as_i64()
        .expect("an id");
    let colours = |desk: &Desk, column| {
        let sheet = desk.google.grid(&desk.id, "Sheet1").expect("it");
        (0..5)
            .map(|row| sheet.background(row, column))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        colours(&desk, 1),
        ["#0000ff", "#ff0000", "#00ff00", "#ff0000", "#ffffff"]
    );
    assert_eq!(colours(&desk, 0)[2], "#ffff00");
    desk.batch(json!([{"updateBanding": {"bandedRange": {"bandedRangeId": id, "range": {"endRowIndex": 5, "endColumnIndex": 2}}, "fields": "range"}}])).await;
    assert_eq!(colours(&desk, 1)[4], "#00ff00", "the colours stay");
    let shown = desk.get("?fields=sheets.bandedRanges").await;
    assert_eq!(shown["sheets"][0]["bandedRanges"][0]["range"]["endRowIndex"], 5);
    desk.batch(json!([{"deleteBanding": {"bandedRangeId": id}}]))
        .await;
    assert_eq!(colours(&desk, 1)[0], "#ffffff");
    assert_eq!(
        desk.refused(json!([{"deleteBanding": {"bandedRangeId": id}}]))
            .await,
        format!("Invalid requests[0].deleteBanding: No banded range with id: {id}")
    );
}

#[tokio::test]
async fn borders_go_to_each_cells_edges() {
    let desk = Desk::new().await;
    let (thick, thin) = (
        json!({"style": "SOLID_THICK", "color": {"red": 1}}),
        json!({"style": "SOLID"}),
    );
    let range = json!({"startRowIndex": 1, "endRowIndex": 3, "startColumnIndex": 1, "endColumnIndex": 3});
    desk.batch(
        json!([{"updateBorders": {"range": range, "top": thick, "left": thick, "innerHorizontal": thin}}]),
    )
    .await;
    let edges = |desk: &Desk, row, column| {
        let sheet = desk.google.grid(&desk.id, "Sheet1").expect("it");
        let format = sheet.cell(row, column).format.clone().expect("a format");
        ["top", "right", "bottom", "left"].map(|side| {
            format["borders"][side]["style"]
                .as_str()
                .unwrap_or("-")
                .to_owned()
        })
    };
    assert_eq!(edges(&desk, 1, 1), ["SOLID_THICK", "-", "SOLID", "SOLID_THICK"]);
    assert_eq!(edges(&desk, 2, 2), ["SOLID", "-", "-", "-"]);
    desk.batch(json!([{"updateBorders": {"range": range, "left": {"style": "NONE"}}}]))
        .await;
    assert_eq!(edges(&desk, 1, 1), ["SOLID_THICK", "-", "SOLID", "-"]);
}

#[tokio::test]
async fn columns_take_the_width_of_their_longest_text() {
    let desk = Desk::new().await;
    desk.fill(json!([["short", "a rather longer text than that"]]))
        .await;
    desk.batch(json!([{"autoResizeDimensions": {"dimensions": {"dimension": "COLUMNS", "startIndex": 0, "endIndex": 3}}}])).await;
    let sheet = desk.google.grid(&desk.id, "Sheet1").expect("it");
    assert!(sheet.column_pixels(0) < 100 && sheet.column_pixels(1) > 150);
    assert_eq!(sheet.column_pixels(2), 100, "an empty column keeps its width");
    let message = desk
        .refused(json!([{"autoResizeDimensions": {"dimensions": {"dimension": "COLUMNS", "endIndex": 27}}}]))
        .await;
    assert!(message.contains("the sheet has 26 columns"), "{message}");
}

#[tokio::test]
async fn number_formats_are_shown() {
    let desk = Desk::new().await;
    for (number, kind, pattern, shown) in [
        (1234.5, "NUMBER", "#,##0.00", "1,234.50"),
        (-0.256, "PERCENT", "0.0%", "-25.6%"),
        (46053.75, "DATE_TIME", "yyyy-mm-dd hh:mm", "2026-01-31 18:00"),
        (46053.0, "DATE", "ddd, d mmm yyyy", "Sat, 31 Jan 2026"),
        (3.0, "CURRENCY", "\"€\"0.00", "€3.00"),
    ] {
        let cell = json!({"userEnteredValue": {"numberValue": number}, "userEnteredFormat": {"numberFormat": {"type": kind, "pattern": pattern}}});
        desk.batch(json!([{"updateCells": {"start": {}, "rows": [{"values": [cell]}], "fields": "userEnteredValue,userEnteredFormat.numberFormat"}}])).await;
        assert_eq!(
            desk.google.grid(&desk.id, "Sheet1").expect("it").text(0, 0),
            shown
        );
    }
}
