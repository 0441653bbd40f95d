//! Each way Sheets says no, in its own words and form.

use serde_json::{Value, json};
use standins::google::{Quota, Role};

use crate::support::client;
use crate::support::google::{Desk, SCOPES, told};

fn status_of(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["error"]["status"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn who_calls_is_checked_first() {
    let mut desk = Desk::new().await;
    let url = format!("{}/spreadsheets/{}", desk.google.api_base(), desk.id);
    let none = told(client().get(&url)).await;
    assert_eq!(status_of(&none), (403, "PERMISSION_DENIED"));
    let bad = told(client().get(&url).bearer_auth("rubbish")).await;
    assert_eq!(status_of(&bad), (401, "UNAUTHENTICATED"));
    let email = desk.google.service_account_email();
    desk.token = desk
        .google
        .issue_token(&email, &["https://www.googleapis.com/auth/spreadsheets.readonly"]);
    assert_eq!(told(desk.request("GET", "")).await.0, 200);
    let weak = desk.send("POST", ":batchUpdate", &json!({"requests": []})).await;
    assert_eq!(status_of(&weak), (403, "PERMISSION_DENIED"));
    assert_eq!(
        weak.1["error"]["message"],
        "Request had insufficient authentication scopes."
    );
    assert_eq!(
        weak.1["error"]["details"][0]["reason"],
        "ACCESS_TOKEN_SCOPE_INSUFFICIENT"
    );
    desk.token = desk.google.issue_token(&email, &SCOPES);
    desk.google.set_clock_skew(3_600);
    let old = told(desk.request("GET", "")).await;
    assert_eq!(
        status_of(&old),
        (401, "UNAUTHENTICATED"),
        "an hour later it has expired"
    );
}

#[tokio::test]
async fn what_is_not_shared_or_not_there_is_told_apart() {
    let desk = Desk::new().await;
    let other = desk.google.add_spreadsheet("Private", "ada@example.com");
    let get = |id: &str| {
        client()
            .get(format!("{}/spreadsheets/{id}", desk.google.api_base()))
            .bearer_auth(&desk.token)
    };
    let denied = told(get(&other)).await;
    assert_eq!(
        denied,
        (
            403,
            json!({"error": {"code": 403, "message": "The caller does not have permission", "status": "PERMISSION_DENIED"}})
        )
    );
    let missing = told(get("nothing")).await;
    assert_eq!(
        missing,
        (
            404,
            json!({"error": {"code": 404, "message": "Requested entity was not found.", "status": "NOT_FOUND"}})
        )
    );
    let email = desk.google.service_account_email();
    assert!(desk.google.share_as(&desk.id, &email, Role::Reader));
    assert_eq!(told(desk.request("GET", "")).await.0, 200);
    let write = desk.send("POST", "/values/A1:clear", &json!({})).await;
    assert_eq!(status_of(&write), (403, "PERMISSION_DENIED"));
    assert!(desk.google.unshare(&desk.id, &email));
    assert_eq!(told(desk.request("GET", "")).await.0, 403);
}

#[tokio::test]
async fn unknown_names_wrong_types_and_wrong_words_are_told_with_their_place() {
    let desk = Desk::new().await;
    let cases = [
        (
            json!([{"x": {}}]),
            "Invalid JSON payload received. Unknown name \"x\" at 'requests[0]': Cannot find field.",
        ),
        (
            json!([{"repeatCell": {"cell": {"userEnteredFormat": {"bold": true}}}}]),
            "Invalid JSON payload received. Unknown name \"bold\" at 'requests[0].repeat_cell.cell.user_entered_format': Cannot find field.",
        ),
        (
            json!([{"deleteSheet": {"sheetId": "abc"}}]),
            "Invalid value at 'requests[0].delete_sheet.sheet_id' (TYPE_INT32), \"abc\"",
        ),
        (
            json!([{"repeatCell": {"cell": {"userEnteredFormat": {"horizontalAlignment": "MIDDLE"}}, "fields": "*"}}]),
            "Invalid value at 'requests[0].repeat_cell.cell.user_entered_format.horizontal_alignment' (type.googleapis.com/google.apps.HorizontalAlignment), \"MIDDLE\"",
        ),
        (
            json!([{"updateCells": {"rows": [{"values": [{"userEnteredValue": {"boolValue": "yes"}}]}]}}]),
            "Invalid value at 'requests[0].update_cells.rows[0].values[0].user_entered_value.bool_value' (TYPE_BOOL), \"yes\"",
        ),
    ];
    for (requests, message) in cases {
        assert_eq!(desk.refused(requests).await, message);
    }
    let (_, answer) = desk
        .send("POST", ":batchUpdate", &json!({"requests": [{"x": 1}], "y": 2}))
        .await;
    let violations = answer["error"]["details"][0]["fieldViolations"]
        .as_array()
        .expect("a list");
    assert_eq!(violations.len(), 2, "both are told: {answer}");
    let two = desk
        .refused(json!([{"deleteSheet": {"sheetId": 1}, "addSheet": {}}]))
        .await;
    assert!(two.contains("oneof"), "{two}");
    assert!(desk.refused(json!([{}])).await.contains("No request set"));
    let broken = told(
        desk.request("POST", ":batchUpdate")
            .header("content-type", "application/json")
            .body("{"),
    )
    .await;
    assert_eq!(broken.0, 400);
    let form = told(
        desk.request("POST", ":batchUpdate")
            .header("content-type", "application/x-www-form-urlencoded")
            .body("{}"),
    )
    .await;
    assert_eq!(form.0, 400, "JSON must be called JSON");
}

#[tokio::test]
async fn the_query_is_checked_too() {
    let desk = Desk::new().await;
    for (suffix, message) in [
        (
            "?tea=1",
            "Invalid JSON payload received. Unknown name \"tea\": Cannot bind query parameter. Field 'tea' could not be found in request message.",
        ),
        (
            "?includeGridData=maybe",
            "Invalid value at 'include_grid_data' (TYPE_BOOL), \"maybe\"",
        ),
        (
            "?fields=tea",
            "Error expanding 'fields' parameter. Cannot find matching fields for path 'tea'.",
        ),
        ("?ranges=Tea!A1", "Unable to parse range: Tea!A1"),
        (
            "/values/A1?valueRenderOption=TEA",
            "Invalid value at 'value_render_option' (type.googleapis.com/google.apps.ValueRenderOption), \"TEA\"",
        ),
        (
            "/values/A1001",
            "Range (Sheet1!A1001) exceeds grid limits. Max rows: 1000, max columns: 26",
        ),
        ("/values/1A", "Unable to parse range: 1A"),
    ] {
        let (status, answer) = told(desk.request("GET", suffix)).await;
        assert_eq!(
            (status, &answer["error"]["message"]),
            (400, &json!(message)),
            "{suffix}"
        );
    }
    let (_, answer) = desk.send("PUT", "/values/A1", &json!({"values": [["x"]]})).await;
    assert_eq!(
        answer["error"]["message"],
        "'valueInputOption' is required but not specified"
    );
}

#[tokio::test]
async fn limits_of_cells_and_grids_hold() {
    let desk = Desk::new().await;
    let long = "x".repeat(50_001);
    let put = desk
        .send(
            "PUT",
            "/values/A1?valueInputOption=RAW",
            &json!({"values": [[long]]}),
        )
        .await;
    assert_eq!(
        put.1["error"]["message"],
        "Your input contains more than the maximum of 50000 characters in a single cell."
    );
    let cell = json!({"userEnteredValue": {"stringValue": "é".repeat(50_001)}});
    let message = desk.refused(json!([{"updateCells": {"start": {}, "rows": [{"values": [cell]}], "fields": "userEnteredValue"}}])).await;
    assert_eq!(
        message,
        "Invalid requests[0].updateCells: Your input contains more than the maximum of 50000 characters in a single cell."
    );
    let fits = json!({"userEnteredValue": {"stringValue": "é".repeat(50_000)}});
    desk.batch(
        json!([{"updateCells": {"start": {}, "rows": [{"values": [fits]}], "fields": "userEnteredValue"}}]),
    )
    .await;
    let message = desk
        .refused(json!([{"appendDimension": {"dimension": "ROWS", "length": 400_000}}]))
        .await;
    assert_eq!(
        message,
        "Invalid requests[0].appendDimension: This action would increase the number of cells in the workbook above the limit of 10000000 cells."
    );
    let message = desk
        .refused(json!([{"repeatCell": {"range": {"endRowIndex": 1001}, "cell": {}, "fields": "note"}}]))
        .await;
    assert!(
        message.contains("exceeds grid limits. Max rows: 1000, max columns: 26"),
        "{message}"
    );
    let (_, answer) = desk
        .send(
            "PUT",
            "/values/A1000?valueInputOption=RAW",
            &json!({"values": [["a"], ["b"]]}),
        )
        .await;
    assert!(
        answer["error"]["message"]
            .as_str()
            .is_some_and(|m| m.contains("exceeds grid limits")),
        "{answer}"
    );
    let (_, answer) = desk
        .send(
            "PUT",
            "/values/A1:B1?valueInputOption=RAW",
            &json!({"values": [["a"], ["b"]]}),
        )
        .await;
    assert_eq!(
        answer["error"]["message"],
        "Requested writing within range [Sheet1!A1:B1], but tried writing to row [2]"
    );
}

#[tokio::test]
async fn quotas_per_user_and_project_are_counted_by_the_minute() {
    let desk = Desk::new().await;
    desk.google.set_quota(Quota {
        write_per_user: Some(2),
        read_per_project: Some(1),
        ..Quota::default()
    });
    let clear = || desk.send("POST", "/values/A1:clear", &Value::Null);
    assert_eq!((clear().await.0, clear().await.0), (200, 200));
    let (status, answer) = clear().await;
    assert_eq!(
        (status, &answer["error"]["status"]),
        (429, &json!("RESOURCE_EXHAUSTED"))
    );
    let message = answer["error"]["message"].as_str().expect("a message");
    assert!(message.starts_with("Quota exceeded for quota metric 'Write requests' and limit 'Write requests per minute per user' of service 'sheets.googleapis.com' for consumer 'project_number:"), "{message}");
    assert_eq!(answer["error"]["details"][0]["reason"], "RATE_LIMIT_EXCEEDED");
    assert_eq!(
        told(desk.request("GET", "")).await.0,
        200,
        "reading has its own bucket"
    );
    assert_eq!(told(desk.request("GET", "")).await.0, 429);
    desk.google.set_clock_skew(61);
    assert_eq!(clear().await.0, 200, "the next minute");
}

#[tokio::test]
async fn what_the_stand_in_does_not_do_is_said_aloud() {
    let desk = Desk::new().await;
    let (status, answer) = desk
        .send(
            "POST",
            ":batchUpdate",
            &json!({"requests": [{"addSheet": {}}, {"findReplace": {"find": "x", "allSheets": true}}]}),
        )
        .await;
    assert_eq!(
        (status, &answer["error"]["status"]),
        (501, &json!("UNIMPLEMENTED"))
    );
    assert_eq!(
        desk.google.spreadsheet(&desk.id).expect("it").sheets.len(),
        1,
        "nothing was changed"
    );
    let seen = desk.google.requests();
    let warnings = &seen.last().expect("a request").warnings;
    assert_eq!(
        warnings,
        &["the stand-in does not serve the request findReplace; Google does"]
    );
}
