//! Senders that prove themselves: every verifier from the front door, and what becomes of what it refuses.

mod cloud_events;
mod facts;
mod judged;
mod large;
mod live;
mod once;
mod pairs;
mod refusals;
mod rejected;
mod signer;
mod table;
mod vectors;

use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use crate::support::api::{Answer, Api, send};
use signer::Signed;

/// The secret of the sources in these tests is `file:secret`.
const SECRET_FILE: &str = "secret";

/// An interface with one source `s` of this section and this secret.
async fn with_source(section: &str, secret: &str) -> Api {
    let api = Api::start().await;
    api.set_secret(SECRET_FILE, secret);
    api.set_sources(&format!("[sources.s]\n{section}\n"));
    api
}

/// A request to the source `s`.
fn request(api: &Api, signed: &Signed) -> RequestBuilder {
    let path = format!("/api/webhooks/receive/s/{}", signed.query);
    let mut request = api.request(Method::POST, &path).body(signed.body.clone());
    for (name, value) in &signed.headers {
        request = request.header(name, value);
    }
    request
}

/// Posts to the source `s`.
async fn post(api: &Api, signed: &Signed) -> Answer {
    send(request(api, signed)).await
}

/// The only event, as staff see it.
async fn only_event(api: &Api) -> Value {
    let token = api.token_of("looker", true).await;
    let page = api.get("/api/webhooks/list/", &token).await.expect(200).json();
    assert_eq!(page["count"], 1, "{page}");
    page["results"][0].clone()
}

/// Waits until so many refused requests are kept; the newest first.
async fn kept(api: &Api, token: &str, count: usize) -> Vec<Value> {
    let began = std::time::Instant::now();
    loop {
        let page = api.get("/api/rejected/", token).await.expect(200).json();
        let results = page["results"].as_array().expect("results").clone();
        if results.len() >= count {
            return results;
        }
        assert!(began.elapsed().as_secs() < 60, "never kept: {page}");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}
