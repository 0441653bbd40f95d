//! The plugins' pages: how each stands, what it may do, where events would go, and its actions.

use hookyard::domain::access::Role;

use super::acts::noted;
use super::browser::Browser;
use super::escaping::{EVIL, assert_inert};
use super::refusals::assert_refused;
use crate::http_api::deliveries::dead_letter;
use crate::support::api::Api;
use crate::support::plugins::component;

/// A plugin whose component is not there, with all that a section may say.
pub const BROKEN: &str = r#"# the operator's own words
[plugins.a]
component = "a.wasm"

[[plugins.a.routes]]
source = "s"
type = "a*"
when = "body.n == 1"

[plugins.a.retry]
order-by = "/id"

[plugins.a.grants]
http = ["POST https://a.example/api/*"]
secrets = { token = "env:A_TOKEN" }

[plugins.a.config]
api-key = "hush"
base = "https://a.example"
"#;

#[tokio::test]
async fn a_plugin_that_cannot_be_loaded_says_why() {
    let api = Api::start().await;
    api.set_plugins(BROKEN).await;
    let browser = Browser::of(&api, Role::Viewer).await;
    let list = browser.page("/admin/plugins/").await;
    assert!(
        list.contains("<span class=\"state broken\">broken</span>"),
        "{list}"
    );
    assert!(list.contains("a.wasm"), "why: {list}");
    assert!(list.contains("href=\"/admin/plugins/a/\""), "{list}");
    let page = browser.page("/admin/plugins/a/").await;
    for shown in [
        "POST https://a.example/api/*",
        "env:A_TOKEN",
        "body.n == 1",
        "https://a.example",
        "/id",
        "64.0 MiB",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert!(
        !page.contains("hush"),
        "what sounds like a secret is masked: {page}"
    );
    assert!(!page.contains("Switch off"), "a viewer changes nothing: {page}");
    browser.get("/admin/plugins/none/").await.expect(404);
    api.stop().await;
}

#[tokio::test]
async fn its_deliveries_show_with_their_error_rate() {
    let api = Api::start().await;
    api.set_plugins(&BROKEN.replace("when = \"body.n == 1\"\n", ""))
        .await;
    let token = api.token_for("sending", Role::Operator).await;
    let (event, delivery) = dead_letter(&api, &token, &serde_json::json!({"n": 1})).await;
    let browser = Browser::of(&api, Role::Viewer).await;
    let page = browser.page("/admin/plugins/a/").await;
    assert!(
        page.contains(&format!("/admin/events/{event}/#delivery-{delivery}")),
        "{page}"
    );
    assert!(page.contains("a never"), "why it died: {page}");
    api.stop().await;
}

#[tokio::test]
async fn where_an_event_goes_is_explained() {
    let api = Api::start().await;
    api.set_plugins(BROKEN).await;
    let viewer = Browser::of(&api, Role::Viewer).await;
    let path = "/admin/plugins/a/explain/";
    let ask = |payload| [("source", "s"), ("type", "ab"), ("payload", payload)];
    let yes = viewer.submit(path, &ask("{\"n\": 1}")).await.expect(200).text;
    assert!(
        yes.contains("wants it") && yes.contains("a route matches"),
        "{yes}"
    );
    let no = viewer.submit(path, &ask("{\"n\": 2}")).await.expect(200).text;
    assert!(no.contains("does not hold"), "{no}");
    assert!(
        no.contains("action=\"/admin/plugins/a/explain/\""),
        "it asks for another: {no}"
    );
    let bad = viewer.submit(path, &ask("{")).await.expect(400).text;
    assert!(bad.contains("The payload is no JSON"), "{bad}");
    let token = api.token_for("sending", Role::Operator).await;
    let event = api.receive(&token, "?source=s&type=ab", "{\"n\": 1}").await;
    let stored = viewer.submit(path, &[("event", &event)]).await.expect(200).text;
    assert!(stored.contains("wants it"), "{stored}");
    viewer.submit(path, &[("event", "none")]).await.expect(404);
    viewer.post(path, &ask("{}")).await.expect(403);
    for field in ["event", "source", "type", "payload"] {
        let answer = viewer.submit(path, &[(field, EVIL)]).await;
        assert_inert(&answer.text, field);
    }
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_is_a_form_of_its_schema() {
    let api = Api::start().await;
    let file = component("fail");
    api.set_plugins(&format!("[plugins.fail]\ncomponent = \"{}\"\n", file.display()))
        .await;
    let (operator, viewer) = (
        Browser::of(&api, Role::Operator).await,
        Browser::of(&api, Role::Viewer).await,
    );
    let page = operator.page("/admin/plugins/fail/").await;
    let path = "/admin/plugins/fail/actions/end/";
    assert!(page.contains(&format!("href=\"{path}\"")), "{page}");
    viewer.get(path).await.expect(403);
    operator
        .get("/admin/plugins/fail/actions/none/")
        .await
        .expect(404);
    let as_json = operator.page(&format!("{path}?json=1")).await;
    assert!(as_json.contains("name=\"input\""), "{as_json}");

    let wrong = operator.submit(path, &[("input", "{")]).await.expect(400).text;
    assert!(wrong.contains("This is no JSON"), "{wrong}");
    let unfit = operator.submit(path, &[("input", "[]")]).await.expect(400).text;
    assert!(unfit.contains("role=\"alert\""), "the schema's words: {unfit}");
    let asked = operator
        .submit(path, &[("input", "{\"do\": \"ok\"}")])
        .await
        .expect(303);
    let event = asked.header("location").to_owned();
    assert!(
        event.starts_with("/admin/events/") && event.ends_with("?done=asked"),
        "{event}"
    );
    let entry = noted(&api).await;
    assert_eq!((&*entry.action, &*entry.target), ("plugin.action", "fail/end"));
    let shown = operator.page(&event).await;
    assert!(shown.contains("The plugin is asked"), "{shown}");
    assert_refused(path, &operator, &viewer, &[("input", "{\"do\": \"ok\"}")]).await;
    let evil = operator.submit(path, &[("input", EVIL)]).await.expect(400);
    assert_inert(&evil.text, "the form");
    api.stop().await;
}
