//! Secrets that come back in parts, or as encoders write them.

use axum::extract::Request;
use hookyard::environment::Environment;
use serde_json::{Value, json};

use crate::support::plugins::{Yard, grant_secret, http_fixture};

/// A vendor that answers with this text, whatever it is asked.
async fn says(text: String) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let app = axum::Router::new().fallback(move |_: Request| {
        let text = text.clone();
        async move { text }
    });
    tokio::spawn(async move { axum::serve(listener, app).await });
    base
}

/// What a plugin with this secret, which it sends along, gets to see of the answer.
async fn seen(base: &str, secret: (&str, &str), request: Value) -> String {
    let (name, value) = secret;
    let mut spec = http_fixture(base, &[&format!("* {base}/**")]);
    grant_secret(&mut spec, name, "SECRET");
    let yard = Yard::new(Environment::of([("SECRET", value)])).await;
    yard.apply_ready(vec![spec]).await;
    let (output, run) = yard.output("http", &json!({"requests": [request]})).await;
    let body = output["answers"][0]["body"].as_str();
    body.unwrap_or_else(|| panic!("no answer: {output} {run:?}"))
        .to_owned()
}

#[tokio::test]
async fn each_part_of_a_webhook_url_that_is_secret_alone_is_masked() {
    let text = "token=tok_1%2Fx%3D%3D; {\"token\": \"tok_1/x==\", \"key\": \"AIza-key_1\"} three messages";
    let base = says(text.to_owned()).await;
    let url = format!("{base}/v1/spaces/AAAA/messages?key=AIza-key_1&token=tok_1%2Fx%3D%3D");
    let request = json!({"method": "POST", "url": "{secret:url}", "body": "hi"});
    let told = seen(&base, ("url", &url), request.clone()).await;
    assert_eq!(
        told,
        "token=***************; {\"token\": \"*********\", \"key\": \"**********\"} three messages"
    );
    let base = says("no_service: abcdefghijklmnopqrstuvwx of B0/T0".to_owned()).await;
    let url = format!("{base}/services/T0/B0/abcdefghijklmnopqrstuvwx");
    let told = seen(&base, ("url", &url), request).await;
    assert_eq!(told, "no_service: ************************ of B0/T0");
}

#[tokio::test]
async fn a_secret_is_masked_as_encoders_write_it() {
    // By Python's quote, by a library with lower-case digits, by forms, and in Base64 behind `user:`.
    for (form, masked) in [
        ("to-ken.1%2F%3D~x", "****************"),
        ("to-ken.1%2f%3d~x", "****************"),
        ("to-ken.1%2F%3D%7Ex", "******************"),
        ("dXNlcjp0by1rZW4uMS89fng=", "dXNlcjp***************g="),
    ] {
        let base = says(format!("<{form}>")).await;
        let request = json!({"url": format!("{base}/"), "headers": {"x-key": "{secret:plain}"}});
        let told = seen(&base, ("plain", "to-ken.1/=~x"), request).await;
        assert_eq!(told, format!("<{masked}>"), "{form}");
    }
}
