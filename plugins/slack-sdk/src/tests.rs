use hookyard_plugin_sdk::http::{Error, Response};
use hookyard_plugin_sdk::testing::{self, Host};

use serde_json::json;

use super::*;

const BASE: &str = "https://slack.test/api";
const POST: &str = "POST https://slack.test/api/chat.postMessage";
const OPEN: &str = "POST https://slack.test/api/conversations.open";

fn host(extra: &Value) -> Host {
    let mut config = json!({"api-base": BASE, "message": "n is {{ body.n }}"});
    for (key, value) in extra.as_object().expect("an object") {
        config[key] = value.clone();
    }
    Host::new().secret("bot-token", "stand-in").config(config)
}

fn to_channel() -> Host {
    host(&json!({"channel": "C1"}))
}

fn event() -> Event {
    testing::event("stripe", "paid", &json!({"n": 5}))
}

fn posted() -> Response {
    testing::json(200, &json!({"ok": true, "channel": "C1", "ts": "1.2"}))
}

fn answered(answer: Response) -> Result<Outcome, Failure> {
    let host = to_channel();
    host.expect(POST).answer(answer);
    host.webhook::<SlackSdk>(event())
}

#[test]
fn a_message_to_a_channel() {
    let host = to_channel();
    host.expect(POST).answer(posted());
    let outcome = host.webhook::<SlackSdk>(event()).unwrap();
    assert_eq!(outcome.summary, "posted to C1");
    assert_eq!(outcome.output.unwrap(), r#"{"channel":"C1","ts":"1.2"}"#);
    let sent = host.sent_json(0);
    assert_eq!(
        (&sent["channel"], &sent["text"]),
        (&json!("C1"), &json!("n is 5"))
    );
    assert_eq!(
        sent["metadata"]["event_payload"]["delivery"],
        testing::DELIVERY_ID
    );
    let headers = &host.requests()[0].headers;
    assert!(headers.contains(&("authorization".to_owned(), "Bearer stand-in".to_owned())));
    assert!(headers.contains(&(
        "content-type".to_owned(),
        "application/json; charset=utf-8".to_owned()
    )));
}

#[test]
fn a_direct_message_by_id_and_by_email() {
    let by_id = host(&json!({"user": "U1"}));
    by_id
        .expect(OPEN)
        .answer(testing::json(200, &json!({"ok": true, "channel": {"id": "D1"}})));
    by_id.expect(POST).answer(posted());
    assert_eq!(
        by_id.webhook::<SlackSdk>(event()).unwrap().summary,
        "sent a direct message to U1"
    );
    assert_eq!(by_id.sent_json(0), json!({"users": "U1"}));
    assert_eq!(by_id.sent_json(1)["channel"], "D1");
    drop(by_id);

    let by_email = host(&json!({"user": "ada@x.test"}));
    by_email
        .expect("GET https://slack.test/api/users.lookupByEmail?email=ada%40x.test")
        .answer(testing::json(200, &json!({"ok": true, "user": {"id": "U9"}})));
    by_email
        .expect(OPEN)
        .answer(testing::json(200, &json!({"ok": true, "channel": {"id": "D9"}})));
    by_email.expect(POST).answer(posted());
    by_email.webhook::<SlackSdk>(event()).unwrap();
    assert_eq!(by_email.sent_json(1), json!({"users": "U9"}));
}

#[test]
fn the_actions() {
    let host = to_channel();
    host.expect(POST).answer(posted());
    host.action::<SlackSdk>("send-message", &json!({"text": "hi", "channel": "C7"}))
        .unwrap();
    assert_eq!(host.sent_json(0)["channel"], "C7");
    host.expect("GET https://slack.test/api/auth.test")
        .answer(testing::json(
            200,
            &json!({"ok": true, "user": "bot", "team": "Engines"}),
        ));
    let outcome = host.action::<SlackSdk>("auth-test", &json!({})).unwrap();
    assert_eq!(outcome.summary, "the token is bot in Engines");
    assert!(
        !host
            .action::<SlackSdk>("other", &json!({}))
            .unwrap_err()
            .is_retryable()
    );
}

#[test]
fn rate_limits_wait_as_long_as_slack_says() {
    for answer in [
        testing::json(429, &json!({"ok": false, "error": "ratelimited"})),
        testing::json(200, &json!({"ok": false, "error": "ratelimited"})),
    ] {
        let failure = answered(answer.with_header("Retry-After", "12")).unwrap_err();
        let Failure::Retry(failure) = failure else {
            panic!("{failure:?}")
        };
        assert_eq!(failure.after, Some(12_000));
    }
}

#[test]
fn answers_that_are_no_success() {
    for (answer, retry, words) in [
        (
            testing::json(200, &json!({"ok": false, "error": "channel_not_found"})),
            false,
            "channel",
        ),
        (
            testing::json(200, &json!({"ok": false, "error": "fatal_error"})),
            true,
            "fatal_error",
        ),
        (testing::text(503, "<html>"), true, "503"),
        (testing::text(200, "{\"ok\":tr"), true, "broke off"),
        (testing::text(200, ""), true, "broke off"),
        (testing::text(404, "<html>"), false, "api-base"),
        (testing::text(302, ""), false, "api-base"),
        (testing::json(200, &json!({"hello": 1})), false, "api-base"),
        (posted().with_header("content-length", "9999"), true, "broke off"),
    ] {
        let failure = answered(answer.clone()).unwrap_err();
        assert_eq!(failure.is_retryable(), retry, "{answer:?}: {failure:?}");
        assert!(failure.reason().contains(words), "{failure:?}");
    }
}

#[test]
fn no_answer_is_a_retry_and_a_refusal_is_not() {
    for (error, retry) in [
        (Error::Transport("reset".to_owned()), true),
        (Error::Denied("no grant".to_owned()), false),
    ] {
        let host = to_channel();
        host.expect(POST).fail(error);
        let failure = host.webhook::<SlackSdk>(event()).unwrap_err();
        assert_eq!(failure.is_retryable(), retry, "{failure:?}");
        assert!(failure.reason().starts_with("chat.postMessage: "), "{failure:?}");
    }
}

#[test]
fn a_destination_is_one_and_only_one() {
    let nowhere = host(&json!({}));
    assert!(
        nowhere
            .webhook::<SlackSdk>(event())
            .unwrap_err()
            .reason()
            .contains("nowhere")
    );
    drop(nowhere);
    let both = host(&json!({"user": "U1", "channel": "C1"}));
    assert!(
        both.webhook::<SlackSdk>(event())
            .unwrap_err()
            .reason()
            .contains("both")
    );
}

#[test]
fn warnings_of_slack_are_kept() {
    let host = to_channel();
    let answer = json!({"ok": true, "response_metadata": {"warnings": ["missing_charset"]}});
    host.expect(POST).answer(testing::json(200, &answer));
    host.webhook::<SlackSdk>(event()).unwrap();
    assert!(host.logs()[0].1.contains("missing_charset"));
}

const UPDATE: &str = "POST https://slack.test/api/chat.update";

fn at(ts: &str) -> Response {
    testing::json(200, &json!({"ok": true, "channel": "C1", "ts": ts}))
}

fn no(word: &str) -> Response {
    testing::json(200, &json!({"ok": false, "error": word}))
}

#[test]
fn the_target_may_be_a_template() {
    let host = host(&json!({"channel": "#{{ body.team }}"}));
    host.expect(POST).answer(posted());
    let paid = |body| testing::event("stripe", "paid", &body);
    host.webhook::<SlackSdk>(paid(json!({"team": "ops"}))).unwrap();
    assert_eq!(host.sent_json(0)["channel"], "#ops");
}

#[test]
fn an_empty_target_is_told() {
    let host = host(&json!({"channel": "{{ body.team }}"}));
    let failure = host.webhook::<SlackSdk>(event()).unwrap_err();
    assert!(
        !failure.is_retryable() && failure.reason().contains("`channel`"),
        "{failure:?}"
    );
}

#[test]
fn one_conversation_has_one_message_a_second() {
    let host = to_channel();
    let began = hookyard_plugin_sdk::clock::now();
    for _ in 0..3 {
        host.expect(POST).answer(posted());
        host.webhook::<SlackSdk>(event()).unwrap();
    }
    let passed = hookyard_plugin_sdk::clock::now().duration_since(began).unwrap();
    assert!((2..3).contains(&passed.as_secs()), "{passed:?}");
}

mod follow;
