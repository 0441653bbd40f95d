//! Traffic recorded between a real client and the real Sheets: the stand-in takes each request and gives an
//! answer of the same shape.

use serde_json::{Value, json};

use crate::support::client;
use crate::support::google::{SCOPES, google, told};

const HOSTS: [(&str, &str); 2] = [
    ("https://sheets.googleapis.com", ""),
    ("https://www.googleapis.com", ""),
];

/// Every field recorded is answered too, with a value of the same kind; lists of the same length.
fn same_shape(recorded: &Value, got: &Value, at: &str) {
    match (recorded, got) {
        (Value::Object(recorded), Value::Object(got)) => {
            for (name, value) in recorded {
                // The theme is not described here, and nothing reads it.
                if name != "spreadsheetTheme" {
                    let inner = got
                        .get(name)
                        .unwrap_or_else(|| panic!("{at}/{name} is missing in {got:?}"));
                    same_shape(value, inner, &format!("{at}/{name}"));
                }
            }
        }
        (Value::Array(recorded), Value::Array(got)) => {
            assert_eq!(recorded.len(), got.len(), "{at}");
            for (index, (recorded, got)) in recorded.iter().zip(got).enumerate() {
                same_shape(recorded, got, &format!("{at}/{index}"));
            }
        }
        (recorded, got) => {
            let kind = |value: &Value| (value.is_string(), value.is_number(), value.is_boolean());
            assert_eq!(kind(recorded), kind(got), "{at}: {recorded} and {got}");
            let free = [
                "d",
                "spreadsheetId",
                "createdTime",
                "modifiedTime",
                "spreadsheetUrl",
                "pixelSize",
            ];
            if !free.iter().any(|name| at.ends_with(name)) {
                assert_eq!(recorded, got, "{at}");
            }
        }
    }
}

async fn replay(name: &str) -> usize {
    let path = format!(
        "{}/../contracts/google/recorded/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(path).expect("the recording is kept in contracts/");
    let recording: Value = serde_json::from_str(&text).expect("JSON");
    let google = google().await;
    google.set_accounts_own_files(true);
    let token = google.issue_token(&google.service_account_email(), &SCOPES);
    let mut ids: Vec<(String, String)> = Vec::new();
    let interactions = recording["interactions"].as_array().expect("a list");
    for (index, interaction) in interactions.iter().enumerate() {
        let (request, response) = (&interaction["request"], &interaction["response"]);
        let mut url = request["uri"].as_str().expect("an address").to_owned();
        for (host, _) in HOSTS {
            url = url.replace(host, &google.base_url());
        }
        for (recorded, ours) in &ids {
            url = url.replace(recorded, ours);
        }
        let verb = request["method"]
            .as_str()
            .expect("a verb")
            .parse()
            .expect("a verb");
        let mut sent = client().request(verb, url).bearer_auth(&token);
        if let Some(body) = request["body"].as_str() {
            sent = sent
                .header("content-type", "application/json")
                .body(body.to_owned());
        }
        let (status, got) = told(sent).await;
        let at = format!("{name} {index}");
        assert_eq!(json!(status), response["status"]["code"], "{at}: {got}");
        let body = response["body"]["string"].as_str().unwrap_or_default();
        let expected: Value = serde_json::from_str(body).unwrap_or_default();
        same_shape(&expected, &got, &at);
        if let (Some(recorded), Some(ours), "drive#file") = (
            expected["id"].as_str(),
            got["id"].as_str(),
            got["kind"].as_str().unwrap_or_default(),
        ) {
            ids.push((recorded.to_owned(), ours.to_owned()));
        }
    }
    interactions.len()
}

#[tokio::test]
async fn recorded_traffic_of_a_real_client_is_answered_alike() {
    let mut replayed = 0;
    for name in [
        "ClientTest.test_create",
        "ClientTest.test_access_non_existing_spreadsheet",
        "WorksheetTest.test_add_validation",
        "WorksheetTest.test_append_row",
        "WorksheetTest.test_auto_resize_columns",
        "WorksheetTest.test_format",
        "WorksheetTest.test_update_and_get",
    ] {
        replayed += replay(name).await;
    }
    assert!(replayed >= 70, "the recordings hold many requests: {replayed}");
}
