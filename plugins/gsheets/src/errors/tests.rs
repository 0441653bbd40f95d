use hookyard_plugin_sdk::testing::{self, Host};
use serde_json::json;

use super::*;

fn refused(purpose: Purpose, status: u16, error: &Value, attempt: u32) -> Failure {
    read(purpose, &testing::json(status, &json!({"error": error})), attempt).failure
}

#[test]
fn each_line_can_be_reached_and_has_a_mend() {
    for (at, entry) in TABLE.iter().enumerate() {
        assert!(!entry.mend.is_empty());
        let purposes = [
            Purpose::Spreadsheet,
            Purpose::Create,
            Purpose::Find,
            Purpose::Share,
        ];
        let reached = purposes.into_iter().any(|purpose| {
            let words = if entry.word().is_empty() {
                vec![]
            } else {
                vec![entry.word().to_owned()]
            };
            let first = TABLE
                .iter()
                .position(|line| line.fits(entry.status(), purpose, &words));
            first == Some(at)
        });
        assert!(
            reached,
            "line {at} ({} {}) hides behind another",
            entry.status(),
            entry.word()
        );
    }
}

#[test]
fn what_passes_by_itself_is_tried_again_when_google_says() {
    let host = Host::new();
    for status in [408, 409, 500, 502, 503, 504] {
        let failure = refused(Purpose::Spreadsheet, status, &json!({"message": "m"}), 1);
        assert!(
            matches!(failure, Failure::Retry(ref retry) if retry.after.is_none()),
            "{failure:?}"
        );
    }
    let answer = testing::json(
        429,
        &json!({"error": {"status": "RESOURCE_EXHAUSTED", "message": "Quota exceeded."}}),
    )
    .with_header("Retry-After", "17");
    let failure = read(Purpose::Spreadsheet, &answer, 1).failure;
    assert!(
        matches!(failure, Failure::Defer(ref defer) if defer.after == 17_000),
        "{failure:?}"
    );
    let unnamed = refused(Purpose::Spreadsheet, 429, &json!({"message": "m"}), 1);
    assert!(
        matches!(unnamed, Failure::Defer(_)),
        "no attempt is spent: {unnamed:?}"
    );
    let drive = json!({"code": 403, "message": "slow down", "errors": [{"reason": "userRateLimitExceeded"}]});
    assert!(refused(Purpose::Find, 403, &drive, 1).is_retryable());
    for (status, retry) in [(503, true), (429, true), (404, false), (302, false)] {
        let bare = read(Purpose::Spreadsheet, &testing::text(status, "<html>"), 1).failure;
        assert_eq!(bare.is_retryable(), retry, "{bare:?}");
    }
    drop(host);
}

#[test]
fn what_a_person_must_mend_says_how() {
    let _host = Host::new();
    let reason = |word: &str| json!({"message": "Google's words.", "errors": [{"reason": word}]});
    for (purpose, status, error, mend) in [
        (
            Purpose::Spreadsheet,
            403,
            json!({"message": "The caller does not have permission", "status": "PERMISSION_DENIED"}),
            "client_email",
        ),
        (
            Purpose::Spreadsheet,
            404,
            json!({"message": "Requested entity was not found.", "status": "NOT_FOUND"}),
            "client_email",
        ),
        (
            Purpose::Create,
            403,
            reason("storageQuotaExceeded"),
            "Name a shared-drive folder in config.folder",
        ),
        (
            Purpose::Create,
            403,
            json!({"message": "x", "status": "PERMISSION_DENIED"}),
            "shared-drive",
        ),
        (Purpose::Create, 404, reason("notFound"), "no such folder"),
        (
            Purpose::Share,
            400,
            reason("invalidSharingRequest"),
            "`share-with`",
        ),
        (
            Purpose::Spreadsheet,
            403,
            json!({"message": "x", "status": "PERMISSION_DENIED",
            "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED"}]}),
            "Enable",
        ),
        (
            Purpose::Spreadsheet,
            403,
            json!({"message": "x", "status": "PERMISSION_DENIED",
            "details": [{"reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}]}),
            "scope",
        ),
        (
            Purpose::Spreadsheet,
            400,
            json!({"message": "x", "status": "INVALID_ARGUMENT"}),
            "protected range",
        ),
        (
            Purpose::Spreadsheet,
            418,
            json!({"message": "x"}),
            "Google's page",
        ),
    ] {
        let failure = refused(purpose, status, &error, 1);
        assert!(!failure.is_retryable(), "{failure:?}");
        assert!(failure.reason().contains(mend), "{failure:?}");
        assert!(
            failure
                .reason()
                .contains(error["message"].as_str().unwrap().trim_end_matches('.'))
        );
    }
}

#[test]
fn a_refused_token_gets_one_more_try() {
    let _host = Host::new();
    let error =
        json!({"message": "Request had invalid authentication credentials.", "status": "UNAUTHENTICATED"});
    assert!(refused(Purpose::Spreadsheet, 401, &error, 1).is_retryable());
    let second = refused(Purpose::Spreadsheet, 401, &error, 2);
    assert!(!second.is_retryable());
    assert!(second.reason().contains("new key"), "{second:?}");
}
