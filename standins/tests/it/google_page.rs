//! The pages people look at.

use serde_json::json;

use crate::support::get;
use crate::support::google::Desk;

#[tokio::test]
async fn shows_formats_and_runs_nothing_a_cell_holds() {
    let desk = Desk::new().await;
    desk.fill(json!([
        ["<script>alert(1)</script>", "b", "hidden", "d"],
        ["1", "2", "3", "4"]
    ]))
    .await;
    desk.batch(json!([
        {"repeatCell": {"range": {"endRowIndex": 1}, "cell": {"userEnteredFormat": {"textFormat": {"bold": true}, "horizontalAlignment": "CENTER"}}, "fields": "userEnteredFormat(textFormat,horizontalAlignment)"}},
        {"addBanding": {"bandedRange": {"range": {"endRowIndex": 2, "endColumnIndex": 4}, "rowProperties": {"headerColor": {"blue": 1}, "firstBandColor": {"red": 1}, "secondBandColor": {"green": 1}}}}},
        {"updateBorders": {"range": {"endRowIndex": 2, "endColumnIndex": 4}, "bottom": {"style": "DASHED"}}},
        {"updateSheetProperties": {"properties": {"title": "<b>T</b>", "gridProperties": {"frozenRowCount": 1}}, "fields": "title,gridProperties.frozenRowCount"}},
        {"updateDimensionProperties": {"range": {"dimension": "COLUMNS", "startIndex": 2, "endIndex": 3}, "properties": {"hiddenByUser": true}, "fields": "hiddenByUser"}},
        {"updateDimensionProperties": {"range": {"dimension": "COLUMNS", "startIndex": 1, "endIndex": 2}, "properties": {"pixelSize": 321}, "fields": "pixelSize"}},
        {"mergeCells": {"range": {"startRowIndex": 4, "endRowIndex": 6, "endColumnIndex": 2}}},
    ])).await;
    desk.refused(json!([{"deleteSheet": {"sheetId": 99}}])).await;
    let page = get(format!("{}/spreadsheets/d/{}", desk.google.base_url(), desk.id)).await;
    for right in [
        "&lt;script&gt;alert(1)",
        "&lt;b&gt;T",
        "background:#0000ff;",
        "background:#ff0000;",
        "font-weight:700;text-align:center;",
        "border-bottom:1px dashed #000000;",
        "class=\"frozen last\"",
        "width:321px",
        "<th class=\"gap\">D</th>",
        "rowspan=\"2\" colspan=\"2\"",
    ] {
        assert!(page.contains(right), "{right}");
    }
    let home = get(format!("{}/", desk.google.base_url())).await;
    assert!(
        home.contains(&format!("href=\"/spreadsheets/d/{}\"", desk.id))
            && home.contains("No grid with id: 99")
    );
    for page in [&page, &home] {
        for wrong in ["<script", "<b>T", "src=", "<link", "@import", "url(", ">hidden<"] {
            assert!(!page.contains(wrong), "{wrong}");
        }
    }
}
