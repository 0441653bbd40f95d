//! Developer metadata and data filters.

use serde_json::{Value, json};

use crate::support::google::{Desk, told};

fn piece(key: &str, value: &str, location: &Value) -> Value {
    json!({"createDeveloperMetadata": {"developerMetadata": {"metadataKey": key, "metadataValue": value, "visibility": "DOCUMENT", "location": location}}})
}

fn row(at: usize) -> Value {
    json!({"dimensionRange": {"dimension": "ROWS", "startIndex": at, "endIndex": at + 1}})
}

#[tokio::test]
async fn metadata_is_made_found_changed_and_deleted() {
    let desk = Desk::new().await;
    desk.fill(json!([["h"], ["first"], ["second"]])).await;
    let replies = desk
        .batch(json!([
            piece("delivery", "d1", &row(1)),
            piece("delivery", "d2", &row(2)),
            piece("owner", "me", &json!({"spreadsheet": true}))
        ]))
        .await;
    let id = |at: usize| {
        replies[at]["createDeveloperMetadata"]["developerMetadata"]["metadataId"]
            .as_i64()
            .expect("an id")
    };
    assert_ne!(id(0), id(1));
    let got = desk.get(&format!("/developerMetadata/{}", id(0))).await;
    assert_eq!(got["location"]["locationType"], "ROW");
    assert_eq!(told(desk.request("GET", "/developerMetadata/1")).await.0, 404);
    let search = |lookup: Value| {
        let desk = &desk;
        async move {
            let (status, answer) = desk
                .send(
                    "POST",
                    "/developerMetadata:search",
                    &json!({"dataFilters": [{"developerMetadataLookup": lookup}]}),
                )
                .await;
            assert_eq!(status, 200, "{answer}");
            answer["matchedDeveloperMetadata"].as_array().map_or(0, Vec::len)
        }
    };
    assert_eq!(search(json!({"metadataKey": "delivery"})).await, 2);
    assert_eq!(
        search(json!({"metadataKey": "delivery", "metadataValue": "d2"})).await,
        1
    );
    assert_eq!(search(json!({"metadataValue": "d3"})).await, 0);
    assert_eq!(search(json!({"locationType": "SPREADSHEET"})).await, 1);
    assert_eq!(search(json!({"metadataLocation": row(2)})).await, 1);
    assert_eq!(
        search(
            json!({"metadataLocation": {"sheetId": 0}, "locationMatchingStrategy": "INTERSECTING_LOCATION"})
        )
        .await,
        2
    );
    let filter = json!({"developerMetadataLookup": {"metadataValue": "d2"}});
    let (_, values) = desk
        .send(
            "POST",
            "/values:batchGetByDataFilter",
            &json!({"dataFilters": [filter, {"a1Range": "A1"}]}),
        )
        .await;
    assert_eq!(
        values["valueRanges"][0]["valueRange"]["values"],
        json!([["second"]])
    );
    assert_eq!(values["valueRanges"][1]["valueRange"]["range"], "Sheet1!A1");
    desk.batch(json!([{"updateDeveloperMetadata": {"dataFilters": [filter], "developerMetadata": {"metadataValue": "d9"}, "fields": "metadataValue"}}])).await;
    assert_eq!(search(json!({"metadataValue": "d9"})).await, 1);
    let gone = desk.batch(json!([{"deleteDeveloperMetadata": {"dataFilter": {"developerMetadataLookup": {"metadataKey": "delivery"}}}}])).await;
    assert_eq!(
        gone[0]["deleteDeveloperMetadata"]["deletedDeveloperMetadata"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    let sheet = desk.get("?fields=developerMetadata").await;
    assert_eq!(sheet["developerMetadata"][0]["metadataKey"], "owner");
}

#[tokio::test]
async fn what_metadata_needs_is_asked_for() {
    let desk = Desk::new().await;
    let whole = json!({"metadataKey": "k", "metadataId": 5, "visibility": "PROJECT", "location": {"spreadsheet": true}});
    for (name, told) in [
        ("metadataKey", "metadataKey must be specified"),
        ("visibility", "visibility must be specified"),
        ("location", "location must be specified"),
    ] {
        let mut part = whole.clone();
        part.as_object_mut().expect("an object").remove(name);
        let message = desk
            .refused(json!([{"createDeveloperMetadata": {"developerMetadata": part}}]))
            .await;
        assert!(message.contains(told), "{message}");
    }
    let request = json!({"createDeveloperMetadata": {"developerMetadata": whole}});
    let message = desk.refused(json!([request, request])).await;
    assert!(
        message.contains("requests[1]") && message.contains("already exists"),
        "{message}"
    );
    let wide = json!({"dimensionRange": {"dimension": "ROWS", "startIndex": 0, "endIndex": 2}});
    assert!(
        desk.refused(json!([piece("k", "v", &wide)]))
            .await
            .contains("length of 1")
    );
    let long = "x".repeat(30_000);
    assert!(
        desk.refused(json!([piece("k", &long, &row(0))]))
            .await
            .contains("more than the limit of 30000")
    );
}
