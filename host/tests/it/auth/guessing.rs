//! What guessing tells, costs and comes to.

use std::time::Duration;

use hookyard::auth::lockout::{ACCOUNT_RATE, ADDRESS_RATE};
use hookyard::domain::user::UpdatedUser;
use serde_json::{Value, json};

use super::TOKEN;
use crate::support::api::{Api, fresh_password, send};

#[tokio::test]
async fn unknown_users_and_wrong_passwords_look_and_cost_the_same() {
    let api = Api::start().await;
    let account = api.account("ada", false).await;
    let mut gone = api.account("gone", false).await;
    gone.user.is_active = false;
    let updated = api.store.update_user(&gone.user).await.expect("a store");
    assert_eq!(updated, UpdatedUser::Updated);

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
    let locked = send(request).await;
    locked.problem(429);
    assert!(!locked.header("retry-after").is_empty());
    api.stop().await;
}
