//! Which tokens open the door, and for how long.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hookyard::auth::tokens::LEEWAY_SECONDS;
use hookyard::auth::{Auth, AuthSettings, Keyring};
use hookyard::domain::user::UpdatedUser;
use hookyard::secret::Secret;
use serde_json::{Value, json};

use super::{PROFILE, REFRESH, TOKEN};
use crate::support::api::{Account, Api, fresh_password};

#[tokio::test]
async fn expired_foreign_and_wrong_tokens_are_refused_as_rfc_6750_says() {
    let api = Api::start().await;
    let account = api.account("ada", false).await;
    let tokens = api.sign_in(&account).await;
    let access = tokens["access"].as_str().expect("a token");
    let refresh = tokens["refresh"].as_str().expect("a token");

    let none = api.get(PROFILE, "").await;
    none.problem(401);
    assert_eq!(none.header("www-authenticate"), "Bearer");

    let tampered = with_another_signature(access);
    let foreign = foreign_token(&api, &account).await;
    for token in [
        refresh,
        &unsigned(access),
        &tampered,
        &foreign,
        "nonsense",
        "a.b.c",
        &"x".repeat(9000),
    ] {
        let answer = api.get(PROFILE, token).await;
        let problem = answer.problem(401);
        assert_eq!(problem["code"], "token_not_valid");
        assert!(
            answer
                .header("www-authenticate")
                .starts_with("Bearer error=\"invalid_token\""),
            "{answer:?}"
        );
    }

    let ttl = AuthSettings::default().access_ttl;
    api.clock.advance(ttl);
    api.get(PROFILE, access).await.expect(200);
    api.clock
        .advance(Duration::from_secs(LEEWAY_SECONDS.unsigned_abs()));
    let expired = api.get(PROFILE, access).await;
    assert_eq!(expired.problem(401)["detail"], "Token is expired");
    assert!(
        expired
            .header("www-authenticate")
            .contains("error=\"invalid_token\"")
    );
    api.stop().await;
}

/// The token with one character of its signature changed. The last but one: some bits of the
/// last one are padding.
fn with_another_signature(token: &str) -> String {
    let mut characters: Vec<char> = token.chars().collect();
    let place = characters.len() - 2;
    characters[place] = if characters[place] == 'A' { 'B' } else { 'A' };
    characters.into_iter().collect()
}

/// A token with the right claims, signed by another key.
async fn foreign_token(api: &Api, account: &Account) -> String {
    let secret = Secret::new(uuid::Uuid::new_v4().to_string());
    let keyring = Keyring::from_secrets(&[secret]).expect("keys");
    let other = Auth::new(
        api.store.clone(),
        api.clock.clone(),
        keyring,
        AuthSettings::default(),
    );
    let password = Secret::new(account.password.clone());
    let from = "127.0.0.1".parse().expect("an address");
    other
        .sign_in("ada", &password, from)
        .await
        .expect("tokens")
        .access
}

/// The token with `alg: none` and without a signature.
fn unsigned(token: &str) -> String {
    let mut parts = token.split('.');
    let header = BASE64_URL_SAFE_NO_PAD
        .decode(parts.next().expect("a header"))
        .expect("base64");
    let mut header: Value = serde_json::from_slice(&header).expect("JSON");
    header["alg"] = json!("none");
    let header = BASE64_URL_SAFE_NO_PAD.encode(header.to_string());
    format!("{header}.{}.", parts.next().expect("claims"))
}

#[tokio::test]
async fn an_inactive_users_tokens_stop_working() {
    let api = Api::start().await;
    let mut account = api.account("ada", false).await;
    let tokens = api.sign_in(&account).await;
    account.user.is_active = false;
    let updated = api.store.update_user(&account.user).await.expect("a store");
    assert_eq!(updated, UpdatedUser::Updated);
    let access = tokens["access"].as_str().expect("a token");
    api.get(PROFILE, access).await.problem(401);
    api.post(REFRESH, "", json!({"refresh": tokens["refresh"]}))
        .await
        .problem(401);
    api.stop().await;
}

#[tokio::test]
async fn a_refresh_token_works_once_and_its_reuse_ends_the_family() {
    let api = Api::start().await;
    let account = api.account("ada", false).await;
    let first = api.sign_in(&account).await;
    let other_sign_in = api.sign_in(&account).await;
    let second = api
        .post(REFRESH, "", json!({"refresh": first["refresh"]}))
        .await
        .expect(200)
        .json();
    assert_ne!(first["refresh"], second["refresh"]);
    api.get(PROFILE, second["access"].as_str().expect("a token"))
        .await
        .expect(200);

    let reuse = api.post(REFRESH, "", json!({"refresh": first["refresh"]})).await;
    assert_eq!(reuse.problem(401)["code"], "token_not_valid");
    // The thief's and the owner's tokens of that sign-in are both dead, another sign-in is not.
    api.post(REFRESH, "", json!({"refresh": second["refresh"]}))
        .await
        .problem(401);
    api.post(REFRESH, "", json!({"refresh": other_sign_in["refresh"]}))
        .await
        .expect(200);
    api.post(REFRESH, "", json!({"refresh": first["access"]}))
        .await
        .problem(401);
    api.stop().await;
}

#[tokio::test]
async fn a_refresh_token_expires_and_a_new_password_ends_it() {
    let api = Api::start().await;
    let account = api.account("ada", false).await;
    let old = api.sign_in(&account).await;
    api.clock
        .advance(AuthSettings::default().refresh_ttl + Duration::from_secs(10));
    api.post(REFRESH, "", json!({"refresh": old["refresh"]}))
        .await
        .problem(401);

    let tokens = api.sign_in(&account).await;
    let password = Secret::new(fresh_password());
    let changed = api
        .auth
        .set_password("ADA", &password)
        .await
        .expect("a new password");
    assert_eq!(changed.map(|user| user.id), Some(account.user.id));
    api.post(REFRESH, "", json!({"refresh": tokens["refresh"]}))
        .await
        .problem(401);
    let body = json!({"username": "ada", "password": password.expose()});
    api.post(TOKEN, "", body).await.expect(200);
    api.stop().await;
}
