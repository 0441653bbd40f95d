//! Stored scripts in the browser: made, edited, compared, removed.

use hookyard::domain::access::Role;
use hookyard::domain::process::ProcessChange;
use hookyard::processes::Processes;

use super::acts::noted;
use super::browser::Browser;
use super::escaping::{EVIL, assert_inert};
use super::refusals::{assert_refused, hidden};
use crate::support::api::Api;

const NEW: &str = "/admin/new-process/";

async fn made(browser: &Browser<'_>, code: &str, script: &str) -> String {
    let fields = [("code", code), ("name", "A script"), ("script", script)];
    let answer = browser.submit(NEW, &fields).await.expect(303);
    let page = answer.header("location").split('?').next();
    page.expect("a path").to_owned()
}

async fn script_of(api: &Api, code: &str) -> String {
    let found = api.store.process(code).await.expect("readable");
    found.expect("a process").script
}

#[tokio::test]
async fn a_script_is_made_edited_compared_and_removed() {
    let api = Api::start().await;
    let browser = Browser::of(&api, Role::Operator).await;
    let page = made(&browser, "a/../b ?", "\nprint(1)\r\nprint(2)\r\n").await;
    assert_eq!(page, "/admin/processes/a%2F%2E%2E%2Fb%20%3F/");
    assert_eq!(noted(&api).await.action, "process.create");
    assert_eq!(script_of(&api, "a/../b ?").await, "\nprint(1)\nprint(2)\n");

    let shown = browser.page(&page).await;
    // The first line end belongs to the markup, the second to the script.
    assert!(
        shown.contains("data-editor>\n\nprint(1)\nprint(2)\n</textarea>"),
        "{shown}"
    );
    let seen = hidden(&shown, "seen").to_owned();
    let edited = [
        ("name", "A script"),
        ("script", "print(1)\r\nprint(3)\r\n"),
        ("seen", &*seen),
    ];
    let mut compared = edited.to_vec();
    compared.push(("act", "compare"));
    let preview = browser.submit(&page, &compared).await.expect(200).text;
    assert!(preview.contains("1 line added, 2 taken away"), "{preview}");
    assert!(preview.contains("<code>print(3)</code>"), "{preview}");
    assert_eq!(
        script_of(&api, "a/../b ?").await,
        "\nprint(1)\nprint(2)\n",
        "nothing is stored"
    );

    browser.submit(&page, &edited).await.expect(303);
    assert_eq!(script_of(&api, "a/../b ?").await, "print(1)\nprint(3)\n");
    assert_eq!(noted(&api).await.action, "process.change");
    let shown = browser.page(&page).await;
    assert!(
        shown.contains("Version 1") && shown.contains("Version 2"),
        "{shown}"
    );
    let version = browser.page(&format!("{page}versions/2/")).await;
    assert!(
        version.contains("<code>print(2)</code>") && version.contains("<code>print(3)</code>"),
        "{version}"
    );
    for none in ["versions/0/", "versions/3/", "versions/x/"] {
        browser.get(&format!("{page}{none}")).await.expect(404);
    }

    let gone = browser.submit(&format!("{page}remove/"), &[]).await.expect(303);
    assert_eq!(gone.header("location"), "/admin/processes/?done=removed");
    assert_eq!(noted(&api).await.action, "process.remove");
    let shown = browser.page(&page).await;
    assert!(
        shown.contains("This process is removed") && !shown.contains("<textarea"),
        "{shown}"
    );
    browser.submit(&page, &edited).await.expect(404);
    api.stop().await;
}

#[tokio::test]
async fn what_somebody_else_stored_is_not_overwritten_unseen() {
    let api = Api::start().await;
    let browser = Browser::of(&api, Role::Operator).await;
    let page = made(&browser, "a", "one\r\n").await;
    let seen = hidden(&browser.page(&page).await, "seen").to_owned();
    api.clock.advance(std::time::Duration::from_secs(1));
    let change = ProcessChange {
        name: None,
        script: Some("theirs\r\n".to_owned()),
    };
    let processes = Processes::new(api.store.clone(), api.clock.clone());
    processes.change("a", change, "eve").await.expect("changed");

    let fields = [("name", "A script"), ("script", "mine\r\n"), ("seen", &*seen)];
    let refused = browser.submit(&page, &fields).await.expect(409).text;
    assert!(
        refused.contains("Somebody has stored another text meanwhile"),
        "{refused}"
    );
    assert!(
        refused.contains("mine") && refused.contains("<code>theirs"),
        "{refused}"
    );
    assert_eq!(script_of(&api, "a").await, "theirs\r\n");
    // Knowing that, it is stored, with the line ends that the script has.
    let seen = hidden(&refused, "seen").to_owned();
    let fields = [("name", "A script"), ("script", "mine\r\n"), ("seen", &*seen)];
    browser.submit(&page, &fields).await.expect(303);
    assert_eq!(script_of(&api, "a").await, "mine\r\n");
    api.stop().await;
}

#[tokio::test]
async fn what_is_wrong_is_told_and_what_was_typed_stays() {
    let api = Api::start().await;
    let browser = Browser::of(&api, Role::Operator).await;
    let page = made(&browser, "a", "").await;
    let fields = [("code", "a"), ("name", "Typed"), ("script", "typed")];
    let taken = browser.submit(NEW, &fields).await.expect(400).text;
    assert!(
        taken.contains("already exists") && taken.contains("value=\"Typed\""),
        "{taken}"
    );
    let seen = hidden(&browser.page(&page).await, "seen").to_owned();
    let fields = [("name", ""), ("script", "typed"), ("seen", &*seen)];
    let blank = browser.submit(&page, &fields).await.expect(400).text;
    assert!(
        blank.contains("may not be blank") && blank.contains("typed</textarea>"),
        "{blank}"
    );
    api.stop().await;
}

#[tokio::test]
async fn only_operators_change_scripts() {
    let api = Api::start().await;
    let (operator, viewer) = (
        Browser::of(&api, Role::Operator).await,
        Browser::of(&api, Role::Viewer).await,
    );
    let page = made(&operator, "a", "print(1)").await;
    let list = viewer.page("/admin/processes/").await;
    assert!(
        list.contains("A script") && !list.contains("New process"),
        "{list}"
    );
    let shown = viewer.page(&page).await;
    assert!(
        shown.contains("print(1)") && !shown.contains("<textarea"),
        "{shown}"
    );
    viewer.get(NEW).await.expect(403);
    let fields = [("code", "b"), ("name", "n"), ("script", "")];
    for path in [NEW.to_owned(), page.clone(), format!("{page}remove/")] {
        assert_refused(&path, &operator, &viewer, &fields).await;
    }
    assert_eq!(script_of(&api, "a").await, "print(1)");
    api.stop().await;
}

#[tokio::test]
async fn a_script_in_a_script_is_text() {
    let api = Api::start().await;
    let browser = Browser::of(&api, Role::Operator).await;
    let script = format!("</textarea>{EVIL}\r\n");
    let code: String = EVIL.chars().take(100).collect();
    let page = made(&browser, &code, &script).await;
    let seen = hidden(&browser.page(&page).await, "seen").to_owned();
    let fields = [("name", EVIL), ("script", &*script), ("seen", &*seen)];
    browser.submit(&page, &fields).await.expect(303);
    let compared = [("name", EVIL), ("script", "x"), ("act", "compare")];
    let preview = browser.submit(&page, &compared).await.expect(200).text;
    let evil: String = url::form_urlencoded::byte_serialize(EVIL.as_bytes()).collect();
    for path in [
        page.clone(),
        format!("{page}versions/2/"),
        "/admin/processes/".to_owned(),
        format!("/admin/processes/?search={evil}"),
    ] {
        let shown = browser.page(&path).await;
        assert_inert(&shown, &path);
        assert!(!shown.contains("</textarea></pre>"), "{path}");
    }
    assert_inert(&preview, "the preview");
    let wrong = browser
        .submit(NEW, &[("code", EVIL), ("script", &script)])
        .await
        .expect(400);
    assert_inert(&wrong.text, "the form");
    api.stop().await;
}
