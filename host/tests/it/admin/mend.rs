//! What the page of a dead letter says is missing, and that it sees the mend.

use hookyard::domain::access::Role;
use hookyard::domain::attempt::OutboundCall;
use hookyard::domain::delivery::Verdict;

use super::browser::Browser;
use super::escaping::assert_inert;
use crate::store::{LONG, claim, finish};
use crate::support::api::Api;

const SECTION: &str = "[plugins.a]\ncomponent = \"a.wasm\"\n[[plugins.a.routes]]\nsource = \"s\"\n";
const GRANTS: &str = "[plugins.a.grants]\nhttp = [\"GET https://a.example/**\"]\n";
/// The line that the page tells, with its quotes as they stand in HTML.
const LINE: &str = "http = [&#34;GET https://a.example/**&#34;, &#34;POST https://a.example/notes&#34;]";

/// An event whose delivery to `a` died of a request to this address.
async fn died_of(api: &Api, url: &str) -> String {
    let token = api
        .token_for(&format!("sender-{}", url.len()), Role::Operator)
        .await;
    let event = api.receive(&token, "?source=s&type=t", "{}").await;
    for claimed in claim(&api.store, "a", LONG).await {
        let mut end = finish(&claimed, Verdict::Dead);
        end.attempt.calls = vec![OutboundCall {
            at_ms: 1,
            method: "POST".to_owned(),
            url: url.to_owned(),
            status: None,
            duration_ms: 1,
            error: Some("it is not granted".to_owned()),
        }];
        api.store.finish_deliveries(&[end]).await.expect("finished");
    }
    format!("/admin/events/{event}/")
}

#[tokio::test]
async fn the_missing_grant_is_told_with_its_line_and_the_mend_is_seen() {
    let api = Api::start().await;
    api.set_plugins(&format!("{SECTION}{GRANTS}")).await;
    let page = died_of(&api, "https://a.example/notes?token=x").await;
    let browser = Browser::of(&api, Role::Viewer).await;
    let text = browser.page(&page).await;
    for shown in [
        "A grant is missing.",
        "<code>POST https://a.example/notes</code>",
        "<code class=\"section\">[plugins.a.grants]</code>",
        LINE,
    ] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    let line = LINE.replace("&#34;", "\"");
    api.set_plugins(&format!("{SECTION}[plugins.a.grants]\n{line}\n"))
        .await;
    let text = browser.page(&page).await;
    assert!(
        text.contains("By now") && !text.contains("A grant is missing."),
        "{text}"
    );
    api.stop().await;
}

#[tokio::test]
async fn an_address_that_no_grant_can_name_makes_no_line() {
    let api = Api::start().await;
    api.set_plugins(&format!("{SECTION}{GRANTS}")).await;
    let browser = Browser::of(&api, Role::Viewer).await;
    for url in ["no address", "https://a.example/a//b", "<img src=x>"] {
        let page = died_of(&api, url).await;
        let text = browser.page(&page).await;
        assert!(!text.contains("A grant is missing."), "{url}: {text}");
        assert_inert(&text, url);
    }
    api.stop().await;
}
