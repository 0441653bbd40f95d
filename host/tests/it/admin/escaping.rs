//! What senders, plugins and vendors wrote stays text on every page.

use hookyard::domain::access::Role;
use hookyard::domain::attempt::{LogLevel, LogLine, OutboundCall};
use hookyard::domain::delivery::Verdict;
use serde_json::json;

use super::browser::Browser;
use crate::http_api::deliveries::put_in_force;
use crate::store::{LONG, claim, finish};
use crate::support::api::{Api, send};

/// Ends a text, an attribute and an element, and would load and run.
pub const EVIL: &str = "</pre></title>\"'><img src=x onerror=alert(1)><script>alert(2)</script>{{7*7}}";

/// As it stands on a page: no tag of it is left.
pub fn assert_inert(text: &str, path: &str) {
    assert!(!text.contains("<img"), "{path} has the image");
    assert!(!text.contains("<script>"), "{path} has the script");
    assert!(!text.contains("'><"), "{path} lets an attribute end");
}

/// An event whose source, type, header, keys and values are evil, with a dead letter of an evil plugin.
async fn evil_event(api: &Api) -> String {
    put_in_force(api);
    api.route(&[("a", "*", "*")]);
    let token = api.token_for("sending", Role::Operator).await;
    let name: String = EVIL.chars().take(100).collect();
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("source", &name)
        .append_pair("type", &name)
        .finish();
    let request = api
        .request(reqwest::Method::POST, &format!("/api/webhooks/receive/?{query}"))
        .bearer_auth(token)
        .header("content-type", "application/json")
        .header("x-evil", EVIL)
        .body(json!({ EVIL: [EVIL, { "a": EVIL }] }).to_string());
    let id = send(request).await.expect(200).json()["id"].clone();
    for claimed in claim(&api.store, "a", LONG).await {
        let mut end = finish(&claimed, Verdict::Dead);
        let evil = || Some(EVIL.to_owned());
        end.attempt.error = evil();
        end.attempt.summary = evil();
        end.attempt.digest = evil();
        end.attempt.output = Some(json!(EVIL).to_string());
        end.attempt.logs = vec![LogLine {
            at_ms: 1,
            level: LogLevel::Error,
            message: EVIL.to_owned(),
        }];
        end.attempt.calls = vec![OutboundCall {
            at_ms: 1,
            method: "POST".to_owned(),
            url: EVIL.to_owned(),
            status: None,
            duration_ms: 1,
            error: evil(),
        }];
        api.store.finish_deliveries(&[end]).await.expect("finished");
    }
    id.as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_script_in_every_field_is_text() {
    let api = Api::start().await;
    let event = evil_event(&api).await;
    let browser = Browser::of(&api, Role::Operator).await;
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("source", EVIL)
        .append_pair("type", EVIL)
        .append_pair("search", "x")
        .append_pair("done", EVIL)
        .append_pair("span", EVIL)
        .finish();
    for path in [
        "/admin/".to_owned(),
        "/admin/events/".to_owned(),
        "/admin/dead-letters/".to_owned(),
        format!("/admin/events/{event}/"),
        format!("/admin/?{query}"),
        format!("/admin/events/?{query}"),
        format!("/admin/dead-letters/?{query}&error={EVIL}"),
    ] {
        let text = browser.page(&path).await;
        assert_inert(&text, &path);
    }
    // It is shown, all the same: where it was, and as it was.
    let page = browser.page(&format!("/admin/events/{event}/")).await;
    let shown = page.matches("onerror=alert(1)").count();
    // Title, heading, error twice, summary, digest, output, log, call, its error, header, tree and raw text.
    assert!(shown >= 12, "{shown} times: {page}");
    assert!(!page.contains(">49<"), "a template in a value is no template");
    api.stop().await;
}

#[tokio::test]
async fn what_one_asks_for_is_text_in_errors_and_forms() {
    let api = Api::start().await;
    let browser = Browser::of(&api, Role::Operator).await;
    let evil: String = url::form_urlencoded::byte_serialize(EVIL.as_bytes()).collect();
    for path in [
        format!("/admin/{evil}/"),
        format!("/admin/events/{evil}/"),
        format!("/admin/events/?status={evil}"),
        format!("/admin/dead-letters/?state={evil}"),
        format!("/admin/assets/{evil}"),
    ] {
        let answer = browser.get(&path).await;
        assert!(answer.status.is_client_error(), "{path}: {answer:?}");
        assert_inert(&answer.text, &path);
    }
    let nobody = Browser::new(&api);
    let fields = [("username", EVIL), ("password", "x"), ("next", EVIL)];
    let answer = nobody.post(super::browser::SIGN_IN, &fields).await.expect(401);
    assert_inert(&answer.text, "the sign-in");
    assert!(
        answer.text.contains("onerror=alert(1)"),
        "the name that was tried stays"
    );
    api.stop().await;
}
