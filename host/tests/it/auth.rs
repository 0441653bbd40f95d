//! Accounts and tokens, through the HTTP interface.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hookyard::auth::lockout::{ACCOUNT_RATE, ADDRESS_RATE};
use hookyard::auth::tokens::LEEWAY_SECONDS;
use hookyard::auth::{Auth, AuthSettings, KeyError, KeySource, Keyring, Registration};
use hookyard::secret::Secret;
use serde_json::{Value, json};

use crate::support::api::{Api, fresh_password};

const REGISTER: &str = "/api/auth/register/";
const TOKEN: &str = "/api/auth/token/";
const REFRESH: &str = "/api/auth/token/refresh/";
const PROFILE: &str = "/api/auth/profile/";

fn registration(name: &str, password: &str) -> Value {
    json!({"username": name, "email": format!("{name}@example.test"), "password": password})
}

#[tokio::test]
async fn registering_signing_in_and_the_profile() {
    let api = Api::start().await;
    let password = fresh_password();
    let mut form = registration("Ada", &password);
    form["password2"] = json!(password);
    form["first_name"] = json!("Ada");
    form["last_name"] = json!("Lovelace");
    let made = api.post(REGISTER, "", form).await.expect(201).json();
    let id = made["id"].as_str().expect("an id");
    assert_eq!(
        made,
        json!({"id": id, "username": "Ada", "email": "Ada@example.test", "first_name": "Ada", "last_name": "Lovelace"})
    );

    // The name is found without regard to case.
    let tokens = api
        .post(TOKEN, "", json!({"username": "ada", "password": password}))
        .await
        .expect(200);
    assert_eq!(tokens.header("cache-control"), "no-store");
    let tokens = tokens.json();
    let profile = api
        .get(PROFILE, tokens["access"].as_str().expect("a token"))
        .await
        .expect(200)
        .json();
    assert_eq!(profile["id"], id);
    assert_eq!(profile["date_joined"], "2026-08-01T12:00:00.000Z");
    assert_eq!(profile["is_staff"], false);
    api.stop().await;
}

#[tokio::test]
async fn every_wrong_field_is_told_beside_the_detail() {
    let api = Api::start().await;
    let problem = api
        .post(REGISTER, "", json!({"username": "a b", "password": 7}))
        .await
        .problem(400);
    assert_eq!(problem["email"], json!(["This field is required."]));
    let problem = api
        .post(
            REGISTER,
            "",
            json!({"username": "a b", "email": "nobody", "password": "4711471147"}),
        )
        .await
        .problem(400);
    assert!(
        problem["username"][0]
            .as_str()
            .is_some_and(|text| text.starts_with("Enter a valid username"))
    );
    assert_eq!(problem["email"], json!(["Enter a valid email address."]));
    assert_eq!(problem["password"], json!(["This password is entirely numeric."]));
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|text| text.contains("entirely numeric"))
    );

    let mut differing = registration("ada", &fresh_password());
    differing["password2"] = json!(fresh_password());
    let problem = api.post(REGISTER, "", differing).await.problem(400);
    assert_eq!(problem["password"], json!(["Password fields didn't match."]));

    for (password, why) in [
        (
            "Sh0rt!",
            "This password is too short. It must contain at least 8 characters.",
        ),
        ("Password1", "This password is too common."),
        ("charlotte99", "The password is too similar to the username."),
        ("example.test", "The password is too similar to the email."),
    ] {
        let problem = api
            .post(REGISTER, "", registration("charlotte", password))
            .await
            .problem(400);
        let told = problem["password"].as_array().expect("texts");
        assert!(told.contains(&json!(why)), "{password}: {told:?}");
    }
    let long = "correct horse ".repeat(80);
    let problem = api
        .post(REGISTER, "", registration("ada", &long))
        .await
        .problem(400);
    assert!(
        problem["password"][0]
            .as_str()
            .is_some_and(|text| text.contains("1024 bytes"))
    );
    assert_eq!(
        api.auth.hashes_computed(),
        0,
        "no hash is computed for a form that is refused"
    );
    api.stop().await;
}

#[tokio::test]
async fn a_name_is_taken_once_whatever_its_case() {
    let api = Api::start().await;
    api.post(REGISTER, "", registration("ada", &fresh_password()))
        .await
        .expect(201);
    let problem = api
        .post(REGISTER, "", registration("ADA", &fresh_password()))
        .await
        .problem(400);
    assert_eq!(
        problem["username"],
        json!(["A user with that username already exists."])
    );
    api.stop().await;
}

#[tokio::test]
async fn registration_can_be_closed() {
    let settings = AuthSettings {
        registration: Registration::Closed,
        ..AuthSettings::default()
    };
    let api = Api::start_with(settings).await;
    let problem = api
        .post(REGISTER, "", registration("ada", &fresh_password()))
        .await
        .problem(403);
    assert_eq!(problem["type"], "urn:hookyard:problem:registration-closed");
    // The command line still makes accounts.
    api.token_of("ada", true).await;
    api.stop().await;
}

#[tokio::test]
async fn unknown_users_and_wrong_passwords_look_and_cost_the_same() {
    let api = Api::start().await;
    let account = api.account("ada", false).await;
    let mut gone = api.account("gone", false).await;
    gone.user.is_active = false;
    assert!(api.store.update_user(&gone.user).await.expect("a store"));

    let mut answers = Vec::new();
    for (name, password) in [
        ("ada", fresh_password()),
        ("nobody", fresh_password()),
        ("gone", fresh_password()),
        ("gone", gone.password.clone()),
    ] {
        let before = api.auth.hashes_computed();
        let answer = api
            .post(TOKEN, "", json!({"username": name, "password": password}))
            .await;
        assert_eq!(api.auth.hashes_computed() - before, 1, "{name}");
        let mut problem = answer.problem(401);
        problem["instance"] = Value::Null;
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        answers.push(problem);
    }
    assert_eq!(
        answers[0]["detail"],
        "No active account found with the given credentials"
    );
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:#?}");
    let before = api.auth.hashes_computed();
    api.sign_in(&account).await;
    assert_eq!(
        api.auth.hashes_computed() - before,
        1,
        "a right password costs one hash too"
    );
    api.stop().await;
}

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

    let mut tampered = access.to_owned();
    let last = if tampered.ends_with('A') { 'B' } else { 'A' };
    tampered.replace_range(tampered.len() - 2..tampered.len() - 1, &last.to_string());
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

/// A token with the right claims, signed by another key.
async fn foreign_token(api: &Api, account: &crate::support::api::Account) -> String {
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
    assert!(api.store.update_user(&account.user).await.expect("a store"));
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

#[tokio::test]
async fn guessing_one_account_is_stopped_and_resumes_with_time() {
    let api = Api::start().await;
    let account = api.account("ada", false).await;
    for _ in 0..ACCOUNT_RATE.burst {
        // Right passwords between the wrong ones cost nothing.
        let wrong = json!({"username": "ada", "password": fresh_password()});
        api.post(TOKEN, "", wrong).await.problem(401);
    }
    let before = api.auth.hashes_computed();
    let right = json!({"username": "ADA", "password": account.password});
    let locked = api.post(TOKEN, "", &right).await;
    locked.problem(429);
    let wait: u64 = locked.header("retry-after").parse().expect("seconds");
    assert!((1..=ACCOUNT_RATE.per.as_secs()).contains(&wait), "{wait}");
    assert_eq!(
        api.auth.hashes_computed(),
        before,
        "a locked account costs no hash"
    );
    api.clock.advance(Duration::from_secs(wait));
    api.post(TOKEN, "", &right).await.expect(200);
    api.stop().await;
}

#[tokio::test]
async fn right_passwords_do_not_use_tries_up() {
    let api = Api::start().await;
    let account = api.account("ada", false).await;
    for _ in 0..=ACCOUNT_RATE.burst {
        api.sign_in(&account).await;
    }
    api.stop().await;
}

#[tokio::test]
async fn guessing_many_accounts_from_one_address_is_stopped() {
    let api = Api::start().await;
    for number in 0..ADDRESS_RATE.burst {
        let form = json!({"username": format!("nobody-{number}"), "password": fresh_password()});
        api.post(TOKEN, "", form).await.problem(401);
    }
    // Headers of proxies are not believed, or anybody could make up addresses.
    let form = json!({"username": "somebody", "password": fresh_password()}).to_string();
    let request = api
        .request(reqwest::Method::POST, TOKEN)
        .header("content-type", "application/json")
        .header("x-forwarded-for", "192.0.2.7")
        .header("forwarded", "for=192.0.2.7")
        .body(form);
    let locked = crate::support::api::send(request).await;
    locked.problem(429);
    assert!(!locked.header("retry-after").is_empty());
    api.stop().await;
}

#[test]
fn short_secrets_are_refused_and_never_shown() {
    let secret = Secret::new("x".repeat(31));
    let error = Keyring::from_secrets(&[secret]).expect_err("too short");
    assert!(error.to_string().contains("has 31 bytes and needs 32"), "{error}");
    let key = "k".repeat(32);
    let ring = Keyring::from_secrets(&[Secret::new(key.clone())]).expect("keys");
    assert!(!format!("{ring:?}").contains(&key));
}

#[test]
fn kept_keys_are_private_survive_and_rotate() {
    let dir = tempfile::tempdir().expect("a directory");
    let first = Keyring::open_directory(dir.path()).expect("keys");
    let again = Keyring::open_directory(dir.path()).expect("keys");
    assert_eq!(ids(&first), ids(&again), "the key is kept");
    let rotated = Keyring::rotate(dir.path()).expect("keys");
    assert_eq!(ids(&rotated)[1..], ids(&first), "the old key still verifies");
    let reloaded = Keyring::load(&KeySource::Directory(dir.path().to_owned())).expect("keys");
    assert_eq!(ids(&reloaded), ids(&rotated), "and the new one signs");
    for entry in std::fs::read_dir(dir.path()).expect("a directory") {
        use std::os::unix::fs::PermissionsExt;
        let meta = entry.expect("an entry").metadata().expect("a file");
        assert_eq!(meta.permissions().mode() & 0o777, 0o600);
    }
    let damaged = dir.path().join("zzz.key");
    std::fs::write(&damaged, "half").expect("a file");
    let error = Keyring::open_directory(dir.path()).expect_err("a damaged key");
    assert!(
        matches!(&error, KeyError::Damaged { path, length: 4 } if *path == damaged),
        "{error}"
    );
}

fn ids(ring: &Keyring) -> Vec<String> {
    ring.ids().map(str::to_owned).collect()
}

/// Tokens of one key pair, with the other kinds of keys in the ring: each is used with its own
/// algorithm only.
#[tokio::test]
async fn key_files_of_both_kinds_sign_and_verify() {
    let dir = tempfile::tempdir().expect("a directory");
    let ed = make_key(dir.path(), "ed.pem", &["-algorithm", "ed25519"]);
    let rsa = make_key(
        dir.path(),
        "rsa.pem",
        &["-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:2048"],
    );
    let api = Api::start().await;
    let account = api.account("ada", false).await;
    let password = Secret::new(account.password.clone());
    let from = "127.0.0.1".parse().expect("an address");
    let auth = |files: &[&std::path::PathBuf]| {
        let files: Vec<_> = files.iter().map(|path| (*path).clone()).collect();
        let ring = Keyring::from_pem_files(&files).expect("keys");
        Auth::new(
            api.store.clone(),
            api.clock.clone(),
            ring,
            AuthSettings::default(),
        )
    };
    let (by_ed, by_rsa, by_both) = (auth(&[&ed]), auth(&[&rsa]), auth(&[&rsa, &ed]));
    for (signer, stranger, algorithm) in [(&by_ed, &by_rsa, "EdDSA"), (&by_rsa, &by_ed, "RS256")] {
        let token = signer
            .sign_in("ada", &password, from)
            .await
            .expect("tokens")
            .access;
        assert_eq!(header(&token)["alg"], algorithm);
        assert_eq!(
            signer.authenticate(&token).await.expect("a user").id,
            account.user.id
        );
        assert_eq!(
            by_both.authenticate(&token).await.expect("a user").id,
            account.user.id
        );
        assert!(stranger.authenticate(&token).await.is_err());
        for public in [public_key(&ed), public_key(&rsa)] {
            let confused = signed_with_public_key(&token, &public);
            assert!(by_both.authenticate(&confused).await.is_err());
        }
    }
    let small = make_key(
        dir.path(),
        "small.pem",
        &["-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:1024"],
    );
    let error = Keyring::from_pem_files(&[small]).expect_err("too small");
    assert!(error.to_string().contains("1024 bits and needs 2048"), "{error}");
    api.stop().await;
}

fn header(token: &str) -> Value {
    let part = token.split('.').next().expect("a header");
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64")).expect("JSON")
}

/// The classic confusion: the same claims and key id, signed with HMAC by the public key's text. The
/// key decides which algorithm is used, not the token.
fn signed_with_public_key(token: &str, public: &[u8]) -> String {
    use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
    let claims = token.split('.').nth(1).expect("claims");
    let claims: Value =
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).expect("base64")).expect("JSON");
    let mut header_hs = Header::new(Algorithm::HS256);
    header_hs.kid = header(token)["kid"].as_str().map(str::to_owned);
    encode(&header_hs, &claims, &EncodingKey::from_secret(public)).expect("a token")
}

fn public_key(private: &Path) -> Vec<u8> {
    let output = Command::new("openssl")
        .args(["pkey", "-pubout", "-in"])
        .arg(private)
        .output()
        .expect("openssl is installed");
    assert!(output.status.success());
    output.stdout
}

/// Makes a private key at run time, with the tool that our own error message names.
fn make_key(dir: &Path, name: &str, arguments: &[&str]) -> std::path::PathBuf {
    let path = dir.join(name);
    let made = Command::new("openssl")
        .arg("genpkey")
        .args(arguments)
        .arg("-out")
        .arg(&path)
        .output()
        .expect("openssl is installed");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    path
}
