//! Signs requests as the vendors do, apart from the code under test.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac};

/// A request to a source.
#[derive(Clone, Debug, Default)]
pub struct Signed {
    /// With its `?`, or empty.
    pub query: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Signed {
    /// A request with this body.
    pub fn new(content_type: &str, body: &[u8]) -> Self {
        Self {
            body: body.to_vec(),
            ..Self::default()
        }
        .with("content-type", content_type)
    }

    /// With one header more.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Without a header.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    /// With a header's value changed.
    pub fn changed(mut self, name: &str, change: impl Fn(&str) -> String) -> Self {
        for (known, value) in &mut self.headers {
            if known == name {
                *value = change(value);
            }
        }
        self
    }
}

/// What a request is signed with.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    pub secret: &'a str,
    /// Seconds since 1970.
    pub at: i64,
    /// [`hmac::HMAC_SHA256`] stands for the sender's own, whichever that is; any other asks for a signature that is
    /// made by another algorithm than the sender's.
    pub algorithm: hmac::Algorithm,
    /// The address that is called, without its query.
    pub url: &'a str,
}

impl Terms<'_> {
    /// Whether the sender's own algorithm is asked for.
    pub fn is_own(&self) -> bool {
        self.algorithm == hmac::HMAC_SHA256
    }

    /// The algorithm of a sender whose own is this one.
    fn algorithm_of(&self, own: hmac::Algorithm) -> hmac::Algorithm {
        if self.is_own() {
            own
        } else if own == self.algorithm {
            hmac::HMAC_SHA256
        } else {
            self.algorithm
        }
    }
}

/// A way to sign.
pub type Sign = fn(Terms<'_>, &str, &[u8]) -> Signed;

fn tag(terms: Terms<'_>, parts: &[&[u8]]) -> Vec<u8> {
    keyed(terms.algorithm, terms.secret.as_bytes(), parts)
}

fn keyed(algorithm: hmac::Algorithm, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let key = hmac::Key::new(algorithm, key);
    hmac::sign(&key, &parts.concat()).as_ref().to_vec()
}

pub fn github(terms: Terms<'_>, media: &str, body: &[u8]) -> Signed {
    let value = format!("sha256={}", hex::encode(tag(terms, &[body])));
    Signed::new(media, body).with("x-hub-signature-256", value)
}

pub fn stripe(terms: Terms<'_>, media: &str, body: &[u8]) -> Signed {
    let at = terms.at.to_string();
    let value = hex::encode(tag(terms, &[at.as_bytes(), b".", body]));
    Signed::new(media, body).with("stripe-signature", format!("t={at},v0=00,v1={value}"))
}

pub fn slack(terms: Terms<'_>, media: &str, body: &[u8]) -> Signed {
    let at = terms.at.to_string();
    let value = hex::encode(tag(terms, &[b"v0:", at.as_bytes(), b":", body]));
    Signed::new(media, body)
        .with("x-slack-request-timestamp", at)
        .with("x-slack-signature", format!("v0={value}"))
}

pub fn shopify(terms: Terms<'_>, media: &str, body: &[u8]) -> Signed {
    let value = STANDARD.encode(tag(terms, &[body]));
    Signed::new(media, body).with("x-shopify-hmac-sha256", value)
}

/// Of a body that is no form.
pub fn twilio(terms: Terms<'_>, media: &str, body: &[u8]) -> Signed {
    let digest = hex::encode(digest::digest(&digest::SHA256, body));
    let query = format!("?bodySHA256={digest}");
    Signed {
        query: query.clone(),
        ..by_twilio(terms, media, body, &format!("{}{query}", terms.url))
    }
}

/// Of a form: its fields by name, each followed by its value, and each pair once.
pub fn twilio_form(terms: Terms<'_>, media: &str, body: &[u8]) -> Signed {
    let fields: BTreeSet<_> = url::form_urlencoded::parse(body).into_owned().collect();
    let mut text = terms.url.to_owned();
    for (name, value) in fields {
        text.push_str(&name);
        text.push_str(&value);
    }
    by_twilio(terms, media, body, &text)
}

/// Twilio's algorithm is SHA-1.
fn by_twilio(terms: Terms<'_>, media: &str, body: &[u8], text: &str) -> Signed {
    let algorithm = terms.algorithm_of(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY);
    let value = STANDARD.encode(keyed(algorithm, terms.secret.as_bytes(), &[text.as_bytes()]));
    Signed::new(media, body).with("x-twilio-signature", value)
}

pub fn standard_webhooks(terms: Terms<'_>, media: &str, body: &[u8]) -> Signed {
    let key = terms
        .secret
        .strip_prefix("whsec_")
        .expect("a secret of Standard Webhooks");
    let key = STANDARD.decode(key).expect("Base64");
    standard_webhooks_by(terms, media, body, |text| {
        format!("v1,{}", STANDARD.encode(keyed(terms.algorithm, &key, &[text])))
    })
}

/// With what `sign` makes of the text as the signature.
pub fn standard_webhooks_by(
    terms: Terms<'_>,
    media: &str,
    body: &[u8],
    sign: impl Fn(&[u8]) -> String,
) -> Signed {
    let at = terms.at.to_string();
    let parts: [&[u8]; 4] = [b"msg_1.", at.as_bytes(), b".", body];
    let signature = sign(&parts.concat());
    Signed::new(media, body)
        .with("webhook-id", "msg_1")
        .with("webhook-timestamp", at)
        .with("webhook-signature", signature)
}

/// As `{timestamp}.{body}` in Base64, with the time in milliseconds.
pub fn generic(terms: Terms<'_>, media: &str, body: &[u8]) -> Signed {
    let at = (terms.at * 1000).to_string();
    let value = STANDARD.encode(tag(terms, &[at.as_bytes(), b".", body]));
    Signed::new(media, body)
        .with("x-sent-at", at)
        .with("x-proof", format!("mac {value}"))
}

/// As `{method}|{url}|{header:X-Id}|{timestamp}.{body}` by SHA-512 in Base64, with the time as RFC 3339 has it.
pub fn generic_sha512(terms: Terms<'_>, media: &str, body: &[u8]) -> Signed {
    let at = jiff::Timestamp::from_second(terms.at)
        .expect("a moment")
        .to_string();
    let text = format!("POST|{}|id 7|{at}.", terms.url);
    let algorithm = terms.algorithm_of(hmac::HMAC_SHA512);
    let value = keyed(algorithm, terms.secret.as_bytes(), &[text.as_bytes(), body]);
    Signed::new(media, body)
        .with("x-id", "id 7")
        .with("x-at", at)
        .with("x-proof", format!("v1={}", STANDARD.encode(value)))
}

/// The body alone by SHA-1 in hex.
pub fn generic_sha1(terms: Terms<'_>, media: &str, body: &[u8]) -> Signed {
    let algorithm = terms.algorithm_of(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY);
    let value = keyed(algorithm, terms.secret.as_bytes(), &[body]);
    Signed::new(media, body).with("x-proof", hex::encode(value))
}

/// A shared secret as it is written where its key is in Base64.
pub fn in_base64(secret: &str) -> String {
    format!("base64:{}", STANDARD.encode(secret))
}

/// With HMAC.
pub fn message(terms: Terms<'_>, media: &str, body: &[u8]) -> Signed {
    let alg = if terms.is_own() {
        "hmac-sha256"
    } else {
        "rsa-pss-sha512"
    };
    message_by(terms, media, body, Some(alg), |base| tag(terms, &[base]))
}

/// HTTP Message Signatures over method, address and digest, with what `sign` makes of the base.
pub fn message_by(
    terms: Terms<'_>,
    media: &str,
    body: &[u8],
    alg: Option<&str>,
    sign: impl Fn(&[u8]) -> Vec<u8>,
) -> Signed {
    let digest = STANDARD.encode(digest::digest(&digest::SHA256, body));
    let digest = format!("sha-256=:{digest}:");
    let alg = alg.map(|alg| format!(";alg=\"{alg}\"")).unwrap_or_default();
    let input = format!(
        "(\"@method\" \"@target-uri\" \"content-digest\");created={}{alg}",
        terms.at
    );
    let base = format!(
        "\"@method\": POST\n\"@target-uri\": {}\n\"content-digest\": {digest}\n\"@signature-params\": {input}",
        terms.url
    );
    let value = STANDARD.encode(sign(base.as_bytes()));
    Signed::new(media, body)
        .with("content-digest", digest)
        .with("signature-input", format!("sig={input}"))
        .with("signature", format!("sig=:{value}:"))
}

pub fn bearer(terms: Terms<'_>, media: &str, body: &[u8]) -> Signed {
    Signed::new(media, body).with("authorization", format!("Bearer {}", terms.secret))
}

pub fn api_key(terms: Terms<'_>, media: &str, body: &[u8]) -> Signed {
    Signed::new(media, body).with("x-key", terms.secret)
}

pub fn gitlab(terms: Terms<'_>, media: &str, body: &[u8]) -> Signed {
    Signed::new(media, body).with("x-gitlab-token", terms.secret)
}

pub fn basic(terms: Terms<'_>, media: &str, body: &[u8]) -> Signed {
    Signed::new(media, body).with(
        "authorization",
        format!("Basic {}", STANDARD.encode(terms.secret)),
    )
}

pub fn cloud_events(terms: Terms<'_>, media: &str, body: &[u8]) -> Signed {
    bearer(terms, media, body)
        .with("ce-specversion", "1.0")
        .with("ce-id", "1")
        .with("ce-source", "/a")
        .with("ce-type", "t")
}
