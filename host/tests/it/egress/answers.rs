//! Answers that a plugin does not get, or gets charged for.

use hookyard::domain::grant::PrivateNetwork;
use hookyard::environment::Environment;
use hookyard::wasm::RunEnd;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{call_error, get};
use crate::support::plugins::{Mirror, Yard, component, grant_secret, http_fixture, secret_value, spec};

/// A server that answers every connection with these bytes and closes it.
async fn canned(answer: String) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    base
}

const GZIP: &str = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nabcd";

fn raw(base: &str, headers: &Value) -> Value {
    let authority = base.trim_start_matches("http://");
    json!({"do": "send", "authority": authority, "path": "/x", "headers": headers})
}

#[tokio::test]
async fn a_compressed_answer_is_refused_only_where_the_secret_is_or_was_bound() {
    let (bound, other) = (canned(GZIP.to_owned()).await, canned(GZIP.to_owned()).await);
    let mut spec = spec("escape", component("escape"));
    spec.config = json!({"base": bound, "other": other});
    let grants = [&bound, &other].map(|base| format!("* {base}/**").parse().expect("a grant"));
    spec.grants.http = grants.to_vec();
    spec.grants.private_network = PrivateNetwork::All;
    grant_secret(&mut spec, "plain", "PLAIN");
    let to = |base: &str| Some(vec![base.parse().expect("an origin")]);
    spec.grants.secrets.get_mut("plain").expect("granted").to = to(&bound);
    let yard = Yard::new(Environment::of([("PLAIN", secret_value())])).await;
    yard.apply_ready(vec![spec.clone()]).await;
    let refused = |output: &Value| {
        let got = output["got"].as_str().expect("a text");
        got.starts_with("refused: ErrorCode::HttpResponseContentCoding")
    };
    let plain = json!([]);
    let (output, _) = yard.output("escape", &raw(&bound, &plain)).await;
    assert!(!refused(&output), "no secret was sent yet: {output}");
    let (output, run) = yard
        .output("escape", &raw(&bound, &json!([["x-key", "{secret}"]])))
        .await;
    assert!(refused(&output), "{output}");
    let error = call_error(&run);
    assert!(
        error.contains("answered with 200") && error.contains("cannot be searched for the secret `plain`"),
        "{error}"
    );
    let (output, _) = yard.output("escape", &raw(&other, &plain)).await;
    assert!(!refused(&output), "the secret never goes there: {output}");
    let metrics = yard.metrics.text().expect("text");
    let counted = "hookyard_plugin_requests_refused_total{plugin=\"escape\",reason=\"Unsearchable\"} 1";
    assert!(metrics.contains(counted), "{metrics}");

    // Bound to the other from now on: the first was told, the second may be.
    spec.grants.secrets.get_mut("plain").expect("granted").to = to(&other);
    yard.apply_ready(vec![spec]).await;
    for base in [&bound, &other] {
        let (output, _) = yard.output("escape", &raw(base, &plain)).await;
        assert!(refused(&output), "{base}: {output}");
    }
}

#[tokio::test]
async fn a_transfer_coding_hides_no_secret() {
    let coded = "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n";
    let base = canned(coded.to_owned()).await;
    let mut spec = http_fixture(&base, &[&format!("* {base}/**")]);
    grant_secret(&mut spec, "plain", "PLAIN");
    let yard = Yard::new(Environment::of([("PLAIN", secret_value())])).await;
    yard.apply_ready(vec![spec]).await;
    let mut request = get(&format!("{base}/x"));
    request["requests"][0]["headers"] = json!({"x-key": "{secret:plain}"});
    let (_, run) = yard.output("http", &request).await;
    assert!(call_error(&run).contains("`transfer-encoding: gzip`"), "{run:?}");
    request["strict"] = json!(true);
    let run = yard.run("http", &request).await;
    let right = |why: &str| why.contains("was sent and answered") && why.contains("coded as gzip");
    assert!(
        matches!(&run.end, RunEnd::Rejected(why) if right(why)),
        "the vendor has done what it was asked: {run:?}"
    );
}

fn answer_with(head: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{head}content-length: 2\r\n\r\nhi")
}

#[tokio::test]
async fn the_header_section_of_an_answer_is_bounded() {
    let large = format!("x-large: {}\r\n", "x".repeat(70 << 10));
    let many = (0..120).fold(String::new(), |many, at| format!("{many}x-{at}: y\r\n"));
    for head in [large, many] {
        let base = canned(answer_with(&head)).await;
        let yard = Yard::with(http_fixture(&base, &[&format!("* {base}/**")])).await;
        let (output, run) = yard.output("http", &get(&format!("{base}/x"))).await;
        let error = call_error(&run);
        assert!(
            error.contains("larger than 64 KiB or has more than 100 fields"),
            "{error}"
        );
        let told = output["answers"][0]["error"].as_str().expect("an error");
        assert!(told.contains("its header section is too large"), "{told}");
    }
    let base = canned(answer_with(&format!("x-fits: {}\r\n", "x".repeat(60 << 10)))).await;
    let yard = Yard::with(http_fixture(&base, &[&format!("* {base}/**")])).await;
    let (output, _) = yard.output("http", &get(&format!("{base}/x"))).await;
    assert_eq!(output["answers"][0]["body"], "hi", "{output}");
}

#[tokio::test]
async fn header_sections_count_against_the_bytes_of_a_runs_answers() {
    let base = canned(answer_with(&format!("x-large: {}\r\n", "x".repeat(3 << 10)))).await;
    let mut spec = http_fixture(&base, &[&format!("* {base}/**")]);
    spec.limits.response_bytes = 4 << 10;
    let yard = Yard::with(spec).await;
    let one = json!({"url": format!("{base}/x")});
    let (output, run) = yard.output("http", &json!({"requests": [one, one]})).await;
    assert_eq!(output["answers"][0]["status"], 200, "{output}");
    let error = run.calls[1].error.as_deref().expect("refused");
    assert!(
        error.ends_with("[plugins.http.limits]\nresponse-bytes = \"8KiB\""),
        "{error}"
    );
}

#[tokio::test]
async fn a_request_is_no_larger_with_secrets_in_it_than_without() {
    let mirror = Mirror::start().await;
    let (long, path) = ("x".repeat(40 << 10), "y".repeat(9 << 10));
    let url = format!("{}/{path}", mirror.base);
    let mut spec = http_fixture(&mirror.base, &[&format!("* {}/**", mirror.base)]);
    grant_secret(&mut spec, "plain", "PLAIN");
    grant_secret(&mut spec, "url", "URL");
    let yard = Yard::new(Environment::of([("PLAIN", long.as_str()), ("URL", url.as_str())])).await;
    yard.apply_ready(vec![spec]).await;
    let mut request = get(&format!("{}/x", mirror.base));
    request["requests"][0]["headers"] = json!({"x-a": "{secret:plain}", "x-b": "{secret:plain}"});
    let (_, run) = yard.output("http", &request).await;
    assert!(
        call_error(&run).contains("larger than 64 KiB with the secrets"),
        "{run:?}"
    );
    let request = json!({"requests": [{"method": "POST", "url": "{secret:url}"}]});
    let (_, run) = yard.output("http", &request).await;
    assert!(
        call_error(&run).contains("longer than 8 KiB with the secret"),
        "{run:?}"
    );
    assert!(mirror.requests().is_empty());
}
