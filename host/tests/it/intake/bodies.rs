//! Bodies: their size, their media type, their syntax, and that they come back as they were.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{RECEIVE, count};
use crate::support::api::{Api, MAX_BODY, send};

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

/// A body that dribbles in ties a connection up no longer than its time, and its sender is told.
#[tokio::test]
async fn a_body_that_never_ends_is_given_up() {
    let api = Api::start().await;
    let token = api.token_of("ada", false).await;
    let mut stream = TcpStream::connect(api.address).await.expect("a connection");
    let head = format!(
        "POST {RECEIVE} HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {token}\r\ncontent-length: 2\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).await.expect("written");
    let mut answer = String::new();
    let answered = stream.read_to_string(&mut answer);
    tokio::time::timeout(hookyard::http::body::BODY_TIMEOUT * 3, answered)
        .await
        .expect("the server ends the connection")
        .expect("an answer, not a reset");
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert_eq!(count(&api).await, 0);
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
