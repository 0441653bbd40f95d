//! Where a plugin's component comes from.

use std::fmt;
use std::path::{Path, PathBuf};

use url::{Host, Url};

/// The place of a component. What is fetched is named by its digest, so that it is fetched once and
/// nobody can put something else there. Is shown without an address's query, which may hold a token.
#[derive(Clone, PartialEq, Eq)]
pub enum ComponentSource {
    /// A file of this machine, which is watched.
    File(PathBuf),
    /// An address; the section's `sha256` says what it must hold.
    Web(Url),
    /// An artifact of an OCI registry.
    Oci(OciSource),
}

/// `oci://REGISTRY/NAME@sha256:DIGEST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OciSource {
    /// Host and port.
    pub registry: String,
    pub repository: String,
    /// SHA-256 of the manifest, in hex.
    pub digest: String,
}

/// Why a text is no place of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSource {
    #[error("`component` is empty; name the plugin's .wasm file")]
    Empty,
    #[error("`component` can be a .wasm file, https://… or oci://…")]
    Scheme,
    #[error("`component` is no address that can be fetched; write https://HOST/PATH without a user name")]
    Address,
    #[error(
        "`component` is fetched without TLS only from this machine (localhost, 127.0.0.1); write https://…"
    )]
    NoTls,
    #[error(
        "`component` names no artifact by its digest; write oci://REGISTRY/NAME@sha256: and the 64 digits that \
         the registry shows"
    )]
    Oci,
}

impl ComponentSource {
    /// Reads what `component` says; a relative path is below `base`.
    ///
    /// # Errors
    /// When it is no place of a component.
    pub fn parse(text: &str, base: &Path) -> Result<Self, InvalidSource> {
        match text.split_once("://") {
            _ if text.is_empty() => Err(InvalidSource::Empty),
            None => Ok(Self::File(base.join(text))),
            Some(("https" | "http", _)) => web(text).map(Self::Web),
            Some(("oci", rest)) => OciSource::parse(rest).map(Self::Oci).ok_or(InvalidSource::Oci),
            Some(_) => Err(InvalidSource::Scheme),
        }
    }

    /// The file, when it is one of this machine.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Web(_) | Self::Oci(_) => None,
        }
    }

    /// The file that holds the signature of a component that is a file: `FILE.sig`.
    #[must_use]
    pub fn signature_file(&self) -> Option<PathBuf> {
        let mut name = self.file()?.as_os_str().to_owned();
        name.push(".sig");
        Some(PathBuf::from(name))
    }
}

fn web(text: &str) -> Result<Url, InvalidSource> {
    let url = Url::parse(text).map_err(|_| InvalidSource::Address)?;
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(InvalidSource::Address);
    }
    let local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return Err(InvalidSource::Address),
    };
    if url.scheme() == "http" && !local {
        return Err(InvalidSource::NoTls);
    }
    Ok(url)
}

impl OciSource {
    fn parse(text: &str) -> Option<Self> {
        let (name, digest) = text.split_once("@sha256:")?;
        let (registry, repository) = name.split_once('/')?;
        let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_./".contains(c);
        let host = |c: char| c.is_ascii_alphanumeric() || "-.:[]".contains(c);
        let fits = digest.len() == 64
            && digest.chars().all(hex)
            && !registry.is_empty()
            && registry.chars().all(host)
            && !repository.is_empty()
            && repository.chars().all(plain);
        fits.then(|| Self {
            registry: registry.to_owned(),
            repository: repository.to_owned(),
            digest: digest.to_owned(),
        })
    }

    /// Whether the registry is on this machine, where plain HTTP will do.
    #[must_use]
    pub fn is_local(&self) -> bool {
        let host = self
            .registry
            .rsplit_once(':')
            .map_or(&*self.registry, |(host, _)| host);
        ["localhost", "127.0.0.1", "[::1]"].contains(&host)
    }
}

impl From<PathBuf> for ComponentSource {
    fn from(file: PathBuf) -> Self {
        Self::File(file)
    }
}

impl fmt::Display for OciSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "oci://{}/{}@sha256:{}",
            self.registry, self.repository, self.digest
        )
    }
}

impl fmt::Display for ComponentSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Web(url) if url.query().is_some() => {
                let mut shown = url.clone();
                shown.set_query(None);
                write!(f, "{shown}?…")
            }
            Self::Web(url) => write!(f, "{url}"),
            Self::Oci(oci) => write!(f, "{oci}"),
        }
    }
}

impl fmt::Debug for ComponentSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_and_written() {
        let digest = "0".repeat(64);
        let base = Path::new("/etc/hookyard");
        let oci = format!("oci://ghcr.io/acme/notes@sha256:{digest}");
        for (text, shown) in [
            ("notes.wasm", "/etc/hookyard/notes.wasm"),
            ("/opt/notes.wasm", "/opt/notes.wasm"),
            ("https://example.com/notes.wasm", "https://example.com/notes.wasm"),
            (
                "http://127.0.0.1:8080/notes.wasm",
                "http://127.0.0.1:8080/notes.wasm",
            ),
            (
                "https://example.com/notes.wasm?token=geheim",
                "https://example.com/notes.wasm?…",
            ),
            (&oci, &oci),
        ] {
            let source = ComponentSource::parse(text, base).expect("a source");
            assert_eq!(
                (source.to_string(), format!("{source:?}")),
                (shown.to_owned(), shown.to_owned())
            );
        }
        for (text, why) in [
            ("", InvalidSource::Empty),
            ("ftp://example.com/x", InvalidSource::Scheme),
            ("http://example.com/x", InvalidSource::NoTls),
            ("https://user:pw@example.com/x", InvalidSource::Address),
            ("oci://ghcr.io/acme/notes:latest", InvalidSource::Oci),
            ("oci://ghcr.io@sha256:00", InvalidSource::Oci),
        ] {
            assert_eq!(ComponentSource::parse(text, base), Err(why), "{text}");
        }
    }
}
