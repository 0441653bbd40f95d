//! One refused request: shown whole, judged anew, accepted.

use hookyard::domain::access::Role;
use hookyard::domain::page::PageRequest;

use super::acts::noted;
use super::browser::Browser;
use super::escaping::{EVIL, assert_inert};
use super::refusals::assert_refused;
use crate::support::api::{Api, send};

/// A source `s` whose sender presents another token than its secret; the path of what was refused.
async fn refused(api: &Api) -> String {
    api.set_secret("secret", "right");
    api.set_sources("[sources.s]\nverify = \"bearer\"\nsecret = \"file:secret\"\n");
    let request = api
        .request(reqwest::Method::POST, "/api/webhooks/receive/s/?q=1")
        .bearer_auth("presented")
        .header("content-type", "application/json")
        .header("x-evil", EVIL)
        .body(serde_json::json!({ EVIL: EVIL }).to_string());
    send(request).await.problem(401);
    let newest = PageRequest { page: 1, size: 1 };
    let began = std::time::Instant::now();
    loop {
        let kept = api.store.rejected_requests(None, newest).await.expect("listed");
        if let Some(request) = kept.items.first() {
            return format!("/admin/rejected/{}/", request.id);
        }
        assert!(began.elapsed().as_secs() < 60, "never kept");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_refused_request_is_judged_anew_and_then_accepted() {
    let api = Api::start().await;
    let path = refused(&api).await;
    let browser = Browser::of(&api, Role::Operator).await;
    let list = browser.page("/admin/rejected/").await;
    assert!(list.contains(&format!("href=\"{path}\"")), "{list}");
    let page = browser.page(&path).await;
    assert_inert(&page, &path);
    assert!(
        page.contains("credential") && page.contains("none of the source"),
        "{page}"
    );
    assert!(!page.contains("Bearer presented"), "a token is not kept: {page}");
    let verify = format!("{path}verify/");
    let verdict = browser.submit(&verify, &[]).await.expect(200).text;
    assert!(
        verdict.contains("It would be refused again (credential)"),
        "{verdict}"
    );

    api.set_secret("secret", "presented");
    // One who only looks may ask, too.
    let viewer = Browser::of(&api, Role::Viewer).await;
    let verdict = viewer.submit(&verify, &[]).await.expect(200).text;
    assert!(verdict.contains("It would be taken now"), "{verdict}");
    assert!(!verdict.contains("accept it"), "{verdict}");
    browser.post(&verify, &[("csrf", "x")]).await.expect(403);

    let accept = format!("{path}accept/");
    assert_refused(&accept, &browser, &viewer, &[]).await;
    let accepted = browser.submit(&accept, &[("back", &path)]).await.expect(303);
    assert_eq!(accepted.header("location"), format!("{path}?done=accepted"));
    assert_eq!(noted(&api).await.action, "rejected.accept");
    let page = browser.page(&path).await;
    assert!(
        page.contains("the event it became") && page.contains("the-operator"),
        "{page}"
    );
    browser.get("/admin/rejected/none/").await.expect(404);
    api.stop().await;
}
