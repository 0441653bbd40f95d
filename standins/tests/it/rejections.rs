//! Each way the Web API says no.

use serde_json::{Value, json};
use standins::slack::TokenState;

use crate::support::{answer, bare_call, call, client, slack};

const JSON: &str = "application/json; charset=utf-8";
const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one table, one row a rejection")]
async fn refuses_what_is_no_proper_request() {
    let slack = slack().await;
    let good = json!({"channel": "general", "text": "hi"}).to_string();
    let rows: &[(&str, &str, Option<&str>, &str, &str)] = &[
        (
            "no such method",
            "chat.postMessages",
            Some(JSON),
            &good,
            "unknown_method",
        ),
        (
            "no content type",
            "chat.postMessage",
            None,
            &good,
            "missing_post_type",
        ),
        (
            "wrong content type",
            "chat.postMessage",
            Some("application/xml"),
            &good,
            "invalid_post_type",
        ),
        (
            "wrong charset",
            "chat.postMessage",
            Some("application/json; charset=utf-7"),
            &good,
            "invalid_charset",
        ),
        (
            "half of JSON",
            "chat.postMessage",
            Some(JSON),
            "{\"channel\":",
            "invalid_json",
        ),
        (
            "JSON, no object",
            "chat.postMessage",
            Some(JSON),
            "[1]",
            "json_not_object",
        ),
        (
            "broken escape",
            "chat.postMessage",
            Some(FORM),
            "channel=%zz",
            "invalid_form_data",
        ),
        (
            "no UTF-8",
            "chat.postMessage",
            Some(FORM),
            "channel=%ff",
            "invalid_form_data",
        ),
        (
            "array in a form",
            "chat.postMessage",
            Some(FORM),
            "channel[]=a",
            "invalid_array_arg",
        ),
        (
            "odd name in a form",
            "chat.postMessage",
            Some(FORM),
            "chan-nel=a",
            "invalid_arg_name",
        ),
        (
            "array for text",
            "chat.postMessage",
            Some(JSON),
            r#"{"channel":["a"],"text":"x"}"#,
            "invalid_array_arg",
        ),
        (
            "number for text",
            "chat.postMessage",
            Some(JSON),
            r#"{"channel":1,"text":"x"}"#,
            "invalid_arguments",
        ),
        (
            "text for yes or no",
            "chat.postMessage",
            Some(FORM),
            "channel=general&mrkdwn=maybe",
            "invalid_arguments",
        ),
        (
            "form method in JSON",
            "users.lookupByEmail",
            Some(JSON),
            r#"{"email":"ada@example.com"}"#,
            "invalid_arguments",
        ),
        (
            "plain text is not read",
            "chat.postMessage",
            Some("text/plain"),
            &good,
            "invalid_arguments",
        ),
    ];
    for (what, method, content_type, body, expected) in rows {
        let mut request = bare_call(&slack, method)
            .bearer_auth(&slack.bot_token)
            .body((*body).to_owned());
        if let Some(content_type) = content_type {
            request = request.header("content-type", *content_type);
        }
        let got = answer(request).await;
        assert_eq!(
            (&got["ok"], &got["error"]),
            (&json!(false), &json!(expected)),
            "{what}: {got}"
        );
    }
    assert!(slack.messages().is_empty());
    assert!(slack.requests().iter().all(|request| !request.accepted));
}

#[tokio::test]
async fn refuses_tokens() {
    let slack = slack().await;
    let body = json!({"channel": "general", "text": "hi"});
    let revoked = slack.issue_token(&["chat:write"]);
    let inactive = slack.issue_token(&["chat:write"]);
    assert!(
        slack.set_token(&revoked, TokenState::Revoked) && slack.set_token(&inactive, TokenState::Inactive)
    );
    let narrow = slack.issue_token(&["users:read"]);
    let wrong = format!("{}x", slack.bot_token);
    for (token, expected) in [
        (None, "not_authed"),
        (Some(String::new()), "not_authed"),
        (Some(wrong), "invalid_auth"),
        (Some(revoked), "token_revoked"),
        (Some(inactive), "account_inactive"),
        (Some(narrow), "missing_scope"),
    ] {
        let mut request = bare_call(&slack, "chat.postMessage")
            .header("content-type", JSON)
            .body(body.to_string());
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let got = answer(request).await;
        assert_eq!(got["error"], expected, "{got}");
        if expected == "missing_scope" {
            assert_eq!(
                (&got["needed"], &got["provided"]),
                (&json!("chat:write"), &json!("users:read"))
            );
        }
    }
    assert!(slack.messages().is_empty());
}

#[tokio::test]
async fn a_token_counts_in_header_form_and_query_but_not_in_json() {
    let slack = slack().await;
    let token = &slack.bot_token;
    let url = format!("{}/auth.test", slack.api_base);
    let form = bare_call(&slack, "auth.test")
        .header("content-type", FORM)
        .body(format!("token={token}"));
    let query = client().get(format!("{url}?token={token}"));
    let header = client().get(&url).bearer_auth(token);
    for request in [form, query, header] {
        assert_eq!(answer(request).await["ok"], true);
    }
    let body = json!({"token": token}).to_string();
    let got = answer(
        bare_call(&slack, "auth.test")
            .header("content-type", JSON)
            .body(body),
    )
    .await;
    assert_eq!(got["error"], "not_authed");
    let seen = serde_json::to_string(&slack.requests()).expect("JSON");
    assert!(!seen.contains(token.as_str()), "the journal keeps no token");
}

#[tokio::test]
async fn refuses_http_methods() {
    let slack = slack().await;
    let url = format!("{}/chat.postMessage", slack.api_base);
    for request in [client().get(&url), client().put(&url), client().delete(&url)] {
        let response = request
            .bearer_auth(&slack.bot_token)
            .send()
            .await
            .expect("an answer");
        assert_eq!(
            (response.status().as_u16(), response.headers()["allow"].as_bytes()),
            (405, b"POST".as_slice())
        );
    }
}

#[tokio::test]
async fn refuses_messages() {
    let slack = slack().await;
    let with = |more: Value| {
        let mut body = json!({"channel": "general"});
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
            body.extend(more);
        }
        body
    };
    let attachments = vec![json!({"text": "a"}); 101];
    for (body, expected) in [
        (json!({"text": "hi"}), "invalid_arguments"),
        (
            with(json!({"channel": "nowhere", "text": "hi"})),
            "channel_not_found",
        ),
        (with(json!({"channel": "", "text": "hi"})), "channel_not_found"),
        (
            with(json!({"channel": "payroll", "text": "hi"})),
            "channel_not_found",
        ),
        (with(json!({"channel": "random", "text": "hi"})), "not_in_channel"),
        (with(json!({"channel": "old-news", "text": "hi"})), "is_archived"),
        (with(json!({})), "no_text"),
        (with(json!({"text": "  "})), "no_text"),
        (with(json!({"text": "é".repeat(40_001)})), "msg_too_long"),
        (with(json!({"attachments": attachments})), "too_many_attachments"),
        (with(json!({"attachments": "{"})), "invalid_attachments"),
        (with(json!({"blocks": "{"})), "invalid_blocks_format"),
        (
            with(json!({"blocks": {"type": "divider"}})),
            "invalid_blocks_format",
        ),
        (
            with(json!({"text": "hi", "metadata": "{"})),
            "invalid_metadata_format",
        ),
        (
            with(json!({"text": "hi", "metadata": {"event_type": "x"}})),
            "invalid_metadata_schema",
        ),
    ] {
        let got = answer(call(&slack, "chat.postMessage", &body)).await;
        assert_eq!(got["error"], expected, "{got}");
    }
    assert!(slack.messages().is_empty());
    let longest = with(json!({"text": "é".repeat(40_000)}));
    assert_eq!(
        answer(call(&slack, "chat.postMessage", &longest)).await["ok"],
        true
    );
}

#[tokio::test]
async fn refuses_blocks_in_slacks_words() {
    let slack = slack().await;
    let text = |kind: &str, n: usize| json!({"type": kind, "text": "x".repeat(n)});
    let section = |text: Value| json!([{"type": "section", "text": text}]);
    for (blocks, expected) in [
        (
            section(text("mrkdwn", 3001)),
            "must be less than 3001 characters [json-pointer:/blocks/0/text/text]",
        ),
        (
            section(text("mrkdwn", 0)),
            "must be more than 0 characters [json-pointer:/blocks/0/text/text]",
        ),
        (
            section(json!("hi")),
            "must provide an object [json-pointer:/blocks/0/text]",
        ),
        (
            section(text("html", 1)),
            "unsupported type: html [json-pointer:/blocks/0/text/type]",
        ),
        (
            json!([{"type": "section"}]),
            "must define either `text` or `fields` [json-pointer:/blocks/0]",
        ),
        (
            json!([{"type": "header", "text": text("plain_text", 151)}]),
            "must be less than 151 characters [json-pointer:/blocks/0/text/text]",
        ),
        (
            json!([{"type": "header", "text": text("mrkdwn", 1)}]),
            "unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]",
        ),
        (
            json!([{"type": "header"}]),
            "missing required field: text [json-pointer:/blocks/0]",
        ),
        (
            json!([{"type": "heading"}]),
            "unsupported type: heading [json-pointer:/blocks/0/type]",
        ),
        (
            json!([{}]),
            "missing required field: type [json-pointer:/blocks/0]",
        ),
        (
            json!(["divider"]),
            "must provide an object [json-pointer:/blocks/0]",
        ),
        (
            json!([{"type": "divider", "x": 1}]),
            "invalid additional property: x [json-pointer:/blocks/0]",
        ),
        (
            json!(vec![json!({"type": "divider"}); 51]),
            "no more than 50 items allowed [json-pointer:/blocks]",
        ),
        (
            json!([{"type": "context", "elements": vec![text("mrkdwn", 1); 11]}]),
            "no more than 10 items allowed [json-pointer:/blocks/0/elements]",
        ),
        (
            json!([{"type": "section", "fields": vec![text("mrkdwn", 1); 11]}]),
            "no more than 10 items allowed [json-pointer:/blocks/0/fields]",
        ),
        (
            json!([{"type": "actions", "elements": []}]),
            "at least 1 items required [json-pointer:/blocks/0/elements]",
        ),
        (
            json!([{"type": "image", "image_url": "https://e.example/"}]),
            "missing required field: alt_text [json-pointer:/blocks/0]",
        ),
    ] {
        let got = answer(call(
            &slack,
            "chat.postMessage",
            &json!({"channel": "general", "blocks": blocks}),
        ))
        .await;
        assert_eq!(got["error"], "invalid_blocks", "{blocks}: {got}");
        assert_eq!(got["errors"][0], expected);
        assert_eq!(
            got["response_metadata"]["messages"][0],
            format!("[ERROR] {expected}")
        );
    }
    let longest = json!([
        {"type": "header", "text": text("plain_text", 150)},
        {"type": "section", "text": text("mrkdwn", 3000), "fields": vec![text("mrkdwn", 2000); 10]},
        {"type": "divider"},
        {"type": "context", "elements": vec![text("mrkdwn", 1); 10]},
    ]);
    let got = answer(call(
        &slack,
        "chat.postMessage",
        &json!({"channel": "general", "blocks": longest}),
    ))
    .await;
    assert_eq!(got["ok"], true, "{got}");
}

#[tokio::test]
async fn refuses_people_and_conversations() {
    let slack = slack().await;
    let form = |method: &str, body: &str| {
        bare_call(&slack, method)
            .bearer_auth(&slack.bot_token)
            .header("content-type", FORM)
            .body(body.to_owned())
    };
    for (method, body, expected) in [
        (
            "users.lookupByEmail",
            "email=nobody@example.com",
            "users_not_found",
        ),
        ("users.lookupByEmail", "email=", "users_not_found"),
        ("users.info", "user=U1", "user_not_found"),
        ("users.info", "x=1", "invalid_arguments"),
        ("conversations.open", "x=1", "users_list_not_supplied"),
        ("conversations.open", "users=U1", "user_not_found"),
        ("conversations.open", "users=1,2,3,4,5,6,7,8,9", "too_many_users"),
        ("conversations.open", "channel=D1", "channel_not_found"),
        ("conversations.info", "channel=C1", "channel_not_found"),
        ("conversations.info", "x=1", "invalid_arguments"),
        ("conversations.join", "channel=C1", "channel_not_found"),
        ("conversations.list", "types=secret", "invalid_types"),
        ("conversations.list", "limit=0", "invalid_limit"),
        ("conversations.list", "cursor=x", "invalid_cursor"),
        ("chat.update", "channel=C1&ts=1&text=x", "channel_not_found"),
    ] {
        let got = answer(form(method, body)).await;
        assert_eq!(got["error"], expected, "{method} {body}: {got}");
    }
}
