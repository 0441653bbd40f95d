//! From a dead letter to its replay, by forms alone.

use hookyard::domain::access::Role;
use hookyard::domain::audit::{AuditEntry, AuditFilter};
use hookyard::domain::page::PageRequest;
use serde_json::json;

use super::browser::Browser;
use crate::http_api::deliveries::{dead_letter, put_in_force};
use crate::store::hold_all;
use crate::support::api::Api;

/// The newest entry of the audit log.
pub async fn noted(api: &Api) -> AuditEntry {
    let newest = PageRequest { page: 1, size: 1 };
    let log = api.store.audit_page(&AuditFilter::default(), newest).await;
    log.expect("readable").items.remove(0)
}

#[tokio::test]
async fn a_dead_letter_is_found_from_the_overview_and_replayed() {
    let api = Api::start().await;
    put_in_force(&api);
    let token = api.token_for("sending", Role::Operator).await;
    let (event, delivery) = dead_letter(&api, &token, &json!({"order": 17})).await;
    let browser = Browser::of(&api, Role::Operator).await;

    let overview = browser.page("/admin/").await;
    assert!(overview.contains("<strong>1</strong> dead letter<"), "{overview}");
    assert!(overview.contains("href=\"/admin/dead-letters/\""));
    let list = browser.page("/admin/dead-letters/").await;
    assert!(list.contains("a never"), "why it died: {list}");
    assert!(list.contains(&format!("/admin/events/{event}/#delivery-{delivery}")));

    let fields = [
        ("note", "mended"),
        ("back", "/admin/dead-letters/?plugin=a&done=sent"),
    ];
    let path = format!("/admin/deliveries/{delivery}/replay/");
    let made = browser.submit(&path, &fields).await.expect(303);
    assert_eq!(
        made.header("location"),
        "/admin/dead-letters/?plugin=a&done=replayed"
    );
    let list = browser.page(made.header("location")).await;
    assert!(list.contains("role=\"status\">A replay was made"), "{list}");
    assert!(list.contains("Nothing is here."), "it is dealt with: {list}");
    let entry = noted(&api).await;
    assert_eq!(
        (
            entry.action.as_str(),
            entry.target.as_str(),
            entry.actor.name.as_str()
        ),
        ("delivery.replay", delivery.as_str(), "the-operator")
    );
    assert_eq!(
        entry.actor.request_id.as_deref(),
        Some(made.header("x-request-id"))
    );

    // The same conflict as over the API, as a page.
    let again = browser.submit(&path, &[]).await.expect(409);
    assert!(again.text.contains("still open"), "{}", again.text);
    let page = browser.page(&format!("/admin/events/{event}/")).await;
    assert!(page.contains("A replay of <a href=\"#delivery-"), "{page}");
    assert!(
        page.contains("&#34;order&#34;: "),
        "the payload as a tree: {page}"
    );
    api.stop().await;
}

#[tokio::test]
async fn an_event_is_replayed_as_a_whole() {
    let api = Api::start().await;
    put_in_force(&api);
    let token = api.token_for("sending", Role::Operator).await;
    let (event, _) = dead_letter(&api, &token, &json!({})).await;
    let browser = Browser::of(&api, Role::Operator).await;
    let path = format!("/admin/events/{event}/replay/");
    let refused = browser.submit(&path, &[("to", "none")]).await.expect(409);
    assert!(refused.text.contains("no plugin"), "{}", refused.text);
    let made = browser
        .submit(&path, &[("to", "b"), ("note", "")])
        .await
        .expect(303);
    assert_eq!(
        made.header("location"),
        format!("/admin/events/{event}/?done=replayed")
    );
    assert_eq!(noted(&api).await.action, "event.replay");
    api.stop().await;
}

#[tokio::test]
async fn a_delivery_is_discarded_with_a_reason_and_an_unknown_one_resolved() {
    let api = Api::start().await;
    put_in_force(&api);
    let token = api.token_for("sending", Role::Operator).await;
    let (_, delivery) = dead_letter(&api, &token, &json!({})).await;
    let browser = Browser::of(&api, Role::Operator).await;
    let path = format!("/admin/deliveries/{delivery}/discard/");
    let refused = browser.submit(&path, &[("reason", "  ")]).await.expect(400);
    assert!(refused.text.contains("needs a reason"), "{}", refused.text);
    let gone = browser
        .submit(&path, &[("reason", "test data")])
        .await
        .expect(303);
    assert_eq!(gone.header("location"), "/admin/dead-letters/?done=discarded");
    assert_eq!(noted(&api).await.action, "delivery.discard");

    api.receive(&token, "?source=s&type=a", "{}").await;
    let held = hold_all(&api.store, "a").await;
    let overview = browser.page("/admin/").await;
    assert!(overview.contains("outcome that nobody knows"), "{overview}");
    let list = browser.page("/admin/dead-letters/?state=unknown").await;
    let path = format!("/admin/deliveries/{}/resolve/", held[0]);
    assert!(list.contains(&format!("action=\"{path}\"")), "{list}");
    browser.submit(&path, &[("as", "perhaps")]).await.expect(400);
    let fields = [("as", "succeeded"), ("note", "the vendor has it")];
    browser.submit(&path, &fields).await.expect(303);
    assert_eq!(noted(&api).await.action, "delivery.resolve");
    api.stop().await;
}
