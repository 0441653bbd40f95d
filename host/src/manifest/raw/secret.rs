//! A secret of `[plugins.NAME.grants]` or `[sources.NAME]`: named, never written.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

use super::Parsed;
use crate::domain::grant::{Origin, SecretGrant, SecretKind, SecretSource, StoredName};

/// `"env:NAME"`, `"file:PATH"`, `"stored:NAME"`, or a table with more.
pub(crate) struct RawSecret(RawSecretTable);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSecretTable {
    from: Parsed<RawSecretSource>,
    to: Option<Vec<Parsed<Origin>>>,
    kind: Option<SecretKind>,
    scopes: Option<Scopes>,
}

enum RawSecretSource {
    Env(String),
    File(String),
    Stored(StoredName),
}

impl FromStr for RawSecretSource {
    type Err = &'static str;

    // The text is not repeated in the error: it may be the secret itself, pasted in.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("env", name)) if is_variable_name(name) => Ok(Self::Env(name.to_owned())),
            Some(("env", _)) => Err("after `env:` comes the name of a variable (A-Z, a-z, 0-9 and _)"),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.to_owned())),
            Some(("stored", name)) => name.parse().map(Self::Stored).map_err(
                |_| "after `stored:` comes the name given to `hookyard secrets set` (a-z, 0-9 and -)",
            ),
            _ => {
                Err("a secret is named, not written here: use \"env:NAME\", \"file:PATH\" or \"stored:NAME\"")
            }
        }
    }
}

fn is_variable_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// One or more OAuth scopes.
struct Scopes(Vec<String>);

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let scopes = Vec::<Parsed<Scope>>::deserialize(deserializer)?;
        if scopes.is_empty() {
            return Err(serde::de::Error::custom(
                "`scopes` is empty; name at least one, or leave it out for those that the plugin asks for",
            ));
        }
        Ok(Self(
            scopes.into_iter().map(|Parsed(Scope(scope))| scope).collect(),
        ))
    }
}

/// A `scope-token` of RFC 6749, section 3.3.
struct Scope(String);

impl FromStr for Scope {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
        if text.is_empty() || !text.bytes().all(fits) {
            return Err("a scope is printable ASCII without spaces; write each as an entry of its own");
        }
        Ok(Self(text.to_owned()))
    }
}

/// The name of a secret without more.
pub(in crate::manifest) struct RawSecretName(RawSecretSource);

impl FromStr for RawSecretName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl<'de> Deserialize<'de> for RawSecretName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Parsed::deserialize(deserializer).map(|Parsed(source)| Self(source))
    }
}

impl RawSecretName {
    /// The secret's place, with a relative path below `base`.
    pub(in crate::manifest) fn into_source(self, base: &Path) -> SecretSource {
        self.0.into_source(base)
    }
}

impl RawSecretSource {
    fn into_source(self, base: &Path) -> SecretSource {
        match self {
            Self::Env(name) => SecretSource::Env(name),
            Self::File(path) => SecretSource::File(base.join(path)),
            Self::Stored(name) => SecretSource::Stored(name),
        }
    }
}

impl<'de> Deserialize<'de> for RawSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = RawSecret;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"env:NAME\", \"file:PATH\", \"stored:NAME\", or a table { from = …, to = […] }")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(RawSecret(RawSecretTable {
                    from: Parsed(text.parse().map_err(E::custom)?),
                    to: None,
                    kind: None,
                    scopes: None,
                }))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                RawSecretTable::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(RawSecret)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl RawSecret {
    /// The grant, with a relative path below `base`.
    pub(crate) fn into_grant(self, base: &Path) -> SecretGrant {
        let RawSecretTable {
            from: Parsed(from),
            to,
            kind,
            scopes,
        } = self.0;
        SecretGrant {
            source: from.into_source(base),
            to: to.map(|origins| origins.into_iter().map(|Parsed(origin)| origin).collect()),
            kind,
            scopes: scopes.map(|Scopes(scopes)| scopes),
        }
    }
}
