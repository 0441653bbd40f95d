//! Stored scripts over HTTP.

use reqwest::Method;
use serde_json::json;

use crate::support::api::{Api, send};

#[tokio::test]
async fn staff_store_change_list_and_remove() {
    let api = Api::start().await;
    let token = api.token_of("ada", true).await;
    let script = "print('\u{1f600}')\n";
    let made = api
        .post(
            "/api/processes/",
            &token,
            json!({"code": "a/b c", "name": "A", "script": script}),
        )
        .await
        .expect(201);
    assert_eq!(made.header("location"), "/api/processes/a%2Fb%20c/");
    let path = made.header("location").to_owned();
    let shown = api.get(&path, &token).await.expect(200).json();
    assert_eq!(
        (&shown["code"], &shown["script"]),
        (&json!("a/b c"), &json!(script))
    );

    let merged = api
        .request(Method::PATCH, &path)
        .bearer_auth(&token)
        .body(json!({"script": "two"}).to_string());
    let changed = send(merged).await.expect(200).json();
    assert_eq!(
        (&changed["name"], &changed["script"]),
        (&json!("A"), &json!("two"))
    );
    let put = api.request(Method::PUT, &path).bearer_auth(&token);
    let whole = json!({"code": "a/b c", "name": "B", "script": ""});
    send(put.body(whole.to_string())).await.expect(200);

    let listed = api
        .get("/api/processes/?search=A%2F", &token)
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&listed["count"], &listed["results"][0]["size"]),
        (&json!(1), &json!(0))
    );
    let removed = api.request(Method::DELETE, &path).bearer_auth(&token);
    send(removed).await.expect(204);
    api.get(&path, &token).await.problem(404);
    let versions = api
        .get(&format!("{path}versions/"), &token)
        .await
        .expect(200)
        .json();
    assert_eq!(versions["count"], 4);
    assert_eq!(versions["results"][0]["script"], json!(null));
    assert_eq!(versions["results"][3]["changed_by"], "ada");
    api.stop().await;
}

#[tokio::test]
async fn wrong_fields_are_told_by_name() {
    let api = Api::start().await;
    let token = api.token_of("ada", true).await;
    let empty = api.post("/api/processes/", &token, json!({"name": 7})).await;
    let problem = empty.problem(400);
    for field in ["code", "script"] {
        assert_eq!(problem[field], json!(["This field is required."]), "{problem}");
    }
    let good = json!({"code": "a", "name": "A", "script": "x"});
    api.post("/api/processes/", &token, good.clone())
        .await
        .expect(201);
    let double = api.post("/api/processes/", &token, good).await.problem(400);
    assert_eq!(double["code"], json!(["process with this code already exists."]));
    let large = json!({"code": "b", "name": "B", "script": "x".repeat((2 << 20) + 1)});
    let problem = api.post("/api/processes/", &token, large).await.problem(400);
    assert!(problem["script"].is_array(), "{problem}");
    let renamed = api
        .request(Method::PATCH, "/api/processes/a/")
        .bearer_auth(&token);
    let problem = send(renamed.body(json!({"code": "c"}).to_string()))
        .await
        .problem(400);
    assert!(problem["code"].is_array(), "{problem}");
    api.stop().await;
}

#[tokio::test]
async fn a_body_that_is_not_utf_8_is_refused_with_the_place() {
    let api = Api::start().await;
    let token = api.token_of("ada", true).await;
    let mut body = br#"{"code": "a", "name": "A", "script": "caf"#.to_vec();
    let at = body.len();
    body.extend([0xe9, b'"', b'}']);
    let post = api.request(Method::POST, "/api/processes/").bearer_auth(&token);
    let problem = send(post.body(body)).await.problem(400);
    let told = problem["detail"].as_str().expect("a detail");
    assert!(told.contains(&format!("byte {at} is not UTF-8")), "{told}");
    api.get("/api/processes/a/", &token).await.problem(404);
    api.stop().await;
}

#[tokio::test]
async fn only_staff_see_them() {
    let api = Api::start().await;
    let token = api.token_of("eve", false).await;
    api.get("/api/processes/", &token).await.problem(403);
    api.get("/api/processes/", "").await.problem(401);
    api.get("/api/plugins/", &token).await.problem(403);
    api.post("/api/plugins/x/actions/y/", &token, "{}")
        .await
        .problem(403);
    api.stop().await;
}
