//! Faults on demand, by the control API and by the Rust API.

use std::time::Duration;

use serde_json::{Value, json};
use standins::fault::{Fault, FaultError, FaultKind};
use standins::slack::Slack;

use crate::support::{answer, call, client, get, slack};

fn fault(target: &str, kind: FaultKind) -> Fault {
    Fault {
        target: target.to_owned(),
        kind,
        times: 1,
    }
}

fn post(slack: &Slack) -> reqwest::RequestBuilder {
    call(
        slack,
        "chat.postMessage",
        &json!({"channel": "general", "text": "hi"}),
    )
}

#[tokio::test]
async fn each_fault_by_the_control_api() {
    let slack = slack().await;
    let control = format!("{}/control/faults", slack.base_url);
    for (body, status, text, messages) in [
        (
            json!({"kind": "rate_limited", "retry_after": 7}),
            429,
            r#"{"error":"ratelimited","ok":false}"#,
            0,
        ),
        (
            json!({"kind": "error", "error": "fatal_error"}),
            200,
            r#"{"error":"fatal_error","ok":false}"#,
            0,
        ),
        (
            json!({"kind": "status", "status": 503}),
            503,
            "Service Unavailable",
            0,
        ),
    ] {
        let mut body = body;
        body["target"] = json!("chat.postMessage");
        let injected = client()
            .post(&control)
            .body(body.to_string())
            .send()
            .await
            .expect("an answer");
        assert_eq!(injected.status(), 200);
        let response = post(&slack).send().await.expect("an answer");
        let retry_after = response
            .headers()
            .get("retry-after")
            .map(|value| value.as_bytes().to_vec());
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(
            retry_after,
            if status == 429 {
                Some(b"7".to_vec())
            } else if status == 503 {
                Some(b"1".to_vec())
            } else {
                None
            }
        );
        let got = response.text().await.expect("text");
        if let (Ok(got), Ok(text)) = (
            serde_json::from_str::<Value>(&got),
            serde_json::from_str::<Value>(text),
        ) {
            assert_eq!(got, text);
        } else {
            assert_eq!(got, text);
        }
        assert_eq!(slack.messages().len(), messages);
    }
    assert_eq!(
        answer(post(&slack)).await["ok"],
        true,
        "each fault met one request"
    );
}

#[tokio::test]
async fn a_cut_after_the_effect_leaves_the_message_and_no_answer() {
    let slack = slack().await;
    slack
        .inject(fault("chat.postMessage", FaultKind::CutAfterEffect))
        .expect("a good fault");
    assert!(post(&slack).send().await.is_err());
    assert_eq!(slack.messages().len(), 1);
    assert_eq!(slack.requests()[0].status, None);
}

#[tokio::test]
async fn a_cut_leaves_the_first_bytes() {
    let slack = slack().await;
    slack
        .inject(fault("*", FaultKind::Cut { bytes: 5 }))
        .expect("a good fault");
    let mut response = post(&slack).send().await.expect("a status line");
    assert_eq!(response.status(), 200);
    let mut got = Vec::new();
    let ended = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => got.extend_from_slice(&chunk),
            ended => break ended,
        }
    };
    assert!(ended.is_err(), "the length announced is not reached");
    assert_eq!(got.len(), 5);
    assert_eq!(slack.messages().len(), 1);
}

#[tokio::test]
async fn a_slow_answer_outlasts_an_impatient_client() {
    let slack = slack().await;
    slack
        .inject(fault("webhook", FaultKind::Slow { ms: 600_000 }))
        .expect("a good fault");
    let request = client()
        .post(&slack.webhook_url)
        .body(r#"{"text":"hi"}"#)
        .timeout(Duration::from_millis(50));
    assert!(request.send().await.expect_err("too slow").is_timeout());
    assert!(slack.messages().is_empty());
}

#[tokio::test]
async fn a_limited_webhook_says_when_to_come_again() {
    let slack = slack().await;
    slack
        .inject(fault("webhook", FaultKind::RateLimited { retry_after: 3 }))
        .expect("a good fault");
    let response = client()
        .post(&slack.webhook_url)
        .body(r#"{"text":"hi"}"#)
        .send()
        .await
        .expect("an answer");
    assert_eq!(
        (
            response.status().as_u16(),
            response.headers()["retry-after"].as_bytes()
        ),
        (429, b"3".as_slice())
    );
    assert_eq!(response.text().await.expect("text"), "rate_limited");
}

#[tokio::test]
async fn wrong_faults_are_refused() {
    let slack = slack().await;
    let unserved = fault("chat.delete", FaultKind::CutAfterEffect);
    assert_eq!(
        slack.inject(unserved),
        Err(FaultError::Target("chat.delete".to_owned()))
    );
    assert_eq!(
        slack.inject(fault("*", FaultKind::Status { status: 200 })),
        Err(FaultError::Status(200))
    );
    assert_eq!(
        slack.inject(fault("*", FaultKind::Slow { ms: 600_001 })),
        Err(FaultError::Slow(600_001))
    );
    let never = Fault {
        times: 0,
        ..fault("*", FaultKind::CutAfterEffect)
    };
    assert_eq!(slack.inject(never), Err(FaultError::Never));
    let control = format!("{}/control/faults", slack.base_url);
    let response = client()
        .post(control)
        .body(r#"{"target":"*","kind":"explode"}"#)
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.status(), 400);
    assert!(response.text().await.expect("text").contains("explode"));
}

#[tokio::test]
async fn control_shows_clears_and_resets() {
    let slack = slack().await;
    let control = format!("{}/control", slack.base_url);
    let times = Fault {
        times: 3,
        ..fault("*", FaultKind::Status { status: 500 })
    };
    slack.inject(times).expect("a good fault");
    assert_eq!(post(&slack).send().await.expect("an answer").status(), 500);
    let waiting = get(format!("{control}/faults")).await;
    assert_eq!(
        serde_json::from_str::<Value>(&waiting).expect("JSON"),
        json!([{"target": "*", "kind": "status", "status": 500, "times": 2}])
    );
    client()
        .delete(format!("{control}/faults"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer(post(&slack)).await["ok"], true);
    let messages: Value = serde_json::from_str(&get(format!("{control}/messages")).await).expect("JSON");
    assert_eq!(
        (messages[0]["text"].as_str(), messages[0]["channel_name"].as_str()),
        (Some("hi"), Some("general"))
    );
    let requests: Value = serde_json::from_str(&get(format!("{control}/requests")).await).expect("JSON");
    assert_eq!(
        (&requests[0]["error"], &requests[1]["accepted"]),
        (&json!("http_500"), &json!(true))
    );
    client()
        .post(format!("{control}/token"))
        .body(r#"{"state":"revoked"}"#)
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer(post(&slack)).await["error"], "token_revoked");
    client()
        .post(format!("{control}/reset"))
        .send()
        .await
        .expect("an answer");
    assert!(slack.messages().is_empty() && slack.requests().is_empty());
}
