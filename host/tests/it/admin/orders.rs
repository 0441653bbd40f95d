//! Many deliveries replayed by what a list shows: counted first, ordered, followed, cancelled.

use std::time::Instant;

use hookyard::domain::access::Role;
use hookyard::domain::delivery::Verdict;
use serde_json::json;

use super::acts::noted;
use super::browser::Browser;
use super::escaping::{EVIL, assert_inert};
use crate::http_api::deliveries::put_in_force;
use crate::store::end_all;
use crate::support::api::Api;
use crate::support::pipeline::PATIENCE;

/// Dead letters for `a`, each with its number.
async fn dead_letters(api: &Api, count: usize) {
    put_in_force(api);
    let token = api.token_for("sending", Role::Operator).await;
    for n in 0..count {
        api.receive(&token, "?source=s&type=a", json!({ "n": n % 2, "text": EVIL }))
            .await;
    }
    end_all(&api.store, "a", &Verdict::Dead).await;
}

/// A page that comes to say this.
async fn comes_to_say(browser: &Browser<'_>, path: &str, text: &str) -> String {
    let began = Instant::now();
    loop {
        let page = browser.page(path).await;
        if page.contains(text) {
            return page;
        }
        assert!(began.elapsed() < PATIENCE, "{text}: {page}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_a_list_shows_is_counted_ordered_and_followed() {
    let api = Api::start().await;
    dead_letters(&api, 6).await;
    let browser = Browser::of(&api, Role::Operator).await;
    let list = browser.page("/admin/dead-letters/?source=s").await;
    assert!(
        list.contains("href=\"/admin/new-replay/?state=dead&#38;source=s&#38;replayed=false\""),
        "{list}"
    );
    let path = "/admin/new-replay/?state=dead&source=s&replayed=false";
    let preview = browser.page(path).await;
    assert!(preview.contains("6 deliveries would be replayed"), "{preview}");
    assert!(preview.contains("at 100/s"), "{preview}");
    // Nothing was done by looking.
    assert!(
        browser
            .page("/admin/replays/")
            .await
            .contains("No order was given yet.")
    );

    // From a list of events, by what is inside.
    let path = "/admin/new-replay/?status=failed&source=s&pointer=%2Fn&value=1&from=events";
    let preview = browser.page(path).await;
    assert!(preview.contains("3 deliveries would be replayed"), "{preview}");
    assert!(preview.contains("An order is about deliveries"), "{preview}");
    for carried in [
        "name=\"state\" value=\"dead\"",
        "type=\"hidden\" name=\"pointer\" value=\"/n\"",
        "type=\"hidden\" name=\"value\" value=\"1\"",
    ] {
        assert!(preview.contains(carried), "{carried}: {preview}");
    }
    let fields = [
        ("state", "dead"),
        ("source", "s"),
        ("pointer", "/n"),
        ("value", "1"),
        ("rate", "600/min"),
        ("note", EVIL),
    ];
    let given = browser.submit("/admin/replays/", &fields).await.expect(303);
    let entry = noted(&api).await;
    assert_eq!(entry.action, "replay.start");
    let order = format!("/admin/replays/{}/", entry.target);
    assert_eq!(given.header("location"), format!("{order}?done=ordered"));
    let page = browser.page(given.header("location")).await;
    assert!(page.contains("role=\"status\">The order was given."), "{page}");
    assert!(page.contains("<dt>At most</dt><dd>10/s</dd>"), "{page}");
    assert_inert(&page, &order);
    let over = comes_to_say(&browser, &order, "<span class=\"state done\">done</span>").await;
    assert!(over.contains("<dt>Made</dt><dd>3</dd>"), "{over}");
    assert!(over.contains("<progress value=\"3\" max=\"3\""), "{over}");
    assert!(!over.contains("Cancel the order"), "{over}");
    let list = browser.page("/admin/replays/").await;
    assert!(list.contains(&format!("href=\"{order}\"")), "{list}");
    assert_inert(&list, "/admin/replays/");
    api.stop().await;
}

#[tokio::test]
async fn an_order_that_runs_is_cancelled() {
    let api = Api::start().await;
    dead_letters(&api, 3).await;
    let browser = Browser::of(&api, Role::Operator).await;
    // The first goes at once, the next a minute later.
    let fields = [("state", "dead"), ("rate", "1/min")];
    browser.submit("/admin/replays/", &fields).await.expect(303);
    let order = format!("/admin/replays/{}/", noted(&api).await.target);
    let page = comes_to_say(&browser, &order, "<dt>Made</dt><dd>1</dd>").await;
    assert!(page.contains("Cancel the order"), "{page}");
    let viewer = Browser::of(&api, Role::Viewer).await;
    assert!(!viewer.page(&order).await.contains("Cancel the order"));
    viewer.submit(&format!("{order}cancel/"), &[]).await.expect(403);
    let ended = browser.submit(&format!("{order}cancel/"), &[]).await.expect(303);
    assert_eq!(ended.header("location"), format!("{order}?done=order-cancelled"));
    let page = browser.page(ended.header("location")).await;
    assert!(
        page.contains("<dt>Cancelled by</dt><dd>the-operator</dd>"),
        "{page}"
    );
    assert_eq!(noted(&api).await.action, "replay.cancel");
    let again = browser.submit(&format!("{order}cancel/"), &[]).await.expect(303);
    assert_eq!(
        again.header("location"),
        format!("{order}?done=order-cancelled"),
        "it stays so"
    );
    api.stop().await;
}

#[tokio::test]
async fn an_order_that_makes_no_sense_is_told_and_not_given() {
    let api = Api::start().await;
    dead_letters(&api, 1).await;
    let browser = Browser::of(&api, Role::Operator).await;
    for (query, status, why) in [
        ("state=dead&plugin=off", 409, "disabled"),
        ("state=dead&plugin=none", 409, "no plugin"),
        ("state=retrying", 400, "dead, cancelled or succeeded"),
        ("state=dead&pointer=n", 400, "JSON pointer"),
        ("state=lost", 400, "must be"),
        ("state=dead&rate=fast", 400, "no rate"),
    ] {
        let path = format!("/admin/new-replay/?{query}");
        let told = browser.get(&path).await.expect(status);
        assert!(told.text.contains(why), "{why}: {}", told.text);
        let fields: Vec<_> = url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let told = browser.submit("/admin/replays/", &fields).await.expect(status);
        assert!(told.text.contains(why), "{why}: {}", told.text);
    }
    let long = "x".repeat(1_001);
    let fields = [("state", "dead"), ("note", long.as_str())];
    let told = browser.submit("/admin/replays/", &fields).await.expect(400);
    assert!(
        told.text.contains("role=\"alert\"") && told.text.contains(&long),
        "what was typed stays"
    );
    assert!(
        browser
            .page("/admin/replays/")
            .await
            .contains("No order was given yet.")
    );
    for path in ["/admin/replays/none/", "/admin/replays/?page=2"] {
        browser.get(path).await.expect(404);
    }
    let viewer = Browser::of(&api, Role::Viewer).await;
    viewer.get("/admin/new-replay/").await.expect(403);
    let refused = viewer.submit("/admin/replays/", &[("state", "dead")]).await;
    assert_eq!(refused.status, 403);
    api.stop().await;
}
