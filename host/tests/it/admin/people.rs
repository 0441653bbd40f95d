//! Accounts, API keys and the audit log: for admins alone.

use hookyard::domain::access::Role;

use super::acts::noted;
use super::browser::Browser;
use super::escaping::{EVIL, assert_inert};
use super::refusals::assert_refused;
use crate::support::api::{Api, fresh_password};

const USERS: &str = "/admin/users/";
const KEYS: &str = "/admin/keys/";

#[tokio::test]
async fn an_account_is_made_changed_and_signed_out() {
    let api = Api::start().await;
    let admin = Browser::of(&api, Role::Admin).await;
    let password = fresh_password();
    let fields = [
        ("username", "bob"),
        ("email", "bob@example.test"),
        ("password", &*password),
        ("role", "viewer"),
    ];
    let made = admin.submit(USERS, &fields).await.expect(303);
    assert_eq!(made.header("location"), "/admin/users/?done=user-made");
    assert_eq!(noted(&api).await.action, "user.create");
    let again = admin.submit(USERS, &fields).await.expect(400).text;
    assert!(
        again.contains("already exists") && again.contains("value=\"bob\""),
        "{again}"
    );
    assert!(!again.contains(&password), "a password is not sent back");

    let (bob, _) = api
        .store
        .user_by_name("bob")
        .await
        .expect("readable")
        .expect("bob");
    let path = format!("{USERS}{}/", bob.id);
    let list = admin.page(USERS).await;
    assert!(list.contains(&format!("href=\"{path}\"")), "{list}");
    admin.submit(&path, &[("role", "operator")]).await.expect(303);
    assert_eq!(noted(&api).await.detail["role"], "operator");
    let wrong = admin.submit(&path, &[("role", "king")]).await.expect(400).text;
    assert!(wrong.contains("role=\"alert\""), "{wrong}");
    admin.submit(&path, &[("password", "short")]).await.expect(400);
    admin.submit(&path, &[("is_active", "false")]).await.expect(303);
    let page = admin.page(&path).await;
    assert!(
        page.contains("inactive") && page.contains("Make it active"),
        "{page}"
    );
    let out = admin.submit(&format!("{path}sign-out/"), &[]).await.expect(303);
    assert!(out.header("location").ends_with("?done=user-signed-out"));
    assert_eq!(noted(&api).await.action, "user.sign-out");
    // The last admin stays one.
    let (own, _) = api
        .store
        .user_by_name("the-admin")
        .await
        .expect("readable")
        .expect("me");
    let refused = admin
        .submit(&format!("{USERS}{}/", own.id), &[("role", "viewer")])
        .await
        .expect(409);
    assert!(refused.text.contains("role=\"alert\""), "{}", refused.text);
    admin.get("/admin/users/none/").await.expect(404);
    api.stop().await;
}

#[tokio::test]
async fn a_key_is_shown_once_and_revoked() {
    let api = Api::start().await;
    let admin = Browser::of(&api, Role::Admin).await;
    let fields = [
        ("name", "the shop"),
        ("sources", "shop-*\r\nuntil\r\n"),
        ("rate", "600/min"),
    ];
    let made = admin.submit(KEYS, &fields).await.expect(201);
    assert_eq!(made.header("cache-control"), "no-store");
    let (_, rest) = made
        .text
        .split_once("<pre id=\"made\" tabindex=\"0\">")
        .expect("the key");
    let key = rest.split('<').next().expect("a key").to_owned();
    assert!(key.starts_with("hk_"), "{key}");
    let id = key[3..9].to_owned();
    let list = admin.page(KEYS).await;
    assert!(list.contains(&id) && !list.contains(&key), "{list}");
    assert!(list.contains("shop-*, until"), "{list}");
    let entry = noted(&api).await;
    assert_eq!((&*entry.action, &*entry.target), ("key.create", &*id));
    for (field, text) in [
        ("owner", "nobody"),
        ("rate", "often"),
        ("expires_at", "soon"),
        ("sources", "["),
    ] {
        let fields = [("name", "n"), (field, text)];
        let wrong = admin.submit(KEYS, &fields).await.expect(400).text;
        assert!(
            wrong.contains("role=\"alert\"") && wrong.contains(text),
            "{field}: {wrong}"
        );
    }
    let revoke = format!("{KEYS}{id}/revoke/");
    admin.submit(&revoke, &[]).await.expect(303);
    assert_eq!(noted(&api).await.action, "key.revoke");
    assert!(admin.page(KEYS).await.contains("revoked"));
    admin.submit("/admin/keys/none/revoke/", &[]).await.expect(404);
    api.stop().await;
}

#[tokio::test]
async fn the_audit_log_is_found_by_its_address() {
    let api = Api::start().await;
    let admin = Browser::of(&api, Role::Admin).await;
    admin.submit(KEYS, &[("name", "k")]).await.expect(201);
    let all = admin.page("/admin/audit/").await;
    assert!(
        all.contains("<code>key.create</code>") && all.contains("the-admin"),
        "{all}"
    );
    let none = admin.page("/admin/audit/?action=plugin.enable").await;
    assert!(
        none.contains("Nothing is here") && none.contains("plugin.enable\" selected"),
        "{none}"
    );
    admin.get("/admin/audit/?since=yesterday").await.expect(400);
    api.stop().await;
}

#[tokio::test]
async fn only_admins_see_people_and_settings() {
    let api = Api::start().await;
    let (admin, operator) = (
        Browser::of(&api, Role::Admin).await,
        Browser::of(&api, Role::Operator).await,
    );
    let (own, _) = api
        .store
        .user_by_name("the-admin")
        .await
        .expect("readable")
        .expect("me");
    let user = format!("{USERS}{}/", own.id);
    for path in [USERS, KEYS, "/admin/audit/", "/admin/settings/", &user] {
        operator.get(path).await.expect(403);
        admin.get(path).await.expect(200);
        let nav = format!("href=\"{path}\"");
        if path != user {
            assert!(!operator.page("/admin/").await.contains(&nav), "{path}");
            assert!(admin.page("/admin/").await.contains(&nav), "{path}");
        }
    }
    let sign_out = format!("{user}sign-out/");
    for path in [USERS, KEYS, &user, &sign_out, "/admin/keys/abcdef/revoke/"] {
        assert_refused(path, &admin, &operator, &[("role", "viewer"), ("name", "n")]).await;
    }
    api.stop().await;
}

#[tokio::test]
async fn names_of_people_and_keys_are_text() {
    let api = Api::start().await;
    let admin = Browser::of(&api, Role::Admin).await;
    let fields = [
        ("username", EVIL),
        ("email", EVIL),
        ("password", "x"),
        ("role", EVIL),
    ];
    let answer = admin.submit(USERS, &fields).await.expect(400);
    assert_inert(&answer.text, USERS);
    let made = admin.submit(KEYS, &[("name", EVIL)]).await.expect(201);
    assert_inert(&made.text, KEYS);
    let wrong = [
        ("name", EVIL),
        ("owner", EVIL),
        ("sources", EVIL),
        ("rate", EVIL),
        ("expires_at", EVIL),
    ];
    let answer = admin.submit(KEYS, &wrong).await.expect(400);
    assert_inert(&answer.text, KEYS);
    let evil: String = url::form_urlencoded::byte_serialize(EVIL.as_bytes()).collect();
    for path in [
        KEYS.to_owned(),
        "/admin/audit/".to_owned(),
        format!("/admin/audit/?actor={evil}&target={evil}&action={evil}"),
    ] {
        assert_inert(&admin.page(&path).await, &path);
    }
    api.stop().await;
}
