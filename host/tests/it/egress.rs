//! What leaves: only what was granted, with secrets that the guest never holds.

use hookyard::domain::grant::{PrivateNetwork, SecretGrant, SecretSource};
use hookyard::environment::Environment;
use hookyard::wasm::RunEnd;
use serde_json::{Value, json};

mod answers;
mod echoes;
mod lines;
mod names;
mod secrets;
mod tls;
mod waits;

use crate::support::plugins::{Mirror, One, Yard, grant_secret, http_fixture, secret_value};

fn get(url: &str) -> Value {
    json!({"requests": [{"method": "GET", "url": url}]})
}

fn call_error(run: &One) -> &str {
    let error = run.calls[0].error.as_deref();
    error.unwrap_or_else(|| panic!("not refused: {run:?}"))
}

#[tokio::test]
async fn a_granted_request_arrives_and_is_recorded() {
    let mirror = Mirror::start().await;
    let yard = Yard::with(http_fixture(
        &mirror.base,
        &[&format!("POST {}/api/*", mirror.base)],
    ))
    .await;
    let url = format!("{}/api/post?q=1", mirror.base);
    let request =
        json!({"requests": [{"method": "POST", "url": url, "headers": {"x-a": "b"}, "body": "hello"}]});
    let (output, run) = yard.output("http", &request).await;
    assert_eq!(output["answers"][0]["status"], 200, "{output}");
    assert_eq!(output["answers"][0]["body"], "mirrored");
    let seen = &mirror.requests()[0];
    assert_eq!(
        (seen.line.as_str(), seen.body.as_str()),
        ("POST /api/post?q=1", "hello")
    );
    assert_eq!(seen.headers["x-a"], "b");
    assert_eq!(
        seen.headers["host"],
        mirror.base.strip_prefix("http://").expect("http")
    );
    assert_eq!((run.calls.len(), run.calls[0].status), (1, Some(200)));
    assert_eq!(run.calls[0].url, url);
}

#[tokio::test]
async fn what_is_not_granted_is_refused_with_the_line_to_add() {
    let mirror = Mirror::start().await;
    let yard = Yard::with(http_fixture(
        &mirror.base,
        &[&format!("POST {}/api/*", mirror.base)],
    ))
    .await;
    for url in ["/api/x", "/other", "/api/a/b", "/api/%2e%2e/other"] {
        let url = format!("{}{url}", mirror.base);
        let (output, run) = yard.output("http", &get(&url)).await;
        assert!(output["answers"][0]["error"].is_string(), "{output}");
        let error = call_error(&run);
        assert!(error.contains("[plugins.http.grants]\nhttp = ["), "{error}");
        assert!(error.contains(&format!("\"GET {}", mirror.base)), "{error}");
    }
    assert!(mirror.requests().is_empty(), "nothing left the host");
}

#[tokio::test]
async fn what_the_manifest_does_not_ask_for_cannot_be_granted() {
    let mirror = Mirror::start().await;
    let spec = http_fixture("http://127.0.0.1:9/only", &[&format!("* {}/**", mirror.base)]);
    let yard = Yard::with(spec).await;
    let (_, run) = yard.output("http", &get(&format!("{}/x", mirror.base))).await;
    assert!(call_error(&run).contains("does not ask for"), "{run:?}");
    assert!(mirror.requests().is_empty());
}

#[tokio::test]
async fn loopback_is_out_of_reach_without_the_grant_by_name_and_by_number() {
    let mirror = Mirror::start().await;
    let port = mirror.base.rsplit(':').next().expect("a port");
    // The second is the form the first is sent in, which is what is asked for and granted.
    for (host, sent) in [
        ("127.0.0.1", "127.0.0.1"),
        ("localhost", "localhost"),
        ("2130706433", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("[::1]", "[::1]"),
        ("[::ffff:127.0.0.1]", "[::ffff:7f00:1]"),
    ] {
        let base = format!("http://{sent}:{port}");
        let mut spec = http_fixture(&base, &[&format!("* {base}/**")]);
        spec.grants.private_network = PrivateNetwork::None;
        let yard = Yard::with(spec).await;
        let (_, run) = yard
            .output("http", &get(&format!("http://{host}:{port}/x")))
            .await;
        let error = call_error(&run);
        let lines = format!("[plugins.http.grants]\nprivate-network = [\"{base}\"]");
        assert!(
            error.contains("may not reach") && error.ends_with(&lines),
            "{host}: {error}"
        );
    }
    assert!(mirror.requests().is_empty());
}

#[tokio::test]
async fn a_private_grant_holds_for_its_origin_and_can_be_revoked_at_any_time() {
    let mirror = Mirror::start().await;
    let other = Mirror::start().await;
    let mut spec = http_fixture(&mirror.base, &[&format!("* {}/**", mirror.base)]);
    spec.grants.private_network = PrivateNetwork::Only(vec![mirror.base.parse().expect("an origin")]);
    let yard = Yard::with(spec.clone()).await;
    let (output, _) = yard.output("http", &get(&format!("{}/x", mirror.base))).await;
    assert_eq!(output["answers"][0]["status"], 200, "{output}");
    spec.grants.private_network = PrivateNetwork::Only(vec![other.base.parse().expect("an origin")]);
    yard.apply_ready(vec![spec]).await;
    let (_, run) = yard.output("http", &get(&format!("{}/x", mirror.base))).await;
    assert!(call_error(&run).contains("private-network = ["), "{run:?}");
    assert_eq!(mirror.requests().len(), 1);
}

#[tokio::test]
async fn a_plain_secret_is_put_in_on_the_wire_and_seen_nowhere_else() {
    let mirror = Mirror::start().await;
    let mut spec = http_fixture(&mirror.base, &[&format!("* {}/**", mirror.base)]);
    grant_secret(&mut spec, "plain", "PLAIN");
    let yard = Yard::new(Environment::of([("PLAIN", secret_value())])).await;
    yard.apply_ready(vec![spec]).await;
    let request = json!({
        "references": ["plain"],
        "requests": [{
            "method": "POST",
            "url": format!("{}/x?q={{secret:plain}}", mirror.base),
            "headers": {"authorization": "Bearer {secret:plain}"},
            "body": "body {secret:plain}",
        }],
    });
    let (output, run) = yard.output("http", &request).await;
    let seen = &mirror.requests()[0];
    assert_eq!(
        seen.headers["authorization"],
        format!("Bearer {}", secret_value())
    );
    assert!(!seen.line.contains(secret_value()) && !seen.body.contains(secret_value()));
    assert!(seen.body.starts_with("body hookyard-secret-"));
    assert!(!format!("{output} {run:?}").contains(secret_value()));
    assert!(
        run.calls[0].url.ends_with("/x?q={secret:plain}"),
        "{:?}",
        run.calls
    );
}

#[tokio::test]
async fn a_placeholder_is_fresh_for_every_run() {
    let mut spec = http_fixture("http://127.0.0.1:9", &[]);
    grant_secret(&mut spec, "plain", "PLAIN");
    let yard = Yard::new(Environment::of([("PLAIN", secret_value())])).await;
    yard.apply_ready(vec![spec]).await;
    let ask = json!({"references": ["plain", "plain", "url"]});
    let (first, _) = yard.output("http", &ask).await;
    let (second, _) = yard.output("http", &ask).await;
    assert_eq!(first["references"][0], first["references"][1]);
    assert_ne!(first["references"][0], second["references"][0]);
    let refused = first["references"][2]["error"].to_string();
    assert!(refused.contains("[plugins.http.grants.secrets]"), "{refused}");
}

#[tokio::test]
async fn a_secret_goes_only_to_the_origins_it_is_bound_to() {
    let mirror = Mirror::start().await;
    let mut spec = http_fixture(&mirror.base, &[&format!("* {}/**", mirror.base)]);
    let grant = SecretGrant {
        to: Some(vec!["https://example.com".parse().expect("an origin")]),
        ..SecretGrant::of(SecretSource::Env("PLAIN".to_owned()))
    };
    spec.grants.secrets.insert("plain".to_owned(), grant);
    let yard = Yard::new(Environment::of([("PLAIN", secret_value())])).await;
    yard.apply_ready(vec![spec]).await;
    let request =
        json!({"requests": [{"url": format!("{}/x", mirror.base), "headers": {"x-k": "{secret:plain}"}}]});
    let (_, run) = yard.output("http", &request).await;
    assert!(call_error(&run).contains("may not be sent to"), "{run:?}");
    assert!(mirror.requests().is_empty());
}

#[tokio::test]
async fn a_secret_url_is_put_in_whole_and_its_path_shown_nowhere() {
    let mirror = Mirror::start().await;
    let whole = format!("{}/services/{}", mirror.base, secret_value());
    let mut spec = http_fixture(
        "http://127.0.0.1:9",
        &[&format!("POST {}/services/*", mirror.base)],
    );
    grant_secret(&mut spec, "url", "URL");
    let yard = Yard::new(Environment::of([("URL", whole.as_str())])).await;
    yard.apply_ready(vec![spec.clone()]).await;
    let request = json!({"requests": [{"method": "POST", "url": "{secret:url}", "body": "hi"}]});
    let (output, run) = yard.output("http", &request).await;
    assert_eq!(
        mirror.requests()[0].line,
        format!("POST /services/{}", secret_value()),
        "{output}"
    );
    assert!(!format!("{output} {run:?}").contains(secret_value()));
    assert_eq!(run.calls[0].url, format!("{}/{{secret:url}}", mirror.base));

    spec.grants.http.clear();
    yard.apply_ready(vec![spec]).await;
    let (output, run) = yard.output("http", &request).await;
    assert!(run.calls[0].error.is_some());
    assert!(
        !format!("{output} {run:?}").contains(secret_value()),
        "a refusal shows no path"
    );
}

#[tokio::test]
async fn requests_and_bytes_are_counted() {
    let mirror = Mirror::start().await;
    let mut spec = http_fixture(&mirror.base, &[&format!("* {}/**", mirror.base)]);
    spec.limits.requests = 2;
    spec.limits.response_bytes = 64 << 10;
    spec.limits.request_bytes = 10;
    let yard = Yard::with(spec).await;
    let small = json!({"url": format!("{}/a", mirror.base)});
    let (output, run) = yard
        .output("http", &json!({"requests": [small, small, small, small]}))
        .await;
    assert_eq!(
        run.calls.len(),
        3,
        "the one refused is shown, further ones are not kept"
    );
    let last = run.logs.last().expect("a line");
    assert_eq!(
        last.message,
        "refused 1 more requests: a run may make 2 (limits.requests)"
    );
    let counted = "hookyard_plugin_requests_refused_total{plugin=\"http\",reason=\"Limit\"} 2";
    let metrics = yard.metrics.text().expect("text");
    assert!(metrics.contains(counted), "{metrics}");
    let refused = run.calls[2].error.as_deref().expect("refused");
    assert!(
        refused.contains("limits.requests") && refused.ends_with("[plugins.http.limits]\nrequests = 4"),
        "{refused}"
    );
    let told = output["answers"][3]["error"].as_str().expect("an error");
    assert!(
        told.contains("`requests` of [plugins.NAME.limits]") && !told.contains("grant"),
        "{told}"
    );
    let (output, run) = yard
        .output("http", &get(&format!("{}/api/large", mirror.base)))
        .await;
    assert!(output["answers"][0]["error"].is_string(), "{output}");
    let error = call_error(&run);
    assert!(
        error.ends_with("[plugins.http.limits]\nresponse-bytes = \"128KiB\""),
        "{error}"
    );
    let large = json!({"requests": [{"method": "POST", "url": format!("{}/a", mirror.base), "body": "x".repeat(11)}]});
    let (output, run) = yard.output("http", &large).await;
    let error = call_error(&run);
    assert!(
        error.ends_with("[plugins.http.limits]\nrequest-bytes = \"20B\""),
        "{error}"
    );
    let told = output["answers"][0]["error"].as_str().expect("an error");
    assert!(
        told.contains("`request-bytes` of [plugins.NAME.limits]"),
        "{told}"
    );
}

#[tokio::test]
async fn the_bodies_of_all_requests_of_a_run_share_one_bound() {
    let mirror = Mirror::start().await;
    let mut spec = http_fixture(&mirror.base, &[&format!("* {}/**", mirror.base)]);
    spec.limits.request_bytes = 10;
    let yard = Yard::with(spec).await;
    let six = json!({"method": "POST", "url": format!("{}/a", mirror.base), "body": "x".repeat(6)});
    let four = json!({"method": "POST", "url": format!("{}/a", mirror.base), "body": "x".repeat(4)});
    let (output, run) = yard.output("http", &json!({"requests": [six, six, four]})).await;
    assert_eq!(output["answers"][0]["status"], 200, "{output}");
    assert!(output["answers"][1]["error"].is_string(), "{output}");
    assert_eq!(
        output["answers"][2]["status"], 200,
        "what was refused took no room: {output}"
    );
    let error = run.calls[1].error.as_deref().expect("refused");
    assert!(error.contains("limits.request-bytes"), "{error}");
    let (output, _) = yard.output("http", &json!({"requests": [six]})).await;
    assert_eq!(
        output["answers"][0]["status"], 200,
        "another run has its own: {output}"
    );
}

#[tokio::test]
async fn answers_past_the_bound_are_no_reason_to_try_again() {
    let mirror = Mirror::start().await;
    let mut spec = http_fixture(&mirror.base, &[&format!("* {}/**", mirror.base)]);
    spec.limits.response_bytes = 64 << 10;
    let yard = Yard::with(spec).await;
    let mut large = get(&format!("{}/api/large", mirror.base));
    large["strict"] = json!(true);
    let run = yard.run("http", &large).await;
    assert!(
        matches!(&run.end, RunEnd::Rejected(why) if why.contains("longer than 65536 bytes")),
        "{run:?}"
    );
}

#[tokio::test]
async fn a_secret_beside_bytes_that_are_not_ascii_leaves_whole() {
    let mirror = Mirror::start().await;
    let mut spec = http_fixture(&mirror.base, &[&format!("* {}/**", mirror.base)]);
    grant_secret(&mut spec, "plain", "PLAIN");
    let yard = Yard::new(Environment::of([("PLAIN", secret_value())])).await;
    yard.apply_ready(vec![spec]).await;
    let request = json!({"requests": [{
        "url": format!("{}/x", mirror.base),
        "headers": {"x-k": "clé {secret:plain}"},
    }]});
    let (output, _) = yard.output("http", &request).await;
    assert_eq!(output["answers"][0]["status"], 200, "{output}");
    let sent = mirror.requests()[0].headers["x-k"].as_bytes().to_vec();
    assert_eq!(sent, format!("clé {}", secret_value()).into_bytes());
}

#[tokio::test]
async fn a_redirect_is_given_to_the_plugin_not_followed() {
    let mirror = Mirror::start().await;
    let yard = Yard::with(http_fixture(&mirror.base, &[&format!("* {}/**", mirror.base)])).await;
    let (output, _) = yard
        .output("http", &get(&format!("{}/api/redirect", mirror.base)))
        .await;
    assert_eq!(output["answers"][0]["status"], 302, "{output}");
    assert_eq!(mirror.requests().len(), 1);
}

#[tokio::test]
async fn a_closed_port_and_an_unknown_name_are_told_apart() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let base = format!("http://{}", closed.local_addr().expect("an address"));
    drop(closed);
    let yard = Yard::with(http_fixture(&base, &[&format!("* {base}/**")])).await;
    let (output, run) = yard.output("http", &get(&format!("{base}/x"))).await;
    assert!(
        call_error(&run).to_lowercase().contains("refused"),
        "{run:?} {output}"
    );
    let base = "http://no-such-name.invalid";
    let yard = Yard::with(http_fixture(base, &[&format!("* {base}/**")])).await;
    let (_, run) = yard.output("http", &get(&format!("{base}/x"))).await;
    assert!(call_error(&run).contains("could not be resolved"), "{run:?}");
}
