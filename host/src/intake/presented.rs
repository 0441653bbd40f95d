//! A request to a source as it arrived: nothing of it is believed yet.

use std::collections::BTreeSet;

use ::http::header::HOST;
use ::http::{HeaderMap, Method};
use bytes::Bytes;

use crate::domain::rejected::{Check, Rejection};
use crate::domain::time::Timestamp;

/// A SHA-256.
pub type Digest = [u8; 32];

/// A request to a source. Its body is within the cap and has not been looked at.
#[derive(Clone, Debug)]
pub struct Presented {
    pub method: Method,
    /// Path and query, as the sender wrote them.
    pub target: String,
    pub headers: HeaderMap,
    pub content_type: String,
    pub body: Bytes,
    /// Who held the connection.
    pub address: String,
    pub received_at: Timestamp,
    /// Of a request that was kept without its token: the token's SHA-256.
    pub credential: Option<Digest>,
}

impl Presented {
    /// A header's only value; `None` when it is missing.
    ///
    /// # Errors
    /// When it comes twice, so that nobody can say which one counts, or is no text.
    pub fn one(&self, name: &str) -> Result<Option<&str>, Rejection> {
        let mut values = self.headers.get_all(name).iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() {
            let why = format!("the header {name} came more than once");
            return Err(Rejection::new(Check::Malformed, why));
        }
        let Ok(text) = value.to_str() else {
            let why = format!("the header {name} is no text");
            return Err(Rejection::new(Check::Malformed, why));
        };
        Ok(Some(text.trim()))
    }

    /// A header's only value.
    ///
    /// # Errors
    /// When it is missing too.
    pub fn needed(&self, name: &str) -> Result<&str, Rejection> {
        self.one(name)?.ok_or_else(|| {
            let why = format!("the header {name} is missing");
            Rejection::new(Check::Missing, why)
        })
    }

    /// The query without its `?`.
    #[must_use]
    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// A parameter of the query.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = url::form_urlencoded::parse(self.query().as_bytes());
        pairs
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    /// Whether the body is a form.
    #[must_use]
    pub fn is_form(&self) -> bool {
        super::media::is_form(&self.content_type)
    }

    /// The fields of a body that is a form, in order.
    pub fn fields(&self) -> impl Iterator<Item = (String, String)> + '_ {
        let body: &[u8] = if self.is_form() { &self.body } else { &[] };
        url::form_urlencoded::parse(body).into_owned()
    }

    /// Where the sender may have called: below the public address, or without one at the host it names,
    /// by either scheme (a proxy may have ended TLS).
    #[must_use]
    pub fn addresses(&self, public: Option<&str>) -> Vec<Address> {
        if let Some((scheme, rest)) = public.and_then(|url| url.split_once("://")) {
            let (authority, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            let prefix = prefix.trim_end_matches('/');
            let slash = if prefix.is_empty() { "" } else { "/" };
            return vec![Address {
                scheme: scheme.to_owned(),
                authority: authority.to_owned(),
                target: format!("{slash}{prefix}{}", self.target),
            }];
        }
        let host = self.headers.get(HOST).and_then(|value| value.to_str().ok());
        let authority = host.unwrap_or_default();
        ["https", "http"]
            .map(|scheme| Address {
                scheme: scheme.to_owned(),
                authority: authority.to_owned(),
                target: self.target.clone(),
            })
            .into()
    }
}

/// An address in parts, none of which is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub scheme: String,
    /// Host and perhaps port.
    pub authority: String,
    /// Path and query.
    pub target: String,
}

impl Address {
    /// The whole address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}{}", self.scheme, self.authority, self.target)
    }

    /// The host without a port that goes without saying.
    #[must_use]
    pub fn plain_authority(&self) -> &str {
        let port = if self.scheme == "https" { ":443" } else { ":80" };
        self.authority.strip_suffix(port).unwrap_or(&self.authority)
    }

    /// The path alone.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(&self.target, |(path, _)| path)
    }

    /// The address as it is, without its port, and with one: senders differ in what they sign.
    #[must_use]
    pub fn spellings(&self) -> BTreeSet<String> {
        let port = if self.scheme == "https" { "443" } else { "80" };
        let host = match self.authority.rsplit_once(':') {
            Some((host, digits)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => &self.authority,
        };
        let (scheme, target) = (&self.scheme, &self.target);
        let mut spellings = BTreeSet::from([self.url(), format!("{scheme}://{host}{target}")]);
        if host == self.authority {
            spellings.insert(format!("{scheme}://{host}:{port}{target}"));
        }
        spellings
    }
}
