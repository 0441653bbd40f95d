//! Names that no form of ours lets in, but an import, another version or another node's machine may have brought: of
//! accounts, keys, nodes, and in the audit log.

use std::collections::BTreeMap;
use std::time::Duration;

use hookyard::audit::Audit;
use hookyard::domain::access::Role;
use hookyard::domain::audit::{Action, Actor, Via};
use hookyard::domain::id::NodeId;
use hookyard::domain::node::NodeReport;
use serde_json::json;

use super::browser::Browser;
use super::escaping::{EVIL, assert_inert};
use crate::http_api::deliveries::dead_letter;
use crate::support::api::{Account, Api};

/// A file whose names of schedules, conditions and values are evil.
fn plugins() -> String {
    format!(
        "[plugins.a]\ncomponent = '''{EVIL}.wasm'''\n[[plugins.a.routes]]\nsource = \"*\"\n\
         [[plugins.a.schedules]]\nname = '''{EVIL}'''\ncron = \"0 3 * * *\"\n\
         [plugins.a.config]\ntext = '''{EVIL}'''\n"
    )
}

/// An admin whose every name is evil.
async fn evil_admin(api: &Api) -> Account {
    let mut account = api.account_of("ada", Role::Admin).await;
    let user = &mut account.user;
    for name in [
        &mut user.username,
        &mut user.email,
        &mut user.first_name,
        &mut user.last_name,
    ] {
        EVIL.clone_into(name);
    }
    api.store.update_user(user).await.expect("written");
    account
}

/// An entry of the audit log and a node with evil in every text.
async fn evil_rows(api: &Api) {
    let evil = || Some(EVIL.to_owned());
    let actor = Actor {
        name: EVIL.to_owned(),
        role: None,
        via: Via::Http,
        address: evil(),
        request_id: evil(),
    };
    let audit = Audit::new(api.store.clone(), api.clock.clone());
    audit
        .record(&actor, Action::PluginAdd, EVIL, json!({ EVIL: [EVIL] }))
        .await
        .expect("noted");
    let report = NodeReport {
        id: NodeId::generate(),
        host: EVIL.to_owned(),
        version: EVIL.to_owned(),
        plugins_digest: evil(),
        builds: BTreeMap::new(),
    };
    let forget_after = Duration::from_hours(1);
    api.store.report_node(&report, forget_after).await.expect("noted");
}

/// How often the text is on a page that it is to be on.
async fn shown(browser: &Browser<'_>, path: &str) -> usize {
    let text = browser.page(path).await;
    assert_inert(&text, path);
    text.matches("onerror=alert(1)").count()
}

#[tokio::test]
async fn names_of_every_kind_are_text_on_every_page() {
    let api = Api::start().await;
    api.set_plugins(&plugins()).await;
    let account = evil_admin(&api).await;
    evil_rows(&api).await;
    let browser = Browser::signed_in(&api, &account).await;
    let sending = api.token_for("sending", Role::Operator).await;
    let (event, delivery) = dead_letter(&api, &sending, &json!({ EVIL: EVIL })).await;
    let made = browser
        .submit("/admin/keys/", &[("name", EVIL)])
        .await
        .expect(201);
    assert_inert(&made.text, "the new key");
    let discard = format!("/admin/deliveries/{delivery}/discard/");
    browser.submit(&discard, &[("reason", EVIL)]).await.expect(303);
    let evil: String = url::form_urlencoded::byte_serialize(EVIL.as_bytes()).collect();
    let piece = evil.replace('+', "%20");
    let pause = format!("/admin/schedules/a/{piece}/pause/");
    browser.submit(&pause, &[]).await.expect(303);

    // Every page has the name of whoever is signed in.
    for (path, least) in [
        // The node's machine and version, and why the plugin is broken.
        ("/admin/".to_owned(), 3),
        ("/admin/events/".to_owned(), 1),
        ("/admin/dead-letters/".to_owned(), 1),
        ("/admin/rejected/".to_owned(), 1),
        ("/admin/plugins/".to_owned(), 2),
        ("/admin/plugins/a/".to_owned(), 3),
        // The schedule, and who paused it.
        ("/admin/schedules/".to_owned(), 3),
        (format!("/admin/schedules/a/{piece}/"), 2),
        ("/admin/processes/".to_owned(), 1),
        ("/admin/new-process/".to_owned(), 1),
        ("/admin/sources/".to_owned(), 1),
        ("/admin/bin/".to_owned(), 1),
        ("/admin/first-run/".to_owned(), 1),
        ("/admin/users/".to_owned(), 2),
        (format!("/admin/users/{}/", account.user.id), 2),
        ("/admin/keys/".to_owned(), 3),
        // Actor, target, detail, address and id of the one entry, and the actor of others.
        ("/admin/audit/".to_owned(), 7),
        (format!("/admin/audit/?actor={evil}&target={evil}"), 8),
        ("/admin/settings/".to_owned(), 1),
        (format!("/admin/events/{event}/"), 2),
        ("/admin/plugins/a/switch/?to=off".to_owned(), 1),
    ] {
        let found = shown(&browser, &path).await;
        assert!(found >= least, "{path} has it {found} times");
    }
    api.stop().await;
}
