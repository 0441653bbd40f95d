use hookyard_plugin_sdk::http::Error;
use hookyard_plugin_sdk::testing::{self, Host};

use super::*;

const URL: &str = "https://hooks.slack.test/opaque";

fn answered(answer: Response) -> Result<Outcome, Failure> {
    let host = Host::new().secret("webhook-url", URL);
    host.expect(&format!("POST {URL}")).answer(answer);
    host.webhook::<SlackWebhook>(testing::event("stripe", "paid", &json!({})))
}

#[test]
fn a_message_goes_out_with_its_blocks() {
    let blocks = json!([{"type": "section", "text": {"type": "mrkdwn", "text": "{{ body.n }}"}}]);
    let host = Host::new()
        .secret("webhook-url", URL)
        .config(json!({"message": "n is {{ body.n }}", "blocks": blocks}));
    host.expect(&format!("POST {URL}"))
        .answer(testing::text(200, "ok"));
    host.webhook::<SlackWebhook>(testing::event("stripe", "paid", &json!({"n": 5})))
        .unwrap();
    let sent = host.sent_json(0);
    assert_eq!(sent["text"], "n is 5");
    assert_eq!(sent["blocks"][0]["text"]["text"], "5");
    let content_type = (
        "content-type".to_owned(),
        "application/json; charset=utf-8".to_owned(),
    );
    assert!(host.requests()[0].headers.contains(&content_type));
}

#[test]
fn a_schedule_and_an_action_post_too() {
    let host = Host::new().secret("webhook-url", URL);
    host.expect(&format!("POST {URL}"))
        .answer(testing::text(200, "ok"));
    host.expect(&format!("POST {URL}"))
        .answer(testing::text(200, "ok"));
    host.schedule::<SlackWebhook>(&json!({})).unwrap();
    host.action::<SlackWebhook>("send-message", &json!({"text": "hi <!here>"}))
        .unwrap();
    assert_eq!(host.sent_json(1), json!({"text": "hi <!here>"}));
    assert!(
        !host
            .action::<SlackWebhook>("other", &json!({}))
            .unwrap_err()
            .is_retryable()
    );
}

#[test]
fn each_answer_is_settled() {
    for (status, word, retry) in [
        (400, "invalid_payload", false),
        (403, "action_prohibited", false),
        (404, "channel_not_found", false),
        (410, "channel_is_archived", false),
        (404, "no_service", false),
        (500, "rollup_error", true),
        (500, "boom", true),
        (503, "", true),
        (429, "rate_limited", true),
        (200, "", true),
        (418, "teapot", false),
        (302, "", false),
    ] {
        let failure = answered(testing::text(status, word)).unwrap_err();
        assert_eq!(failure.is_retryable(), retry, "{status} {word}: {failure:?}");
        assert!(retry || failure.reason().contains(word), "{failure:?}");
    }
}

#[test]
fn retry_after_is_honoured() {
    let failure = answered(testing::text(429, "limit").with_header("retry-after", "7")).unwrap_err();
    let Failure::Retry(failure) = failure else {
        panic!("{failure:?}")
    };
    assert_eq!(failure.after, Some(7000));
}

#[test]
fn no_answer_is_a_retry_and_a_refusal_is_not() {
    for (error, retry) in [
        (Error::CutOff("half".to_owned()), true),
        (Error::Transport("refused".to_owned()), true),
        (Error::Denied("no grant".to_owned()), false),
        (Error::Withheld("coded".to_owned()), false),
    ] {
        let host = Host::new().secret("webhook-url", URL);
        host.expect(&format!("POST {URL}")).fail(error);
        let failure = host
            .webhook::<SlackWebhook>(testing::event("a", "b", &json!({})))
            .unwrap_err();
        assert_eq!(failure.is_retryable(), retry, "{failure:?}");
    }
}

#[test]
fn a_missing_grant_and_a_misspelt_key_are_rejected() {
    let host = Host::new();
    assert!(
        !host
            .webhook::<SlackWebhook>(testing::event("a", "b", &json!({})))
            .unwrap_err()
            .is_retryable()
    );
    drop(host);
    let host = Host::new().config(json!({"mesage": "x"}));
    let failure = host
        .webhook::<SlackWebhook>(testing::event("a", "b", &json!({})))
        .unwrap_err();
    assert!(failure.reason().contains("mesage"), "{failure:?}");
}
