//! Refused requests: kept without credentials, judged anew, accepted once.

use std::time::{Duration, Instant};

use hookyard::clock::Clock as _;
use ring::hmac;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::signer::{self, Signed, Terms};
use super::{kept, only_event, post, with_source};
use crate::support::api::Api;

const GITHUB: &str = "verify = \"github\"\nsecret = \"file:secret\"";

fn github(secret: &str) -> Signed {
    let terms = Terms {
        secret,
        at: 0,
        algorithm: hmac::HMAC_SHA256,
        url: "",
    };
    signer::github(terms, "application/json", b"{\"a\": 1}")
        .with("x-github-event", "push")
        .with("x-github-delivery", "d1")
        .with("cookie", "hush=1")
        .with("authorization", "Bearer hush")
}

fn path(kept: &Value, verb: &str) -> String {
    format!("/api/rejected/{}/{verb}", kept["id"].as_str().expect("an id"))
}

#[tokio::test]
async fn a_request_that_was_refused_is_accepted_once_its_secret_is_right() {
    let api = with_source(GITHUB, "mistyped").await;
    api.route(&[("a", "s", "push")]);
    post(&api, &github("right")).await.problem(401);
    let staff = api.token_of("ada", true).await;
    let requests = kept(&api, &staff, 1).await;
    let request = &requests[0];
    assert_eq!(
        (
            &request["source"],
            &request["check"],
            &request["status"],
            &request["address"]
        ),
        (&json!("s"), &json!("signature"), &json!(401), &json!("127.0.0.1"))
    );
    assert!(
        request["why"]
            .as_str()
            .is_some_and(|why| why.contains("another secret"))
    );
    let text = request.to_string();
    assert!(
        text.contains("x-hub-signature-256") && !text.contains("hush"),
        "{text}"
    );

    let shown = api.get(&path(request, ""), &staff).await.expect(200).json();
    assert_eq!(shown["body"], json!({"a": 1}));
    let verdict = api
        .post(&path(request, "verify/"), &staff, "")
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&verdict["acceptable"], &verdict["check"]),
        (&json!(false), &json!("signature"))
    );
    let problem = api.post(&path(request, "accept/"), &staff, "").await.problem(409);
    assert_eq!(problem["check"], "signature");

    api.set_secret("secret", "right");
    // Whenever that is: the time of a signature counts as of when it came.
    api.clock.advance(Duration::from_hours(1));
    let staff = api.token_of("eve", true).await;
    let verdict = api
        .post(&path(request, "verify/"), &staff, "")
        .await
        .expect(200)
        .json();
    assert_eq!(verdict["acceptable"], true);
    assert_eq!(verdict["events"], json!([{"type": "push", "duplicate_of": null}]));
    let accepted = api
        .post(&path(request, "accept/"), &staff, "")
        .await
        .expect(200)
        .json();
    assert_eq!(accepted["events"][0]["status"], "pending");
    let event = accepted["events"][0]["id"].clone();
    let problem = api.post(&path(request, "accept/"), &staff, "").await.problem(409);
    assert_eq!(problem["event"], event);

    let stored = only_event(&api).await;
    assert_eq!(
        (&stored["id"], &stored["type"], &stored["payload"]),
        (&event, &json!("push"), &json!({"a": 1}))
    );
    assert_eq!(stored["received_at"], request["received_at"]);
    let shown = api.get(&path(request, ""), &staff).await.expect(200).json();
    assert_eq!(
        (&shown["accepted_as"], &shown["accepted_by"]),
        (&event, &json!("eve"))
    );
    // The provider sends it again: it is here already.
    assert_eq!(
        post(&api, &github("right")).await.expect(200).json()["duplicate"],
        true
    );
    api.stop().await;
}

#[tokio::test]
async fn every_byte_of_a_refused_body_can_be_seen() {
    let api = with_source(GITHUB, "right").await;
    let staff = api.token_of("ada", true).await;
    let bodies: [(&str, &[u8], Value); 5] = [
        (
            "application/json",
            b"{\"id\":  \"x1\"}\r\n",
            json!("{\"id\":  \"x1\"}\r\n"),
        ),
        ("application/json", b"\"x\" ", json!("\"x\" ")),
        ("application/x-www-form-urlencoded", b"a=%41&a", json!("a=%41&a")),
        ("text/plain", b"hello \n", Value::Null),
        ("image/png", b"\x89PNG\x00\xff", Value::Null),
    ];
    for (place, (media, body, text)) in bodies.into_iter().enumerate() {
        let request = Signed::new(media, body).with("x-hub-signature-256", "sha256=00");
        post(&api, &request).await.problem(401);
        // Those of one moment are in no order.
        let requests = kept(&api, &staff, place + 1).await;
        let request = requests
            .iter()
            .find(|request| request["content_type"] == media && request["body_bytes"] == body.len())
            .expect("kept");
        let length = json!({"name": "content-length", "value": body.len().to_string()});
        let headers = request["headers"].as_array().expect("headers");
        assert!(headers.contains(&length), "{request}");
        let shown = api.get(&path(request, ""), &staff).await.expect(200).json();
        assert_eq!(shown["text"], text, "{media}");
        let raw = api.request(reqwest::Method::GET, &path(request, "raw/"));
        let raw = raw.bearer_auth(&staff).send().await.expect("an answer");
        assert_eq!(raw.headers()["content-type"], "application/octet-stream");
        assert_eq!(raw.bytes().await.expect("a body"), body, "{media}");
    }
    let mut large = github("wrong");
    large.body = vec![b' '; (256 << 10) + 1];
    post(&api, &large).await.problem(401);
    let requests = kept(&api, &staff, 6).await;
    let large = requests
        .iter()
        .find(|request| request["body_bytes"] == (256 << 10) + 1);
    let raw = path(large.expect("kept"), "raw/");
    assert_eq!(
        api.get(&raw, &staff).await.problem(409)["type"],
        "urn:hookyard:problem:not-kept"
    );
    api.stop().await;
}

#[tokio::test]
async fn no_other_header_takes_the_room_of_the_proof() {
    let api = with_source(GITHUB, "mistyped").await;
    let mut request = github("right");
    let filler = ("x-filler".to_owned(), "x".repeat(17 << 10));
    request.headers.insert(0, filler);
    post(&api, &request).await.problem(401);
    let staff = api.token_of("ada", true).await;
    let requests = kept(&api, &staff, 1).await;
    let headers = requests[0]["headers"].to_string();
    assert!(
        headers.len() < 1000 && headers.contains("x-hub-signature-256"),
        "{headers}"
    );
    api.set_secret("secret", "right");
    api.post(&path(&requests[0], "accept/"), &staff, "")
        .await
        .expect(200);
    api.stop().await;
}

#[tokio::test]
async fn one_whose_key_another_request_has_is_not_swallowed() {
    let section = "verify = \"bearer\"\nsecret = \"file:secret\"";
    let api = with_source(section, "mistyped").await;
    let request = |body: &[u8]| {
        Signed::new("application/json", body)
            .with("authorization", "Bearer right")
            .with("idempotency-key", "order-17")
    };
    post(&api, &request(b"{\"a\": 1}")).await.problem(401);
    let staff = api.token_of("ada", true).await;
    let refused = kept(&api, &staff, 1).await;
    api.set_secret("secret", "right");
    let event = post(&api, &request(b"{\"a\": 2}")).await.expect(200).json()["id"].clone();
    for verb in ["verify/", "accept/", "accept/"] {
        let problem = api.post(&path(&refused[0], verb), &staff, "").await.problem(409);
        assert_eq!(
            (&problem["event"], &problem["type"]),
            (&event, &json!("urn:hookyard:problem:idempotency-key-reused")),
            "{verb}"
        );
    }
    let shown = api.get(&path(&refused[0], ""), &staff).await.expect(200).json();
    assert_eq!(shown["accepted_as"], Value::Null);
    assert_eq!(only_event(&api).await["payload"], json!({"a": 2}));
    api.stop().await;
}

#[tokio::test]
async fn a_signature_of_then_is_judged_as_of_then() {
    let section = "verify = \"stripe\"\nsecret = \"file:secret\"";
    let api = with_source(section, "mistyped").await;
    let sign = |at| {
        let terms = Terms {
            secret: "right",
            at,
            algorithm: hmac::HMAC_SHA256,
            url: "",
        };
        signer::stripe(terms, "application/json", br#"{"id": "evt_1", "type": "t"}"#)
    };
    let now = api.clock.now().as_millis() / 1000;
    post(&api, &sign(now - 299)).await.problem(401);
    post(&api, &sign(now - 301)).await.problem(401);
    let staff = api.token_of("ada", true).await;
    let requests = kept(&api, &staff, 2).await;
    api.set_secret("secret", "right");
    api.clock.advance(Duration::from_hours(24));
    let staff = api.token_of("eve", true).await;
    let checks: std::collections::BTreeMap<_, _> = requests
        .iter()
        .map(|request| (request["check"].as_str().expect("a word"), request))
        .collect();
    let verdict = api
        .post(&path(checks["timestamp"], "verify/"), &staff, "")
        .await
        .expect(200)
        .json();
    assert_eq!(verdict["check"], "timestamp");
    api.post(&path(checks["signature"], "accept/"), &staff, "")
        .await
        .expect(200);
    api.stop().await;
}

#[tokio::test]
async fn of_a_token_only_its_sealed_digest_is_kept_and_that_is_enough() {
    let tokens: [(&str, signer::Sign); 3] = [
        ("verify = \"bearer\"\nsecret = \"file:secret\"", signer::bearer),
        (
            "verify = \"api-key\"\nheader = \"X-Key\"\nsecret = \"file:secret\"",
            signer::api_key,
        ),
        ("verify = \"basic\"\nsecret = \"file:secret\"", signer::basic),
    ];
    for (section, sign) in tokens {
        let api = with_source(section, "mistyped").await;
        let terms = Terms {
            secret: "ada:open-sesame",
            at: 0,
            algorithm: hmac::HMAC_SHA256,
            url: "",
        };
        post(&api, &sign(terms, "text/plain", b"hello"))
            .await
            .problem(401);
        let staff = api.token_of("staff", true).await;
        let requests = kept(&api, &staff, 1).await;
        let shown = api.get(&path(&requests[0], ""), &staff).await.expect(200);
        // A password can be found by trying when its digest is known.
        let digest = hex::encode(Sha256::digest("ada:open-sesame"));
        for form in ["sesame", "YWRhOm9wZW4tc2VzYW1l", &digest] {
            assert!(!shown.text.contains(form), "{}", shown.text);
        }
        assert_eq!(shown.json()["has_credential"], true);
        let id = requests[0]["id"].as_str().expect("an id").parse().expect("an id");
        let stored = api
            .store
            .rejected_request(id)
            .await
            .expect("read")
            .expect("there");
        let credential = stored.credential.expect("a credential");
        assert!(!credential.contains(&digest), "{credential}");
        api.set_secret("secret", "ada:open-sesame");
        let accepted = api.post(&path(&requests[0], "accept/"), &staff, "").await;
        accepted.expect(200);
        let event = only_event(&api).await;
        assert_eq!(event["payload"], "hello");
        assert!(!event.to_string().contains("sesame"), "{event}");
        api.stop().await;
    }
}

#[tokio::test]
async fn without_the_master_key_a_token_cannot_be_judged_anew() {
    let api = with_source("verify = \"bearer\"\nsecret = \"file:secret\"", "mistyped").await;
    let request = Signed::new("text/plain", b"hello").with("authorization", "Bearer right");
    post(&api, &request).await.problem(401);
    let staff = api.token_of("staff", true).await;
    let requests = kept(&api, &staff, 1).await;
    api.set_secret("secret", "right");
    std::fs::remove_file(api.path("vault/master.key")).expect("removed");
    let problem = api
        .post(&path(&requests[0], "accept/"), &staff, "")
        .await
        .problem(409);
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|text| text.contains("master key")),
        "{problem}"
    );
    api.stop().await;
}

#[tokio::test]
async fn only_staff_see_them_and_only_named_sources_have_any() {
    let api = with_source(GITHUB, "right").await;
    let ada = api.token_of("ada", false).await;
    for path in ["/api/rejected/", "/api/rejected/x/"] {
        api.get(path, &ada).await.problem(403);
        api.get(path, "").await.problem(401);
    }
    let staff = api.token_of("staff", true).await;
    api.post("/api/webhooks/receive/nobody/", "", "{}")
        .await
        .problem(404);
    api.post("/api/webhooks/receive/", "", "{}").await.problem(401);
    for path in [
        "/api/rejected/x/",
        "/api/rejected/018f0000-0000-7000-8000-000000000001/",
    ] {
        api.get(path, &staff).await.problem(404);
        api.post(&format!("{path}accept/"), &staff, "").await.problem(404);
    }
    post(&api, &github("wrong")).await.problem(401);
    assert_eq!(kept(&api, &staff, 1).await.len(), 1);
    let none = api
        .get("/api/rejected/?source=other", &staff)
        .await
        .expect(200)
        .json();
    assert_eq!(none["count"], 0);
    let metrics = api.metrics.text().expect("text");
    assert!(
        metrics.contains("hookyard_source_requests_rejected_total{source=\"s\",check=\"signature\"} 1"),
        "{metrics}"
    );
    assert!(
        metrics.contains("hookyard_webhooks_unauthorized_total 1"),
        "{metrics}"
    );

    // A source that is gone, and a body that was too large to be kept.
    api.set_sources("");
    let requests = kept(&api, &staff, 1).await;
    api.post(&path(&requests[0], "verify/"), &staff, "")
        .await
        .problem(409);
    api.set_sources(&format!("[sources.s]\n{GITHUB}\n"));
    let mut large = github("wrong");
    large.body = vec![b' '; (256 << 10) + 1];
    post(&api, &large).await.problem(401);
    let requests = kept(&api, &staff, 2).await;
    assert_eq!(requests[0]["body_bytes"], (256 << 10) + 1);
    let shown = api.get(&path(&requests[0], ""), &staff).await.expect(200).json();
    assert_eq!(shown["body"], Value::Null);
    api.post(&path(&requests[0], "accept/"), &staff, "")
        .await
        .problem(409);
    api.stop().await;
}

#[tokio::test]
async fn what_a_sender_writes_is_kept_within_bounds() {
    let section = "verify = \"http-signature\"\nsecret = \"file:secret\"";
    let api = with_source(section, "right").await;
    let staff = api.token_of("staff", true).await;
    let long = "1".repeat(20 << 10);
    let malformed = Signed::new("application/json", b"{}")
        .with("signature-input", format!("sig=();created={long}"))
        .with("signature", "sig=:AA==:");
    let problem = post(&api, &malformed).await.problem(401);
    assert!(
        problem["detail"].as_str().is_some_and(|text| text.len() < 400),
        "{problem}"
    );
    let why = kept(&api, &staff, 1).await[0]["why"].clone();
    let why = why.as_str().expect("a text");
    assert!(why.chars().count() == 300 && why.ends_with('…'), "{why}");

    let far = Signed {
        query: format!("?a={long}"),
        ..github("wrong")
    };
    post(&api, &far).await.problem(401);
    let requests = kept(&api, &staff, 2).await;
    let shown = api.get(&path(&requests[0], ""), &staff).await.expect(200).json();
    assert_eq!(shown["target"].as_str().map(str::len), Some(8 << 10));
    // What is judged anew is the whole request.
    assert_eq!(shown["body"], Value::Null);
    api.stop().await;
}

/// Refused requests of a flood: fewer than are kept of one source.
const FLOOD: usize = 240;

/// How long an answer may take in a flood: alone it takes milliseconds, and here it shares the processors with the flood.
const PROMPT: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_does_not_hold_anybody_up() {
    let api: Api = with_source(GITHUB, "right").await;
    let wrong = github("wrong");
    let flood = async {
        let posts = (0..FLOOD).map(|_| post(&api, &wrong));
        for answer in futures_util::future::join_all(posts).await {
            answer.problem(401);
        }
    };
    let others = async {
        let mut slowest = Duration::ZERO;
        for delivery in 0..20 {
            let right = github("right")
                .without("x-github-delivery")
                .with("x-github-delivery", format!("good-{delivery}"));
            let began = Instant::now();
            post(&api, &right).await.expect(200);
            slowest = slowest.max(began.elapsed());
        }
        slowest
    };
    let ((), slowest) = tokio::join!(flood, others);
    assert!(slowest < PROMPT, "{slowest:?}");
    api.sources.log.close().await;
    let staff = api.token_of("staff", true).await;
    let page = api.get("/api/rejected/", &staff).await.expect(200).json();
    let metrics = api.metrics.text().expect("text");
    let dropped: usize = metrics
        .lines()
        .find_map(|line| line.strip_prefix("hookyard_source_rejections_not_kept_total "))
        .and_then(|count| count.parse().ok())
        .expect("a count");
    let kept = page["count"].as_u64().expect("a count");
    assert_eq!(kept + dropped as u64, FLOOD as u64);
    api.stop().await;
}
