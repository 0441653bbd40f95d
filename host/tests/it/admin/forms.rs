//! What a form must prove before anything is done.

use hookyard::domain::access::Role;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, COOKIE};

use super::browser::{Browser, SIGN_IN};
use crate::http_api::deliveries::{dead_letter, put_in_force};
use crate::support::api::{Api, send};

/// A dead letter's path of replaying.
async fn replayable(api: &Api) -> String {
    put_in_force(api);
    let token = api.token_for("sending", Role::Operator).await;
    let (_, delivery) = dead_letter(api, &token, &serde_json::json!({})).await;
    format!("/admin/deliveries/{delivery}/replay/")
}

async fn replays(api: &Api) -> usize {
    let counts = api.store.delivery_counts().await.expect("counted");
    counts
        .iter()
        .filter(|count| count.state.as_str() == "pending")
        .count()
}

#[tokio::test]
async fn a_form_of_another_session_or_none_does_nothing() {
    let api = Api::start().await;
    let path = replayable(&api).await;
    let browser = Browser::of(&api, Role::Operator).await;
    let other = Browser::of(&api, Role::Admin).await;
    for csrf in ["", "x", &other.csrf().await] {
        let refused = browser.post(&path, &[("csrf", csrf)]).await.expect(403);
        assert!(refused.text.contains("another session"), "{}", refused.text);
    }
    let refused = browser.post(&path, &[]).await.expect(403);
    assert!(refused.header("content-type").starts_with("text/html"));
    assert_eq!(replays(&api).await, 0);
    browser.submit(&path, &[]).await.expect(303);
    assert_eq!(replays(&api).await, 1);
    api.stop().await;
}

#[tokio::test]
async fn a_form_from_elsewhere_does_nothing() {
    let api = Api::start().await;
    let path = replayable(&api).await;
    let mut browser = Browser::of(&api, Role::Operator).await;
    let csrf = browser.csrf().await;
    let own = browser.origin.clone();
    for origin in [
        Some("https://evil.example".to_owned()),
        Some("null".to_owned()),
        Some(format!("http://{}.evil.example", api.address)),
        None,
    ] {
        browser.origin.clone_from(&origin);
        let refused = browser.post(&path, &[("csrf", &csrf)]).await.expect(403);
        assert!(refused.text.contains("not sent from these pages"), "{origin:?}");
        // The sign-in and the theme have no token: where the form comes from protects them.
        browser.post(SIGN_IN, &[("username", "a")]).await.expect(403);
        browser
            .post("/admin/theme/", &[("theme", "dark")])
            .await
            .expect(403);
    }
    browser.origin = own;
    for site in ["cross-site", "same-site", "none"] {
        let request = api
            .request(Method::POST, &path)
            .header(COOKIE, &browser.cookie)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("sec-fetch-site", site);
        send(request.body(format!("csrf={csrf}"))).await.expect(403);
    }
    assert_eq!(replays(&api).await, 0);
    // Either of the two is enough.
    let request = api
        .request(Method::POST, &path)
        .header(COOKIE, &browser.cookie)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("sec-fetch-site", "same-origin");
    send(request.body(format!("csrf={csrf}"))).await.expect(303);
    api.stop().await;
}

#[tokio::test]
async fn acts_are_forms_of_operators() {
    let api = Api::start().await;
    let path = replayable(&api).await;
    let viewer = Browser::of(&api, Role::Viewer).await;
    let list = viewer.page("/admin/dead-letters/").await;
    assert!(list.contains("to a") && !list.contains("/replay/"), "{list}");
    let refused = viewer.submit(&path, &[]).await.expect(403);
    assert!(
        refused.text.contains("You do not have permission"),
        "{}",
        refused.text
    );
    let sent = viewer.submit("/admin/test-event/", &[]).await;
    assert_eq!(sent.status, 403);
    assert_eq!(replays(&api).await, 0);

    for role in [Role::Operator, Role::Admin] {
        let browser = Browser::of(&api, role).await;
        let list = browser.page("/admin/dead-letters/").await;
        assert!(list.contains(&format!("action=\"{path}\"")), "{list}");
        // A link does nothing: only forms act.
        browser.get(&path).await.expect(405);
    }
    assert_eq!(replays(&api).await, 0);
    api.stop().await;
}

#[tokio::test]
async fn a_form_has_a_bounded_size_and_one_media_type() {
    let api = Api::start().await;
    let path = replayable(&api).await;
    let browser = Browser::of(&api, Role::Operator).await;
    let long = "x".repeat(20 << 10);
    browser.submit(&path, &[("note", &long)]).await.expect(413);
    let request = api
        .request(Method::POST, &path)
        .header(COOKIE, &browser.cookie)
        .header(CONTENT_TYPE, "text/plain")
        .header("sec-fetch-site", "same-origin");
    let csrf = browser.csrf().await;
    send(request.body(format!("csrf={csrf}"))).await.expect(415);
    assert_eq!(replays(&api).await, 0);
    api.stop().await;
}
