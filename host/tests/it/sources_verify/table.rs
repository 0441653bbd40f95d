//! The verifiers, each with a source and a way to sign.

use super::signer::{self, Sign};

/// A verifier as the tests use it.
pub struct Case {
    pub name: &'static str,
    /// Of `[sources.s]`.
    pub section: &'static str,
    pub secret: &'static str,
    pub other_secret: &'static str,
    pub sign: Sign,
    /// The header that holds the proof.
    pub proof: &'static str,
    /// Whether the proof covers the body, and when it was made.
    pub signs: bool,
    pub dated: bool,
}

const PLAIN: Case = Case {
    name: "",
    section: "",
    secret: "right",
    other_secret: "wrong",
    sign: signer::github,
    proof: "authorization",
    signs: true,
    dated: false,
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
        name: "standard-webhooks",
        section: "verify = \"standard-webhooks\"\nsecret = \"file:secret\"",
        secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        other_secret: "whsec_AAKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        sign: signer::standard_webhooks,
        proof: "webhook-signature",
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
        proof: "signature",
        dated: true,
        ..PLAIN
    },
    Case {
        name: "hmac",
        section: "verify = \"hmac\"\nsecret = \"file:secret\"\nheader = \"X-Proof\"\nprefix = \"mac \"\n\
                  encoding = \"base64\"\nsigned = \"{timestamp}.{body}\"\ntimestamp-header = \"X-Sent-At\"\n\
                  timestamp-format = \"unix-ms\"",
        sign: signer::generic,
        proof: "x-proof",
        dated: true,
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
