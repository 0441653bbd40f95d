//! What later messages have to do with earlier ones, and what is looked for after a lost answer.

use hookyard_plugin_sdk::Delivery;

use super::*;
use crate::memory::{Memory, Posted};

#[test]
fn messages_of_one_key_are_one_thread() {
    let host = host(&json!({"channel": "C1", "thread": "order {{ body.n }}", "reply-broadcast": true}));
    host.expect(POST).answer(at("1700000000.000001"));
    assert_eq!(host.webhook::<SlackSdk>(event()).unwrap().summary, "posted to C1");
    host.expect(POST).answer(at("1700000000.000002"));
    let second = host.webhook::<SlackSdk>(event()).unwrap();
    assert_eq!(second.summary, "replied in a thread of C1");
    let sent = host.sent_json(1);
    assert_eq!(sent["thread_ts"], "1700000000.000001");
    assert_eq!(sent["reply_broadcast"], true);
    assert!(host.sent_json(0).get("thread_ts").is_none());
    // Another key is another thread.
    host.expect(POST).answer(at("1700000000.000003"));
    let other = testing::event("stripe", "paid", &json!({"n": 6}));
    host.webhook::<SlackSdk>(other).unwrap();
    assert!(host.sent_json(2).get("thread_ts").is_none());
}

#[test]
fn a_thread_that_is_gone_begins_anew() {
    let host = host(&json!({"channel": "C1", "thread": "k"}));
    for (answer, thread) in [
        (at("1700000000.000001"), None),
        (no("thread_not_found"), Some("1700000000.000001")),
        (at("1700000000.000003"), None),
        (at("1700000000.000004"), Some("1700000000.000003")),
    ] {
        host.expect(POST).answer(answer);
        if thread != Some("1700000000.000001") {
            host.webhook::<SlackSdk>(event()).unwrap();
        }
    }
    let threads: Vec<_> = (0..4).map(|at| host.sent_json(at)["thread_ts"].clone()).collect();
    assert_eq!(
        threads,
        [
            json!(null),
            json!("1700000000.000001"),
            json!(null),
            json!("1700000000.000003")
        ]
    );
}

#[test]
fn a_stamp_is_replied_to_as_it_is() {
    let host = host(&json!({"channel": "C1", "thread": "1700000000.000009"}));
    host.expect(POST).answer(at("1700000000.000010"));
    host.webhook::<SlackSdk>(event()).unwrap();
    assert_eq!(host.sent_json(0)["thread_ts"], "1700000000.000009");
    host.expect(POST).answer(no("thread_not_found"));
    let failure = host.webhook::<SlackSdk>(event()).unwrap_err();
    assert!(failure.reason().contains("1700000000.000009"), "{failure:?}");
}

#[test]
fn a_follow_up_takes_the_place_of_the_first() {
    let host = host(&json!({"channel": "#ops", "update": "{{ body.n }}"}));
    host.expect(POST).answer(at("1700000000.000001"));
    host.webhook::<SlackSdk>(event()).unwrap();
    host.expect(UPDATE).answer(at("1700000000.000001"));
    let outcome = host.webhook::<SlackSdk>(event()).unwrap();
    assert_eq!(outcome.summary, "updated the message in #ops");
    let sent = host.sent_json(1);
    // Only an id will do there, which the first answer told.
    assert_eq!(
        (&sent["channel"], &sent["ts"]),
        (&json!("C1"), &json!("1700000000.000001"))
    );
    host.expect(UPDATE).answer(no("message_not_found"));
    host.expect(POST).answer(at("1700000000.000005"));
    assert_eq!(
        host.webhook::<SlackSdk>(event()).unwrap().summary,
        "posted to #ops"
    );
    host.expect(UPDATE).answer(at("1700000000.000005"));
    host.webhook::<SlackSdk>(event()).unwrap();
    assert_eq!(host.sent_json(4)["ts"], "1700000000.000005");
}

#[test]
fn a_rejected_first_message_leaves_its_key_to_the_next() {
    let host = host(&json!({"channel": "C1", "thread": "k"}));
    host.expect(POST).answer(no("not_in_channel"));
    assert!(!host.webhook::<SlackSdk>(event()).unwrap_err().is_retryable());
    host.expect(POST).answer(at("1700000000.000001"));
    assert_eq!(host.webhook::<SlackSdk>(event()).unwrap().summary, "posted to C1");
}

#[test]
fn after_a_lost_answer_the_message_is_looked_for() {
    let found = json!({"ok": true, "messages": [
        {"ts": "1700000000.000001", "metadata": {"event_type": "other", "event_payload": {"delivery": testing::DELIVERY_ID}}},
        {"ts": "1700000000.000002", "metadata": {"event_type": "hookyard_delivery",
            "event_payload": {"delivery": testing::DELIVERY_ID}}},
    ]});
    let history = "GET https://slack.test/api/conversations.history?channel=C1&oldest=1688095758&latest=1700000300&limit=100&include_all_metadata=true";
    let host = to_channel().now(1_700_000_000).attempt(2);
    host.expect(history).answer(testing::json(200, &found));
    let outcome = host.webhook::<SlackSdk>(event()).unwrap();
    assert_eq!(outcome.summary, "an earlier attempt had posted it to C1 already");
    assert!(outcome.output.unwrap().contains("1700000000.000002"));
    drop(host);
    // Not there, or not to be read: it is posted.
    let nothing = testing::json(200, &json!({"ok": true, "messages": []}));
    for answer in [nothing, no("missing_scope")] {
        let host = to_channel().now(1_700_000_000).attempt(2);
        host.expect(history).answer(answer);
        host.expect(POST).answer(posted());
        assert_eq!(host.webhook::<SlackSdk>(event()).unwrap().summary, "posted to C1");
    }
}

#[test]
fn a_look_goes_on_over_the_pages() {
    let url = |more: &str| {
        format!(
            "GET https://slack.test/api/conversations.history?channel=C1&oldest=1688095758&latest=1700000300&limit=100\
             &include_all_metadata=true{more}"
        )
    };
    let page = json!({"ok": true, "messages": [], "response_metadata": {"next_cursor": "more"}});
    let found = json!({"ok": true, "messages": [{"ts": "1700000000.000002", "metadata": {
        "event_type": "hookyard_delivery", "event_payload": {"delivery": testing::DELIVERY_ID}}}]});
    let host = to_channel().now(1_700_000_000).attempt(2);
    host.expect(&url("")).answer(testing::json(200, &page));
    host.expect(&url("&cursor=more"))
        .answer(testing::json(200, &found));
    let outcome = host.webhook::<SlackSdk>(event()).unwrap();
    assert_eq!(outcome.summary, "an earlier attempt had posted it to C1 already");
    drop(host);
    // A conversation without end is given up, and the person is told.
    let host = to_channel().now(1_700_000_000).attempt(2);
    host.expect(&url("")).answer(testing::json(200, &page));
    for _ in 1..10 {
        host.expect(&url("&cursor=more"))
            .answer(testing::json(200, &page));
    }
    host.expect(POST).answer(posted());
    host.webhook::<SlackSdk>(event()).unwrap();
    assert!(host.logs().iter().any(|(_, line)| line.contains("there twice")));
}

/// Another delivery is the one that Slack's first message of the key belongs to.
fn kept_by(id: &str, destination: &str) {
    let posted = Posted {
        channel: "C1".to_owned(),
        ts: "1700000000.000009".to_owned(),
    };
    let delivery = Delivery {
        id: id.to_owned(),
        attempt: 1,
    };
    Memory::of(destination, "k").keep(posted, &delivery).unwrap();
}

#[test]
fn what_was_posted_before_another_took_over_is_not_posted_again() {
    let host = host(&json!({"channel": "C1", "thread": "k"}))
        .now(1_700_000_000)
        .attempt(2);
    kept_by("01890a5d-ffff-7a11-8c0e-5d6f2f1b9c33", "C1");
    let found = json!({"ok": true, "messages": [{"ts": "1700000000.000002", "metadata": {
        "event_type": "hookyard_delivery", "event_payload": {"delivery": testing::DELIVERY_ID}}}]});
    host.expect(
        "GET https://slack.test/api/conversations.history?channel=C1&oldest=1688095758&latest=1700000300&limit=100\
         &include_all_metadata=true",
    )
    .answer(testing::json(200, &found));
    let outcome = host.webhook::<SlackSdk>(event()).unwrap();
    assert_eq!(outcome.summary, "an earlier attempt had posted it to C1 already");
}

#[test]
fn an_update_that_was_held_up_does_not_undo_a_later_one() {
    let host = host(&json!({"channel": "#ops", "update": "k"}));
    kept_by("01890a5d-ffff-7a11-8c0e-5d6f2f1b9c33", "#ops");
    let outcome = host.webhook::<SlackSdk>(event()).unwrap();
    assert!(
        outcome.summary.starts_with("left as it is"),
        "{}",
        outcome.summary
    );
    drop(host);
    let host = self::host(&json!({"channel": "#ops", "update": "k"}));
    kept_by("01890a5d-0000-7a11-8c0e-5d6f2f1b9c33", "#ops");
    host.expect(UPDATE).answer(at("1700000000.000009"));
    host.webhook::<SlackSdk>(event()).unwrap();
    assert_eq!(host.sent_json(0)["blocks"], json!([]), "no earlier blocks stay");
}

#[test]
fn a_thread_and_an_update_at_once_are_refused() {
    let host = to_channel();
    let input = json!({"text": "x", "thread": "a", "update": "b"});
    let failure = host.action::<SlackSdk>("send-message", &input).unwrap_err();
    assert!(failure.reason().contains("leave one"), "{failure:?}");
}
