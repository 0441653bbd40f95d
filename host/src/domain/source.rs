//! Sources of webhooks: senders that cannot carry a token of ours and prove themselves in their own
//! way. A source is data: what `[sources.NAME]` of `plugins.toml` says, vendors' ways filled in.
//!
//! What is not here: the proof itself. `intake::verify` judges a request by a [`Scheme`].

mod changes;
pub mod pick;
pub mod scheme;
pub mod vendors;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use serde::Serialize;

use super::grant::SecretSource;
use super::words::words;
use pick::{Facts, Pick, Place};
use scheme::Scheme;

pub use changes::changes;

/// How a sender proves who it is: the word `verify` of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verifier {
    Github,
    Stripe,
    Slack,
    Shopify,
    Gitlab,
    Twilio,
    /// <https://www.standardwebhooks.com>, with a shared secret or an Ed25519 key.
    StandardWebhooks,
    /// `CloudEvents` over HTTP with a bearer token (HTTP 1.1 Web Hooks for Event Delivery, 3).
    CloudEvents,
    /// HTTP Message Signatures (RFC 9421).
    HttpSignature,
    /// A shared secret over a text that the operator describes.
    Hmac,
    /// `Authorization: Bearer …` (RFC 6750).
    Bearer,
    /// A header that holds the secret.
    ApiKey,
    /// `Authorization: Basic …` (RFC 7617).
    Basic,
    /// No proof: whoever reaches the address may send.
    None,
}

words!(Verifier, "verifier" {
    Github = "github",
    Stripe = "stripe",
    Slack = "slack",
    Shopify = "shopify",
    Gitlab = "gitlab",
    Twilio = "twilio",
    StandardWebhooks = "standard-webhooks",
    CloudEvents = "cloudevents",
    HttpSignature = "http-signature",
    Hmac = "hmac",
    Bearer = "bearer",
    ApiKey = "api-key",
    Basic = "basic",
    None = "none",
});

/// What a body is taken for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One event: the body as it came.
    #[default]
    Plain,
    /// `CloudEvents` in binary, structured or batched mode.
    CloudEvents,
}

words!(Format, "format" {
    Plain = "plain",
    CloudEvents = "cloudevents",
});

/// One source, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceSpec {
    pub name: SourceName,
    pub verifier: Verifier,
    pub scheme: Scheme,
    pub format: Format,
    /// Every one that is valid; two or more while a secret is changed.
    pub secrets: Vec<SecretSource>,
    /// How far the time of a signature may be from ours, either way.
    pub tolerance: Duration,
    pub dedupe: Dedupe,
    /// Where the type stands, when it is not where the vendor puts it.
    pub event_type: Option<Pick>,
    /// Where the vendor puts type and delivery id.
    pub facts: Facts,
    /// `CloudEvents` senders that may ask for permission; `None` for any.
    pub origins: Option<Vec<String>>,
}

impl SourceSpec {
    /// Whether an event's type or key may be read from this header, its name in lower case.
    #[must_use]
    pub fn reads(&self, header: &str) -> bool {
        let picks = |pick: &Pick| matches!(pick, Pick::Header(name) if name == header);
        let has = |places: &[Place]| {
            let mut places = places.iter();
            places.any(|place| matches!(place, Place::Header(name) if *name == header))
        };
        let by_type = match &self.event_type {
            Some(pick) => picks(pick),
            None => has(self.facts.event_type),
        };
        let by_key = match &self.dedupe {
            Dedupe::Off => false,
            Dedupe::On { key: Some(pick), .. } => picks(pick),
            Dedupe::On { key: None, .. } => self.facts.key.iter().any(|places| has(places)),
        };
        by_type || by_key
    }
}

/// What a second request with the same key means.
#[derive(Clone, Debug, PartialEq)]
pub enum Dedupe {
    /// Nothing: each is an event.
    Off,
    /// Within `window` it is the same event.
    On {
        window: Duration,
        /// Where the key stands, when it is not where the vendor puts it.
        key: Option<Pick>,
    },
}

/// How long a provider's delivery id is remembered: GitHub lets people ask for a delivery again for three
/// days, and so long Stripe tries.
pub const DEFAULT_WINDOW: Duration = Duration::from_hours(72);
/// How old a signature may be, as Stripe, Slack and Standard Webhooks advise.
pub const DEFAULT_TOLERANCE: Duration = Duration::from_mins(5);
/// Most secrets of one source: a rotation needs two, and each is tried on every request.
pub const MAX_SECRETS: usize = 8;

/// A source's name, which stands in its address: 1 to 64 letters, digits, `.`, `_` and `-`, the first a
/// letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct SourceName(String);

/// A text that names no source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no name of a source: 1 to 64 letters, digits, `.`, `_` and `-`, the first a letter or digit"
)]
pub struct InvalidSourceName(String);

impl SourceName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SourceName {
    type Err = InvalidSourceName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let begins = text
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_alphanumeric());
        if begins && text.len() <= 64 && text.bytes().all(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidSourceName(text.chars().take(80).collect()))
        }
    }
}

impl<'de> serde::Deserialize<'de> for SourceName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// All sources, swapped as a whole when `plugins.toml` changes.
#[derive(Clone, Debug, Default)]
pub struct SourceTable(BTreeMap<SourceName, Arc<SourceSpec>>);

/// The sources in force.
pub type SharedSources = Arc<ArcSwap<SourceTable>>;

impl SourceTable {
    /// The table of these sources.
    #[must_use]
    pub fn new<'a>(specs: impl IntoIterator<Item = &'a SourceSpec>) -> Self {
        let named = |spec: &SourceSpec| (spec.name.clone(), Arc::new(spec.clone()));
        Self(specs.into_iter().map(named).collect())
    }

    /// The source of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<SourceSpec>> {
        self.0.get(&name.parse::<SourceName>().ok()?)
    }

    /// Whether only who proves to be this source may send in its name.
    #[must_use]
    pub fn is_protected(&self, name: &str) -> bool {
        self.get(name).is_some_and(|spec| spec.scheme != Scheme::Open)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<SourceSpec>> {
        self.0.values()
    }
}
