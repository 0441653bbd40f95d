//! The stream that tells pages what changed.

use std::time::Instant;

use hookyard::domain::access::Role;
use reqwest::Method;
use reqwest::header::COOKIE;

use super::browser::Browser;
use crate::http_api::deliveries::put_in_force;
use crate::support::api::{Answer, Api};
use crate::support::pipeline::PATIENCE;

const LIVE: &str = "/admin/live/";

async fn open(browser: &Browser<'_>) -> reqwest::Response {
    let request = browser.api.request(Method::GET, LIVE);
    let request = request.header(COOKIE, &browser.cookie);
    request.send().await.expect("an answer")
}

#[tokio::test]
async fn a_page_is_told_what_changed_and_the_stream_ends_with_the_service() {
    let api = Api::start().await;
    put_in_force(&api);
    let token = api.token_for("sending", Role::Operator).await;
    let browser = Browser::of(&api, Role::Viewer).await;
    let mut stream = open(&browser).await;
    assert_eq!(stream.status(), 200);
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    api.receive(&token, "?source=s&type=a", "{}").await;
    let (mut told, began) = (String::new(), Instant::now());
    while !told.contains("data: events deliveries") {
        assert!(began.elapsed() < PATIENCE, "{told}");
        let chunk = stream.chunk().await.expect("readable").expect("it goes on");
        told.push_str(&String::from_utf8_lossy(&chunk));
    }
    // Names alone: nothing of the event.
    assert!(!told.contains("pending") && !told.contains('{'), "{told}");
    api.stop().await;
    assert_eq!(stream.text().await.expect("a clean end").trim(), "");
}

#[tokio::test]
async fn streams_are_bounded_and_need_a_session() {
    let api = Api::start().await;
    let browser = Browser::of(&api, Role::Viewer).await;
    let mut streams = Vec::new();
    loop {
        let stream = open(&browser).await;
        if stream.status() != 200 {
            let refused = Answer::of(stream).await.expect(503);
            assert!(!refused.header("retry-after").is_empty());
            break;
        }
        streams.push(stream);
        assert!(streams.len() < 20, "unbounded");
    }
    assert_eq!(streams.len(), 8);
    // Another account has places of its own.
    let other = Browser::of(&api, Role::Admin).await;
    assert_eq!(open(&other).await.status(), 200);
    let nobody = Browser::new(&api);
    assert_eq!(open(&nobody).await.status(), 303);
    drop(streams);
    api.stop().await;
}
