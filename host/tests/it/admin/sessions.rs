//! Signing in and out, and what ends a session.

use std::time::Duration;

use hookyard::auth::UserChange;
use hookyard::domain::access::Role;
use hookyard::domain::audit::AuditFilter;
use hookyard::domain::id::UserId;
use hookyard::domain::page::PageRequest;
use hookyard::domain::session::{MAX_SESSIONS, SEEN_WITHIN, SESSION_AGE, SESSION_IDLE, SessionDigest};
use hookyard::secret::Secret;
use reqwest::Method;
use reqwest::header::COOKIE;

use super::browser::{Browser, SIGN_IN};
use crate::support::api::{Account, Api, fresh_password, send};

/// Fails unless the browser is led to the sign-in.
async fn assert_signed_out(browser: &Browser<'_>, why: &str) {
    let answer = browser.get("/admin/").await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("location")),
        (303, SIGN_IN),
        "{why}"
    );
}

/// Changes an account as an admin does.
async fn change(api: &Api, id: UserId, change: UserChange) {
    api.auth.change_user(id, change).await.expect("changed");
}

#[tokio::test]
async fn signing_in_gives_a_session_and_signing_out_ends_it() {
    let api = Api::start().await;
    let ada = api.account_of("ada", Role::Viewer).await;
    let mut browser = Browser::new(&api);
    assert_signed_out(&browser, "nobody").await;
    let form = browser.page(SIGN_IN).await;
    assert!(form.contains("<label for=\"password\">"), "{form}");

    let wrong = Account {
        user: ada.user.clone(),
        password: fresh_password(),
    };
    let refused = browser.sign_in(&wrong, "").await.expect(401);
    assert_eq!(refused.header("set-cookie"), "");
    assert!(refused.text.contains("role=\"alert\""), "{}", refused.text);
    assert!(refused.text.contains("value=\"ada\""), "the name stays");
    assert!(!refused.text.contains(&wrong.password));

    let given = browser.sign_in(&ada, "").await.expect(303);
    assert_eq!(given.header("location"), "/admin/");
    let attributes: Vec<_> = given.header("set-cookie").split("; ").skip(1).collect();
    let seconds = format!("Max-Age={}", SESSION_AGE.as_secs());
    assert_eq!(attributes, ["Path=/", &seconds, "HttpOnly", "SameSite=Lax"]);
    assert!(browser.cookie.starts_with("hookyard="), "{}", browser.cookie);
    assert!(browser.page("/admin/").await.contains("ada"));
    // Whoever is signed in needs no form.
    assert_eq!(browser.get(SIGN_IN).await.header("location"), "/admin/");
    // The database has no token.
    let (_, token) = browser.cookie.split_once('=').expect("a value");
    let digest = SessionDigest::of(token);
    let kept = api.store.session(digest).await.expect("readable").expect("kept");
    assert_eq!((kept.user, kept.address.as_str()), (ada.user.id, "127.0.0.1"));

    let out = browser.submit("/admin/sign-out/", &[]).await.expect(303);
    assert!(out.header("set-cookie").contains("hookyard=; Path=/; Max-Age=0"));
    assert_signed_out(&browser, "signed out").await;
    assert_eq!(api.store.session(digest).await.expect("readable"), None);
    api.stop().await;
}

#[tokio::test]
async fn by_https_the_cookie_is_the_hosts_own() {
    let api = Api::start_behind("https://hooks.example.org").await;
    let ada = api.account_of("ada", Role::Admin).await;
    let mut browser = Browser::new(&api);
    browser.origin = Some("https://hooks.example.org".to_owned());
    let given = browser.sign_in(&ada, "").await.expect(303);
    let cookie = given.header("set-cookie");
    assert!(cookie.starts_with("__Host-hookyard="), "{cookie}");
    for attribute in ["; Path=/;", "; HttpOnly", "; SameSite=Lax", "; Secure"] {
        assert!(cookie.contains(attribute), "{attribute}: {cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    browser.page("/admin/").await;
    // The name for plain http is none here.
    browser.cookie = browser.cookie.replace("__Host-", "");
    assert_signed_out(&browser, "another name").await;
    api.stop().await;
}

#[tokio::test]
async fn a_sender_has_no_pages() {
    let api = Api::start().await;
    let eve = api.account_of("eve", Role::Sender).await;
    let mut browser = Browser::new(&api);
    let refused = browser.sign_in(&eve, "").await.expect(403);
    assert_eq!(refused.header("set-cookie"), "");
    assert!(refused.text.contains("your role, sender"), "{}", refused.text);
    api.stop().await;
}

#[tokio::test]
async fn guessing_ends_in_a_wait() {
    let api = Api::start().await;
    let ada = api.account_of("ada", Role::Viewer).await;
    let mut browser = Browser::new(&api);
    let wrong = Account {
        user: ada.user.clone(),
        password: fresh_password(),
    };
    let mut tries = 0;
    let locked = loop {
        let answer = browser.sign_in(&wrong, "").await;
        tries += 1;
        if answer.status != 401 {
            break answer;
        }
        assert!(tries < 100, "nobody stops the guessing");
    };
    assert_eq!(locked.status, 429, "{locked:?}");
    assert!(!locked.header("retry-after").is_empty());
    assert!(locked.header("content-type").starts_with("text/html"));
    // The right password has to wait as well, and works then.
    assert_eq!(browser.sign_in(&ada, "").await.status, 429);
    api.clock.advance(Duration::from_mins(2));
    browser.sign_in(&ada, "").await.expect(303);
    api.stop().await;
}

#[tokio::test]
async fn whatever_changes_the_account_ends_its_sessions() {
    let api = Api::start().await;
    api.account_of("root", Role::Admin).await;
    let mut ada = api.account_of("ada", Role::Operator).await;
    let id = ada.user.id;

    let browser = Browser::signed_in(&api, &ada).await;
    let other = Browser::signed_in(&api, &ada).await;
    ada.password = fresh_password();
    let password = Secret::new(ada.password.clone());
    let renewed = UserChange {
        password: Some(password),
        ..UserChange::default()
    };
    change(&api, id, renewed).await;
    assert_signed_out(&browser, "another password").await;
    assert_signed_out(&other, "another password").await;

    let browser = Browser::signed_in(&api, &ada).await;
    change(&api, id, UserChange::default()).await;
    browser.page("/admin/").await;
    let demoted = UserChange {
        role: Some(Role::Viewer),
        ..UserChange::default()
    };
    change(&api, id, demoted).await;
    assert_signed_out(&browser, "another role").await;

    let browser = Browser::signed_in(&api, &ada).await;
    for is_active in [false, true] {
        let switched = UserChange {
            is_active: Some(is_active),
            ..UserChange::default()
        };
        change(&api, id, switched).await;
    }
    assert_signed_out(&browser, "deactivated in between").await;

    let browser = Browser::signed_in(&api, &ada).await;
    let access = api.sign_in(&ada).await["access"]
        .as_str()
        .expect("a token")
        .to_owned();
    let other = Browser::signed_in(&api, &ada).await;
    api.clock.advance(Duration::from_millis(1));
    other.submit("/admin/sign-out-everywhere/", &[]).await.expect(303);
    assert_signed_out(&browser, "signed out everywhere").await;
    api.get("/api/auth/profile/", &access).await.problem(401);
    let log = api
        .store
        .audit_page(&AuditFilter::default(), PageRequest { page: 1, size: 1 })
        .await
        .expect("readable");
    assert_eq!(log.items[0].action, "user.sign-out");
    api.stop().await;
}

#[tokio::test]
async fn a_session_ends_by_itself() {
    let api = Api::start().await;
    let ada = api.account_of("ada", Role::Viewer).await;
    let browser = Browser::signed_in(&api, &ada).await;
    let nearly = SESSION_IDLE.saturating_sub(Duration::from_secs(1));
    api.clock.advance(nearly);
    browser.page("/admin/").await;
    // That page counted.
    api.clock.advance(nearly);
    browser.page("/admin/").await;
    // What an open page asks by itself does not.
    api.clock.advance(nearly);
    let request = api.request(Method::GET, "/admin/");
    let by_itself = request
        .header(COOKIE, &browser.cookie)
        .header("hx-request", "true");
    send(by_itself).await.expect(200);
    let stream = api.request(Method::GET, "/admin/live/");
    let stream = stream.header(COOKIE, &browser.cookie).send().await;
    assert_eq!(stream.expect("an answer").status(), 200, "nor does its stream");
    api.clock.advance(SEEN_WITHIN);
    assert_signed_out(&browser, "idle").await;
    let request = api.request(Method::GET, "/admin/");
    let by_itself = request
        .header(COOKIE, &browser.cookie)
        .header("hx-request", "true");
    let told = send(by_itself).await.expect(401);
    assert_eq!((told.header("hx-refresh"), told.text.as_str()), ("true", ""));

    let browser = Browser::signed_in(&api, &ada).await;
    let mut age = Duration::ZERO;
    while age + nearly < SESSION_AGE {
        api.clock.advance(nearly);
        age += nearly;
        browser.page("/admin/").await;
    }
    api.clock.advance(SESSION_AGE.saturating_sub(age));
    assert_signed_out(&browser, "too old").await;
    assert_eq!(api.auth.sessions.purge(100).await.expect("purged"), 2);
    api.stop().await;
}

#[tokio::test]
async fn a_planted_token_is_never_signed_in() {
    let api = Api::start().await;
    let ada = api.account_of("ada", Role::Viewer).await;
    let mut browser = Browser::new(&api);
    let planted = format!("hookyard={}", "a".repeat(64));
    browser.cookie.clone_from(&planted);
    browser.sign_in(&ada, "").await.expect(303);
    assert_ne!(browser.cookie, planted);
    let first = Browser {
        cookie: browser.cookie.clone(),
        ..Browser::new(&api)
    };
    // Signing in anew ends what the browser came with.
    browser.sign_in(&ada, "").await.expect(303);
    assert_signed_out(&first, "replaced").await;
    browser.page("/admin/").await;
    api.stop().await;
}

#[tokio::test]
async fn an_account_has_so_many_sessions_and_no_more() {
    let api = Api::start().await;
    let ada = api.account_of("ada", Role::Viewer).await;
    let first = Browser::signed_in(&api, &ada).await;
    for _ in 0..MAX_SESSIONS {
        api.clock.advance(Duration::from_millis(1));
        Browser::signed_in(&api, &ada).await;
    }
    assert_signed_out(&first, "the oldest").await;
    api.stop().await;
}

#[tokio::test]
async fn one_comes_back_to_what_one_asked_for_and_nowhere_else() {
    let api = Api::start().await;
    let ada = api.account_of("ada", Role::Viewer).await;
    let mut browser = Browser::new(&api);
    let asked = browser.get("/admin/events/?status=failed").await.expect(303);
    let location = asked.header("location").to_owned();
    assert_eq!(
        location,
        "/admin/sign-in/?next=%2Fadmin%2Fevents%2F%3Fstatus%3Dfailed"
    );
    let form = browser.page(&location).await;
    assert!(
        form.contains("name=\"next\" value=\"/admin/events/?status=failed\""),
        "{form}"
    );
    let given = browser.sign_in(&ada, "/admin/events/?status=failed").await;
    assert_eq!(given.header("location"), "/admin/events/?status=failed");
    for evil in [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "javascript:alert(1)",
    ] {
        let given = browser.sign_in(&ada, evil).await.expect(303);
        assert_eq!(given.header("location"), "/admin/", "{evil}");
    }
    api.stop().await;
}
