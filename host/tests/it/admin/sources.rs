//! Sources in the browser, and the box that tells what would become of a request.

use hookyard::domain::access::Role;
use hookyard::domain::event::{EventFilter, EventOrder};
use hookyard::domain::page::PageRequest;
use ring::hmac;

use super::browser::Browser;
use super::escaping::{EVIL, assert_inert};
use super::refusals::assert_refused;
use crate::support::api::Api;

const PAGE: &str = "/admin/sources/hub/";
const BODY: &str = "{\"a\": 1}";

async fn hub(secret: &str) -> Api {
    let api = Api::start().await;
    api.set_secret("secret", secret);
    api.set_sources("[sources.hub]\nverify = \"github\"\nsecret = [\"env:NONE\", \"file:secret\"]\n");
    api
}

fn headers(secret: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = hex::encode(hmac::sign(&key, BODY.as_bytes()));
    format!(
        "POST /x HTTP/1.1\r\nContent-Type: application/json\r\nX-GitHub-Event: push\r\nX-GitHub-Delivery: d1\r\n\
         X-Hub-Signature-256: sha256={signature}\r\n"
    )
}

async fn stored(api: &Api) -> u64 {
    let page = PageRequest { page: 1, size: 1 };
    let found = api
        .store
        .events(&EventFilter::default(), EventOrder::NewestFirst, page)
        .await;
    found.expect("listed").total
}

#[tokio::test]
async fn a_request_is_judged_step_by_step_and_not_stored() {
    let api = hub("right").await;
    let browser = Browser::of(&api, Role::Operator).await;
    let list = browser.page("/admin/sources/").await;
    assert!(
        list.contains("x-hub-signature-256") && list.contains("file:"),
        "{list}"
    );
    assert!(
        list.contains("/api/webhooks/receive/hub/") && !list.contains("right"),
        "{list}"
    );

    let good = [("headers", &*headers("right")), ("body", BODY)];
    let taken = browser.submit(PAGE, &good).await.expect(200).text;
    assert!(
        taken.contains("It would be taken") && taken.contains("of the type push"),
        "{taken}"
    );
    assert_eq!(taken.matches("class=\"state passed\"").count(), 4, "{taken}");
    assert!(
        taken.contains("env:NONE cannot") && taken.contains("NONE is not set"),
        "{taken}"
    );

    let other = [("headers", &*headers("other")), ("body", BODY)];
    let untold = browser.submit(PAGE, &other).await.expect(200).text;
    // The secret that cannot be read may be the one that proves it.
    assert!(
        untold.contains("It would be refused (no-secret, answered with 503)"),
        "{untold}"
    );
    api.set_sources("[sources.hub]\nverify = \"github\"\nsecret = \"file:secret\"\n");
    let refused = browser.submit(PAGE, &other).await.expect(200).text;
    assert!(
        refused.contains("It would be refused (signature, answered with 401)"),
        "{refused}"
    );
    assert!(
        refused.contains("state failed\">failed</span> <strong>A secret proves it"),
        "{refused}"
    );
    // What the box had is still there, so that it can be mended.
    assert!(refused.contains("{&#34;a&#34;: 1}"), "{refused}");

    let bare = browser.submit(PAGE, &[("body", BODY)]).await.expect(200).text;
    assert!(
        bare.contains("the header x-hub-signature-256 is missing"),
        "{bare}"
    );
    let wrong = browser
        .submit(PAGE, &[("headers", "no header")])
        .await
        .expect(400)
        .text;
    assert!(wrong.contains("Line 1 of the headers"), "{wrong}");
    assert_eq!(stored(&api).await, 0);
    let newest = PageRequest { page: 1, size: 1 };
    let kept = api.store.rejected_requests(None, newest).await.expect("listed");
    assert_eq!(kept.total, 0, "what is tried here is not kept");
    browser.get("/admin/sources/none/").await.expect(404);
    api.stop().await;
}

#[tokio::test]
async fn only_operators_try_requests() {
    let api = hub("right").await;
    let (operator, viewer) = (
        Browser::of(&api, Role::Operator).await,
        Browser::of(&api, Role::Viewer).await,
    );
    let page = viewer.page(PAGE).await;
    assert!(!page.contains("Test this source"), "{page}");
    assert_refused(PAGE, &operator, &viewer, &[("body", BODY)]).await;
    api.stop().await;
}

#[tokio::test]
async fn what_is_pasted_is_text() {
    let api = hub("right").await;
    let browser = Browser::of(&api, Role::Operator).await;
    for fields in [
        [("headers", &*format!("x-evil: {EVIL}")), ("body", EVIL)],
        [("headers", EVIL), ("query", EVIL)],
        [("at", EVIL), ("body-as", EVIL)],
    ] {
        let answer = browser.submit(PAGE, &fields).await;
        assert_inert(&answer.text, PAGE);
        assert!(!answer.text.contains("</textarea></pre>"), "{}", answer.text);
    }
    api.stop().await;
}
