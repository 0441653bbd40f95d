//! The address by which clients reach the service.

use std::fmt;
use std::str::FromStr;

use url::Url;

/// The base of the links in answers: `https://hooks.example.org`, perhaps with a path that a proxy
/// takes off again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(String);

/// A text that is no such address.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an http or https address without user, query and fragment")]
pub struct InvalidPublicUrl;

impl PublicUrl {
    /// The address of a path of ours, which begins with `/`.
    #[must_use]
    pub fn of(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// Whether clients come by https.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// Scheme, host and port as a browser names them in `Origin`.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.0.split_at(self.path_start()).0
    }

    /// The path that a proxy takes off again; empty when it takes none.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.0.split_at(self.path_start()).1
    }

    /// Where the path begins, which is the end when there is none.
    fn path_start(&self) -> usize {
        let host = self.0.find("://").map_or(0, |at| at + "://".len());
        self.0[host..].find('/').map_or(self.0.len(), |at| host + at)
    }
}

impl FromStr for PublicUrl {
    type Err = InvalidPublicUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|_| InvalidPublicUrl)?;
        let plain = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if !plain || !["http", "https"].contains(&url.scheme()) || !url.has_host() {
            return Err(InvalidPublicUrl);
        }
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_takes_paths() {
        for (text, want) in [
            ("https://hooks.example.org", "https://hooks.example.org/api/"),
            (
                "https://hooks.example.org:8443/",
                "https://hooks.example.org:8443/api/",
            ),
            ("http://Example.org/yard/", "http://example.org/yard/api/"),
        ] {
            assert_eq!(text.parse::<PublicUrl>().expect(text).of("/api/"), want);
        }
        let url = |text: &str| text.parse::<PublicUrl>().expect(text);
        let (plain, below) = (
            url("https://hooks.example.org:8443/"),
            url("http://example.org/yard/"),
        );
        assert_eq!(
            (plain.origin(), plain.prefix()),
            ("https://hooks.example.org:8443", "")
        );
        assert_eq!((below.origin(), below.prefix()), ("http://example.org", "/yard"));
        assert!(plain.is_https() && !below.is_https());
        for wrong in [
            "",
            "hooks.example.org",
            "ftp://example.org",
            "https://user@example.org",
            "https://example.org/?a",
            "https://example.org/#a",
        ] {
            assert_eq!(wrong.parse::<PublicUrl>(), Err(InvalidPublicUrl), "{wrong}");
        }
    }
}
