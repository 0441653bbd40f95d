//! Accounts in the hands of an admin.

use std::time::Duration;

use hookyard::domain::access::Role;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::api::{Answer, Api, fresh_password, send};

async fn patch(api: &Api, token: &str, id: &str, body: Value) -> Answer {
    let request = api.request(Method::PATCH, &format!("/api/users/{id}/"));
    let request = request.header("content-type", "application/json");
    send(request.bearer_auth(token).body(body.to_string())).await
}

#[tokio::test]
async fn an_admin_makes_lists_and_changes_accounts() {
    let api = Api::start().await;
    let admin = api.token_for("root", Role::Admin).await;
    let password = fresh_password();
    let form =
        json!({"username": "ada", "email": "ada@example.test", "password": password, "role": "viewer"});
    let made = api.post("/api/users/", &admin, form).await.expect(201);
    let id = made.json()["id"].as_str().expect("an id").to_owned();
    assert_eq!(made.header("location"), format!("/api/users/{id}/"));
    assert!(!made.text.contains(&password));

    let listed = api
        .get("/api/users/?page_size=1", &admin)
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&listed["count"], &listed["results"][0]["username"]),
        (&json!(2), &json!("ada"))
    );
    assert!(
        listed["next"]
            .as_str()
            .is_some_and(|next| next.ends_with("/api/users/?page_size=1&page=2"))
    );

    let credentials = json!({"username": "ada", "password": password});
    let tokens = api
        .post("/api/auth/token/", "", &credentials)
        .await
        .expect(200)
        .json();
    let access = tokens["access"].as_str().expect("a token");
    // A role counts from the next request on.
    api.get("/api/plugins/", access).await.expect(200);
    let changed = patch(&api, &admin, &id, json!({"role": "sender"}))
        .await
        .expect(200)
        .json();
    assert_eq!(changed["role"], "sender");
    api.get("/api/plugins/", access).await.problem(403);
    patch(&api, &admin, &id, json!({"is_active": false}))
        .await
        .expect(200);
    api.get("/api/auth/profile/", access).await.problem(401);
    patch(&api, &admin, &id, json!({"is_active": true}))
        .await
        .expect(200);

    let renewed = fresh_password();
    patch(&api, &admin, &id, json!({"password": renewed}))
        .await
        .expect(200);
    api.post("/api/auth/token/", "", &credentials).await.problem(401);
    let shown = api
        .get(&format!("/api/users/{id}/"), &admin)
        .await
        .expect(200)
        .json();
    assert_eq!(shown["is_active"], true);
    api.stop().await;
}

#[tokio::test]
async fn what_is_wrong_is_told_and_the_last_admin_stays() {
    let api = Api::start().await;
    let root = api.account_of("root", Role::Admin).await;
    let admin = api.sign_in(&root).await["access"]
        .as_str()
        .expect("a token")
        .to_owned();
    let id = root.user.id.to_string();
    let problem = patch(&api, &admin, &id, json!({"role": "king", "is_active": "no"}))
        .await
        .problem(400);
    assert_eq!(
        problem["role"],
        json!(["`king` is no role; use admin, operator, viewer or sender."])
    );
    assert_eq!(problem["is_active"], json!(["Must be a valid boolean."]));
    for change in [json!({"role": "operator"}), json!({"is_active": false})] {
        let problem = patch(&api, &admin, &id, change).await.problem(409);
        assert_eq!(problem["type"], "urn:hookyard:problem:last-admin");
    }
    api.account_of("second", Role::Admin).await;
    patch(&api, &admin, &id, json!({"role": "operator"}))
        .await
        .expect(200);
    api.get("/api/users/", &admin).await.problem(403);
    for path in [
        "/api/users/x/",
        "/api/users/018f0000-0000-7000-8000-000000000001/",
    ] {
        let token = api.token_for(&format!("a{}", path.len()), Role::Admin).await;
        api.get(path, &token).await.problem(404);
    }
    api.stop().await;
}

#[tokio::test]
async fn signing_out_everywhere_ends_access_and_refresh_tokens() {
    let api = Api::start().await;
    let admin = api.token_for("root", Role::Admin).await;
    let ada = api.account_of("ada", Role::Sender).await;
    let sign_out = format!("/api/users/{}/sign-out/", ada.user.id);
    for (path, by_admin) in [(sign_out.as_str(), true), ("/api/auth/sign-out/", false)] {
        api.clock.advance(Duration::from_millis(1));
        let (one, two) = (api.sign_in(&ada).await, api.sign_in(&ada).await);
        let access = |tokens: &Value| tokens["access"].as_str().expect("a token").to_owned();
        let by = if by_admin { admin.clone() } else { access(&one) };
        api.post(path, &by, "").await.expect(204);
        for tokens in [&one, &two] {
            api.get("/api/auth/profile/", &access(tokens)).await.problem(401);
            let refresh = json!({"refresh": tokens["refresh"]});
            api.post("/api/auth/token/refresh/", "", refresh)
                .await
                .problem(401);
        }
        // Within the same second, and the new session counts.
        api.clock.advance(Duration::from_millis(1));
        let anew = api.sign_in(&ada).await;
        api.get("/api/auth/profile/", &access(&anew)).await.expect(200);
    }
    api.get("/api/auth/profile/", &admin).await.expect(200);
    api.stop().await;
}
