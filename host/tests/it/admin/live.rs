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
    open_at(browser, LIVE).await
}

async fn open_at(browser: &Browser<'_>, path: &str) -> reqwest::Response {
    let request = browser.api.request(Method::GET, path);
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

/// The first news of a stream.
async fn first_news(stream: &mut reqwest::Response) -> String {
    let (mut told, began) = (String::new(), Instant::now());
    loop {
        let line = told.lines().find_map(|line| line.strip_prefix("data: "));
        if let Some(news) = line.filter(|_| told.ends_with('\n')) {
            return news.to_owned();
        }
        assert!(began.elapsed() < PATIENCE, "{told}");
        let chunk = stream.chunk().await.expect("readable").expect("it goes on");
        told.push_str(&String::from_utf8_lossy(&chunk));
    }
}

#[tokio::test]
async fn what_happens_while_a_page_is_on_its_way_is_told() {
    let api = Api::start().await;
    put_in_force(&api);
    let token = api.token_for("sending", Role::Operator).await;
    let browser = Browser::of(&api, Role::Viewer).await;
    let page = browser.page("/admin/").await;
    let (_, live) = page.split_once("data-live=\"").expect("it follows");
    let live = live.split('"').next().expect("an address").to_owned();
    assert!(live.starts_with("/admin/live/?since="), "{live}");
    // The page does not show it, and its stream is not open yet.
    api.receive(&token, "?source=s&type=a", "{}").await;
    let mut stream = open_at(&browser, &live).await;
    assert_eq!(first_news(&mut stream).await, "events deliveries");
    drop(stream);
    api.stop().await;
}

#[tokio::test]
async fn a_page_that_is_left_frees_its_place() {
    let api = Api::start().await;
    let browser = Browser::of(&api, Role::Viewer).await;
    for _ in 0..8 {
        let began = Instant::now();
        let mut streams = Vec::new();
        while streams.len() < 4 {
            let stream = open(&browser).await;
            if stream.status() == 200 {
                streams.push(stream);
            } else {
                assert!(began.elapsed() < PATIENCE, "no place is freed");
                tokio::task::yield_now().await;
            }
        }
    }
    api.stop().await;
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
    assert_eq!(open(&nobody).await.status(), 401);
    drop(streams);
    api.stop().await;
}
