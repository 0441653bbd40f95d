//! What every page has: its headers, its assets, its looks.

use hookyard::domain::access::Role;
use serde_json::json;

use super::browser::{Browser, SIGN_IN};
use crate::http_api::deliveries::{dead_letter, put_in_force};
use crate::support::api::{Answer, Api};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

fn assert_guarded(answer: &Answer, path: &str) {
    assert_eq!(answer.header("content-security-policy"), POLICY, "{path}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
    assert_eq!(answer.header("referrer-policy"), "same-origin", "{path}");
    assert_eq!(answer.header("cache-control"), "no-store", "{path}");
    assert!(!answer.header("x-request-id").is_empty(), "{path}");
}

/// What a policy without `unsafe-inline` would refuse.
fn assert_nothing_inline(text: &str, path: &str) {
    for inline in [" style=\"", "<style", " onclick=", " onload=", "javascript:"] {
        assert!(!text.contains(inline), "{path} has {inline}");
    }
    let scripts = text.matches("<script").count();
    assert_eq!(
        scripts,
        text.matches("<script src=\"/admin/assets/").count(),
        "{path}"
    );
}

#[tokio::test]
async fn every_page_says_what_it_may_do() {
    let api = Api::start().await;
    put_in_force(&api);
    let token = api.token_for("sending", Role::Operator).await;
    let (event, _) = dead_letter(&api, &token, &json!({"a": [1, {"b": null}]})).await;
    let browser = Browser::of(&api, Role::Operator).await;
    let event = format!("/admin/events/{event}/");
    let (edit, body) = (format!("{event}edit/"), format!("{event}body/?at=%2Fa"));
    for path in [
        "/admin/",
        "/admin",
        "/admin/?span=hour",
        "/admin/?span=week",
        "/admin/events/",
        "/admin/events/?status=failed&source=s",
        "/admin/dead-letters/",
        "/admin/dead-letters/?state=unknown",
        "/admin/plugins/",
        "/admin/schedules/",
        "/admin/processes/",
        "/admin/new-process/",
        "/admin/sources/",
        "/admin/rejected/",
        "/admin/events/?search=b&pointer=%2Fa",
        "/admin/events/?tail=on",
        "/admin/new-replay/?state=dead",
        "/admin/replays/",
        "/admin/bin/",
        "/admin/first-run/",
        &event,
        &edit,
        &body,
    ] {
        let answer = browser.get(path).await.expect(200);
        assert!(answer.header("content-type").starts_with("text/html"), "{path}");
        assert_guarded(&answer, path);
        assert_nothing_inline(&answer.text, path);
        let text = &answer.text;
        for landmark in [
            "<html lang=\"en\"",
            "<main id=\"main\"",
            "class=\"skip\"",
            "<nav aria-label=\"Main\"",
        ] {
            assert!(text.contains(landmark), "{path} lacks {landmark}");
        }
        assert_eq!(text.matches("<h1>").count(), 1, "{path}");
        assert_eq!(text.matches("aria-current=\"page\"").count(), 1, "{path}");
    }
    let nobody = Browser::new(&api);
    let form = nobody.get(SIGN_IN).await.expect(200);
    assert_guarded(&form, SIGN_IN);
    assert_nothing_inline(&form.text, SIGN_IN);
    for (path, status) in [
        ("/admin/none/", 404),
        ("/admin/events/%FF/", 400),
        ("/admin/events/none/", 404),
        ("/admin/events/?status=lost", 400),
        ("/admin/events/?page=9", 404),
        ("/admin/dead-letters/?plugin=A%20b", 400),
        ("/admin/sign-out/", 405),
    ] {
        let answer = browser.get(path).await.expect(status);
        assert!(
            answer.header("content-type").starts_with("text/html"),
            "{path}: {answer:?}"
        );
        assert_guarded(&answer, path);
        assert_nothing_inline(&answer.text, path);
    }
    // The API goes on to answer as it did.
    api.get("/api/none/", "").await.problem(404);
    api.stop().await;
}

#[tokio::test]
async fn a_body_is_downloaded_and_never_shown() {
    let api = Api::start().await;
    let token = api.token_for("sending", Role::Operator).await;
    let event = api.receive(&token, "", "\"<script>alert(1)</script>\"").await;
    let browser = Browser::of(&api, Role::Viewer).await;
    let raw = browser
        .get(&format!("/admin/events/{event}/raw/"))
        .await
        .expect(200);
    assert_eq!(raw.text, "\"<script>alert(1)</script>\"");
    assert_eq!(raw.header("content-type"), "application/octet-stream");
    assert!(raw.header("content-disposition").starts_with("attachment"));
    assert_eq!(
        raw.header("content-security-policy"),
        "default-src 'none'; sandbox"
    );
    let nobody = Browser::new(&api);
    nobody
        .get(&format!("/admin/events/{event}/raw/"))
        .await
        .expect(303);
    api.stop().await;
}

#[tokio::test]
async fn what_pages_load_is_kept_for_good_under_its_contents_name() {
    let api = Api::start().await;
    let browser = Browser::new(&api);
    let page = browser.page(SIGN_IN).await;
    let named: Vec<_> = page
        .split("\"/admin/assets/")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert_eq!(named.len(), 4, "{page}");
    for name in named {
        let path = format!("/admin/assets/{name}");
        let answer = browser.get(&path).await.expect(200);
        assert_eq!(
            answer.header("cache-control"),
            "public, max-age=31536000, immutable",
            "{path}"
        );
        let media = answer.header("content-type");
        let fits = [
            ("css", "text/css"),
            ("js", "text/javascript"),
            ("svg", "image/svg+xml"),
        ];
        let fits = fits
            .iter()
            .any(|(end, kind)| name.ends_with(end) && media.starts_with(kind));
        assert!(fits, "{path}: {media}");
        // Nothing is loaded from elsewhere.
        assert!(!answer.text.contains("@import"), "{path}");
    }
    browser.get("/admin/assets/hookyard.css").await.expect(404);
    api.stop().await;
}

#[tokio::test]
async fn the_choice_of_colours_is_kept() {
    let api = Api::start().await;
    let browser = Browser::new(&api);
    assert!(browser.page(SIGN_IN).await.contains("data-theme=\"auto\""));
    let fields = [("theme", "dark"), ("back", SIGN_IN)];
    let chosen = browser.post("/admin/theme/", &fields).await.expect(303);
    assert_eq!(chosen.header("location"), SIGN_IN);
    let cookie = chosen.header("set-cookie");
    assert!(cookie.starts_with("hookyard-theme=dark; "), "{cookie}");
    let dark = Browser {
        cookie: "hookyard-theme=dark".to_owned(),
        ..Browser::new(&api)
    };
    assert!(dark.page(SIGN_IN).await.contains("data-theme=\"dark\""));
    let odd = Browser {
        cookie: "hookyard-theme=\"><script>".to_owned(),
        ..Browser::new(&api)
    };
    assert!(odd.page(SIGN_IN).await.contains("data-theme=\"auto\""));
    api.stop().await;
}

#[tokio::test]
async fn pages_lie_below_the_path_that_a_proxy_takes_off() {
    let api = Api::start_behind("http://example.org/yard").await;
    let ada = api.account_of("ada", Role::Viewer).await;
    let mut browser = Browser::new(&api);
    browser.origin = Some("http://example.org".to_owned());
    let given = browser.sign_in(&ada, "").await.expect(303);
    assert_eq!(given.header("location"), "/yard/admin/");
    let page = browser.page("/admin/").await;
    assert!(page.contains("href=\"/yard/admin/events/\""), "{page}");
    assert!(page.contains("src=\"/yard/admin/assets/"), "{page}");
    assert!(!page.contains("\"/admin/events/"), "{page}");
    api.stop().await;
}
