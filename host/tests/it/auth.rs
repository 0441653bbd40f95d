//! Accounts and tokens, through the HTTP interface.

mod guessing;
mod keys;
mod tokens;

use hookyard::auth::{AuthSettings, Registration};
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
