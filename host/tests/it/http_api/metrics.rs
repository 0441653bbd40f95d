//! Who may read `/metrics`, and that what is refused is counted there.

use hookyard::environment::Environment;
use serde_json::json;

use crate::support::pipeline::Pipeline;
use crate::support::plugins::component;

/// What a reader with this token gets.
async fn read(pipeline: &Pipeline, token: Option<&str>) -> (u16, String) {
    let request = pipeline
        .client
        .get(format!("http://{}/metrics", pipeline.address));
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    let response = request.send().await.expect("an answer");
    (response.status().as_u16(), response.text().await.expect("a body"))
}

/// The token of somebody who registered.
async fn stranger(pipeline: &Pipeline) -> String {
    let password = uuid::Uuid::new_v4().to_string();
    let account = json!({"username": "stranger", "email": "stranger@example.test", "password": password});
    let (status, answer) = pipeline.post("/api/auth/register/", &account).await;
    assert_eq!(status, 201, "{answer}");
    let credentials = json!({"username": "stranger", "password": password});
    let (status, tokens) = pipeline.post("/api/auth/token/", &credentials).await;
    assert_eq!(status, 200, "{tokens}");
    tokens["access"].as_str().expect("a token").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_and_the_holder_of_the_token_see_what_was_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let token = uuid::Uuid::new_v4().to_string();
    let section = format!(
        "[plugins.http]\ncomponent = \"{}\"\nroutes = [{{ source = \"*\" }}]\n\
         [plugins.http.config]\nbase = \"http://vendor.test\"\n",
        component("http").display()
    );
    let env = Environment::of([("HOOKYARD_METRICS_TOKEN", token.clone())]);
    let pipeline = Pipeline::start_in(dir.path(), &section, env).await;
    let payload = json!({"requests": [{"method": "POST", "url": "http://vendor.test/api/x"}]});
    let id = pipeline.send("s", "t", &payload).await;
    pipeline.wait_status(&id, "processed").await;

    let counted = "hookyard_plugin_requests_refused_total{plugin=\"http\",reason=\"Right\"} 1";
    for reader in [pipeline.token.clone(), token] {
        let (status, text) = read(&pipeline, Some(&reader)).await;
        assert_eq!(status, 200, "{text}");
        assert!(text.contains(counted), "{text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
    }
    assert_eq!(read(&pipeline, None).await.0, 401);
    assert_eq!(read(&pipeline, Some("another")).await.0, 401);
    let stranger = stranger(&pipeline).await;
    assert_eq!(read(&pipeline, Some(&stranger)).await.0, 403);
    pipeline.stop().await;
}
