use hookyard_plugin_sdk::testing::{self, Host};

use super::*;

fn delivery() -> Delivery {
    Delivery {
        id: testing::DELIVERY_ID.to_owned(),
        attempt: 1,
    }
}

fn rendered(message: Option<&str>, blocks: Option<&Value>, body: &Value) -> Result<Message, Failure> {
    let trigger = Trigger::Webhook(testing::event("github", "push", body));
    Message::render(message, blocks, &trigger, &delivery())
}

fn push(commits: usize) -> Value {
    let commit = |n| {
        json!({"id": format!("{n:040}"), "url": "https://github.test/c", "author": {"name": "Ada"},
            "message": format!("Fix <{n}>\n\nlong story")})
    };
    json!({
        "ref": "refs/heads/main",
        "pusher": {"name": "ada"},
        "compare": "https://github.test/compare",
        "repository": {"full_name": "ada/engine", "html_url": "https://github.test/ada/engine"},
        "commits": (0..commits).map(commit).collect::<Vec<_>>(),
    })
}

#[test]
fn the_default_of_a_push_names_who_what_and_where() {
    let text = rendered(None, None, &push(1)).unwrap().text;
    assert_eq!(
        text,
        "*ada* pushed 1 commit to `main` of <https://github.test/ada/engine|ada/engine>\n\
         • <https://github.test/c|0000000> Fix &lt;0&gt; — Ada"
    );
    let text = rendered(None, None, &push(7)).unwrap().text;
    assert!(text.contains("pushed 7 commits to"), "{text}");
    assert!(
        text.ends_with("… and 2 more: https://github.test/compare"),
        "{text}"
    );
    assert_eq!(text.lines().count(), 7);
}

#[test]
fn the_default_of_anything_else_is_one_line() {
    let trigger = Trigger::Webhook(testing::event("stripe", "invoice.paid", &json!({})));
    let text = Message::render(None, None, &trigger, &delivery()).unwrap().text;
    assert_eq!(
        text,
        format!("*stripe* sent `invoice.paid` (event {})", testing::EVENT_ID)
    );
    assert!(
        rendered(None, None, &json!({"zen": "odd"}))
            .unwrap()
            .text
            .contains("*github* sent `push`")
    );
}

#[test]
fn a_value_cannot_mention_or_link() {
    let text = rendered(
        Some("<!here> {{ body.title }}"),
        None,
        &json!({"title": "<!channel> & co"}),
    )
    .unwrap()
    .text;
    assert_eq!(text, "<!here> &lt;!channel&gt; &amp; co");
}

#[test]
fn an_empty_message_and_a_broken_template_are_rejected() {
    let empty = rendered(Some("{{ body.none }}"), None, &json!({})).unwrap_err();
    assert!(
        !empty.is_retryable() && empty.reason().contains("empty"),
        "{empty:?}"
    );
    let broken = rendered(Some("{% if %}"), None, &json!({})).unwrap_err();
    assert!(broken.reason().contains("`message`, line 1"), "{broken:?}");
}

#[test]
fn blocks_are_rendered_and_cut() {
    let long = "x".repeat(5000);
    let blocks = json!([
        {"type": "header", "text": {"type": "plain_text", "text": "{{ body.long }}", "emoji": true}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "{{ body.long }}"}, "fields": [
            {"type": "mrkdwn", "text": "{{ body.long }}"}, {"type": "mrkdwn", "text": "{{ body.none }}"}]},
        {"type": "actions", "elements": [{"type": "button", "url": "{{ body.url }}",
            "text": {"type": "plain_text", "text": "{{ body.url }}"}}]},
    ]);
    let made = rendered(
        Some("t"),
        Some(&blocks),
        &json!({"long": long, "url": "https://x.test/?a=1&b=2"}),
    )
    .unwrap()
    .blocks
    .unwrap();
    let length = |text: &Value| text.as_str().unwrap().chars().count();
    assert_eq!(length(&made[0]["text"]["text"]), 150);
    assert_eq!(made[0]["text"]["emoji"], true);
    assert_eq!(length(&made[1]["text"]["text"]), 3000);
    assert_eq!(length(&made[1]["fields"][0]["text"]), 2000);
    assert_eq!(made[1]["fields"][1]["text"], "–");
    assert_eq!(made[2]["elements"][0]["url"], "https://x.test/?a=1&b=2");
    assert_eq!(
        made[2]["elements"][0]["text"]["text"],
        "https://x.test/?a=1&amp;b=2"
    );
}

#[test]
fn a_broken_block_says_where() {
    let blocks = json!([{"type": "section", "text": {"type": "mrkdwn", "text": "{{ body."}}]);
    let failure = rendered(Some("t"), Some(&blocks), &json!({})).unwrap_err();
    assert!(failure.reason().contains("blocks[0].text.text"), "{failure:?}");
    let many: Value = (0..51).map(|_| json!({"type": "divider"})).collect();
    assert!(
        rendered(Some("t"), Some(&many), &json!({}))
            .unwrap_err()
            .reason()
            .contains("1 to 50")
    );
}

#[test]
fn a_cut_never_splits_an_entity() {
    assert_eq!(cut("abc", 3), "abc");
    assert_eq!(cut("abcd", 3), "ab…");
    assert_eq!(cut("ab&amp;cd", 6), "ab…");
    assert_eq!(cut("ab&amp;cdef", 8), "ab&amp;…");
    assert_eq!(cut("ééééé", 3), "éé…");
    assert_eq!(Message::plain(&"y".repeat(50_000)).text.chars().count(), MAX_TEXT);
}

#[test]
fn busy_answers_are_retried_as_they_ask() {
    let _host = Host::new();
    let answer = |status| testing::text(status, "");
    assert_eq!(busy(&answer(200)), None);
    assert_eq!(busy(&answer(404)), None);
    assert!(busy(&answer(503)).unwrap().is_retryable());
    let limited = busy(&answer(429).with_header("Retry-After", "30")).unwrap();
    let Failure::Retry(failure) = limited else {
        panic!("{limited:?}")
    };
    assert_eq!(failure.after, Some(30_000));
}
