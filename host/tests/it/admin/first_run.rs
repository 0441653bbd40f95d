//! The first run: a key for an hour, the command that uses it, and the request bin.

use std::fs;
use std::time::Duration;

use hookyard::domain::access::Role;
use reqwest::Method;

use super::acts::noted;
use super::browser::Browser;
use super::escaping::assert_inert;
use super::refusals::{assert_refused, hidden};
use crate::support::api::{Answer, Api, send};
use crate::support::plugins::shipped;

const PAGE: &str = "/admin/first-run/";
const BIN: &str = "/admin/bin/";
const ADD: &str = "/admin/bin/add/";

/// Sends what the command sends, naming this source.
async fn send_with(api: &Api, key: &str, source: &str) -> Answer {
    let path = format!("/api/webhooks/receive/?source={source}&type=hello");
    let request = api.request(Method::POST, &path).header("x-api-key", key);
    let request = request.header("content-type", "application/json");
    send(request.body("{\"hello\": \"world\"}")).await
}

/// The key in a page's command.
fn key_in(page: &str) -> String {
    let (_, rest) = page.split_once("X-API-Key: ").expect("a command");
    let is_key = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
    rest.chars().take_while(is_key).collect()
}

#[tokio::test]
async fn a_key_for_an_hour_sends_first_events_and_is_shown_once() {
    let api = Api::start().await;
    let (operator, viewer) = (
        Browser::of(&api, Role::Operator).await,
        Browser::of(&api, Role::Viewer).await,
    );
    let page = viewer.page(PAGE).await;
    assert!(
        page.contains("an operator can make a key") && page.contains("Nothing from"),
        "{page}"
    );
    assert_refused(PAGE, &operator, &viewer, &[]).await;

    let made = operator.submit(PAGE, &[]).await.expect(201).text;
    let key = key_in(&made);
    let address = format!("http://{}/api/webhooks/receive/?source=first-run", api.address);
    assert!(made.contains(&address), "{made}");
    let entry = noted(&api).await;
    assert_eq!(
        (&*entry.action, &*entry.actor.name),
        ("key.create", "the-operator")
    );
    for path in [PAGE, "/admin/"] {
        assert!(!operator.page(path).await.contains(&key), "{path}");
    }

    send_with(&api, &key, "first-run").await.expect(200);
    let other = send_with(&api, &key, "another").await;
    assert!(other.status.is_client_error(), "{other:?}");
    let page = viewer.page(PAGE).await;
    assert!(
        page.contains(">hello</a>") && page.contains("no plugin wanted it"),
        "{page}"
    );
    api.clock.advance(Duration::from_mins(61));
    send_with(&api, &key, "first-run").await.problem(401);
    api.stop().await;
}

#[tokio::test]
async fn the_command_names_the_public_address() {
    let api = Api::start_behind("https://hooks.example.org/yard").await;
    let account = api.account_of("ada", Role::Operator).await;
    let mut browser = Browser::new(&api);
    browser.origin = Some("https://hooks.example.org".to_owned());
    browser.sign_in(&account, "").await.expect(303);
    let made = browser.submit(PAGE, &[]).await.expect(201).text;
    assert!(
        made.contains("https://hooks.example.org/yard/api/webhooks/receive/?source=first-run"),
        "{made}"
    );
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bin_is_added_after_a_look_and_shows_what_it_was_given() {
    let api = Api::start().await;
    let own = "# the operator's own words\n";
    api.set_plugins(own).await;
    let browser = Browser::of(&api, Role::Operator).await;
    let page = browser.page(BIN).await;
    assert!(
        page.contains("Its component is not there") && !page.contains("name=\"seen\""),
        "{page}"
    );
    fs::create_dir_all(api.path("plugins/dist")).expect("made");
    let component = api.path("plugins/dist/request_bin.wasm");
    fs::copy(shipped("request_bin"), component).expect("copied");
    let page = browser.page(BIN).await;
    assert!(page.contains("[plugins.request-bin]"), "the change: {page}");
    let seen = hidden(&page, "seen").to_owned();
    // Somebody else is quicker.
    fs::write(api.path("plugins.toml"), format!("{own}# theirs\n")).expect("written");
    let refused = browser.submit(ADD, &[("seen", &seen)]).await.expect(409).text;
    assert!(refused.contains("was saved by somebody else"), "{refused}");

    let page = browser.page(BIN).await;
    let seen = hidden(&page, "seen").to_owned();
    let added = browser.submit(ADD, &[("seen", &seen)]).await.expect(303);
    assert_eq!(added.header("location"), "/admin/bin/?done=bin-added");
    let entry = noted(&api).await;
    assert_eq!((&*entry.action, &*entry.target), ("plugin.add", "request-bin"));
    let file = fs::read_to_string(api.path("plugins.toml")).expect("read");
    assert!(file.starts_with(&format!("{own}# theirs\n")), "{file}");
    assert!(
        file.contains("component = \"plugins/dist/request_bin.wasm\""),
        "{file}"
    );
    let page = browser.page(added.header("location")).await;
    assert!(
        page.contains("The request bin is in plugins.toml") && page.contains(">ready</span>"),
        "{page}"
    );
    assert!(!page.contains("name=\"seen\""), "{page}");
    browser.submit(ADD, &[("seen", &seen)]).await.expect(409);

    let token = api.token_for("sending", Role::Operator).await;
    api.receive(&token, "?source=first-run&type=hello", "{\"n\": \"<img src=x>\"}")
        .await;
    let page = browser.page(BIN).await;
    assert!(
        page.contains("hello from first-run") && page.contains("img src=x"),
        "{page}"
    );
    assert_inert(&page, BIN);
    let page = browser.page(PAGE).await;
    assert!(page.contains("To request-bin"), "{page}");
    assert!(
        browser
            .page("/admin/plugins/request-bin/")
            .await
            .contains("href=\"/admin/bin/\"")
    );
    api.stop().await;
}

#[tokio::test]
async fn only_operators_add_the_bin_and_a_wrong_file_says_why() {
    let api = Api::start().await;
    api.set_plugins("# mine\n").await;
    let (operator, viewer) = (
        Browser::of(&api, Role::Operator).await,
        Browser::of(&api, Role::Viewer).await,
    );
    let csrf = operator.csrf().await;
    let wrong = [("csrf", "x"), ("seen", "")];
    operator.post(ADD, &wrong).await.expect(403);
    viewer.submit(ADD, &[("seen", "")]).await.expect(403);
    operator.get(ADD).await.expect(405);
    let unseen = [("csrf", &*csrf), ("seen", "")];
    operator.post(ADD, &unseen).await.expect(409);
    api.spoil_plugins("[plugins.a\n").await;
    let page = operator.page(BIN).await;
    assert!(
        page.contains("class=\"error\"") && !page.contains("name=\"seen\""),
        "{page}"
    );
    api.stop().await;
}
