//! Switching plugins on and off after a look at the change, and going back to an earlier build.

use hookyard::domain::access::Role;

use super::acts::noted;
use super::browser::Browser;
use super::plugins::BROKEN;
use super::refusals::{assert_refused, hidden};
use crate::support::api::Api;

const PATH: &str = "/admin/plugins/a/switch/";

fn file(api: &Api) -> String {
    std::fs::read_to_string(api.path("plugins.toml")).expect("read")
}

#[tokio::test]
async fn a_switch_shows_its_change_and_then_makes_it() {
    let api = Api::start().await;
    api.set_plugins(BROKEN).await;
    let browser = Browser::of(&api, Role::Operator).await;
    let page = browser.page("/admin/plugins/a/").await;
    assert!(
        page.contains("href=\"/admin/plugins/a/switch/?to=off\""),
        "{page}"
    );
    let confirm = browser.page(&format!("{PATH}?to=off")).await;
    assert!(confirm.contains("<code>enabled = false</code>"), "{confirm}");
    assert!(confirm.contains("1 line added, 0 taken away"), "{confirm}");
    assert_eq!(file(&api), BROKEN, "looking changes nothing");

    let seen = hidden(&confirm, "seen").to_owned();
    // Somebody else is quicker.
    std::fs::write(api.path("plugins.toml"), format!("{BROKEN}# theirs\n")).expect("written");
    let fields = [("to", "off"), ("seen", &*seen)];
    let refused = browser.submit(PATH, &fields).await.expect(409).text;
    assert!(refused.contains("was saved by somebody else"), "{refused}");
    assert!(!file(&api).contains("enabled"));

    let confirm = browser.page(&format!("{PATH}?to=off")).await;
    let seen = hidden(&confirm, "seen").to_owned();
    let fields = [("to", "off"), ("seen", &*seen)];
    let done = browser.submit(PATH, &fields).await.expect(303);
    assert_eq!(done.header("location"), "/admin/plugins/a/?done=switched-off");
    let edited = file(&api);
    assert!(
        edited.starts_with("# the operator's own words\n") && edited.contains("# theirs"),
        "{edited}"
    );
    assert!(edited.contains("enabled = false"), "{edited}");
    let entry = noted(&api).await;
    assert_eq!((&*entry.action, &*entry.target), ("plugin.disable", "a"));
    let page = browser.page(done.header("location")).await;
    assert!(
        page.contains("What waits for it is held") && page.contains("switch/?to=on"),
        "{page}"
    );
    let again = browser.page(&format!("{PATH}?to=off")).await;
    assert!(again.contains("the file says so already"), "{again}");
    for (path, status) in [
        (format!("{PATH}?to=up"), 400),
        (PATH.to_owned(), 400),
        ("/admin/plugins/b/switch/?to=on".to_owned(), 404),
    ] {
        browser.get(&path).await.expect(status);
    }
    api.stop().await;
}

#[tokio::test]
async fn only_operators_switch_and_roll_back() {
    let api = Api::start().await;
    api.set_plugins(BROKEN).await;
    let (operator, viewer) = (
        Browser::of(&api, Role::Operator).await,
        Browser::of(&api, Role::Viewer).await,
    );
    viewer.get(&format!("{PATH}?to=off")).await.expect(403);
    assert_refused(PATH, &operator, &viewer, &[("to", "off")]).await;
    for path in ["/admin/plugins/a/roll-back/", "/admin/plugins/a/take-back/"] {
        assert_refused(path, &operator, &viewer, &[("from", &"a".repeat(64))]).await;
    }
    assert_eq!(file(&api), BROKEN);
    let no_build = operator
        .submit("/admin/plugins/a/roll-back/", &[("from", "x")])
        .await
        .expect(400);
    assert!(no_build.text.contains("which build"), "{}", no_build.text);
    let fields = [("from", &*"a".repeat(64))];
    let path = "/admin/plugins/a/roll-back/";
    operator.submit(path, &fields).await.expect(409);
    operator
        .submit("/admin/plugins/a/take-back/", &[])
        .await
        .expect(409);
    api.stop().await;
}
