//! Faults on demand and the control API.

use serde_json::{Value, json};
use standins::fault::{Fault, FaultError, FaultKind};

use crate::support::google::{Desk, told};
use crate::support::{client, get};

const APPEND: &str = "sheets.spreadsheets.values.append";

fn fault(target: &str, kind: FaultKind) -> Fault {
    Fault {
        target: target.to_owned(),
        kind,
        times: 1,
    }
}

fn append(desk: &Desk) -> reqwest::RequestBuilder {
    desk.request("POST", "/values/A1:append?valueInputOption=RAW")
        .header("content-type", "application/json")
        .body(json!({"values": [["x"]]}).to_string())
}

fn rows(desk: &Desk) -> usize {
    desk.google.grid(&desk.id, "Sheet1").expect("it").used_rows()
}

#[tokio::test]
async fn a_cut_before_and_a_cut_after_the_effect() {
    let desk = Desk::new().await;
    desk.google
        .inject(fault(APPEND, FaultKind::CutBeforeEffect))
        .expect("a good fault");
    assert!(append(&desk).send().await.is_err());
    assert_eq!(rows(&desk), 0);
    desk.google
        .inject(fault(APPEND, FaultKind::CutAfterEffect))
        .expect("a good fault");
    assert!(append(&desk).send().await.is_err());
    assert_eq!(rows(&desk), 1);
    desk.google
        .inject(fault("*", FaultKind::Cut { bytes: 3 }))
        .expect("a good fault");
    assert!(
        append(&desk)
            .send()
            .await
            .expect("a status line")
            .bytes()
            .await
            .is_err()
    );
    assert_eq!(rows(&desk), 2);
    let seen = desk.google.requests();
    assert_eq!(
        (seen[0].status, seen[1].status, seen[2].status),
        (None, None, Some(200))
    );
}

#[tokio::test]
async fn limits_errors_and_statuses() {
    let desk = Desk::new().await;
    desk.google
        .inject(fault(APPEND, FaultKind::RateLimited { retry_after: 7 }))
        .expect("a good fault");
    let response = append(&desk).send().await.expect("an answer");
    assert_eq!(
        (
            response.status().as_u16(),
            response.headers()["retry-after"].as_bytes()
        ),
        (429, b"7".as_slice())
    );
    for (error, status) in [("UNAVAILABLE", 503), ("INTERNAL", 500), ("ABORTED", 409)] {
        desk.google
            .inject(fault(
                APPEND,
                FaultKind::Error {
                    error: error.to_owned(),
                },
            ))
            .expect("a good fault");
        let (got, answer) = told(append(&desk)).await;
        assert_eq!((got, &answer["error"]["status"]), (status, &json!(error)));
    }
    desk.google
        .inject(fault("drive.files.list", FaultKind::Status { status: 502 }))
        .expect("a good fault");
    assert_eq!(told(append(&desk)).await.0, 200, "another method is not met");
    assert_eq!(desk.drive("GET", "files", None).await.0, 502);
    assert_eq!(
        desk.google.inject(fault("sheets.tea", FaultKind::CutAfterEffect)),
        Err(FaultError::Target("sheets.tea".to_owned()))
    );
}

#[tokio::test]
async fn everything_is_reached_by_the_control_api() {
    let desk = Desk::new().await;
    let control = |path: &str| format!("{}/control/{path}", desk.google.base_url());
    let post = |path: &str, body: Value| told(client().post(control(path)).body(body.to_string()));
    let key: Value = serde_json::from_str(&get(control("service-account")).await).expect("JSON");
    assert_eq!(key["client_email"], desk.google.service_account_email());
    let (_, drive) = post("drives", json!({"name": "Team"})).await;
    let (_, made) = post(
        "spreadsheets",
        json!({"title": "T", "owner": "ada@example.com", "folder": drive["id"]}),
    )
    .await;
    let id = made["id"].as_str().expect("an id");
    assert_eq!(
        desk.google.file(id).and_then(|file| file.drive).as_deref(),
        drive["id"].as_str()
    );
    assert_eq!(
        post(
            "share",
            json!({"id": id, "email": "x@example.com", "role": "reader"})
        )
        .await
        .0,
        200
    );
    assert_eq!(
        post("share", json!({"id": "nothing", "email": "x@example.com"}))
            .await
            .0,
        400
    );
    for (path, body) in [
        ("key", json!({"revoked": true})),
        ("clock", json!({"skew_seconds": 5})),
        ("quota", json!({"read_per_user": 1})),
        ("storage", json!({"accounts_own_files": true})),
        ("faults", json!({"target": "token", "kind": "cut_before_effect"})),
    ] {
        assert_eq!(post(path, body).await.0, 200, "{path}");
        assert_eq!(post(path, json!({"tea": 1})).await.0, 400, "{path}");
    }
    desk.get("").await;
    assert_eq!(told(desk.request("GET", "")).await.0, 429, "one a minute");
    let requests: Value = serde_json::from_str(&get(control("requests")).await).expect("JSON");
    assert_eq!(requests[1]["target"], "sheets.spreadsheets.get");
    assert_eq!(post("reset", Value::Null).await.0, 200);
    assert!(desk.google.requests().is_empty() && desk.google.spreadsheet(&desk.id).is_none());
    assert_eq!(post("tea", Value::Null).await.0, 404);
}
