//! What an event is called, and which headers go with it.

use hookyard::domain::id::EventId;
use reqwest::Method;

use super::{RECEIVE, event};
use crate::support::api::{Api, send};

/// `(path and query, headers, body) -> (source, type, payload)`.
type Named = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
    [&'static str; 3],
);

#[tokio::test]
async fn source_and_type_follow_one_rule() {
    let api = Api::start().await;
    let token = api.token_of("ada", false).await;
    let all: &[(&str, &str)] = &[
        ("X-Webhook-Source", "by-header"),
        ("X-Webhook-Type", "type-by-header"),
        ("X-GitHub-Event", "push"),
    ];
    let cases: &[Named] = &[
        ("", &[], "[1]", ["unknown", "unknown", "[1]"]),
        ("", all, "[1]", ["by-header", "type-by-header", "[1]"]),
        (
            "",
            &[("x-github-event", "push")],
            "[1]",
            ["unknown", "push", "[1]"],
        ),
        ("?source=by%20query&type=t", all, "[1]", ["by query", "t", "[1]"]),
        (
            "?source=q",
            all,
            r#"{"source": " shop ", "payload": [1, 2]}"#,
            ["shop", "type-by-header", "[1, 2]"],
        ),
        (
            "",
            &[],
            r#" { "payload" : null , "source":"s\u0068op"} "#,
            ["shop", "unknown", "null"],
        ),
        // Not the envelope: another key, a key too few, a source that is no text, a key twice.
        (
            "",
            &[],
            r#"{"source":"s","payload":1,"x":2}"#,
            ["unknown", "unknown", r#"{"source":"s","payload":1,"x":2}"#],
        ),
        (
            "",
            &[],
            r#"{"source":"s"}"#,
            ["unknown", "unknown", r#"{"source":"s"}"#],
        ),
        (
            "?source=q",
            &[],
            r#"{"source":7,"payload":1}"#,
            ["q", "unknown", r#"{"source":7,"payload":1}"#],
        ),
        (
            "",
            &[],
            r#"{"source":"a","source":"b","payload":1}"#,
            ["unknown", "unknown", r#"{"source":"a","source":"b","payload":1}"#],
        ),
    ];
    for (query, headers, body, [source, event_type, payload]) in cases {
        let mut request = api.request(Method::POST, &format!("{RECEIVE}{query}"));
        for (name, value) in *headers {
            request = request.header(*name, *value);
        }
        let request = request
            .bearer_auth(&token)
            .header("content-type", "application/json")
            .body(*body);
        let received = send(request).await.expect(200).json();
        let id: EventId = received["id"].as_str().expect("an id").parse().expect("an id");
        let event = api.store.event(id).await.expect("a store").expect("the event");
        assert_eq!(event.source, *source, "{body}");
        assert_eq!(event.event_type, *event_type, "{body}");
        assert_eq!(event.payload(), payload.as_bytes(), "{body}");
        assert_eq!(event.body, body.as_bytes());
    }
    api.stop().await;
}

#[tokio::test]
async fn names_that_cannot_be_one_are_refused_with_their_origin() {
    let api = Api::start().await;
    let token = api.token_of("ada", false).await;
    let long = "x".repeat(101);
    for (query, body, origin) in [
        ("?source=", "{}", "the query parameter `source`"),
        ("?type=a%00b", "{}", "the query parameter `type`"),
        (&format!("?source={long}"), "{}", "the query parameter `source`"),
        (
            "?source=fine",
            r#"{"source":" ","payload":1}"#,
            "the envelope's `source`",
        ),
    ] {
        let problem = api
            .post(&format!("{RECEIVE}{query}"), &token, body)
            .await
            .problem(400);
        assert_eq!(problem["origin"], origin);
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|text| text.starts_with(origin)),
            "{problem}"
        );
    }
    let accents = format!("?source={}", "%C3%A9".repeat(100));
    api.receive(&token, &accents, "{}").await;
    let request = api
        .request(Method::POST, RECEIVE)
        .bearer_auth(&token)
        .header(
            "x-webhook-type",
            reqwest::header::HeaderValue::from_bytes(b"caf\xe9").expect("a value"),
        )
        .body("{}");
    assert_eq!(
        send(request).await.problem(400)["origin"],
        "the header X-Webhook-Type"
    );
    api.stop().await;
}

#[tokio::test]
async fn credentials_and_signatures_are_not_kept() {
    let api = Api::start().await;
    let token = api.token_of("ada", false).await;
    let marker = uuid::Uuid::new_v4().to_string();
    let mut request = api
        .request(Method::POST, RECEIVE)
        .bearer_auth(&token)
        .header("x-kept", "yes");
    for name in [
        "cookie",
        "proxy-authorization",
        "x-api-key",
        "x_api_key",
        "x-hub-signature-256",
        "stripe-signature",
        "x-gitlab-token",
        "x-shopify-hmac-sha256",
        "x-client-secret",
        "x-amz-security-token",
        "x-auth-user",
    ] {
        request = request.header(name, &marker);
    }
    let received = send(request.body("{}")).await.expect(200).json();
    let event = event(&api, &token, received["id"].as_str().expect("an id")).await;
    let headers = event["headers"].to_string();
    assert!(
        !headers.contains(&marker) && !headers.contains(&token),
        "{headers}"
    );
    assert!(headers.contains("x-kept"), "{headers}");
    api.stop().await;
}

#[tokio::test]
async fn few_and_small_headers_are_kept() {
    use hookyard::intake::headers::{MAX_HEADER_BYTES, MAX_HEADERS};
    let api = Api::start().await;
    let token = api.token_of("ada", false).await;
    let mut request = api.request(Method::POST, RECEIVE).bearer_auth(&token);
    for number in 0..20 {
        request = request.header(format!("x-large-{number}"), "v".repeat(1024));
    }
    let received = send(request.body("{}")).await.expect(200).json();
    let event = event(&api, &token, received["id"].as_str().expect("an id")).await;
    let headers = event["headers"].as_array().expect("headers");
    let bytes: usize = headers
        .iter()
        .map(|header| {
            header["name"].as_str().map_or(0, str::len) + header["value"].as_str().map_or(0, str::len)
        })
        .sum();
    assert!(
        headers.len() <= MAX_HEADERS && bytes <= MAX_HEADER_BYTES,
        "{} headers, {bytes} bytes",
        headers.len()
    );
    assert!(headers.len() >= 10, "most are kept");
    api.stop().await;
}
