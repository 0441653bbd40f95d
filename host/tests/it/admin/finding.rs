//! Events by what is in them: the list, its links, the list that follows what comes, and the list as a file.

use std::time::Duration;

use hookyard::domain::access::Role;
use hookyard::domain::event::NewEvent;
use hookyard::domain::time::Timestamp;
use serde_json::{Value, json};

use super::browser::Browser;
use crate::store::{BASE, event};
use crate::support::api::Api;

/// Rows of a list.
fn rows(page: &str) -> usize {
    page.matches("<tr id=\"event-").count()
}

/// Where the link with this text leads.
fn href<'a>(page: &'a str, text: &str) -> &'a str {
    let (before, _) = page.split_once(&format!(">{text}</a>")).expect(text);
    let (_, last) = before.rsplit_once("href=\"").expect("a link");
    last.split('"').next().expect("an address")
}

/// An address as a browser reads it out of a page.
fn unescaped(href: &str) -> String {
    href.replace("&#38;", "&")
}

/// So many events in the store, each with its number.
async fn stored(api: &Api, count: i64) -> Vec<NewEvent> {
    let events: Vec<_> = (0..count)
        .map(|n| NewEvent {
            body: format!("{{\"n\": {n}, \"word\": \"w{}\"}}", n % 10).into(),
            received_at: Timestamp::from_millis(BASE.as_millis() + n),
            ..event(&[])
        })
        .collect();
    api.store.accept_events(&events).await.expect("accepted");
    events
}

#[tokio::test]
async fn a_list_by_what_is_inside_stops_looking_and_goes_on() {
    let api = Api::start().await;
    let events = stored(&api, 2_300).await;
    let browser = Browser::of(&api, Role::Viewer).await;
    let first = browser
        .page("/admin/events/?pointer=%2Fn&value=17&source=github")
        .await;
    assert_eq!(rows(&first), 0);
    assert!(first.contains("0 found in 2,000 events"), "{first}");
    assert!(first.contains("It stopped looking here."), "{first}");
    // The conditions stay in the form, and the way on keeps them.
    assert!(first.contains("name=\"pointer\" value=\"/n\""), "{first}");
    let next = unescaped(href(&first, "Look through more"));
    let second = browser.page(&format!("/admin/events/{next}")).await;
    assert_eq!(rows(&second), 1);
    assert!(second.contains(&format!("event-{}", events[17].id)), "{second}");
    assert!(second.contains("1 found in 300 events"), "{second}");
    assert!(second.contains("That is all."), "{second}");
    let start = unescaped(href(&second, "From the start"));
    let again = browser.page(&format!("/admin/events/{start}")).await;
    assert!(again.contains("0 found in 2,000 events"), "{again}");

    // A page ends when it is full, too.
    let full = browser.page("/admin/events/?search=w3&page_size=5").await;
    assert_eq!(rows(&full), 5);
    for (query, status) in [
        ("pointer=n", 400),
        ("value=1", 400),
        ("search=x&page=2", 400),
        ("search=x&after=soon", 400),
    ] {
        browser
            .get(&format!("/admin/events/?{query}"))
            .await
            .expect(status);
    }
    api.stop().await;
}

#[tokio::test]
async fn a_list_is_kept_by_its_link() {
    let api = Api::start().await;
    let browser = Browser::of(&api, Role::Operator).await;
    let query = "status=failed&source=a%26b&done=sent&page=1&ordering=received_at&x=%22%3E";
    let page = browser.page(&format!("/admin/events/?{query}")).await;
    assert_eq!(
        unescaped(href(&page, "Link to this list")),
        "/admin/events/?status=failed&source=a%26b&ordering=received_at"
    );
    assert_eq!(
        unescaped(href(&page, "Replay these…")),
        "/admin/new-replay/?status=failed&source=a%26b&from=events"
    );
    let viewer = Browser::of(&api, Role::Viewer).await;
    let page = viewer.page("/admin/events/").await;
    assert!(!page.contains("new-replay"), "{page}");
    assert_eq!(href(&page, "Link to this list"), "/admin/events/");
    api.stop().await;
}

#[tokio::test]
async fn the_newest_are_followed_in_bounds() {
    let api = Api::start().await;
    let events = stored(&api, 600).await;
    let browser = Browser::of(&api, Role::Viewer).await;
    let list = browser.page("/admin/events/?source=github").await;
    let tail = unescaped(href(&list, "Follow as they come"));
    assert_eq!(tail, "/admin/events/?source=github&tail=on");
    let page = browser.page(&tail).await;
    assert_eq!(rows(&page), 50);
    assert!(page.contains(&format!("event-{}", events[599].id)), "{page}");
    assert!(page.contains("data-tail"), "{page}");
    // Without JavaScript it is loaded anew by a link, and has no button that does nothing.
    assert_eq!(unescaped(href(&page, "Refresh")), tail);
    assert!(page.contains("data-pause hidden"), "{page}");
    assert_eq!(unescaped(href(&page, "As pages")), "/admin/events/?source=github");
    // It asks for itself when something came.
    assert!(
        page.contains("data-hx-get=\"/admin/events/?source=github&#38;tail=on\""),
        "{page}"
    );
    let some = browser
        .page("/admin/events/?tail=on&pointer=%2Fword&value=w7")
        .await;
    assert_eq!(rows(&some), 50);
    let few = browser.page("/admin/events/?tail=on&pointer=%2Fn&value=3").await;
    assert_eq!(rows(&few), 0);
    assert!(few.contains("among the 500 that came last"), "{few}");
    api.stop().await;
}

#[tokio::test]
async fn a_list_is_saved_as_json_lines() {
    let api = Api::start().await;
    let events = stored(&api, 300).await;
    let mut binary = event(&[]);
    binary.body = (&b"\xff\0"[..]).into();
    binary.received_at = Timestamp::from_millis(BASE.as_millis() + 1_000);
    api.store
        .accept_events(std::slice::from_ref(&binary))
        .await
        .expect("accepted");
    // What comes later than the export began is none of it.
    let later = NewEvent {
        received_at: Timestamp::parse("2026-08-01T12:00:01Z").expect("a moment"),
        ..event(&[])
    };
    api.store.accept_events(&[later]).await.expect("accepted");
    api.clock.advance(Duration::from_millis(500));
    let browser = Browser::of(&api, Role::Viewer).await;
    let list = browser.page("/admin/events/?pointer=%2Fword&value=w4").await;
    let path = unescaped(href(&list, "Export as JSON lines"));
    assert_eq!(path, "/admin/events/export/?pointer=%2Fword&value=w4");
    let some = browser.get(&path).await.expect(200);
    assert_eq!(some.header("content-type"), "application/x-ndjson");
    assert!(some.header("content-disposition").starts_with("attachment"));
    let lines = |text: &str| -> Vec<Value> {
        let read = |line| serde_json::from_str(line).expect("a line of JSON");
        text.lines().map(read).collect()
    };
    let some = lines(&some.text);
    assert_eq!(some.len(), 30);
    assert_eq!(some[0]["id"], json!(events[4].id.to_string()), "oldest first");
    assert_eq!(some[0]["body"], json!("{\"n\": 4, \"word\": \"w4\"}"));
    let all = lines(&browser.get("/admin/events/export/").await.expect(200).text);
    assert_eq!(all.len(), 301);
    assert_eq!(all[300]["body_base64"], json!("/wA="));
    browser.get("/admin/events/export/?since=soon").await.expect(400);
    let nobody = Browser::new(&api);
    nobody.get("/admin/events/export/").await.expect(303);
    api.stop().await;
}
