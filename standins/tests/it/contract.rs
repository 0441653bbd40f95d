//! The stand-in against Slack's own description and Slack's own samples.

use serde_json::{Value, json};
use standins::slack::contract::{self, Kind};

use crate::support::{answer, bare_call, call, slack};

#[tokio::test]
async fn every_method_refuses_a_missing_token() {
    let slack = slack().await;
    let methods = contract::methods().expect("the description");
    assert!(methods.len() >= 9);
    for name in methods.keys() {
        assert_eq!(
            answer(bare_call(&slack, name)).await["error"],
            "not_authed",
            "{name}"
        );
    }
}

#[tokio::test]
async fn every_method_refuses_each_missing_required_argument() {
    let slack = slack().await;
    let mut checked = 0;
    for method in contract::methods().expect("the description").values() {
        let required: Vec<_> = method
            .arguments
            .iter()
            .filter(|argument| argument.required)
            .collect();
        for missing in &required {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            for argument in required.iter().filter(|argument| argument.name != missing.name) {
                assert_eq!(argument.kind, Kind::Text);
                form.append_pair(&argument.name, "something");
            }
            let request = bare_call(&slack, &method.name).bearer_auth(&slack.bot_token);
            let request = request
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form.finish());
            let got = answer(request).await;
            assert_eq!(
                got["error"], "invalid_arguments",
                "{} without {}: {got}",
                method.name, missing.name
            );
            let expected = format!("[ERROR] missing required field: {}", missing.name);
            assert_eq!(got["response_metadata"]["messages"], json!([expected]));
            checked += 1;
        }
    }
    assert!(
        checked >= 4,
        "the description names required arguments: {checked}"
    );
}

#[tokio::test]
async fn answers_have_the_required_fields_and_none_that_slack_does_not_send() {
    let slack = slack().await;
    let methods = contract::methods().expect("the description");
    let ada = slack.user_id("ada@example.com").expect("a member");
    let by_form = |method: &str, query: String| {
        bare_call(&slack, &format!("{method}?{query}")).bearer_auth(&slack.bot_token)
    };
    let block = json!({"type": "section", "text": {"type": "mrkdwn", "text": "hi"}});
    let post = json!({"channel": "general", "text": "hi", "blocks": [block], "metadata": {"event_type": "e", "event_payload": {}}});
    let posted = answer(call(&slack, "chat.postMessage", &post)).await;
    let answers = [
        ("auth.test", answer(by_form("auth.test", String::new())).await),
        (
            "users.lookupByEmail",
            answer(by_form("users.lookupByEmail", "email=ada@example.com".into())).await,
        ),
        (
            "conversations.open",
            answer(call(
                &slack,
                "conversations.open",
                &json!({"users": ada, "return_im": true}),
            ))
            .await,
        ),
        ("chat.postMessage", posted.clone()),
        (
            "users.info",
            answer(by_form("users.info", format!("user={ada}"))).await,
        ),
        (
            "conversations.list",
            answer(by_form("conversations.list", String::new())).await,
        ),
        (
            "chat.update",
            answer(call(
                &slack,
                "chat.update",
                &json!({"channel": posted["channel"], "ts": posted["ts"], "text": "new"}),
            ))
            .await,
        ),
    ];
    for (method, got) in &answers {
        assert_eq!(got["ok"], true, "{method}: {got}");
        for field in &methods[*method].answers {
            assert!(got.get(field).is_some(), "{method} must answer {field}: {got}");
        }
        if SAMPLED.contains(method) {
            let sample = sample(method);
            assert_known(got, &sample, method);
        }
    }
}

/// Methods whose samples are kept.
const SAMPLED: [&str; 4] = [
    "auth.test",
    "users.lookupByEmail",
    "conversations.open",
    "chat.postMessage",
];

fn sample(method: &str) -> Value {
    let path = format!(
        "{}/../contracts/slack/samples/{method}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(path).expect("the sample is kept in contracts/");
    serde_json::from_str(&text).expect("a sample is JSON")
}

/// Every field answered is one that Slack's sample has; an object or list emptied in the sample ends the walk.
fn assert_known(got: &Value, sample: &Value, at: &str) {
    let (Value::Object(got), Value::Object(sample)) = (got, sample) else {
        return;
    };
    if sample.is_empty() {
        return;
    }
    for (name, value) in got {
        let known = sample
            .get(name)
            .unwrap_or_else(|| panic!("{at}/{name} is no field of Slack's"));
        assert_known(value, known, &format!("{at}/{name}"));
    }
}
