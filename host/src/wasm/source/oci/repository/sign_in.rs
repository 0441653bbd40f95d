//! Signing in to a registry: it names its way in the answer that refuses
//! (<https://distribution.github.io/distribution/spec/auth/token/>). A password goes to the hosts that
//! the operator named with it, and to no other that the registry names.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use serde::Deserialize;
use url::{Host, Url};

use super::Repository;
use crate::secret::{RegistryLogin, RegistryLogins, Secret};
use crate::wasm::source::get;

/// Largest answer of a token service, in bytes: tokens have a few KiB.
const MAX_TOKEN_BYTES: u64 = 64 << 10;

/// What a registry asks for.
#[derive(Debug, PartialEq, Eq)]
enum Challenge {
    Basic,
    /// A token of the service at this address.
    Token {
        realm: String,
        service: Option<String>,
    },
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
}

impl Repository<'_> {
    /// What to send with the next requests.
    pub(super) async fn sign_in(&self, refused: &HeaderMap) -> Result<HeaderValue, String> {
        let login = self.logins.of(&self.source.registry);
        let headers = refused.get_all(WWW_AUTHENTICATE).iter();
        let mut challenges = headers.filter_map(|header| Challenge::parse(header.to_str().ok()?));
        match (challenges.next(), login) {
            (None, _) => Err("the registry refuses, and names no way to sign in".to_owned()),
            (Some(Challenge::Basic), Some(login)) => basic(login),
            (Some(Challenge::Basic), None) => Err(format!(
                "the registry asks for a sign-in: set {}={}=USER:PASSWORD",
                RegistryLogins::VARIABLE,
                self.source.registry
            )),
            (Some(Challenge::Token { realm, service }), login) => {
                let realm = self.checked_realm(&realm, login)?;
                self.token(realm, service.as_deref(), login).await
            }
        }
    }

    /// The address of the token service, if it may be asked.
    fn checked_realm(&self, realm: &str, login: Option<&RegistryLogin>) -> Result<Url, String> {
        let registry = &self.source.registry;
        let url = Url::parse(realm).map_err(|_| "the registry names a malformed token service".to_owned())?;
        let local = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        let secure = url.scheme() == "https" || (url.scheme() == "http" && local && self.source.is_local());
        let host = match (url.host_str(), url.port()) {
            (Some(host), None) => host.to_owned(),
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (None, _) => String::new(),
        };
        if !secure || host.is_empty() || !url.username().is_empty() || url.password().is_some() {
            return Err(format!(
                "the registry names a token service without TLS, at {host}, which is not asked"
            ));
        }
        match login {
            Some(login) if !login.is_for(&host) => Err(format!(
                "the registry wants its sign-in sent to another host; if {host} is its token service, write \
                 {}={registry}+{host}=USER:PASSWORD",
                RegistryLogins::VARIABLE
            )),
            _ => Ok(url),
        }
    }

    /// Asks for a token that may pull this repository and do nothing else.
    async fn token(
        &self,
        mut realm: Url,
        service: Option<&str>,
        login: Option<&RegistryLogin>,
    ) -> Result<HeaderValue, String> {
        if let Some(service) = service {
            realm.query_pairs_mut().append_pair("service", service);
        }
        let scope = format!("repository:{}:pull", self.source.repository);
        realm.query_pairs_mut().append_pair("scope", &scope);
        let mut request = self.client.get(realm);
        if let Some(login) = login {
            request = request.header(AUTHORIZATION, basic(login)?);
        }
        let told = |why: String| format!("no token: {why}");
        let answer = request.send().await.map_err(get::told).map_err(told)?;
        let answer = get::body(answer, MAX_TOKEN_BYTES).await.map_err(told)?;
        let answer: TokenAnswer =
            serde_json::from_slice(&answer).map_err(|_| told("the answer is malformed".to_owned()))?;
        let token = answer.token.or(answer.access_token);
        let token = Secret::new(token.ok_or_else(|| told("the answer has none".to_owned()))?);
        header(&format!("Bearer {}", token.expose()))
    }
}

fn basic(login: &RegistryLogin) -> Result<HeaderValue, String> {
    let pair = Secret::new(format!("{}:{}", login.user(), login.password().expose()));
    header(&format!("Basic {}", STANDARD.encode(pair.expose())))
}

fn header(text: &str) -> Result<HeaderValue, String> {
    let mut header =
        HeaderValue::from_str(text).map_err(|_| "the token cannot stand in a header".to_owned())?;
    header.set_sensitive(true);
    Ok(header)
}

impl Challenge {
    /// Reads `Bearer realm="…",service="…"` or `Basic realm="…"`.
    fn parse(header: &str) -> Option<Self> {
        let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let named = |name: &str| {
            let at = rest.match_indices(name).find(|(at, _)| {
                let before = rest[..*at].chars().next_back();
                before.is_none_or(|c| c == ',' || c == ' ')
            })?;
            let value = rest[at.0 + name.len()..].strip_prefix("=\"")?;
            value.split('"').next().map(str::to_owned)
        };
        Some(Self::Token {
            realm: named("realm")?,
            service: named("service"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read() {
        let token = Challenge::parse(
            "Bearer realm=\"https://ghcr.io/token\",service=\"ghcr.io\",scope=\"repository:a/b:pull\"",
        );
        let wanted = Challenge::Token {
            realm: "https://ghcr.io/token".to_owned(),
            service: Some("ghcr.io".to_owned()),
        };
        assert_eq!(token, Some(wanted));
        assert_eq!(Challenge::parse("basic realm=\"x\""), Some(Challenge::Basic));
        assert_eq!(Challenge::parse("Basic"), Some(Challenge::Basic));
        for other in [
            "Bearer",
            "Bearer service=\"x\"",
            "Negotiate",
            "Bearer xrealm=\"y\"",
        ] {
            assert_eq!(Challenge::parse(other), None, "{other}");
        }
    }
}
