//! What Google refuses, and what a person reads then.

use serde_json::json;
use standins::fault::FaultKind;

use super::scene::{BATCH, GET, Scene, below};

#[tokio::test(flavor = "multi_thread")]
async fn a_spreadsheet_that_is_not_shared_says_whom_to_share_it_with() {
    let scene = Scene::appending().await;
    assert!(
        scene
            .google
            .unshare(&scene.book, &scene.google.service_account_email())
    );
    let error = scene.refused(&json!({"id": "A-1"})).await;
    assert!(error.contains("The caller does not have permission"), "{error}");
    assert!(error.contains("`client_email` in its key file"), "{error}");
    assert_eq!(scene.called(), [GET]);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_says_so_and_a_new_one_mends_it() {
    let scene = Scene::appending().await;
    scene.google.revoke_key();
    let error = scene.refused(&json!({"id": "A-1"})).await;
    assert!(error.contains("invalid_grant"), "{error}");
    scene.google.restore_key();
    scene.done(&json!({"id": "A-2"})).await;
    assert_eq!(below(&scene.sheet(), 0), ["A-2"]);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_ends_early_is_replaced() {
    let scene = Scene::appending().await;
    scene.done(&json!({"id": "A-1"})).await;
    scene.google.expire_tokens();
    let event = scene.done(&json!({"id": "A-2"})).await;
    let attempts = event["deliveries"][0]["attempts"].as_array().map(Vec::len);
    assert_eq!(attempts, Some(2), "{event:#}");
    assert_eq!(below(&scene.sheet(), 0), ["A-1", "A-2"]);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_at_all_is_tried_again() {
    let scene = Scene::appending().await;
    scene.fault(GET, FaultKind::CutAfterEffect, 2);
    scene.fault(BATCH, FaultKind::Status { status: 500 }, 1);
    scene.done(&json!({"id": "A-1"})).await;
    assert_eq!(below(&scene.sheet(), 0), ["A-1"]);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_the_scope_says_what_to_grant() {
    let scene = Scene::appending().await;
    scene.grant_scopes(&["https://www.googleapis.com/auth/drive.metadata.readonly"]);
    // The change is in force within a second; until then orders are written.
    let error = loop {
        let id = scene.send(&json!({"id": "A-1"})).await;
        let over = |event: &serde_json::Value| event["status"] == "failed" || event["status"] == "processed";
        let event = scene.pipeline.wait_event(&id, over).await;
        if let Some(error) = event["error_message"].as_str() {
            break error.to_owned();
        }
    };
    assert!(error.contains("insufficient authentication scopes"), "{error}");
    assert!(error.contains("scopes"), "{error}");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_clock_is_named() {
    let scene = Scene::appending().await;
    scene.google.set_clock_skew(7_200);
    let error = scene.refused(&json!({"id": "A-1"})).await;
    assert!(error.contains("clock"), "{error}");
    scene.google.set_clock_skew(0);
    scene.done(&json!({"id": "A-2"})).await;
    assert_eq!(below(&scene.sheet(), 0), ["A-2"]);
    scene.end().await;
}
