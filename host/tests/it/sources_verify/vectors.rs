//! What vendors and RFC 9421 publish as examples of signed requests.

use std::path::Path;

use bytes::Bytes;
use hookyard::domain::rejected::Check;
use hookyard::domain::source::SourceSpec;
use hookyard::domain::source::scheme::{MessageAlgorithm, Scheme};
use hookyard::domain::time::Timestamp;
use hookyard::intake::presented::Presented;
use hookyard::intake::verify::{self, Terms};
use hookyard::manifest::PluginsFile;
use hookyard::secret::Secret;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::Deserialize;

use super::pairs;

/// A published example.
#[derive(Deserialize)]
pub struct Vector {
    name: String,
    pub source: String,
    /// Of `[sources.s]`, but the secret.
    pub section: String,
    pub secret: String,
    /// When it arrived: seconds since 1970.
    at: i64,
    url: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Vector {
    fn spec(&self) -> SourceSpec {
        let text = format!("[sources.s]\n{}\nsecret = \"env:S\"\n", self.section);
        let file = PluginsFile::parse(&text, Path::new("/plugins.toml")).expect("a right section");
        file.sources.into_iter().next().expect("one source")
    }

    /// The request as it arrived.
    pub fn request(&self) -> Presented {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.append(
                name.parse::<HeaderName>().expect("a name"),
                HeaderValue::from_str(value).expect("a value"),
            );
        }
        let content_type = headers["content-type"].to_str().expect("text").to_owned();
        Presented {
            method: Method::POST,
            target: self.url[self.origin().len()..].to_owned(),
            headers,
            content_type,
            body: Bytes::from(self.body.clone()),
            address: "192.0.2.1".to_owned(),
            received_at: Timestamp::from_millis(self.at * 1000),
            credential: None,
        }
    }

    /// A secret of the same kind that nobody signed with.
    fn another_secret(&self) -> String {
        let Scheme::Message(scheme) = self.spec().scheme else {
            return changed_within(&self.secret);
        };
        match scheme.algorithm {
            MessageAlgorithm::HmacSha256 => changed_within(&self.secret),
            algorithm => pairs::public(algorithm.as_str(), "wrong"),
        }
    }

    /// Scheme, host and port of the address.
    pub fn origin(&self) -> &str {
        &self.url[..self.url[8..].find('/').expect("a path") + 8]
    }

    fn judge(&self, request: &Presented, secret: &str) -> Result<(), Check> {
        let spec = self.spec();
        let terms = Terms {
            now: request.received_at,
            tolerance: spec.tolerance,
            public_url: Some(self.origin()),
        };
        let claim = verify::prepare(&spec.scheme, request, terms).map_err(|rejection| rejection.check)?;
        let checked = claim.check(&[Secret::new(secret.to_owned())]);
        checked.map(drop).map_err(|rejection| rejection.check)
    }
}

/// Another character within, so that Base64 stays what it is.
fn changed_within(secret: &str) -> String {
    let at = secret.len() / 2;
    let changed = secret.char_indices().map(|(place, c)| match c {
        'B' if place == at => 'C',
        _ if place == at => 'B',
        c => c,
    });
    changed.collect()
}

pub fn vectors() -> Vec<Vector> {
    let text = include_str!("../../../../contracts/webhooks/signatures.json");
    serde_json::from_str(text).expect("the vectors")
}

#[test]
fn published_examples_are_taken_and_refused_once_changed() {
    let vectors = vectors();
    assert!(vectors.len() >= 9, "they are there");
    for vector in vectors {
        let told = format!("{}: {}", vector.name, vector.source);
        let request = vector.request();
        assert_eq!(vector.judge(&request, &vector.secret), Ok(()), "{told}");

        let mut changed = request.clone();
        changed.body = Bytes::from(format!("{}&x=y", vector.body));
        assert!(
            vector.judge(&changed, &vector.secret).is_err(),
            "{told}, another body"
        );
        assert_eq!(
            vector.judge(&request, &vector.another_secret()),
            Err(Check::Signature),
            "{told}, another secret"
        );
    }
}

#[test]
fn a_key_of_another_kind_is_no_proof() {
    let vectors = vectors();
    let (ed25519, rsa): (Vec<_>, Vec<_>) = vectors
        .iter()
        .filter(|vector| vector.secret.starts_with("-----"))
        .partition(|vector| vector.section.contains("ed25519"));
    let (ed25519, rsa) = (ed25519[0], rsa[0]);
    assert_eq!(
        ed25519.judge(&ed25519.request(), &rsa.secret),
        Err(Check::NoSecret)
    );
    assert_eq!(rsa.judge(&rsa.request(), &ed25519.secret), Err(Check::NoSecret));
    assert_eq!(rsa.judge(&rsa.request(), "no key"), Err(Check::NoSecret));
}

#[test]
fn what_a_message_signature_must_cover_is_told() {
    let vectors = vectors();
    let vector = vectors
        .iter()
        .find(|vector| vector.source.contains("B.2.3"))
        .expect("B.2.3");
    let input = |value: &'static str| {
        let mut request = vector.request();
        request
            .headers
            .insert("signature-input", HeaderValue::from_static(value));
        vector.judge(&request, &vector.secret)
    };
    for (value, check) in [
        ("sig-b23=(\"@method\");created=1618884473", Check::Coverage),
        ("sig-b23=(\"content-digest\")", Check::Malformed),
        (
            "sig-b23=(\"content-digest\" \"content-digest\");created=1618884473",
            Check::Malformed,
        ),
        (
            "sig-b23=(\"content-digest\" \"x-not-there\");created=1618884473",
            Check::Missing,
        ),
        (
            "sig-b23=(\"content-digest\";sf);created=1618884473",
            Check::Malformed,
        ),
        (
            "sig-b23=(\"content-digest\" \"@status\");created=1618884473",
            Check::Malformed,
        ),
        (
            "sig-b23=(\"content-digest\");created=1618884473;expires=1618884474",
            Check::Timestamp,
        ),
        (
            "sig-b23=(\"content-digest\");created=1618884000",
            Check::Timestamp,
        ),
        (
            "sig-b23=(\"content-digest\");created=1618884473;alg=\"ed25519\"",
            Check::Signature,
        ),
        (
            "sig-b23=(\"content-digest\");created=1618884473",
            Check::Signature,
        ),
        // Names of components are in lower case (RFC 9421, 2.1): otherwise one could be covered many times.
        (
            "sig-b23=(\"content-digest\" \"Content-Type\" \"content-typE\");created=1618884473",
            Check::Malformed,
        ),
        (
            "sig-b23=(\"content-digest\");created=1618884473, a=(), b=(), c=()",
            Check::Signature,
        ),
        (
            "sig-b23=(\"content-digest\");created=1618884473, a=(), b=(), c=(), d=()",
            Check::Malformed,
        ),
        ("other=(\"content-digest\");created=1618884473", Check::Malformed),
        ("sig-b23=", Check::Malformed),
    ] {
        assert_eq!(input(value), Err(check), "{value}");
    }
}

#[test]
fn what_a_message_signature_covers_is_bounded() {
    let vectors = vectors();
    let vector = vectors
        .iter()
        .find(|vector| vector.source.contains("B.2.3"))
        .expect("B.2.3");
    let judged = |bytes: usize, covered: &str| {
        let mut request = vector.request();
        request.target = format!("/?a={}&b=1&b=2", "x".repeat(bytes));
        let input = format!("sig-b23=(\"content-digest\" {covered});created=1618884473");
        request
            .headers
            .insert("signature-input", HeaderValue::try_from(input).expect("a value"));
        vector.judge(&request, &vector.secret)
    };
    let addresses = "\"@target-uri\" \"@request-target\" \"@query\"";
    assert_eq!(judged(40 << 10, addresses), Err(Check::Signature));
    assert_eq!(judged(44 << 10, addresses), Err(Check::Malformed));
    let parameter = |name: &str| format!("\"@query-param\";name=\"{name}\"");
    assert_eq!(judged(1, &parameter("a")), Err(Check::Signature));
    for name in ["b", "c"] {
        assert_eq!(judged(1, &parameter(name)), Err(Check::Malformed), "{name}");
    }
}
