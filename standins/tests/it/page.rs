//! The page people look at.

use serde_json::json;

use crate::support::{answer, call, client, get, slack};

#[tokio::test]
async fn shows_messages_and_verdicts_and_runs_nothing_a_sender_wrote() {
    let slack = slack().await;
    let attack = "<script>alert(1)</script> <https://e.example/\" onclick=\"x|y>";
    let blocks = json!([
        {"type": "header", "text": {"type": "plain_text", "text": "<img src=x onerror=alert(1)>"}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "*bold*"}},
    ]);
    for body in [
        json!({"channel": "general", "text": attack, "username": "<b>me</b>"}),
        json!({"channel": "general", "blocks": blocks}),
        json!({"channel": "<i>nowhere</i>", "text": "x", "<u>": 1}),
    ] {
        answer(call(&slack, "chat.postMessage", &body)).await;
    }
    client()
        .post(format!("{}/<svg>", slack.api_base))
        .send()
        .await
        .expect("an answer");
    let page = get(format!("{}/", slack.base_url)).await;
    for wrong in [
        "<script",
        "<img",
        "<b>me",
        "<i>nowhere",
        "<svg",
        "<u>",
        "\" onclick",
        "http-equiv=\"refresh\" content=\"0",
    ] {
        assert!(!page.contains(wrong), "{wrong}");
    }
    for right in [
        "<strong>bold</strong>",
        "&lt;script&gt;",
        "&lt;img src=x",
        "channel_not_found",
        "unknown_method",
        "accepted",
    ] {
        assert!(page.contains(right), "{right}");
    }
    let outside = page.matches("src=").count() - page.matches("&lt;img src=").count();
    assert_eq!(
        (outside, page.matches("<link").count()),
        (0, 0),
        "nothing is loaded from outside"
    );
}
