//! A client and a started stand-in.

pub mod github;

use std::sync::Once;

use reqwest::{Client, RequestBuilder};
use serde_json::Value;
use standins::slack::{Options, Slack};

/// A client that takes no proxy and reuses no connection, so that a cut meets one request alone.
pub fn client() -> Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        rustls::crypto::ring::default_provider()
            .install_default()
            .expect("no other provider is installed");
    });
    Client::builder()
        .no_proxy()
        .pool_max_idle_per_host(0)
        .build()
        .expect("a client without options builds")
}

/// A stand-in with the ordinary set-up.
pub async fn slack() -> Slack {
    Slack::start(Options::default())
        .await
        .expect("a free loopback port")
}

/// A JSON call with the stand-in's own token.
pub fn call(slack: &Slack, method: &str, arguments: &Value) -> RequestBuilder {
    bare_call(slack, method)
        .bearer_auth(&slack.bot_token)
        .header("content-type", "application/json; charset=utf-8")
        .body(arguments.to_string())
}

/// A POST to a method and nothing else.
pub fn bare_call(slack: &Slack, method: &str) -> RequestBuilder {
    client().post(format!("{}/{method}", slack.api_base))
}

/// The answer's JSON, which Slack gives with status 200.
pub async fn answer(request: RequestBuilder) -> Value {
    let response = request.send().await.expect("an answer");
    assert_eq!(response.status(), 200);
    serde_json::from_slice(&response.bytes().await.expect("a body")).expect("JSON")
}

/// A GET of the stand-in's own pages.
pub async fn get(url: String) -> String {
    client()
        .get(url)
        .send()
        .await
        .expect("an answer")
        .text()
        .await
        .expect("text")
}
