//! TLS, HTTP/2 and kept connections, toward a vendor that has them.

use hookyard::domain::grant::PrivateNetwork;
use hookyard::domain::plugin::PluginSpec;
use hookyard::environment::Environment;
use http::Version;
use serde_json::{Value, json};

use super::{call_error, get};
use crate::support::plugins::{Yard, component, grant_secret, http_fixture, secret_value, spec};
use crate::support::tls::{Manner, TlsVendor, named};

fn section(vendor: &TlsVendor) -> PluginSpec {
    let mut spec = http_fixture(&vendor.base, &[&format!("* {}/**", vendor.base)]);
    grant_secret(&mut spec, "plain", "PLAIN");
    spec
}

/// The plugin that makes requests of WASI's own parts, and sees trailers.
fn raw_section(vendor: &TlsVendor) -> PluginSpec {
    let mut spec = spec("escape", component("escape"));
    spec.config = json!({"base": vendor.base, "other": vendor.base});
    spec.grants.http = vec![format!("* {}/**", vendor.base).parse().expect("a grant")];
    spec.grants.private_network = PrivateNetwork::All;
    grant_secret(&mut spec, "plain", "PLAIN");
    spec
}

async fn yard(vendor: &TlsVendor) -> Yard {
    let environment = Environment::of([("PLAIN", secret_value())]);
    let yard = Yard::on(vendor.network(), environment).await;
    yard.apply_ready(vec![section(vendor), raw_section(vendor)]).await;
    yard
}

fn raw(vendor: &TlsVendor, headers: &Value) -> Value {
    let authority = vendor.base.trim_start_matches("https://");
    json!({"do": "send", "scheme": "https", "authority": authority, "path": "/x?a=b", "headers": headers})
}

fn with_secret(vendor: &TlsVendor) -> Value {
    let mut request = get(&format!("{}/x", vendor.base));
    request["requests"][0]["headers"] = json!({"x-key": "{secret:plain}"});
    request
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_not_believed() {
    let vendor = TlsVendor::start("h2", Manner::Echo).await;
    let yard = Yard::on(named(), Environment::of([("PLAIN", secret_value())])).await;
    yard.apply_ready(vec![section(&vendor)]).await;
    let (output, run) = yard.output("http", &with_secret(&vendor)).await;
    let told = output["answers"][0]["error"].as_str().expect("an error");
    assert!(told.contains("certificate is not trusted"), "{told} {run:?}");
    assert!(vendor.arrived().is_empty());
}

#[tokio::test]
async fn what_a_vendor_sends_back_over_http2_is_masked_in_headers_body_and_trailers() {
    let vendor = TlsVendor::start("h2", Manner::Echo).await;
    let yard = yard(&vendor).await;
    let request = raw(&vendor, &json!([["x-key", "{secret}"]]));
    let (output, run) = yard.output("escape", &request).await;
    assert_eq!(vendor.arrived()[0].headers["x-key"], secret_value());
    let told = format!("{output} {run:?}");
    assert!(!told.contains(secret_value()), "{told}");
    let stars = "*".repeat(secret_value().len());
    for part in [
        format!("x-echo: {stars}"),
        format!("key={stars}."),
        format!("trailers [x-trailer: {stars}]"),
    ] {
        assert!(told.contains(&part), "{part}: {told}");
    }
}

#[tokio::test]
async fn what_a_vendor_says_about_the_connection_is_masked() {
    let vendor = TlsVendor::start("h2", Manner::GoAway).await;
    let yard = yard(&vendor).await;
    let (output, run) = yard.output("http", &with_secret(&vendor)).await;
    let words = format!("bad token={}", "*".repeat(secret_value().len()));
    assert!(call_error(&run).contains(&words), "{run:?}");
    assert!(!format!("{output} {run:?}").contains(secret_value()));
}

#[tokio::test]
async fn one_connection_serves_many_runs_of_a_plugin_and_no_other_plugin() {
    for (protocol, version) in [("h2", Version::HTTP_2), ("http/1.1", Version::HTTP_11)] {
        let vendor = TlsVendor::start(protocol, Manner::Echo).await;
        let yard = yard(&vendor).await;
        for _ in 0..3 {
            let (output, _) = yard.output("http", &get(&format!("{}/x", vendor.base))).await;
            assert_eq!(output["answers"][0]["status"], 200, "{output}");
        }
        assert_eq!(vendor.connections(), [protocol]);
        yard.output("escape", &raw(&vendor, &json!([]))).await;
        assert_eq!(vendor.connections(), [protocol, protocol], "a pool of its own");
        let arrived = vendor.arrived();
        assert_eq!(arrived.len(), 4);
        assert!(arrived.iter().all(|request| request.version == version));
    }
}

#[tokio::test]
async fn many_requests_of_a_run_share_one_http2_connection() {
    let vendor = TlsVendor::start("h2", Manner::Echo).await;
    let yard = yard(&vendor).await;
    let one = json!({"url": format!("{}/x", vendor.base)});
    yard.output("http", &json!({"requests": vec![one; 20]})).await;
    assert_eq!((vendor.connections().len(), vendor.arrived().len()), (1, 20));
}

#[tokio::test]
async fn a_connection_made_under_a_grant_of_private_addresses_serves_only_that_grant() {
    let vendor = TlsVendor::start("h2", Manner::Echo).await;
    let yard = yard(&vendor).await;
    let request = get(&format!("{}/x", vendor.base));
    let (output, _) = yard.output("http", &request).await;
    assert_eq!(output["answers"][0]["status"], 200, "{output}");
    // The connection still stands. A name is looked up only for a new one.
    let mut narrowed = section(&vendor);
    narrowed.grants.private_network = PrivateNetwork::None;
    yard.apply_ready(vec![narrowed, raw_section(&vendor)]).await;
    let (_, run) = yard.output("http", &request).await;
    let error = call_error(&run);
    let lines = format!("private-network = [\"{}\"]", vendor.base);
    assert!(
        error.contains("the loopback address 127.0.0.1") && error.ends_with(&lines),
        "{error}"
    );
    assert_eq!((vendor.connections().len(), vendor.arrived().len()), (1, 1));
}

#[tokio::test]
async fn no_header_becomes_a_pseudo_header_or_the_connections() {
    let vendor = TlsVendor::start("h2", Manner::Echo).await;
    let yard = yard(&vendor).await;
    let authority = vendor.base.trim_start_matches("https://");
    for (name, value) in [
        (":authority", "evil.example"),
        (":path", "/admin"),
        (":method", "DELETE"),
        (":scheme", "http"),
        (":protocol", "websocket"),
        ("host", "evil.example"),
        ("connection", "x-a"),
        ("transfer-encoding", "chunked"),
        ("x-a", "b\r\n:path: /admin"),
    ] {
        let (output, _) = yard
            .output("escape", &raw(&vendor, &json!([[name, value]])))
            .await;
        let got = output["got"].as_str().expect("a text");
        assert!(got.starts_with("refused header"), "{name}: {got}");
    }
    assert!(vendor.arrived().is_empty());
    let (output, _) = yard
        .output(
            "escape",
            &raw(&vendor, &json!([["te", "trailers"], ["x-a", "b"]])),
        )
        .await;
    assert!(
        output["got"].as_str().expect("a text").starts_with("got 200"),
        "{output}"
    );
    let arrived = &vendor.arrived()[0];
    assert_eq!(arrived.uri.to_string(), format!("https://{authority}/x?a=b"));
    assert_eq!(arrived.headers["x-a"], "b");
    assert!(!arrived.headers.contains_key("te") && !arrived.headers.contains_key("host"));
}
