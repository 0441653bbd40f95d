//! The verifiers, each with a source and a way to sign: a row for each algorithm too, and for each thing that a
//! signature may cover.

use super::pairs;
use super::signer::{self, Sign};

pub const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
pub const BODY: &[u8] = b"{\"n\": 1.50}";

/// A verifier as the tests use it.
pub struct Case {
    pub name: &'static str,
    /// Of `[sources.s]`.
    pub section: &'static str,
    /// What the sender signs with.
    pub secret: &'static str,
    /// Of the same kind.
    pub other_secret: &'static str,
    /// What the source is told of a sender's secret: the public key, where it has one.
    pub given: fn(&str) -> String,
    pub sign: Sign,
    pub media: &'static str,
    pub body: &'static [u8],
    /// The header that holds the proof.
    pub proof: &'static str,
    /// Other headers without which there is none.
    pub needs: &'static [&'static str],
    /// Whether the proof covers the body, and when it was made.
    pub signs: bool,
    pub dated: bool,
}

const PLAIN: Case = Case {
    name: "",
    section: "",
    secret: "right",
    other_secret: "wrong",
    given: str::to_owned,
    sign: signer::github,
    media: JSON,
    body: BODY,
    proof: "authorization",
    needs: &[],
    signs: true,
    dated: false,
};

/// HTTP Message Signatures.
const MESSAGE: Case = Case {
    proof: "signature",
    needs: &["signature-input", "content-digest"],
    dated: true,
    ..PLAIN
};

/// All that ask for a proof.
pub const CASES: &[Case] = &[
    Case {
        name: "github",
        section: "verify = \"github\"\nsecret = \"file:secret\"",
        proof: "x-hub-signature-256",
        ..PLAIN
    },
    Case {
        name: "stripe",
        section: "verify = \"stripe\"\nsecret = \"file:secret\"",
        sign: signer::stripe,
        proof: "stripe-signature",
        dated: true,
        ..PLAIN
    },
    Case {
        name: "slack",
        section: "verify = \"slack\"\nsecret = \"file:secret\"",
        sign: signer::slack,
        proof: "x-slack-signature",
        needs: &["x-slack-request-timestamp"],
        dated: true,
        ..PLAIN
    },
    Case {
        name: "shopify",
        section: "verify = \"shopify\"\nsecret = \"file:secret\"",
        sign: signer::shopify,
        proof: "x-shopify-hmac-sha256",
        ..PLAIN
    },
    Case {
        name: "gitlab",
        section: "verify = \"gitlab\"\nsecret = \"file:secret\"",
        sign: signer::gitlab,
        proof: "x-gitlab-token",
        signs: false,
        ..PLAIN
    },
    Case {
        name: "twilio",
        section: "verify = \"twilio\"\nsecret = \"file:secret\"",
        sign: signer::twilio,
        proof: "x-twilio-signature",
        ..PLAIN
    },
    Case {
        name: "twilio, a form",
        section: "verify = \"twilio\"\nsecret = \"file:secret\"",
        sign: signer::twilio_form,
        media: FORM,
        body: b"MessageSid=SM1&SmsStatus=received&Body=a%20%2B+%C3%A9&From=%2B1&Body=zz",
        proof: "x-twilio-signature",
        ..PLAIN
    },
    Case {
        name: "standard-webhooks",
        section: "verify = \"standard-webhooks\"\nsecret = \"file:secret\"",
        secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        other_secret: "whsec_AAKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        sign: signer::standard_webhooks,
        proof: "webhook-signature",
        needs: &["webhook-id", "webhook-timestamp"],
        dated: true,
        ..PLAIN
    },
    Case {
        name: "standard-webhooks, ed25519",
        section: "verify = \"standard-webhooks\"\nsecret = \"file:secret\"",
        given: pairs::standard_webhooks_public,
        sign: pairs::standard_webhooks,
        proof: "webhook-signature",
        needs: &["webhook-id", "webhook-timestamp"],
        dated: true,
        ..PLAIN
    },
    Case {
        name: "cloudevents",
        section: "verify = \"cloudevents\"\nsecret = \"file:secret\"",
        sign: signer::cloud_events,
        signs: false,
        ..PLAIN
    },
    Case {
        name: "http-signature",
        section: "verify = \"http-signature\"\nsecret = \"file:secret\"\ncomponents = [\"@method\", \"@target-uri\"]",
        sign: signer::message,
        ..MESSAGE
    },
    Case {
        name: "http-signature, ed25519",
        section: "verify = \"http-signature\"\nalgorithm = \"ed25519\"\nsecret = \"file:secret\"",
        given: |sender| pairs::public(pairs::ED25519, sender),
        sign: pairs::ed25519,
        ..MESSAGE
    },
    Case {
        name: "http-signature, ecdsa-p256-sha256",
        section: "verify = \"http-signature\"\nalgorithm = \"ecdsa-p256-sha256\"\nsecret = \"file:secret\"",
        given: |sender| pairs::public(pairs::P256, sender),
        sign: pairs::p256,
        ..MESSAGE
    },
    Case {
        name: "http-signature, ecdsa-p384-sha384",
        section: "verify = \"http-signature\"\nalgorithm = \"ecdsa-p384-sha384\"\nsecret = \"file:secret\"",
        given: |sender| pairs::public(pairs::P384, sender),
        sign: pairs::p384,
        ..MESSAGE
    },
    Case {
        name: "http-signature, rsa-pss-sha512",
        section: "verify = \"http-signature\"\nalgorithm = \"rsa-pss-sha512\"\nsecret = \"file:secret\"",
        given: |sender| pairs::public(pairs::PSS, sender),
        sign: pairs::pss,
        ..MESSAGE
    },
    Case {
        name: "http-signature, rsa-v1_5-sha256",
        section: "verify = \"http-signature\"\nalgorithm = \"rsa-v1_5-sha256\"\nsecret = \"file:secret\"",
        given: |sender| pairs::public(pairs::V1_5, sender),
        sign: pairs::v1_5,
        ..MESSAGE
    },
    Case {
        name: "hmac",
        section: "verify = \"hmac\"\nsecret = \"file:secret\"\nheader = \"X-Proof\"\nprefix = \"mac \"\n\
                  encoding = \"base64\"\nsigned = \"{timestamp}.{body}\"\ntimestamp-header = \"X-Sent-At\"\n\
                  timestamp-format = \"unix-ms\"",
        sign: signer::generic,
        proof: "x-proof",
        needs: &["x-sent-at"],
        dated: true,
        ..PLAIN
    },
    Case {
        name: "hmac, sha512 of all there is",
        section: "verify = \"hmac\"\nsecret = \"file:secret\"\nheader = \"X-Proof\"\nprefix = \"v1=\"\n\
                  algorithm = \"sha512\"\nencoding = \"base64\"\n\
                  signed = \"{method}|{url}|{header:X-Id}|{timestamp}.{body}\"\ntimestamp-header = \"X-At\"\n\
                  timestamp-format = \"rfc3339\"",
        sign: signer::generic_sha512,
        proof: "x-proof",
        needs: &["x-at", "x-id"],
        dated: true,
        ..PLAIN
    },
    Case {
        name: "hmac, sha1 in hex with a key in Base64",
        section: "verify = \"hmac\"\nsecret = \"file:secret\"\nheader = \"X-Proof\"\nalgorithm = \"sha1\"",
        given: signer::in_base64,
        sign: signer::generic_sha1,
        proof: "x-proof",
        ..PLAIN
    },
    Case {
        name: "bearer",
        section: "verify = \"bearer\"\nsecret = \"file:secret\"",
        sign: signer::bearer,
        signs: false,
        ..PLAIN
    },
    Case {
        name: "api-key",
        section: "verify = \"api-key\"\nsecret = \"file:secret\"\nheader = \"X-Key\"",
        sign: signer::api_key,
        proof: "x-key",
        signs: false,
        ..PLAIN
    },
    Case {
        name: "basic",
        section: "verify = \"basic\"\nsecret = \"file:secret\"",
        secret: "ada:right",
        other_secret: "ada:wrong",
        sign: signer::basic,
        signs: false,
        ..PLAIN
    },
];
