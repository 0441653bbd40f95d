//! What a plugin may reach: patterns for HTTP requests, secrets by name, permissions.

mod narrow;
mod origin;
mod secret;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

pub use self::origin::Origin;
pub use self::secret::{InvalidStoredName, SecretGrant, SecretKind, SecretSource, StoredName};
use super::words::words;

/// Everything the operator grants one plugin. Nothing is granted by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    pub http: Vec<HttpPattern>,
    pub secrets: BTreeMap<String, SecretGrant>,
    pub permissions: BTreeSet<Permission>,
    pub private_network: PrivateNetwork,
}

/// A right beside HTTP and secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// Reading stored scripts.
    ReadProcesses,
    /// Setting the header `Authorization` itself toward an origin that a secret is bound to.
    OwnAuthorization,
}

words!(Permission, "permission" {
    ReadProcesses = "read-processes",
    OwnAuthorization = "own-authorization",
});

/// Which granted origins may resolve to loopback or private addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PrivateNetwork {
    #[default]
    None,
    All,
    Only(Vec<Origin>),
}

/// The parts of a request that grants speak of. Host in lower case, path as it will be sent,
/// without the query.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    pub method: &'a str,
    pub scheme: &'a str,
    pub host: &'a str,
    pub port: u16,
    pub path: &'a str,
}

/// One grant or ask: `METHOD scheme://host[:port]/path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpPattern {
    /// `None` for `*`.
    method: Option<String>,
    origin: Origin,
    path: Vec<PathPart>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum PathPart {
    Segment(String),
    /// `*`: one segment, not empty.
    One,
    /// `**`: any rest; only at the end.
    Rest,
}

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}: {why}")]
pub struct InvalidPattern {
    text: String,
    what: &'static str,
    why: &'static str,
}

impl HttpPattern {
    /// The origin part.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Whether this pattern covers a request. A path with empty, `.` or `..` segments, encoded or
    /// not, is covered by none: servers disagree about what it means.
    #[must_use]
    pub fn matches(&self, target: &Target<'_>) -> bool {
        self.method
            .as_deref()
            .is_none_or(|method| method == target.method)
            && self.origin.matches(target.scheme, target.host, target.port)
            && path_matches(&self.path, target.path)
    }
}

impl Target<'_> {
    /// Whether servers disagree about what the path means; then no pattern covers it.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        segments(self.path).is_none_or(|segments| is_ambiguous(&segments))
    }
}

/// What stands between the slashes of a path; `None` when it does not begin with one.
fn segments(path: &str) -> Option<Vec<&str>> {
    let path = path.strip_prefix('/')?;
    Some(if path.is_empty() {
        Vec::new()
    } else {
        path.split('/').collect()
    })
}

fn is_ambiguous(segments: &[&str]) -> bool {
    let ambiguous = |(at, segment): (usize, &&str)| {
        let decoded = segment.to_ascii_lowercase().replace("%2e", ".");
        (segment.is_empty() && at + 1 != segments.len())
            || decoded == "."
            || decoded == ".."
            || decoded.contains("%2f")
            || decoded.contains("%5c")
            || decoded.contains('\\')
    };
    segments.iter().enumerate().any(ambiguous)
}

fn path_matches(pattern: &[PathPart], path: &str) -> bool {
    let Some(segments) = segments(path).filter(|segments| !is_ambiguous(segments)) else {
        return false;
    };
    let mut rest = segments.iter();
    for part in pattern {
        match part {
            PathPart::Rest => return true,
            PathPart::One => match rest.next() {
                Some(segment) if !segment.is_empty() => {}
                _ => return false,
            },
            PathPart::Segment(wanted) => match rest.next() {
                Some(segment) if segment == wanted => {}
                _ => return false,
            },
        }
    }
    rest.next().is_none()
}

impl FromStr for HttpPattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WHAT: &str = "a grant (METHOD scheme://host[:port]/path)";
        let no = |why| InvalidPattern {
            text: text.to_owned(),
            what: WHAT,
            why,
        };
        let (method, url) = text
            .split_once(' ')
            .ok_or_else(|| no("a method, or *, comes first"))?;
        let url = url.trim_start();
        let method = match method {
            "*" => None,
            name if name.chars().all(|c| c.is_ascii_uppercase()) => Some(name.to_owned()),
            _ => return Err(no("the method must be upper case, or *")),
        };
        let after_scheme = url
            .find("://")
            .map(|at| at + 3)
            .ok_or_else(|| no("it has no scheme"))?;
        let slash = url[after_scheme..].find('/').map(|at| at + after_scheme);
        let slash = slash.ok_or_else(|| no("it has no path; write /** for any"))?;
        let origin = url[..slash].parse().map_err(|e: InvalidPattern| no(e.why))?;
        let path = &url[slash + 1..];
        if path.contains(['?', '#']) {
            return Err(no("queries and fragments are not part of a grant"));
        }
        let parts: Vec<&str> = if path.is_empty() {
            Vec::new()
        } else {
            path.split('/').collect()
        };
        let last = parts.len().saturating_sub(1);
        let path = parts
            .iter()
            .enumerate()
            .map(|(at, part)| match *part {
                "**" if at == last => Ok(PathPart::Rest),
                "*" => Ok(PathPart::One),
                part if part.contains('*') => Err(no(
                    "* stands for a whole segment, ** only for the end of the path",
                )),
                part => Ok(PathPart::Segment(part.to_owned())),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { method, origin, path })
    }
}

impl fmt::Display for HttpPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/", self.method.as_deref().unwrap_or("*"), self.origin)?;
        for (at, part) in self.path.iter().enumerate() {
            let slash = if at == 0 { "" } else { "/" };
            match part {
                PathPart::Segment(segment) => write!(f, "{slash}{segment}")?,
                PathPart::One => write!(f, "{slash}*")?,
                PathPart::Rest => write!(f, "{slash}**")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(pattern: &str, method: &str, url: &str) -> bool {
        let pattern: HttpPattern = pattern.parse().expect("a pattern");
        let url = url::Url::parse(url).expect("a URL");
        pattern.matches(&Target {
            method,
            scheme: url.scheme(),
            host: url.host_str().unwrap_or(""),
            port: url.port_or_known_default().unwrap_or(0),
            path: url.path(),
        })
    }

    #[test]
    fn a_pattern_covers_what_it_says_and_no_more() {
        assert!(covers(
            "POST https://slack.com/api/*",
            "POST",
            "https://slack.com/api/auth.test"
        ));
        assert!(!covers(
            "POST https://slack.com/api/*",
            "GET",
            "https://slack.com/api/auth.test"
        ));
        assert!(!covers(
            "POST https://slack.com/api/*",
            "POST",
            "http://slack.com/api/auth.test"
        ));
        assert!(!covers(
            "POST https://slack.com/api/*",
            "POST",
            "https://slack.com:8443/api/auth.test"
        ));
        assert!(!covers(
            "POST https://slack.com/api/*",
            "POST",
            "https://slack.com/api/a/b"
        ));
        assert!(!covers(
            "POST https://slack.com/api/*",
            "POST",
            "https://slack.com/api/"
        ));
        assert!(covers(
            "* https://slack.com/api/**",
            "PUT",
            "https://slack.com/api/a/b"
        ));
        assert!(covers(
            "* https://*.slack.com/**",
            "PUT",
            "https://a.b.slack.com/"
        ));
        assert!(!covers("* https://*.slack.com/**", "PUT", "https://slack.com/"));
        assert!(!covers(
            "* https://*.slack.com/**",
            "PUT",
            "https://evilslack.com/"
        ));
        assert!(covers("* http://[::1]:80/**", "GET", "http://[::1]/x"));
        assert!(covers(
            "* http://[::ffff:127.0.0.1]/**",
            "GET",
            "http://[::ffff:7f00:1]/x"
        ));
        assert!(!covers(
            "* https://a.com/api/**",
            "GET",
            "https://a.com/api/%2e%2e%2fadmin"
        ));
    }

    #[test]
    fn patterns_print_as_they_are_written() {
        for text in [
            "POST https://slack.com/api/*",
            "* http://127.0.0.1:8080/**",
            "GET https://*.a.com/x/*/y",
        ] {
            assert_eq!(text.parse::<HttpPattern>().expect("a pattern").to_string(), text);
        }
    }

    #[test]
    fn malformed_patterns_say_why() {
        for (text, why) in [
            ("https://a.com/", "a method, or *, comes first"),
            ("post https://a.com/", "the method must be upper case, or *"),
            ("POST ftp://a.com/", "the scheme must be http or https"),
            ("POST https://a.com", "it has no path; write /** for any"),
            ("POST https://u@a.com/", "it must not hold a user name"),
            (
                "POST https://a.com/x*y",
                "* stands for a whole segment, ** only for the end of the path",
            ),
            ("POST https://a.com:0/", "the port is no number from 1 to 65535"),
        ] {
            assert_eq!(text.parse::<HttpPattern>().expect_err(text).why, why);
        }
    }
}
