//! Incoming webhooks.

use serde_json::json;
use standins::slack::{HookState, Slack};

use crate::support::{client, slack};

async fn post(url: &str, content_type: &str, body: &str) -> (u16, String) {
    let request = client()
        .post(url)
        .header("content-type", content_type)
        .body(body.to_owned());
    let response = request.send().await.expect("an answer");
    (response.status().as_u16(), response.text().await.expect("text"))
}

async fn post_json(url: &str, body: &str) -> (u16, String) {
    post(url, "application/json", body).await
}

fn said(status: u16, text: &str) -> (u16, String) {
    (status, text.to_owned())
}

#[tokio::test]
async fn posts_json_and_the_payload_of_a_form() {
    let slack = slack().await;
    assert_eq!(
        post_json(&slack.webhook_url, r#"{"text":"one"}"#).await,
        said(200, "ok")
    );
    let form = "application/x-www-form-urlencoded";
    let body = "payload=%7B%22text%22%3A%22two%22%7D";
    assert_eq!(post(&slack.webhook_url, form, body).await, said(200, "ok"));
    let texts: Vec<_> = slack
        .messages()
        .into_iter()
        .map(|m| (m.text, m.channel_name, m.via))
        .collect();
    let expected = ["one", "two"].map(|text| (text.to_owned(), "general".to_owned(), "webhook"));
    assert_eq!(texts, expected);
}

#[tokio::test]
async fn refuses_payloads() {
    let slack = slack().await;
    let section = json!({"blocks": [{"type": "section"}]}).to_string();
    let long = json!({"text": "x".repeat(40_001)}).to_string();
    let many = json!({"attachments": vec![json!({"text": "a"}); 101]}).to_string();
    for (body, expected) in [
        ("", "invalid_payload"),
        ("{", "invalid_payload"),
        ("[]", "invalid_payload"),
        (r#"{"text":1}"#, "invalid_payload"),
        ("{}", "no_text"),
        (r#"{"text":""}"#, "no_text"),
        (r#"{"blocks":{}}"#, "invalid_blocks_format"),
        (section.as_str(), "invalid_blocks"),
        (long.as_str(), "msg_too_long"),
        (many.as_str(), "too_many_attachments"),
    ] {
        assert_eq!(
            post_json(&slack.webhook_url, body).await,
            said(400, expected),
            "{body:.40}"
        );
    }
    let form = "application/x-www-form-urlencoded";
    assert_eq!(
        post(&slack.webhook_url, form, "text=hi").await,
        said(400, "invalid_payload")
    );
    assert!(slack.messages().is_empty());
}

#[tokio::test]
async fn refuses_addresses() {
    let slack = slack().await;
    let good = r#"{"text":"hi"}"#;
    let (front, _) = slack.webhook_url.rsplit_once('/').expect("a path");
    let parts: Vec<&str> = slack.webhook_url.rsplit('/').collect();
    let (service, team) = (parts[1], parts[2]);
    for (url, status, expected) in [
        (format!("{front}/wrong"), 403, "invalid_token"),
        (slack.webhook_url.replace(service, "B1"), 404, "no_service"),
        (slack.webhook_url.replace(team, "T1"), 404, "no_team"),
        (slack.add_webhook("C1"), 404, "channel_not_found"),
        (
            slack.add_webhook(&slack.channel_id("old-news").expect("a channel")),
            410,
            "channel_is_archived",
        ),
    ] {
        assert_eq!(post_json(&url, good).await, said(status, expected));
    }
    slack.set_webhooks(HookState::Prohibited);
    assert_eq!(
        post_json(&slack.webhook_url, good).await,
        said(403, "action_prohibited")
    );
    slack.set_webhooks(HookState::Removed);
    assert_eq!(post_json(&slack.webhook_url, good).await, said(404, "no_service"));
    assert!(slack.messages().is_empty());
    assert_no_secret(&slack);
}

#[tokio::test]
async fn takes_only_post() {
    let slack = slack().await;
    let response = client().get(&slack.webhook_url).send().await.expect("an answer");
    assert_eq!(response.status(), 405);
}

fn assert_no_secret(slack: &Slack) {
    let (_, secret) = slack.webhook_url.rsplit_once('/').expect("a path");
    let seen = serde_json::to_string(&slack.requests()).expect("JSON");
    assert!(!seen.contains(secret), "the journal keeps no secret");
}
