//! What was said can be read again, by an app that may.

use serde_json::{Value, json};
use standins::slack::Slack;

use crate::support::{answer, bare_call, call, slack};

async fn say(slack: &Slack, channel: &str, text: &str) -> Value {
    answer(call(
        slack,
        "chat.postMessage",
        &json!({"channel": channel, "text": text}),
    ))
    .await
}

async fn history(slack: &Slack, query: &str) -> Value {
    let token = slack.issue_token(&["channels:history"]);
    answer(bare_call(slack, &format!("conversations.history?{query}")).bearer_auth(token)).await
}

fn texts(answer: &Value) -> Vec<&str> {
    let messages = answer["messages"]
        .as_array()
        .unwrap_or_else(|| panic!("no list: {answer}"));
    messages
        .iter()
        .filter_map(|message| message["text"].as_str())
        .collect()
}

#[tokio::test]
async fn messages_come_newest_first_in_pages_and_between_two_stamps() {
    let slack = slack().await;
    let mut stamps = Vec::new();
    let mut channel = String::new();
    for text in ["one", "two", "three \u{1f680}"] {
        let said = say(&slack, "general", text).await;
        stamps.push(said["ts"].as_str().expect("a stamp").to_owned());
        channel = said["channel"].as_str().expect("an id").to_owned();
    }
    say(&slack, "deploys", "elsewhere").await;
    let all = history(&slack, &format!("channel={channel}")).await;
    assert_eq!(texts(&all), ["three \u{1f680}", "two", "one"]);
    assert_eq!(all["has_more"], false);
    let first = history(&slack, &format!("channel={channel}&limit=2")).await;
    assert_eq!(texts(&first), ["three \u{1f680}", "two"]);
    let cursor = first["response_metadata"]["next_cursor"]
        .as_str()
        .expect("a cursor");
    let last = history(&slack, &format!("channel={channel}&limit=2&cursor={cursor}")).await;
    assert_eq!(texts(&last), ["one"]);
    let between = format!("channel={channel}&oldest={}&latest={}", stamps[0], stamps[2]);
    assert_eq!(texts(&history(&slack, &between).await), ["two"]);
    let both = format!("{between}&inclusive=true");
    assert_eq!(texts(&history(&slack, &both).await).len(), 3);
}

#[tokio::test]
async fn who_may_not_read_is_told_why() {
    let slack = slack().await;
    let said = say(&slack, "general", "one").await;
    let channel = said["channel"].as_str().expect("an id");
    let path = format!("conversations.history?channel={channel}");
    let refused = answer(bare_call(&slack, &path).bearer_auth(&slack.bot_token)).await;
    assert_eq!(refused["error"], "missing_scope", "{refused}");
    for (query, error) in [
        (format!("channel={channel}&oldest=soon"), "invalid_ts_oldest"),
        (format!("channel={channel}&limit=0"), "invalid_limit"),
        ("channel=C000".to_owned(), "channel_not_found"),
    ] {
        assert_eq!(history(&slack, &query).await["error"], error, "{query}");
    }
}
