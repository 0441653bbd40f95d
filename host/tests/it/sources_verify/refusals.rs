//! Each verifier takes what is signed right, and refuses every way in which it can be wrong.

use hookyard::clock::Clock as _;
use ring::hmac;

use super::signer::{Signed, Terms};
use super::table::{BODY, CASES, Case, JSON};
use super::{SECRET_FILE, kept, only_event, post, with_source};
use crate::support::api::Api;

fn now(api: &Api) -> i64 {
    api.clock.now().as_millis() / 1000
}

fn signed(api: &Api, case: &Case, secret: &str, at: i64, algorithm: hmac::Algorithm) -> Signed {
    let url = api.url("/api/webhooks/receive/s/");
    let terms = Terms {
        secret,
        at,
        algorithm,
        url: &url,
    };
    (case.sign)(terms, case.media, case.body)
}

async fn refused(api: &Api, case: &Case, what: &str, request: &Signed, check: &str) {
    let answer = post(api, request).await;
    assert_eq!(answer.status.as_u16(), 401, "{} {what}: {answer:?}", case.name);
    let problem = answer.problem(401);
    assert_eq!(problem["check"], check, "{} {what}: {problem}", case.name);
}

#[tokio::test]
async fn every_verifier_takes_what_is_right_and_refuses_what_is_wrong() {
    for case in CASES {
        let api = with_source(case.section, &(case.given)(case.secret)).await;
        let right = |at| signed(&api, case, case.secret, at, hmac::HMAC_SHA256);
        let good = right(now(&api));
        let answer = post(&api, &good).await;
        assert_eq!(answer.status.as_u16(), 200, "{}: {answer:?}", case.name);
        // Whoever sees the event has no use for the proof, whatever its header is called.
        let event = only_event(&api).await;
        let (_, proof) = good
            .headers
            .iter()
            .find(|(name, _)| name == case.proof)
            .expect("a proof");
        let quoted = serde_json::Value::from(proof.as_str()).to_string();
        assert!(
            !event["headers"].to_string().contains(&quoted),
            "{}: {event}",
            case.name
        );

        let differs = if case.signs { "signature" } else { "credential" };
        let other = signed(&api, case, case.other_secret, now(&api), hmac::HMAC_SHA256);
        refused(&api, case, "wrong secret", &other, differs).await;
        for header in [case.proof].iter().chain(case.needs) {
            let bare = good.clone().without(header);
            refused(&api, case, &format!("without {header}"), &bare, "missing").await;
        }

        if case.signs {
            let mut changed = good.clone();
            changed.body.insert(1, b' ');
            refused(&api, case, "changed body", &changed, "signature").await;
            let longer = signed(&api, case, case.secret, now(&api), hmac::HMAC_SHA512);
            refused(&api, case, "other algorithm", &longer, "signature").await;
        }
        let cut = good
            .clone()
            .changed(case.proof, |value| match value.strip_suffix(':') {
                Some(bytes) => format!("{}:", &bytes[..bytes.len() - 4]),
                None => value[..value.len() - 4].to_owned(),
            });
        let answer = post(&api, &cut).await;
        assert_eq!(answer.status.as_u16(), 401, "{} truncated: {answer:?}", case.name);
        if case.dated {
            for (what, at) in [("old", now(&api) - 301), ("from the future", now(&api) + 301)] {
                refused(&api, case, what, &right(at), "timestamp").await;
            }
            // Just within: it is the time that was wrong.
            let answer = post(&api, &right(now(&api) - 299)).await;
            assert_eq!(answer.status.as_u16(), 200, "{}: {answer:?}", case.name);
        }
        api.stop().await;
    }
}

#[tokio::test]
async fn while_secrets_are_changed_each_of_them_counts() {
    for case in CASES {
        let section = case
            .section
            .replace("\"file:secret\"", "[\"file:old\", \"file:secret\"]");
        let api = with_source(&section, &(case.given)(case.secret)).await;
        api.set_secret("old", &(case.given)(case.other_secret));
        for secret in [case.secret, case.other_secret] {
            let request = signed(&api, case, secret, now(&api), hmac::HMAC_SHA256);
            let answer = post(&api, &request).await;
            assert_eq!(answer.status.as_u16(), 200, "{} {secret}: {answer:?}", case.name);
        }
        // One that cannot be read is no reason to refuse what another proves.
        std::fs::remove_file(api.path("old")).expect("removed");
        let request = signed(&api, case, case.secret, now(&api), hmac::HMAC_SHA256);
        post(&api, &request).await.expect(200);
        // Nor one to refuse for good what it may prove. The sender is not told where it is.
        let request = signed(&api, case, case.other_secret, now(&api), hmac::HMAC_SHA256);
        let answer = post(&api, &request).await;
        assert_eq!(answer.problem(503)["check"], "no-secret", "{}", case.name);
        assert!(!answer.header("retry-after").is_empty());
        let missing = api.path("old").display().to_string();
        assert!(!answer.text.contains(&missing), "{}", answer.text);
        let staff = api.token_of("staff", true).await;
        let why = kept(&api, &staff, 1).await[0]["why"].clone();
        assert!(why.as_str().is_some_and(|why| why.contains(&missing)), "{why}");
        api.stop().await;
    }
}

#[tokio::test]
async fn without_a_secret_nothing_is_taken() {
    for case in CASES {
        let api = with_source(case.section, &(case.given)(case.secret)).await;
        let request = signed(&api, case, case.secret, now(&api), hmac::HMAC_SHA256);
        for value in [None, Some("")] {
            match value {
                None => std::fs::remove_file(api.path(SECRET_FILE)).expect("removed"),
                Some(value) => api.set_secret(SECRET_FILE, value),
            }
            let answer = post(&api, &request).await;
            let problem = answer.problem(503);
            assert_eq!(problem["check"], "no-secret", "{}: {problem}", case.name);
            assert!(!answer.header("retry-after").is_empty());
        }
        // Nor with an empty one of the sender's.
        let empty = match case.name {
            "standard-webhooks" => continue,
            _ => signed(&api, case, "", now(&api), hmac::HMAC_SHA256),
        };
        let answer = post(&api, &empty).await;
        assert!(!answer.status.is_success(), "{}: {answer:?}", case.name);
        api.stop().await;
    }
}

/// Of RFC 9421, B.1.4.
const PUBLIC_KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
    MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n\
    -----END PUBLIC KEY-----";

#[tokio::test]
async fn what_everybody_may_know_is_no_shared_secret() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let encoded = format!("base64:{}", STANDARD.encode(PUBLIC_KEY));
    let private = format!("whsk_{}", "A".repeat(27));
    // As if its text were a key in Base64, which it is but for one letter.
    let as_key = format!("whsec_{}", private.replace('_', "/"));
    for (name, secret, known) in [
        ("github", PUBLIC_KEY, PUBLIC_KEY),
        ("hmac", PUBLIC_KEY, PUBLIC_KEY),
        ("hmac", &encoded, PUBLIC_KEY),
        ("http-signature", PUBLIC_KEY, PUBLIC_KEY),
        ("http-signature", &encoded, PUBLIC_KEY),
        ("standard-webhooks", &private, &as_key),
    ] {
        let case = CASES.iter().find(|case| case.name == name).expect("a case");
        let api = with_source(case.section, secret).await;
        let request = signed(&api, case, known, now(&api), hmac::HMAC_SHA256);
        let problem = post(&api, &request).await.problem(503);
        assert_eq!(problem["check"], "no-secret", "{name}: {problem}");
        let staff = api.token_of("staff", true).await;
        let why = kept(&api, &staff, 1).await[0]["why"].clone();
        let told = match (name, secret == PUBLIC_KEY) {
            ("http-signature", true) => "set `algorithm = \"ed25519\"`",
            ("standard-webhooks", _) => "begins with `whpk_`",
            _ => "not a shared secret",
        };
        assert!(
            why.as_str().is_some_and(|why| why.contains(told)),
            "{name}: {why}"
        );
        api.stop().await;
    }
}

#[tokio::test]
async fn every_signature_of_a_header_is_tried() {
    let case = CASES.iter().find(|case| case.name == "stripe").expect("stripe");
    let api = with_source(case.section, &(case.given)(case.secret)).await;
    let good = signed(&api, case, case.secret, now(&api), hmac::HMAC_SHA256);
    let wrong = "v1=".to_owned() + &"0".repeat(64);
    let second = good.clone().changed(case.proof, |value| {
        value.replacen(",v1=", &format!(",{wrong},v1="), 1)
    });
    post(&api, &second).await.expect(200);
    let none = good.clone().changed(case.proof, |value| {
        let time = value.split(',').next().expect("a time");
        format!("{time},{wrong},v0=00")
    });
    refused(&api, case, "no right one", &none, "signature").await;
    let many = good.changed(case.proof, |value| {
        format!("{value}{}", format!(",{wrong}").repeat(16))
    });
    refused(&api, case, "too many", &many, "malformed").await;
    api.stop().await;
}

#[tokio::test]
async fn a_jwt_sender_cannot_take_the_name_of_a_source_with_a_verifier() {
    let api = with_source("verify = \"github\"\nsecret = \"file:secret\"", "right").await;
    let token = api.token_of("ada", true).await;
    for (path, body) in [
        ("/api/webhooks/receive/?source=s", "{}"),
        ("/api/webhooks/receive/?source=%20s%20", "{}"),
        ("/api/webhooks/receive/", "{\"source\": \"s\", \"payload\": 1}"),
    ] {
        let problem = api.post(path, &token, body).await.problem(403);
        assert_eq!(problem["type"], "urn:hookyard:problem:verified-source");
    }
    api.post("/api/webhooks/receive/?source=S2", &token, "{}")
        .await
        .expect(200);
    // Whoever may send without a proof takes no name away from anybody.
    api.set_sources("[sources.s]\nverify = \"none\"\n");
    api.post("/api/webhooks/receive/?source=s", &token, "{}")
        .await
        .expect(200);
    post(&api, &Signed::new(JSON, BODY)).await.expect(200);
    api.post("/api/webhooks/receive/nobody/", "", "{}")
        .await
        .problem(404);
    api.stop().await;
}
