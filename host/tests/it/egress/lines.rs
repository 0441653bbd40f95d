//! What a refusal tells the operator to write works, or it says that nothing would.

use hookyard::domain::grant::{Origin, PrivateNetwork, SecretGrant, SecretSource};
use hookyard::environment::Environment;
use serde_json::json;

use super::{call_error, get};
use crate::support::plugins::{Mirror, Yard, grant_secret, http_fixture, secret_value};

fn origin(text: &str) -> Origin {
    text.parse().expect("an origin")
}

#[tokio::test]
async fn for_an_address_that_nobody_may_reach_no_line_is_printed() {
    for host in ["169.254.169.254", "[fd00:ec2::254]", "0.0.0.0"] {
        let base = format!("http://{host}");
        for private in [PrivateNetwork::None, PrivateNetwork::All] {
            let mut spec = http_fixture(&base, &[&format!("* {base}/**")]);
            spec.grants.private_network = private;
            let yard = Yard::with(spec).await;
            let (_, run) = yard.output("http", &get(&format!("{base}/x"))).await;
            let error = call_error(&run);
            assert!(
                error.ends_with("which no plugin may reach: no grant can help"),
                "{host}: {error}"
            );
        }
    }
}

#[tokio::test]
async fn origins_of_private_addresses_are_added_to_those_that_are_there() {
    let mirror = Mirror::start().await;
    let mut spec = http_fixture(&mirror.base, &[&format!("* {}/**", mirror.base)]);
    spec.grants.private_network = PrivateNetwork::Only(vec![origin("http://10.0.0.1:81")]);
    let yard = Yard::with(spec).await;
    let (_, run) = yard.output("http", &get(&format!("{}/x", mirror.base))).await;
    let lines = format!(
        "[plugins.http.grants]\nprivate-network = [\"http://10.0.0.1:81\", \"{}\"]",
        mirror.base
    );
    assert!(call_error(&run).ends_with(&lines), "{run:?}");
}

#[tokio::test]
async fn a_secret_that_may_not_be_sent_there_is_told_with_the_lines() {
    let mirror = Mirror::start().await;
    let mut spec = http_fixture(&mirror.base, &[&format!("* {}/**", mirror.base)]);
    let grant = SecretGrant {
        to: Some(vec![origin("https://example.com")]),
        ..SecretGrant::of(SecretSource::Env("PLAIN".to_owned()))
    };
    spec.grants.secrets.insert("plain".to_owned(), grant);
    let yard = Yard::new(Environment::of([("PLAIN", secret_value())])).await;
    yard.apply_ready(vec![spec.clone()]).await;
    let mut request = get(&format!("{}/x", mirror.base));
    request["requests"][0]["headers"] = json!({"x-key": "{secret:plain}"});
    let (_, run) = yard.output("http", &request).await;
    let lines = format!(
        "[plugins.http.grants.secrets]\nplain = {{ from = \"env:PLAIN\", to = [\"https://example.com\", \"{}\"] }}",
        mirror.base
    );
    let error = call_error(&run);
    assert!(
        error.contains("may not be sent to") && error.ends_with(&lines),
        "{error}"
    );
    // Bound to what is granted, and this is not.
    grant_secret(&mut spec, "plain", "PLAIN");
    spec.grants.http.clear();
    yard.apply_ready(vec![spec]).await;
    let (_, run) = yard.output("http", &request).await;
    let lines = format!("[plugins.http.grants]\nhttp = [\"GET {}/x\"]", mirror.base);
    let error = call_error(&run);
    assert!(
        error.contains("may not be sent to") && error.ends_with(&lines),
        "{error}"
    );
    assert!(mirror.requests().is_empty());
}

#[tokio::test]
async fn where_no_grant_can_cover_a_request_that_is_said() {
    let mirror = Mirror::start().await;
    let yard = Yard::with(http_fixture(
        &mirror.base,
        &[&format!("POST {}/api/*", mirror.base)],
    ))
    .await;
    for path in ["/api/a%2fb", "/api/a%5Cb", "/api//b"] {
        let (_, run) = yard.output("http", &get(&format!("{}{path}", mirror.base))).await;
        let error = call_error(&run);
        assert!(
            error.starts_with("no grant can help: the path has an empty segment"),
            "{path}: {error}"
        );
    }
    let mut search = get(&format!("{}/api/x", mirror.base));
    search["requests"][0]["method"] = json!("M-SEARCH");
    let (_, run) = yard.output("http", &search).await;
    let error = call_error(&run);
    assert!(
        error.starts_with(
            "no grant can help: a grant names a method in upper-case letters, and `M-SEARCH` is none"
        ),
        "{error}"
    );
    assert!(mirror.requests().is_empty());
}
