//! Tokens that the host mints from a secret: signed for, traded, kept until shortly before they end.
//! Neither the key nor the token enters a guest, a log or a record.

mod github;
mod google;
mod key;
mod place;
mod refusal;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use self::place::Place;
pub(super) use self::place::Token;
use super::host::RunContext;
use super::manifest::{SecretAsk, SecretKind};
use crate::domain::grant::SecretGrant;
use crate::domain::time::Timestamp;
use crate::secret::Secret;

/// A token is not used in the last part of its life: it would end on the way.
const MARGIN: Duration = Duration::from_mins(1);

/// Why there is no token. Texts are for people and hold no secret.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum MintError {
    /// Only a person can mend it; the text says how.
    #[error("{0}")]
    Refused(String),
    /// The issuer did not answer, or not now.
    #[error("{0}")]
    Unavailable(String),
}

/// The tokens of one plugin: one place for each secret of its manifest.
#[derive(Default)]
pub(super) struct Mint {
    places: Mutex<BTreeMap<String, Arc<Place>>>,
}

impl Mint {
    fn place(&self, secret: &str) -> Arc<Place> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(places.entry(secret.to_owned()).or_default())
    }

    /// Forgets a token that a vendor did not take, if it is still the one in use.
    pub(super) fn forget(&self, secret: &str, token: &Token) {
        self.place(secret).forget(token);
    }
}

/// What a token is for. Two orders for the same secret's value with the same content share a token.
#[derive(Serialize)]
enum Order {
    Google(google::Order),
    Github(github::Order),
}

/// What tells orders apart: a digest of the order and of the secret's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ticket([u8; 32]);

/// A token fresh from its issuer.
struct Minted {
    token: Secret,
    /// When it ends, by this machine's clock.
    ends: Timestamp,
}

/// Whether tokens are minted for secrets of this kind.
pub(super) const fn mints(kind: SecretKind) -> bool {
    matches!(kind, SecretKind::GoogleServiceAccount | SecretKind::GithubApp)
}

/// A token for the secret of this value, kept or new. Runs that need the same one at the same time
/// share one exchange, and its failure.
pub(super) async fn token(
    run: &RunContext,
    ask: &SecretAsk,
    grant: &SecretGrant,
    value: &Secret,
) -> Result<Token, MintError> {
    let order = Order::of(run, ask, grant)?;
    let ticket = order.ticket(value);
    let place = run.standing.mint.place(&ask.name);
    if let Some(token) = place.token(ticket, run.deps.clock.now()) {
        return Ok(token);
    }
    let asked = Instant::now();
    let _turn = place.turn().await;
    if let Some(token) = place.token(ticket, run.deps.clock.now()) {
        return Ok(token);
    }
    if let Some(error) = place.failure_since(ticket, asked) {
        return Err(error);
    }
    match order.trade(run, grant, value).await {
        Ok(minted) => Ok(place.keep(ticket, minted)),
        Err(error) => {
            // What ended only because this run did says nothing to the others.
            if !run.time_left().is_zero() {
                place.fail(ticket, error.clone());
            }
            Err(error)
        }
    }
}

impl Order {
    fn of(run: &RunContext, ask: &SecretAsk, grant: &SecretGrant) -> Result<Self, MintError> {
        let config: Map<String, Value> = serde_json::from_str(&run.settings.config)
            .map_err(|e| MintError::Refused(format!("the plugin's configuration is not JSON: {e}")))?;
        let config = Config {
            plugin: run.standing.name.as_str(),
            map: &config,
        };
        match ask.kind {
            SecretKind::GoogleServiceAccount => {
                let scopes = grant.scopes.as_ref().unwrap_or(&ask.scopes);
                Ok(Self::Google(google::Order::of(&config, scopes)))
            }
            SecretKind::GithubApp => github::Order::of(&config).map(Self::Github),
            SecretKind::Plain | SecretKind::Url => Err(MintError::Refused(format!(
                "no token is minted from a secret of kind {}",
                ask.kind
            ))),
        }
    }

    fn ticket(&self, value: &Secret) -> Ticket {
        let mut digest = Sha256::new();
        // An order is plain texts, so this cannot fail; were it to, orders would only share less.
        digest.update(serde_json::to_vec(self).unwrap_or_default());
        digest.update([0]);
        digest.update(value.expose().as_bytes());
        Ticket(digest.finalize().into())
    }

    async fn trade(
        &self,
        run: &RunContext,
        grant: &SecretGrant,
        value: &Secret,
    ) -> Result<Minted, MintError> {
        match self {
            Self::Google(order) => google::trade(run, order, value).await,
            Self::Github(order) => github::trade(run, order, grant, value).await,
        }
    }
}

/// The plugin's configuration, as far as the minting reads it: keys that `wit/manifest.wit` names.
struct Config<'a> {
    plugin: &'a str,
    map: &'a Map<String, Value>,
}

impl Config<'_> {
    /// A text, or a number as text; `None` when it is missing or empty.
    fn text(&self, key: &str) -> Option<String> {
        let text = match self.map.get(key)? {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        (!text.is_empty()).then_some(text)
    }

    /// A text that must be there.
    fn required(&self, key: &str) -> Result<String, MintError> {
        self.text(key).ok_or_else(|| {
            MintError::Refused(format!(
                "its token needs `{key}`, which [plugins.{}.config] does not have; write it in plugins.toml",
                self.plugin
            ))
        })
    }
}

/// Whole seconds of a moment, as claims carry them (RFC 7519, section 2: `NumericDate`).
const fn seconds(moment: Timestamp) -> i64 {
    moment.as_millis().div_euclid(1_000)
}

/// The end of a token that lives for so many seconds from `now`.
fn end_after(now: Timestamp, seconds: u64) -> Timestamp {
    now.plus(Duration::from_secs(seconds))
}

/// Whether a text can be sent as a token: visible ASCII (RFC 6750, section 2.1 allows less).
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(scopes: &[&str], config: &Value) -> Order {
        let scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let config = Config {
            plugin: "x",
            map: config.as_object().expect("an object"),
        };
        Order::Google(google::Order::of(&config, &scopes))
    }

    #[test]
    fn a_ticket_tells_apart_all_that_a_token_depends_on() {
        let value = |text: &str| Secret::new(text.to_owned());
        let none = serde_json::json!({});
        let first = order(&["a"], &none).ticket(&value("k"));
        assert_eq!(first, order(&["a"], &none).ticket(&value("k")));
        for other in [
            order(&["b"], &none).ticket(&value("k")),
            order(&["a"], &none).ticket(&value("l")),
            order(&["a"], &serde_json::json!({"subject": "u"})).ticket(&value("k")),
            order(&["a"], &serde_json::json!({"token-url": "u"})).ticket(&value("k")),
        ] {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn a_missing_key_is_named_with_its_section() {
        let config = serde_json::json!({"app-id": 7, "empty": ""});
        let config = Config {
            plugin: "backup",
            map: config.as_object().expect("an object"),
        };
        assert_eq!(config.text("app-id").as_deref(), Some("7"));
        assert_eq!(config.text("empty"), None);
        let error = config
            .required("installation-id")
            .expect_err("missing")
            .to_string();
        assert!(
            error.contains("`installation-id`") && error.contains("[plugins.backup.config]"),
            "{error}"
        );
    }
}
