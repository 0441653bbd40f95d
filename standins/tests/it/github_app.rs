//! A GitHub App: its assertion, its installation, its tokens.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::Method;
use serde_json::{Value, json};
use standins::github::{GitHub, Level};

use crate::support::github::{Answer, github, send_as};

/// Seconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "an assertion carries the time of the machine it is made on"
)]
fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn signed(pem: &str, claims: &Value) -> String {
    let key = EncodingKey::from_rsa_pem(pem.as_bytes()).expect("the app's key");
    let assertion = encode(&Header::new(Algorithm::RS256), claims, &key).expect("an assertion");
    format!("Bearer {assertion}")
}

fn assertion(github: &GitHub) -> String {
    let claims = json!({"iss": github.app_id().to_string(), "iat": now() - 60, "exp": now() + 540});
    signed(&github.app_private_key_pem(), &claims)
}

fn tokens_path(github: &GitHub) -> String {
    format!("/app/installations/{}/access_tokens", github.installation_id())
}

async fn token(github: &GitHub, body: Option<&Value>) -> Answer {
    let assertion = assertion(github);
    send_as(github, Some(&assertion), Method::POST, &tokens_path(github), body).await
}

#[tokio::test]
async fn an_installation_token_writes_to_the_organisation_only() {
    let github = github().await;
    let (org, owner) = (github.org(), github.owner());
    github.add_repo(&owner, "theirs", true);
    let made = token(&github, None).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.body["permissions"]["contents"], "write");
    let bearer = format!("token {}", made.text("/token"));
    let body = json!({"name": "backup", "private": true});
    let repository = send_as(
        &github,
        Some(&bearer),
        Method::POST,
        &format!("/orgs/{org}/repos"),
        Some(&body),
    )
    .await;
    assert_eq!(repository.status, 201, "{}", repository.body);
    let file = json!({"message": "m", "content": ""});
    let at = format!("/repos/{org}/backup/contents/a.py");
    assert_eq!(
        send_as(&github, Some(&bearer), Method::PUT, &at, Some(&file))
            .await
            .status,
        201
    );
    let listed = send_as(
        &github,
        Some(&bearer),
        Method::GET,
        "/installation/repositories",
        None,
    )
    .await;
    assert_eq!(listed.body["total_count"], 1);
    let hidden = send_as(&github, Some(&bearer), Method::GET, "/repos/ada/theirs", None).await;
    assert_eq!(hidden.status, 404);
    for (method, path, body) in [
        (Method::GET, "/user", None),
        (Method::POST, "/user/repos", Some(&body)),
    ] {
        let refused = send_as(&github, Some(&bearer), method, path, body).await;
        assert_eq!(
            (refused.status, refused.message()),
            (403, "Resource not accessible by integration")
        );
    }
}

#[tokio::test]
async fn a_token_may_be_narrowed_and_not_widened() {
    let github = github().await;
    let org = github.org();
    github.add_repo(&org, "one", true);
    github.add_repo(&org, "two", true);
    let asked = json!({"repositories": ["one"], "permissions": {"contents": "read", "metadata": "read"}});
    let made = token(&github, Some(&asked)).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.text("/repository_selection"), "selected");
    let bearer = format!("Bearer {}", made.text("/token"));
    let see = |name: &str| format!("/repos/{org}/{name}");
    assert_eq!(
        send_as(&github, Some(&bearer), Method::GET, &see("one"), None)
            .await
            .status,
        200
    );
    assert_eq!(
        send_as(&github, Some(&bearer), Method::GET, &see("two"), None)
            .await
            .status,
        404
    );
    let file = json!({"message": "m", "content": ""});
    let refused = send_as(
        &github,
        Some(&bearer),
        Method::PUT,
        &format!("{}/contents/a", see("one")),
        Some(&file),
    )
    .await;
    assert_eq!(refused.message(), "Resource not accessible by integration");

    let unknown = token(&github, Some(&json!({"repositories": ["none"]}))).await;
    assert_eq!(unknown.status, 422);
    github.set_app_permissions([("metadata".to_owned(), Level::Read)].into());
    let beyond = token(&github, Some(&json!({"permissions": {"contents": "write"}}))).await;
    assert_eq!(
        beyond.message(),
        "The permissions requested are not granted to this installation."
    );
}

#[tokio::test]
async fn bad_assertions_are_refused_each_in_its_words() {
    let github = github().await;
    let pem = github.app_private_key_pem();
    let id = github.app_id();
    let late = "'Expiration time' claim ('exp') is too far in the future";
    let past = "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires";
    let ahead =
        "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued";
    for (claims, status, message) in [
        (json!({"iss": id, "iat": now(), "exp": now() + 3_600}), 401, late),
        (
            json!({"iss": id, "iat": now() - 3_600, "exp": now() + 300}),
            401,
            late,
        ),
        (
            json!({"iss": id, "iat": now() - 900, "exp": now() - 300}),
            401,
            past,
        ),
        (
            json!({"iss": id, "iat": now(), "exp": (now() + 60).to_string()}),
            401,
            past,
        ),
        (
            json!({"iss": id, "iat": now() + 3_600, "exp": now() + 4_000}),
            401,
            ahead,
        ),
        (json!({"iss": id, "exp": now() + 60}), 401, ahead),
        (
            json!({"iss": "12345", "iat": now(), "exp": now() + 60}),
            404,
            "Integration not found",
        ),
    ] {
        let bearer = signed(&pem, &claims);
        let refused = send_as(&github, Some(&bearer), Method::POST, &tokens_path(&github), None).await;
        assert_eq!((refused.status, refused.message()), (status, message), "{claims}");
    }
    let other = crate::support::github::github().await.app_private_key_pem();
    let forged = signed(&other, &json!({"iss": id, "iat": now(), "exp": now() + 60}));
    let plain = format!("Bearer {}", github.token());
    for bearer in [forged, "Bearer a.b.c".to_owned(), plain] {
        let refused = send_as(&github, Some(&bearer), Method::GET, "/app", None).await;
        assert_eq!(
            (refused.status, refused.message()),
            (401, "A JSON web token could not be decoded")
        );
    }
}

#[tokio::test]
async fn the_app_finds_itself_and_its_installation() {
    let github = github().await;
    let org = github.org();
    github.add_repo(&org, "one", true);
    github.add_repo("ada", "two", false);
    let bearer = assertion(&github);
    let asked = |path: String| {
        let (github, bearer) = (&github, bearer.clone());
        async move { send_as(github, Some(&bearer), Method::GET, &path, None).await }
    };
    assert_eq!(asked("/app".to_owned()).await.body["id"], github.app_id());
    for path in [
        format!("/app/installations/{}", github.installation_id()),
        format!("/orgs/{org}/installation"),
        format!("/repos/{org}/one/installation"),
    ] {
        assert_eq!(asked(path).await.body["id"], github.installation_id());
    }
    assert_eq!(
        asked("/app/installations".to_owned()).await.body[0]["app_id"],
        github.app_id()
    );
    for path in [
        "/app/installations/1",
        "/users/ada/installation",
        "/repos/ada/two/installation",
    ] {
        assert_eq!(asked(path.to_owned()).await.status, 404, "{path}");
    }
    let repository = asked("/repos/ada/two/branches".to_owned()).await;
    assert_eq!(repository.message(), "Resource not accessible by integration");
}
