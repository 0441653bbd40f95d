//! Where requests go: scheme, host and port.

use std::fmt;
use std::str::FromStr;

use super::InvalidPattern;

/// Scheme, host and port: where requests go. The host is exact, or `*.domain` for any name below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    pub(super) scheme: Scheme,
    pub(super) host: HostPattern,
    pub(super) port: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "http" => Some(Self::Http),
            "https" => Some(Self::Https),
            _ => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HostPattern {
    Exact(String),
    /// Any name that ends in `.domain`; not the domain itself.
    Below(String),
}

impl Origin {
    /// Whether a request goes to this origin.
    #[must_use]
    pub fn matches(&self, scheme: &str, host: &str, port: u16) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        self.scheme.name() == scheme
            && self.port == port
            && match &self.host {
                HostPattern::Exact(exact) => exact.eq_ignore_ascii_case(host),
                HostPattern::Below(domain) => host
                    .to_ascii_lowercase()
                    .strip_suffix(domain.as_str())
                    .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
            }
    }
}

impl FromStr for Origin {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let no = |why| InvalidPattern {
            text: text.to_owned(),
            what: "an origin (scheme://host[:port])",
            why,
        };
        let (scheme, rest) = text.split_once("://").ok_or_else(|| no("it has no scheme"))?;
        let scheme = Scheme::parse(scheme).ok_or_else(|| no("the scheme must be http or https"))?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains('@') {
            return Err(no("it must not hold a user name"));
        }
        let (host, port) = split_port(rest).ok_or_else(|| no("the port is no number from 1 to 65535"))?;
        let host = host.to_ascii_lowercase();
        let (below, name) = match host.strip_prefix("*.") {
            Some(domain) => (true, domain.to_owned()),
            None => (false, host),
        };
        let name =
            canonical_host(&name).ok_or_else(|| no("the host must be a name or address, or *.domain"))?;
        Ok(Self {
            scheme,
            host: if below {
                HostPattern::Below(name)
            } else {
                HostPattern::Exact(name)
            },
            port: port.unwrap_or(scheme.default_port()),
        })
    }
}

/// Splits `host:port` or `[v6]:port`; `None` when the port is malformed.
fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    let colon = match text.rfind(']') {
        Some(end) => text[end..].find(':').map(|at| end + at),
        None => text.rfind(':'),
    };
    match colon {
        None => Some((text, None)),
        Some(at) => {
            let port: u16 = text[at + 1..].parse().ok()?;
            (port != 0).then_some((&text[..at], Some(port)))
        }
    }
}

/// The host as requests write it (WHATWG URL, section 3.5): an address has many forms and one of
/// them is sent.
fn canonical_host(name: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:[]".contains(c);
    if name.is_empty() || name.len() > 253 || !name.chars().all(plain) || name.split('.').any(str::is_empty) {
        return None;
    }
    url::Host::parse(name).ok().map(|host| host.to_string())
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (star, host) = match &self.host {
            HostPattern::Exact(host) => ("", host),
            HostPattern::Below(host) => ("*.", host),
        };
        write!(f, "{}://{star}{host}", self.scheme.name())?;
        if self.port != self.scheme.default_port() {
            write!(f, ":{}", self.port)?;
        }
        Ok(())
    }
}
