//! The overview: a first run, and what needs a person.

use std::time::{Duration, Instant};

use hookyard::domain::access::Role;
use hookyard::domain::delivery::Verdict;
use serde_json::json;

use super::browser::Browser;
use crate::http_api::deliveries::{dead_letter, put_in_force};
use crate::store::end_all;
use crate::support::api::{Api, send};
use crate::support::pipeline::PATIENCE;

#[tokio::test]
async fn a_first_run_teaches_and_a_test_event_ends_it() {
    let api = Api::start().await;
    put_in_force(&api);
    let viewer = Browser::of(&api, Role::Viewer).await;
    let page = viewer.page("/admin/").await;
    assert!(
        page.contains("Send a first event") && !page.contains("Make a key"),
        "{page}"
    );
    let browser = Browser::of(&api, Role::Operator).await;
    let page = browser.page("/admin/").await;
    for way in ["href=\"/admin/bin/\"", "action=\"/admin/first-run/\""] {
        assert!(page.contains(way), "{way}: {page}");
    }

    let sent = browser.submit("/admin/test-event/", &[]).await.expect(303);
    let event = browser.page(sent.header("location")).await;
    assert!(event.contains("The event is durable"), "{event}");
    assert!(event.contains("hookyard-admin"), "{event}");
    let page = browser.page("/admin/").await;
    assert!(!page.contains("Send a first event"), "{page}");
    assert!(page.contains("<strong>1</strong> processed"), "{page}");
    api.stop().await;
}

#[tokio::test]
async fn what_needs_a_person_is_told_first_with_its_place() {
    let api = Api::start().await;
    put_in_force(&api);
    let browser = Browser::of(&api, Role::Viewer).await;
    let token = api.token_for("sending", Role::Operator).await;
    assert!(
        browser
            .page("/admin/")
            .await
            .contains("Nothing. Every delivery arrived")
    );
    dead_letter(&api, &token, &json!({})).await;
    api.set_sources("[sources.shop]\nverify = \"github\"\nsecret = \"file:shop\"\n");
    api.set_secret("shop", "quite a long secret of a shop");
    let refused = api.request(reqwest::Method::POST, "/api/webhooks/receive/shop/");
    let refused = refused.header("content-type", "application/json").body("{}");
    send(refused).await.problem(401);
    // Refused requests are written by a task of their own.
    let began = Instant::now();
    let page = loop {
        let page = browser.page("/admin/").await;
        if page.contains("request refused") {
            break page;
        }
        assert!(began.elapsed() < PATIENCE, "{page}");
        tokio::task::yield_now().await;
    };
    for need in [
        "<strong>1</strong> dead letter<",
        "<strong>1</strong> request refused within a day<",
    ] {
        assert!(page.contains(need), "{need}: {page}");
    }
    assert!(page.contains("href=\"/admin/rejected/\""), "{page}");
    let list = browser.page("/admin/rejected/").await;
    assert!(list.contains("<span class=\"state rejected\">missing"), "{list}");
    assert!(!list.contains("/accept/"), "a viewer accepts nothing: {list}");
    let operator = Browser::of(&api, Role::Operator).await;
    let list = operator.page("/admin/rejected/").await;
    let (_, rest) = list
        .split_once("action=\"/admin/rejected/\"")
        .expect("the filter");
    let (_, rest) = rest.split_once("action=\"/admin/rejected/").expect("a form");
    let (id, _) = rest.split_once('/').expect("an id");
    // Judged anew it is refused again, and nothing is stored.
    let path = format!("/admin/rejected/{id}/accept/");
    operator.submit(&path, &[]).await.expect(409);
    let (before, after) = page.split_once("id=\"totals\"").expect("numbers");
    assert!(before.contains("id=\"needs\"") && after.contains("id=\"chart\""));
    api.stop().await;
}

#[tokio::test]
async fn numbers_are_those_of_the_plugins_and_of_the_time() {
    let api = Api::start().await;
    put_in_force(&api);
    let browser = Browser::of(&api, Role::Viewer).await;
    let token = api.token_for("sending", Role::Operator).await;
    for _ in 0..3 {
        api.receive(&token, "?source=s&type=a", "{}").await;
    }
    let page = browser.page("/admin/").await;
    assert!(
        page.contains("Events received: <span class=\"muted\">3 in all"),
        "{page}"
    );
    assert!(page.contains("<strong>3</strong> pending"), "{page}");
    assert!(page.contains("href=\"/admin/dead-letters/?plugin=a\""), "{page}");
    end_all(&api.store, "a", &Verdict::Succeeded).await;
    // A later bar, and the table beside the drawing.
    api.clock.advance(Duration::from_mins(40));
    let page = browser.page("/admin/?span=hour").await;
    assert!(page.contains("<rect class=\"received\""), "{page}");
    assert!(
        page.contains("<th scope=\"row\"><time datetime=\"2026-08-01T12:00:00.000Z\">"),
        "{page}"
    );
    assert!(page.contains("aria-current=\"true\">Last hour"), "{page}");
    api.stop().await;
}
