//! The token endpoint: what Google grants and each way it refuses.

use serde_json::{Value, json};

use crate::support::google::{Desk, claims, exchange, google, key_file, now, signed, told};

fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut changed = claims.clone();
    changed[name] = value;
    changed
}

#[tokio::test]
async fn a_good_assertion_gives_a_token_that_works() {
    let mut desk = Desk::new().await;
    let assertion = signed(&desk.google, &claims(&desk.google));
    let (status, answer) = told(exchange(&desk.google, &assertion)).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        (&answer["token_type"], &answer["expires_in"]),
        (&json!("Bearer"), &json!(3599))
    );
    desk.token = answer["access_token"].as_str().expect("a token").to_owned();
    assert_eq!(
        desk.get("?fields=spreadsheetId").await,
        json!({"spreadsheetId": desk.id})
    );
    let seen = desk.google.requests();
    assert!(
        seen.iter().all(|request| !request.body.contains(&assertion)),
        "no assertion is kept"
    );
    desk.google.expire_tokens();
    let (status, answer) = told(desk.request("GET", "")).await;
    assert_eq!(
        (status, &answer["error"]["status"]),
        (401, &json!("UNAUTHENTICATED"))
    );
}

#[tokio::test]
async fn each_wrong_claim_is_refused_in_googles_words() {
    let google = google().await;
    let good = claims(&google);
    let timeframe = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.";
    let scope = "Invalid OAuth scope or ID token audience provided.";
    let cases = [
        (
            "iss",
            json!("nobody@example.com"),
            400,
            "invalid_grant",
            "Invalid grant: account not found",
        ),
        (
            "aud",
            json!("https://example.com/token"),
            400,
            "invalid_grant",
            "Invalid JWT: Failed audience check.",
        ),
        ("iat", json!(now().to_string()), 400, "invalid_grant", timeframe),
        ("exp", json!(now() + 3700), 400, "invalid_grant", timeframe),
        ("iat", json!(now() + 900), 400, "invalid_grant", timeframe),
        ("iat", json!(now() - 9000), 400, "invalid_grant", timeframe),
        ("exp", json!(now() - 10), 400, "invalid_grant", timeframe),
        ("scope", json!(""), 400, "invalid_scope", scope),
        (
            "scope",
            json!("https://www.googleapis.com/auth/tea"),
            400,
            "invalid_scope",
            scope,
        ),
        (
            "sub",
            json!("nobody@example.com"),
            400,
            "invalid_grant",
            "Invalid email or User ID",
        ),
        (
            "sub",
            json!("grace@example.com"),
            401,
            "unauthorized_client",
            "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.",
        ),
    ];
    for (name, value, status, error, description) in cases {
        let assertion = signed(&google, &with(&good, name, value.clone()));
        let (got, answer) = told(exchange(&google, &assertion)).await;
        assert_eq!(got, status, "{name} {value}: {answer}");
        assert_eq!(
            answer,
            json!({"error": error, "error_description": description}),
            "{name} {value}"
        );
    }
    let accepted = [
        ("sub", "ada@example.com", "a person that the account may act for"),
        (
            "aud",
            "https://oauth2.googleapis.com/token",
            "as Google's own libraries write it",
        ),
    ];
    for (name, value, why) in accepted {
        let assertion = signed(&google, &with(&good, name, json!(value)));
        assert_eq!(told(exchange(&google, &assertion)).await.0, 200, "{why}");
    }
}

#[tokio::test]
async fn the_signature_and_the_key_are_checked() {
    let google = google().await;
    let good = signed(&google, &claims(&google));
    let invalid = json!({"error": "invalid_grant", "error_description": "Invalid JWT Signature."});
    let (front, signature) = good.rsplit_once('.').expect("three parts");
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    let forged = format!("{front}.{first}{}", &signature[1..]);
    assert_eq!(told(exchange(&google, &forged)).await, (400, invalid.clone()));
    google.revoke_key();
    assert_eq!(told(exchange(&google, &good)).await, (400, invalid));
    google.restore_key();
    assert_eq!(told(exchange(&google, &good)).await.0, 200);
    assert_eq!(told(exchange(&google, "rubbish")).await.0, 400);
}

#[tokio::test]
async fn the_vendors_clock_is_what_counts() {
    let google = google().await;
    let good = signed(&google, &claims(&google));
    for (skew, status) in [(-1_000, 400), (-60, 200), (60, 200), (3_700, 400), (0, 200)] {
        google.set_clock_skew(skew);
        assert_eq!(told(exchange(&google, &good)).await.0, status, "{skew} s");
    }
}

#[tokio::test]
async fn the_form_of_the_request_is_checked() {
    let google = google().await;
    let assertion = signed(&google, &claims(&google));
    let json = crate::support::client()
        .post(google.token_url())
        .header("content-type", "application/json")
        .body(
            json!({"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion})
                .to_string(),
        );
    assert_eq!(told(json).await.1["error"], "invalid_request");
    for (body, error) in [
        ("assertion=x", "invalid_request"),
        ("grant_type=password", "unsupported_grant_type"),
        (
            "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer",
            "invalid_request",
        ),
    ] {
        let request = crate::support::client()
            .post(google.token_url())
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        let (status, answer) = told(request).await;
        assert_eq!((status, &answer["error"]), (400, &json!(error)), "{body}");
    }
    let get = crate::support::client().get(google.token_url());
    assert_eq!(get.send().await.expect("an answer").status(), 405);
}

#[tokio::test]
async fn the_key_file_has_every_field_of_googles() {
    let google = google().await;
    let key = key_file(&google);
    for field in [
        "type",
        "project_id",
        "private_key_id",
        "private_key",
        "client_email",
        "client_id",
        "auth_uri",
        "token_uri",
        "universe_domain",
    ] {
        assert!(
            key[field].as_str().is_some_and(|text| !text.is_empty()),
            "{field}"
        );
    }
    assert_eq!(key["token_uri"], format!("{}/token", google.base_url()));
}
