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
