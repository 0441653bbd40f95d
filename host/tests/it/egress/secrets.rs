//! Where a secret goes, and what of it comes back.

use axum::extract::Request;
use axum::response::Response;
use base64::Engine as _;
use hookyard::domain::grant::{Permission, PrivateNetwork, SecretGrant, SecretSource};
use hookyard::domain::plugin::PluginSpec;
use hookyard::environment::Environment;
use serde_json::{Value, json};

use super::call_error;
use crate::support::plugins::{Mirror, Yard, grant_secret, http_fixture, secret_value};

/// A vendor that sends the secret back in every way it knows.
async fn parrot() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let app = axum::Router::new().fallback(|request: Request| async move { echo(&request) });
    tokio::spawn(async move { axum::serve(listener, app).await });
    base
}

fn echo(request: &Request) -> Response {
    let carried = request
        .headers()
        .get("x-key")
        .map_or("", |value| value.to_str().expect("text"));
    let secret = if carried.is_empty() {
        secret_value()
    } else {
        carried
    };
    let plain = request
        .headers()
        .get("accept-encoding")
        .is_some_and(|value| value == "identity");
    let forms = [
        secret.to_owned(),
        base64::engine::general_purpose::STANDARD.encode(secret),
        json!({ "key": secret }).to_string(),
    ];
    let body = format!("plain={plain} {}", forms.join(" "));
    // In pieces that cut the secret.
    let pieces: Vec<Result<Vec<u8>, std::io::Error>> = body
        .as_bytes()
        .chunks(7)
        .map(|piece| Ok(piece.to_vec()))
        .collect();
    let mut answer = Response::builder().header("x-echo", secret);
    if request.uri().path() == "/compressed" {
        answer = answer.header("content-encoding", "gzip");
    }
    let body = axum::body::Body::from_stream(futures_util::stream::iter(pieces));
    answer.body(body).expect("an answer")
}

fn send(url: &str, headers: &Value) -> Value {
    json!({"requests": [{"method": "POST", "url": url, "headers": headers}]})
}

async fn yard_with(spec: PluginSpec) -> Yard {
    let yard = Yard::new(Environment::of([("PLAIN", secret_value())])).await;
    yard.apply_ready(vec![spec]).await;
    yard
}

fn spec(base: &str) -> PluginSpec {
    let mut spec = http_fixture(base, &[&format!("* {base}/**")]);
    grant_secret(&mut spec, "plain", "PLAIN");
    spec
}

#[tokio::test]
async fn what_a_vendor_sends_back_is_masked_in_this_run_and_in_later_ones() {
    let base = parrot().await;
    let yard = yard_with(spec(&base)).await;
    let runs = [json!({"x-key": "{secret:plain}"}), json!({})];
    for headers in runs {
        let (output, run) = yard.output("http", &send(&format!("{base}/"), &headers)).await;
        let told = format!("{output} {run:?}");
        assert!(!told.contains(secret_value()), "{told}");
        let base64 = base64::engine::general_purpose::STANDARD.encode(secret_value());
        assert!(!told.contains(&base64), "{told}");
        let stars = "*".repeat(secret_value().len());
        let body = output["answers"][0]["body"].as_str().expect("a body");
        assert!(body.contains(&format!("{{\"key\":\"{stars}\"}}")), "{body}");
        assert!(
            output["answers"][0]["headers"].to_string().contains(&stars),
            "{output}"
        );
        assert!(body.starts_with("plain=true"), "{body}");
    }
}

#[tokio::test]
async fn a_compressed_answer_to_a_secret_is_refused() {
    let base = parrot().await;
    let yard = yard_with(spec(&base)).await;
    let request = send(&format!("{base}/compressed"), &json!({"x-key": "{secret:plain}"}));
    let (output, run) = yard.output("http", &request).await;
    assert!(output["answers"][0]["error"].is_string(), "{output}");
    assert!(call_error(&run).contains("cannot be searched"), "{run:?}");
}

#[tokio::test]
async fn an_authorization_of_the_plugin_itself_needs_a_permission_where_a_secret_is_bound() {
    let mirror = Mirror::start().await;
    let url = format!("{}/x", mirror.base);
    let own = send(&url, &json!({"authorization": "Bearer my-own"}));
    let mut spec = spec(&mirror.base);
    let yard = yard_with(spec.clone()).await;
    let (_, run) = yard.output("http", &own).await;
    let error = call_error(&run);
    assert!(error.contains("the secret `plain` is bound to"), "{error}");
    assert!(
        error.ends_with("[plugins.http.grants]\npermissions = [\"own-authorization\"]"),
        "{error}"
    );
    assert!(mirror.requests().is_empty());

    let reference = send(&url, &json!({"authorization": "Bearer {secret:plain}"}));
    let (output, _) = yard.output("http", &reference).await;
    assert_eq!(output["answers"][0]["status"], 200, "{output}");
    spec.grants.permissions.insert(Permission::OwnAuthorization);
    yard.apply_ready(vec![spec.clone()]).await;
    let (output, _) = yard.output("http", &own).await;
    assert_eq!(output["answers"][0]["status"], 200, "{output}");

    // Bound elsewhere: nothing of the operator's is in play here.
    spec.grants.permissions.clear();
    let grant = SecretGrant {
        to: Some(vec!["https://example.com".parse().expect("an origin")]),
        ..SecretGrant::of(SecretSource::Env("PLAIN".to_owned()))
    };
    spec.grants.secrets.insert("plain".to_owned(), grant);
    yard.apply_ready(vec![spec]).await;
    let (output, _) = yard.output("http", &own).await;
    assert_eq!(output["answers"][0]["status"], 200, "{output}");
}

#[tokio::test]
async fn nothing_stands_beside_a_reference_in_an_authorization() {
    let mirror = Mirror::start().await;
    let url = format!("{}/x", mirror.base);
    let mut spec = spec(&mirror.base);
    grant_secret(&mut spec, "url", "URL");
    let environment = [("PLAIN", secret_value()), ("URL", url.as_str())];
    let yard = Yard::new(Environment::of(environment)).await;
    yard.apply_ready(vec![spec]).await;
    for own in [
        "Bearer mine {secret:plain}",
        "Bearer {secret:plain} mine",
        "Bearer {secret:plain},Bearer mine",
        "mine{secret:plain}",
        "Bearer {secret:url}",
        "{secret:url}",
    ] {
        let (_, run) = yard
            .output("http", &send(&url, &json!({"authorization": own})))
            .await;
        let error = call_error(&run);
        assert!(
            error.contains("the plugin set `authorization` itself"),
            "{own}: {error}"
        );
    }
    assert!(mirror.requests().is_empty());
    for (own, sent) in [
        ("{secret:plain}", secret_value().to_owned()),
        ("Basic {secret:plain}", format!("Basic {}", secret_value())),
    ] {
        yard.output("http", &send(&url, &json!({"authorization": own})))
            .await;
        let seen = mirror.requests();
        assert_eq!(seen.last().expect("a request").headers["authorization"], sent);
    }
}

#[tokio::test]
async fn a_secret_stands_in_a_path_only_where_the_manifest_declares_it() {
    let mirror = Mirror::start().await;
    let grant = format!("POST {}/bot{{secret:plain}}/send", mirror.base);
    let mut declared = http_fixture(&mirror.base, &[&grant]);
    grant_secret(&mut declared, "plain", "PLAIN");
    let yard = yard_with(declared).await;
    let url = format!("{}/bot{{secret:plain}}/send", mirror.base);
    let (output, run) = yard.output("http", &send(&url, &json!({}))).await;
    assert_eq!(output["answers"][0]["status"], 200, "{output} {run:?}");
    assert_eq!(
        mirror.requests()[0].line,
        format!("POST /bot{}/send", secret_value())
    );
    assert_eq!(
        run.calls[0].url,
        format!("{}/bot{{secret:plain}}/send", mirror.base)
    );
    assert!(!format!("{output} {run:?}").contains(secret_value()));

    yard.apply_ready(vec![spec(&mirror.base)]).await;
    let elsewhere = format!("{}/other/{{secret:plain}}", mirror.base);
    let (_, run) = yard.output("http", &send(&elsewhere, &json!({}))).await;
    assert!(
        call_error(&run).contains("the manifest does not declare"),
        "{run:?}"
    );
    assert_eq!(mirror.requests().len(), 1);
}

#[tokio::test]
async fn refused_requests_are_counted_by_reason() {
    let mirror = Mirror::start().await;
    let mut spec = http_fixture(&mirror.base, &[&format!("POST {}/**", mirror.base)]);
    spec.grants.private_network = PrivateNetwork::None;
    spec.limits.requests = 3;
    let yard = yard_with(spec).await;
    let one = |method: &str, url: String| json!({"method": method, "url": url});
    let requests = json!({"requests": [
        one("GET", format!("{}/x", mirror.base)),
        one("POST", format!("{}/x", mirror.base)),
        one("CONNECT", format!("{}/x", mirror.base)),
        one("POST", format!("{}/x", mirror.base)),
    ]});
    yard.output("http", &requests).await;
    let text = yard.metrics.text().expect("text");
    for reason in ["Right", "Address", "Malformed", "Limit"] {
        let line = format!("hookyard_plugin_requests_refused_total{{plugin=\"http\",reason=\"{reason}\"}} 1");
        assert!(text.contains(&line), "{line}\n{text}");
    }
}

#[tokio::test]
async fn a_stored_secret_is_used_live_and_its_absence_is_told() {
    let mirror = Mirror::start().await;
    let mut spec = spec(&mirror.base);
    let name: hookyard::domain::grant::StoredName = "slack-token".parse().expect("a name");
    let grant = SecretGrant::of(SecretSource::Stored(name.clone()));
    spec.grants.secrets.insert("plain".to_owned(), grant);
    let yard = yard_with(spec).await;
    let request = send(&format!("{}/x", mirror.base), &json!({"x-key": "{secret:plain}"}));
    let (output, _) = yard.output("http", &request).await;
    let error = output["answers"][0]["error"].to_string();
    assert!(error.contains("hookyard secrets set slack-token"), "{error}");
    for value in ["first-value", "second-value"] {
        yard.vault
            .set(&name, &value.to_owned().into())
            .await
            .expect("stored");
        yard.output("http", &request).await;
        let seen = mirror.requests();
        assert_eq!(seen.last().expect("a request").headers["x-key"], value);
    }
}
