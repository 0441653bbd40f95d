//! What a workspace remembers.

use std::time::Duration;

use serde_json::{Value, json};
use standins::slack::{Options, Slack};

use crate::support::{answer, bare_call, call, slack};

/// Longer than any answer over loopback takes; only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_direct_message_reaches_the_person_found_by_address() {
    let slack = slack().await;
    let lookup = bare_call(&slack, "users.lookupByEmail?email=Ada@example.com").bearer_auth(&slack.bot_token);
    let user = answer(lookup).await["user"]["id"].clone();
    assert_eq!(user.as_str(), slack.user_id("ada@example.com").as_deref());
    let first = answer(call(&slack, "conversations.open", &json!({"users": user}))).await;
    let again = answer(call(&slack, "conversations.open", &json!({"users": user}))).await;
    assert_eq!(first["channel"]["id"], again["channel"]["id"]);
    assert_eq!(
        (first.get("already_open"), &again["already_open"]),
        (None, &json!(true))
    );
    let channel = first["channel"]["id"].as_str().expect("an id");
    assert!(channel.starts_with('D'));
    let posted = answer(call(
        &slack,
        "chat.postMessage",
        &json!({"channel": channel, "text": "hello"}),
    ))
    .await;
    assert_eq!(
        (&posted["ok"], &posted["message"]["text"]),
        (&json!(true), &json!("hello"))
    );
    assert!(slack.wait_for_messages(1, PATIENCE).await);
    let messages = slack.messages();
    assert_eq!(
        (
            messages.len(),
            messages[0].channel.as_str(),
            messages[0].text.as_str()
        ),
        (1, channel, "hello")
    );
    assert_eq!(messages[0].channel_name, "Ada Lovelace");
}

#[tokio::test]
async fn waiting_ends_when_the_message_arrives() {
    let slack = slack().await;
    let post = call(
        &slack,
        "chat.postMessage",
        &json!({"channel": "#general", "text": "1"}),
    );
    let (arrived, posted) = tokio::join!(slack.wait_for_messages(1, PATIENCE), answer(post));
    assert!(arrived && posted["ok"] == true);
    assert!(slack.wait_for_requests(1, PATIENCE).await);
    assert!(!slack.wait_for_messages(2, Duration::ZERO).await);
    slack.reset();
    assert!(slack.messages().is_empty() && slack.requests().is_empty());
}

#[tokio::test]
async fn stamps_are_unique_and_messages_can_be_changed() {
    let slack = slack().await;
    let post = json!({"channel": "general", "text": "old"});
    let first = answer(call(&slack, "chat.postMessage", &post)).await;
    let second = answer(call(&slack, "chat.postMessage", &post)).await;
    assert!(first["ts"].as_str() < second["ts"].as_str());
    let change = json!({"channel": first["channel"], "ts": first["ts"], "text": "new"});
    assert_eq!(answer(call(&slack, "chat.update", &change)).await["text"], "new");
    let texts: Vec<_> = slack.messages().into_iter().map(|message| message.text).collect();
    assert_eq!(texts, ["new", "old"]);
    let unknown = json!({"channel": first["channel"], "ts": "1.000001", "text": "new"});
    assert_eq!(
        answer(call(&slack, "chat.update", &unknown)).await["error"],
        "message_not_found"
    );
}

#[tokio::test]
async fn joining_lets_the_app_post() {
    let slack = slack().await;
    let random = slack.channel_id("random").expect("a channel");
    let post = json!({"channel": random, "text": "hi"});
    assert_eq!(
        answer(call(&slack, "chat.postMessage", &post)).await["error"],
        "not_in_channel"
    );
    assert_eq!(
        answer(call(&slack, "conversations.join", &json!({"channel": random}))).await["ok"],
        true
    );
    assert_eq!(answer(call(&slack, "chat.postMessage", &post)).await["ok"], true);
}

#[tokio::test]
async fn lists_page_by_page_and_hides_private_channels() {
    let slack = slack().await;
    let mut names = Vec::new();
    let mut cursor = String::new();
    loop {
        let call = format!("conversations.list?types=public_channel,private_channel&limit=2&cursor={cursor}");
        let page = answer(bare_call(&slack, &call).bearer_auth(&slack.bot_token)).await;
        let channels = page["channels"].as_array().expect("channels");
        names.extend(
            channels
                .iter()
                .filter_map(|channel| channel["name"].as_str().map(str::to_owned)),
        );
        cursor = page["response_metadata"]["next_cursor"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if cursor.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["general", "deploys", "random", "leadership", "old-news"]);
}

#[tokio::test]
async fn tells_what_slack_only_warns_of() {
    let slack = slack().await;
    let body = json!({"channel": "general", "text": "hi", "colour": "red"});
    let request = bare_call(&slack, "chat.postMessage").bearer_auth(&slack.bot_token);
    let got = answer(
        request
            .header("content-type", "application/json")
            .body(body.to_string()),
    )
    .await;
    assert_eq!(got["response_metadata"]["warnings"], json!(["missing_charset"]));
    let warnings = slack.requests().remove(0).warnings;
    assert_eq!(
        warnings,
        [
            "missing_charset",
            "unknown argument \"colour\", which Slack ignores"
        ]
    );
}

#[tokio::test]
async fn with_pace_a_second_message_within_the_second_is_too_soon() {
    let slack = Slack::start(Options {
        pace: true,
        ..Options::default()
    })
    .await
    .expect("a free port");
    let post = |channel: &str| {
        call(
            &slack,
            "chat.postMessage",
            &json!({"channel": channel, "text": "hi"}),
        )
    };
    assert_eq!(answer(post("general")).await["ok"], true);
    let response = post("general").send().await.expect("an answer");
    assert_eq!(
        (
            response.status().as_u16(),
            response.headers()["retry-after"].as_bytes()
        ),
        (429, b"1".as_slice())
    );
    let body: Value = serde_json::from_slice(&response.bytes().await.expect("a body")).expect("JSON");
    assert_eq!(body, json!({"ok": false, "error": "ratelimited"}));
    assert_eq!(
        answer(post("deploys")).await["ok"],
        true,
        "each channel has its own pace"
    );
}

#[tokio::test]
async fn dropping_it_frees_the_port() {
    let slack = slack().await;
    let addr = slack.base_url.trim_start_matches("http://").to_owned();
    drop(slack);
    let gone = async {
        while tokio::net::TcpStream::connect(&addr).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, gone).await.is_ok());
}

#[tokio::test]
async fn it_listens_on_loopback_alone() {
    let options = Options {
        listen: ([0, 0, 0, 0], 0).into(),
        ..Options::default()
    };
    let error = Slack::start(options).await.expect_err("not loopback").to_string();
    assert!(error.contains("0.0.0.0:0 is not a loopback address"), "{error}");
}
