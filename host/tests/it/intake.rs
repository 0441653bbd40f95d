//! Webhooks coming in, through the HTTP interface.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hookyard::auth::AuthSettings;
use hookyard::domain::event::{Accepted, Event, EventFilter, EventKind, EventOrder, NewEvent};
use hookyard::domain::id::EventId;
use hookyard::domain::page::{Page, PageRequest};
use hookyard::intake::{IntakeError, Submission};
use proptest::prelude::*;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::api::{Answer, Api, MAX_BODY, send};
use crate::support::flaky::{FlakyStore, until, waiting};

const RECEIVE: &str = "/api/webhooks/receive/";

async fn event(api: &Api, token: &str, id: &str) -> Value {
    api.get(&format!("/api/webhooks/{id}/"), token)
        .await
        .expect(200)
        .json()
}

#[tokio::test]
async fn an_event_is_stored_before_the_answer() {
    let api = Api::start().await;
    let token = api.token_of("ada", false).await;
    let answer = api.post(RECEIVE, &token, r#"{"a": 1}"#).await.expect(200);
    let received = answer.json();
    let id = received["id"].as_str().expect("an id");
    assert_eq!(answer.header("location"), format!("/api/webhooks/{id}/"));
    assert_eq!(received["status"], "processed", "no plugin wants it");
    assert!(received["message"].is_string());
    let stored = api
        .store
        .event(id.parse().expect("an id"))
        .await
        .expect("a store")
        .expect("the event");
    assert_eq!(stored.body, r#"{"a": 1}"#.as_bytes());
    assert_eq!(
        (stored.source.as_str(), stored.event_type.as_str()),
        ("unknown", "unknown")
    );
    api.stop().await;
}

#[tokio::test]
async fn plugins_that_want_it_get_a_delivery_and_are_woken() {
    let api = Api::start().await;
    api.route(&[
        ("slack", "github", "push*"),
        ("sheets", "git*", "*"),
        ("other", "stripe", "*"),
    ]);
    let token = api.token_of("ada", true).await;
    let answer = api
        .post(&format!("{RECEIVE}?source=github&type=push"), &token, "{}")
        .await
        .expect(200);
    assert_eq!(answer.json()["status"], "pending");
    let woken: Vec<String> = api.wake.next().await.iter().map(ToString::to_string).collect();
    assert_eq!(woken, ["sheets", "slack"]);
    let id = answer.json()["id"].as_str().expect("an id").to_owned();
    let event = event(&api, &token, &id).await;
    let deliveries = event["deliveries"].as_array().expect("deliveries");
    let plugins: Vec<_> = deliveries
        .iter()
        .map(|delivery| delivery["plugin"].clone())
        .collect();
    assert_eq!(plugins, ["sheets", "slack"]);
    assert!(
        deliveries.iter().all(|delivery| delivery["state"] == "pending"),
        "{event:#}"
    );
    api.stop().await;
}

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
async fn without_a_token_or_with_an_expired_one_nothing_is_taken() {
    let api = Api::start().await;
    let token = api.token_of("ada", false).await;
    let none = api.post(RECEIVE, "", "{}").await;
    none.problem(401);
    assert_eq!(none.header("www-authenticate"), "Bearer");
    api.clock
        .advance(AuthSettings::default().access_ttl + Duration::from_secs(10));
    let expired = api.post(RECEIVE, &token, "{}").await;
    expired.problem(401);
    assert!(
        expired
            .header("www-authenticate")
            .contains("error=\"invalid_token\""),
        "{expired:?}"
    );
    assert_eq!(count(&api).await, 0);
    api.stop().await;
}

async fn count(api: &Api) -> u64 {
    let page = PageRequest { page: 1, size: 1 };
    let found: Page<Event> = api
        .store
        .events(&EventFilter::default(), EventOrder::default(), page)
        .await
        .expect("a store");
    found.total
}

#[tokio::test]
async fn two_mebibytes_are_refused_with_and_without_a_length() {
    let api = Api::start().await;
    let token = api.token_of("ada", false).await;
    let big = format!("\"{}\"", "x".repeat((2 << 20) - 2));
    let declared = api.post(RECEIVE, &token, &big).await;
    assert_eq!(declared.problem(413)["max_bytes"], MAX_BODY);

    let pieces: Vec<Result<String, std::io::Error>> = big
        .as_bytes()
        .chunks(64 << 10)
        .map(|piece| Ok(String::from_utf8_lossy(piece).into_owned()))
        .collect();
    let chunked = api
        .request(Method::POST, RECEIVE)
        .bearer_auth(&token)
        .header("content-type", "application/json")
        .body(reqwest::Body::wrap_stream(futures_util::stream::iter(pieces)));
    send(chunked).await.problem(413);
    assert_eq!(count(&api).await, 0);

    // Exactly the limit is taken.
    let most = format!("\"{}\"", "x".repeat(MAX_BODY - 2));
    api.receive(&token, "", most).await;
    api.stop().await;
}

/// A client that writes its whole request before it reads must still get the answer: the connection
/// is closed for writing, not reset.
#[tokio::test]
async fn the_answer_to_a_body_too_large_is_not_lost_to_a_reset() {
    let api = Api::start().await;
    let token = api.token_of("ada", false).await;
    let body = vec![b'1'; 4 << 20];
    for _ in 0..5 {
        let mut stream = TcpStream::connect(api.address).await.expect("a connection");
        let head = format!(
            "POST {RECEIVE} HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.expect("written");
        stream
            .write_all(&body)
            .await
            .expect("the server reads what it refuses");
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .await
            .expect("an answer, not a reset");
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    }
    api.stop().await;
}

#[tokio::test]
async fn bad_json_is_refused_with_its_place() {
    let api = Api::start().await;
    let token = api.token_of("ada", false).await;
    let problem = api.post(RECEIVE, &token, "{\"a\":").await.problem(400);
    assert_eq!((&problem["line"], &problem["column"]), (&json!(1), &json!(5)));
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|text| text.contains("line 1 column 5")),
        "{problem}"
    );
    let problem = api.post(RECEIVE, &token, "{\n  \"a\": 01\n}").await.problem(400);
    assert_eq!(problem["line"], 2);
    for body in [
        "",
        " ",
        "{} {}",
        "'a'",
        "NaN",
        "[1,]",
        "{\"a\" 1}",
        "\"\u{1}\"",
        "nul",
    ] {
        api.post(RECEIVE, &token, body).await.problem(400);
    }
    let request = api
        .request(Method::POST, RECEIVE)
        .bearer_auth(&token)
        .body(b"[\"a\",\n\"\xff\"]".to_vec());
    let problem = send(request).await.problem(400);
    assert_eq!(
        (&problem["line"], &problem["column"]),
        (&json!(2), &json!(2)),
        "{problem}"
    );
    api.stop().await;
}

#[tokio::test]
async fn only_json_media_types_are_taken() {
    let api = Api::start().await;
    let token = api.token_of("ada", false).await;
    for (content_type, status) in [
        ("application/json", 200),
        ("Application/JSON; charset=utf-8", 200),
        ("application/vnd.github+json", 200),
        ("text/plain", 415),
        ("text/json", 415),
        ("application/x-www-form-urlencoded", 415),
        ("nonsense", 415),
    ] {
        let request = api
            .request(Method::POST, RECEIVE)
            .bearer_auth(&token)
            .header("content-type", content_type);
        let answer = send(request.body("{}")).await;
        assert_eq!(answer.status.as_u16(), status, "{content_type}: {answer:?}");
        if status == 415 {
            answer.problem(415);
            assert_eq!(
                answer.header("accept-post"),
                "application/json, application/*+json"
            );
        }
    }
    let without = api.request(Method::POST, RECEIVE).bearer_auth(&token).body("{}");
    send(without).await.expect(200);
    let packed = api
        .request(Method::POST, RECEIVE)
        .bearer_auth(&token)
        .header("content-encoding", "gzip");
    send(packed.body("{}")).await.problem(415);
    api.stop().await;
}

#[tokio::test]
async fn payloads_come_back_as_they_were_sent() {
    let api = Api::start().await;
    let token = api.token_of("ada", false).await;
    let bodies = [
        r#"{"z":1,"a":123456789012345678901234567890.123456789012345678901234567890,"m":1e999,"n":-0.0,"o":1.10}"#,
        r#"{"dup":1,"dup":2,"é":"\u00e9\ud83d\ude00 😀","lone":"\ud800","slash":"\/"}"#,
        " [ 1 ,\n\t2 ] ",
        "\"text\"",
        "17",
        "null",
    ];
    for body in bodies {
        let id = api.receive(&token, "", body).await;
        let detail = api.get(&format!("/api/webhooks/{id}/"), &token).await.expect(200);
        assert!(
            detail.text.contains(&format!("\"payload\":{},", body.trim())),
            "{body}: {detail:?}"
        );
        let list = api
            .get("/api/webhooks/list/?page_size=1", &token)
            .await
            .expect(200);
        assert!(
            list.text.contains(&format!("\"payload\":{},", body.trim())),
            "{body}: {list:?}"
        );
        let raw = api
            .get(&format!("/api/webhooks/{id}/raw/"), &token)
            .await
            .expect(200);
        assert_eq!(raw.text, body);
        assert_eq!(raw.header("content-type"), "application/octet-stream");
        assert_eq!(raw.header("x-content-type-options"), "nosniff");
        assert!(
            raw.header("content-disposition").starts_with("attachment; "),
            "{raw:?}"
        );
        api.clock.advance(Duration::from_secs(1));
    }
    api.stop().await;
}

#[tokio::test]
async fn deep_nesting_costs_no_stack() {
    let api = Api::start().await;
    let token = api.token_of("ada", false).await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let id = api.receive(&token, "", &deep).await;
    let detail = api.get(&format!("/api/webhooks/{id}/"), &token).await.expect(200);
    assert!(detail.text.contains(&deep));
    let enveloped = format!("{{\"source\":\"deep\",\"payload\":{deep}}}");
    api.receive(&token, "", enveloped).await;
    api.post(RECEIVE, &token, "[".repeat(100_000)).await.problem(400);
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

#[tokio::test]
async fn what_waits_at_the_same_time_shares_a_commit() {
    let (api, store) = Api::start_flaky().await;
    let token = api.token_of("ada", false).await;
    let gate = store.hold();
    let first = tokio::spawn(post(&api, &token, "1"));
    store.calls_reach(1).await;
    let rest: Vec<_> = (0..20)
        .map(|number| tokio::spawn(post(&api, &token, &number.to_string())))
        .collect();
    waiting(&api.intake, 20).await;
    drop(gate);
    for answer in std::iter::once(first).chain(rest) {
        answer.await.expect("no panic").expect(200);
    }
    assert_eq!(store.batches(), [1, 20]);
    api.stop().await;
}

#[tokio::test]
async fn one_bad_event_does_not_take_its_neighbours_with_it() {
    let (api, store) = Api::start_flaky().await;
    let token = api.token_of("ada", false).await;
    store.refuse_source("poison");
    let gate = store.hold();
    let first = tokio::spawn(post(&api, &token, "1"));
    store.calls_reach(1).await;
    let bodies = ["2", r#"{"source":"poison","payload":3}"#, "4"];
    let rest: Vec<_> = bodies
        .iter()
        .map(|body| tokio::spawn(post(&api, &token, body)))
        .collect();
    waiting(&api.intake, 3).await;
    drop(gate);
    first.await.expect("no panic").expect(200);
    let mut statuses = Vec::new();
    for answer in rest {
        statuses.push(answer.await.expect("no panic").status.as_u16());
    }
    assert_eq!(statuses, [200, 503, 200]);
    api.stop().await;
}

#[tokio::test]
async fn a_store_that_fails_is_a_503_and_its_cause_stays_inside() {
    let (api, store) = Api::start_flaky().await;
    let token = api.token_of("ada", false).await;
    store.refuse_source("unknown");
    let answer = api.post(RECEIVE, &token, "{}").await;
    let problem = answer.problem(503);
    assert!(!answer.header("retry-after").is_empty());
    assert!(!answer.text.contains(FlakyStore::CAUSE), "{problem}");
    assert_eq!(problem["request_id"], answer.header("x-request-id"));
    api.stop().await;
}

#[tokio::test]
async fn a_full_queue_says_come_again() {
    let (api, store) = Api::start_flaky().await;
    let token = api.token_of("ada", false).await;
    let gate = store.hold();
    let first = tokio::spawn(post(&api, &token, "1"));
    store.calls_reach(1).await;
    let refused = Arc::new(AtomicUsize::new(0));
    let submissions: Vec<_> = (0..=hookyard::intake::QUEUE_EVENTS)
        .map(|_| {
            let (intake, refused) = (api.intake.clone(), refused.clone());
            tokio::spawn(async move {
                let outcome = intake.submit(submission("{}")).await;
                if matches!(outcome, Err(IntakeError::Full)) {
                    refused.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    waiting(&api.intake, hookyard::intake::QUEUE_EVENTS).await;
    let answer = api.post(RECEIVE, &token, "{}").await;
    answer.problem(503);
    assert!(!answer.header("retry-after").is_empty());
    until(|| refused.load(Ordering::SeqCst) == 1).await;
    drop(gate);
    first.await.expect("no panic").expect(200);
    for submission in submissions {
        submission.await.expect("no panic");
    }
    assert_eq!(refused.load(Ordering::SeqCst), 1);
    api.stop().await;
}

#[tokio::test]
async fn closing_stores_what_waits_and_refuses_what_comes_after() {
    let (api, store) = Api::start_flaky().await;
    let token = api.token_of("ada", false).await;
    let gate = store.hold();
    let first = tokio::spawn(post(&api, &token, "1"));
    store.calls_reach(1).await;
    let second = tokio::spawn(post(&api, &token, "2"));
    waiting(&api.intake, 1).await;
    let intake = api.intake.clone();
    let closing = tokio::spawn(async move { intake.close().await });
    drop(gate);
    closing.await.expect("no panic");
    first.await.expect("no panic").expect(200);
    second.await.expect("no panic").expect(200);
    api.post(RECEIVE, &token, "3").await.problem(503);
    assert_eq!(count(&api).await, 2);
    api.stop().await;
}

fn post(api: &Api, token: &str, body: &str) -> impl Future<Output = Answer> + use<> {
    let request = api
        .request(Method::POST, RECEIVE)
        .bearer_auth(token)
        .body(body.to_owned());
    send(request)
}

fn submission(body: &'static str) -> Submission {
    Submission {
        kind: EventKind::Action,
        source: "staff".to_owned(),
        event_type: "test".to_owned(),
        headers: Vec::new(),
        content_type: "application/json".to_owned(),
        body: bytes::Bytes::from_static(body.as_bytes()),
        owner: None,
    }
}

#[tokio::test]
async fn events_from_inside_take_the_same_routes() {
    let api = Api::start().await;
    api.route(&[("slack", "staff", "test")]);
    let accepted: Accepted = api.intake.submit(submission("{}")).await.expect("accepted");
    let deliveries = api.store.deliveries(accepted.id).await.expect("a store");
    assert_eq!(deliveries.len(), 1);
    let refused = api.intake.submit(submission("{")).await;
    assert!(matches!(refused, Err(IntakeError::Body(_))));
    api.stop().await;
}

/// Any JSON text, with the whitespace, escapes and numbers that values would lose.
fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,5})?",
        any::<String>().prop_map(|text| json!(text).to_string()),
        "\"(\\\\u[0-9a-fA-F]{4}|\\\\[bfnrt/\\\\\"]|[a-z ])*\"",
    ];
    let gap = "[ \t\r\n]{0,2}";
    (
        gap,
        leaf.prop_recursive(5, 64, 6, move |inner| {
            let member = ("[a-z]{0,3}|source|payload", gap, inner.clone());
            prop_oneof![
                prop::collection::vec((gap, inner, gap), 0..6).prop_map(|items| {
                    let items: Vec<String> = items
                        .into_iter()
                        .map(|(a, item, b)| format!("{a}{item}{b}"))
                        .collect();
                    format!("[{}]", items.join(","))
                }),
                prop::collection::vec(member, 0..6).prop_map(|members| {
                    let members: Vec<String> = members
                        .into_iter()
                        .map(|(key, gap, value)| format!("\"{key}\"{gap}:{value}"))
                        .collect();
                    format!("{{{}}}", members.join(","))
                }),
            ]
        }),
        gap,
    )
        .prop_map(|(before, text, after)| format!("{before}{text}{after}"))
}

proptest! {
    /// Whatever the JSON, the body is kept byte for byte, and an envelope's payload is the very text
    /// that was put into it.
    #[test]
    fn any_json_survives(text in json_text()) {
        let stored = parsed(&text);
        prop_assert_eq!(&stored.body[..], text.as_bytes());
        let enveloped = format!("{{\"payload\":{text},\"source\":\"s\"}}");
        let stored = parsed(&enveloped);
        let payload = stored.payload.clone().expect("a payload");
        prop_assert_eq!(&stored.body[payload], text.trim().as_bytes());
        prop_assert_eq!(stored.source, "s");
    }

    /// And no bytes whatever make the parser fall over.
    #[test]
    fn no_bytes_break_the_parser(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let valid = serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_ok() && std::str::from_utf8(&bytes).is_ok();
        prop_assert_eq!(parse(bytes.into()).is_ok(), valid);
    }
}

fn parsed(text: &str) -> NewEvent {
    parse(bytes::Bytes::copy_from_slice(text.as_bytes())).expect("valid JSON")
}

fn parse(body: bytes::Bytes) -> Result<NewEvent, IntakeError> {
    use hookyard::domain::id::UserId;
    use hookyard::domain::time::Timestamp;
    use hookyard::domain::user::User;
    let sender = User {
        id: UserId::generate(),
        username: "ada".to_owned(),
        email: String::new(),
        first_name: String::new(),
        last_name: String::new(),
        is_staff: false,
        is_active: true,
        date_joined: Timestamp::from_millis(0),
        last_login: None,
    };
    let request = hookyard::intake::Unverified {
        headers: http::HeaderMap::new(),
        query: hookyard::intake::SourceQuery::default(),
        content_type: "application/json".to_owned(),
        body,
    };
    request.sent_by(sender).into_event(Timestamp::from_millis(0))
}
