//! How each vendor signs, and where it puts the type and the delivery's id. `docs/sources.md` has the
//! addresses of the vendors' own pages.

use std::borrow::Cow;

use super::pick::Facts;
use super::pick::Place::{Field, FieldPointer, Header, Pointer, WordIfField};
use super::scheme::{
    Algorithm, Encoding, KeyForm, Layout, Part, Scheme, SignedScheme, Stamp, StampFormat, TokenScheme,
};
use super::{Format, Verifier};

const BODY: &[Part] = &[Part::Body];
const TIME_AND_BODY: &[Part] = &[Part::Timestamp, Part::Text(Cow::Borrowed(".")), Part::Body];
const URL_AND_FORM: &[Part] = &[Part::Url, Part::SortedForm];
const SLACKS: &[Part] = &[
    Part::Text(Cow::Borrowed("v0:")),
    Part::Timestamp,
    Part::Text(Cow::Borrowed(":")),
    Part::Body,
];
const ID_TIME_AND_BODY: &[Part] = &[
    Part::Header(Cow::Borrowed("webhook-id")),
    Part::Text(Cow::Borrowed(".")),
    Part::Timestamp,
    Part::Text(Cow::Borrowed(".")),
    Part::Body,
];

/// `X-Hub-Signature-256: sha256=HEX` over the body.
const GITHUB: SignedScheme = SignedScheme {
    header: Cow::Borrowed("x-hub-signature-256"),
    layout: Layout::Prefixed(Cow::Borrowed("sha256=")),
    algorithm: Algorithm::Sha256,
    encoding: Encoding::Hex,
    timestamp: None,
    signed: Cow::Borrowed(BODY),
    keys: KeyForm::Text,
};

/// `Stripe-Signature: t=SECONDS,v1=HEX` over `SECONDS.BODY`.
const STRIPE: SignedScheme = SignedScheme {
    header: Cow::Borrowed("stripe-signature"),
    layout: Layout::Fields {
        timestamp: "t",
        signature: "v1",
    },
    algorithm: Algorithm::Sha256,
    encoding: Encoding::Hex,
    timestamp: Some(Stamp::Beside),
    signed: Cow::Borrowed(TIME_AND_BODY),
    keys: KeyForm::Text,
};

/// `X-Slack-Signature: v0=HEX` over `v0:SECONDS:BODY`.
const SLACK: SignedScheme = SignedScheme {
    header: Cow::Borrowed("x-slack-signature"),
    layout: Layout::Prefixed(Cow::Borrowed("v0=")),
    algorithm: Algorithm::Sha256,
    encoding: Encoding::Hex,
    timestamp: Some(Stamp::Header(
        Cow::Borrowed("x-slack-request-timestamp"),
        StampFormat::Unix,
    )),
    signed: Cow::Borrowed(SLACKS),
    keys: KeyForm::Text,
};

/// `X-Shopify-Hmac-Sha256: BASE64` over the body.
const SHOPIFY: SignedScheme = SignedScheme {
    header: Cow::Borrowed("x-shopify-hmac-sha256"),
    layout: Layout::Prefixed(Cow::Borrowed("")),
    algorithm: Algorithm::Sha256,
    encoding: Encoding::Base64,
    timestamp: None,
    signed: Cow::Borrowed(BODY),
    keys: KeyForm::Text,
};

/// `X-Twilio-Signature: BASE64` over the address and the sorted fields of the form.
const TWILIO: SignedScheme = SignedScheme {
    header: Cow::Borrowed("x-twilio-signature"),
    layout: Layout::Prefixed(Cow::Borrowed("")),
    algorithm: Algorithm::Sha1,
    encoding: Encoding::Base64,
    timestamp: None,
    signed: Cow::Borrowed(URL_AND_FORM),
    keys: KeyForm::Text,
};

/// `webhook-signature: v1,BASE64` over `ID.SECONDS.BODY`.
const STANDARD_WEBHOOKS: SignedScheme = SignedScheme {
    header: Cow::Borrowed("webhook-signature"),
    layout: Layout::Versions,
    algorithm: Algorithm::Sha256,
    encoding: Encoding::Base64,
    timestamp: Some(Stamp::Header(
        Cow::Borrowed("webhook-timestamp"),
        StampFormat::Unix,
    )),
    signed: Cow::Borrowed(ID_TIME_AND_BODY),
    keys: KeyForm::StandardWebhooks,
};

/// The scheme of a verifier that takes no settings of its own.
#[must_use]
pub fn scheme(verifier: Verifier) -> Option<Scheme> {
    Some(match verifier {
        Verifier::Github => Scheme::Signed(GITHUB),
        Verifier::Stripe => Scheme::Signed(STRIPE),
        Verifier::Slack => Scheme::Signed(SLACK),
        Verifier::Shopify => Scheme::Signed(SHOPIFY),
        Verifier::Twilio => Scheme::Signed(TWILIO),
        Verifier::StandardWebhooks => Scheme::Signed(STANDARD_WEBHOOKS),
        Verifier::Gitlab => Scheme::Token(TokenScheme::Header(Cow::Borrowed("x-gitlab-token"))),
        Verifier::CloudEvents => Scheme::Token(TokenScheme::Bearer { query: true }),
        Verifier::Bearer => Scheme::Token(TokenScheme::Bearer { query: false }),
        Verifier::Basic => Scheme::Token(TokenScheme::Basic),
        Verifier::None => Scheme::Open,
        Verifier::ApiKey | Verifier::Hmac | Verifier::HttpSignature => return None,
    })
}

/// What a body of this verifier's senders is, unless the file says so.
#[must_use]
pub const fn format(verifier: Verifier) -> Format {
    match verifier {
        Verifier::CloudEvents => Format::CloudEvents,
        _ => Format::Plain,
    }
}

/// Where this verifier's senders put type and id.
#[must_use]
pub const fn facts(verifier: Verifier) -> Facts {
    match verifier {
        Verifier::Github => Facts {
            event_type: &[Header("x-github-event")],
            key: &[&[Header("x-github-delivery")]],
        },
        Verifier::Stripe => Facts {
            event_type: &[Pointer("/type")],
            key: &[&[Pointer("/id")]],
        },
        // Events in JSON; commands and interactions in forms, the latter with JSON in the field `payload`.
        Verifier::Slack => Facts {
            event_type: &[
                Pointer("/event/type"),
                Pointer("/type"),
                FieldPointer("payload", "/type"),
                WordIfField("slash_command", "command"),
            ],
            key: &[&[Pointer("/event_id")], &[Field("command"), Field("trigger_id")]],
        },
        Verifier::Shopify => Facts {
            event_type: &[Header("x-shopify-topic")],
            key: &[&[Header("x-shopify-webhook-id")]],
        },
        // `Idempotency-Key` is the same over GitLab's retries. Older servers send none, and nothing else names a
        // delivery: `X-Gitlab-Event-UUID` is one for all that a webhook's receiver sets off.
        Verifier::Gitlab => Facts {
            event_type: &[Header("x-gitlab-event"), Pointer("/object_kind")],
            key: &[&[Header("idempotency-key")]],
        },
        // A message has one id over all its states, so that the state is part of the key. A call's state may
        // stay while its requests differ: without the header those have no key. The header is not signed, so
        // that it counts last.
        Verifier::Twilio => Facts {
            event_type: &[
                Field("EventType"),
                Field("MessageStatus"),
                Field("SmsStatus"),
                Field("CallStatus"),
                Pointer("/0/type"),
            ],
            key: &[
                &[Field("MessageSid"), Field("MessageStatus")],
                &[Field("MessageSid"), Field("SmsStatus")],
                &[Header("i-twilio-idempotency-token")],
            ],
        },
        Verifier::StandardWebhooks => Facts {
            event_type: &[Pointer("/type")],
            key: &[&[Header("webhook-id")]],
        },
        _ => Facts {
            event_type: &[Header("x-webhook-type")],
            key: &[],
        },
    }
}
