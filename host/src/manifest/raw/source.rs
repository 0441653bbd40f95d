//! `[sources.NAME]` as it is written.

use std::fmt;

use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::Time;
use super::secret::RawSecretName;
use crate::domain::source::scheme::{Encoding, StampFormat};
use crate::domain::source::{Format, Verifier};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::manifest) struct RawSource {
    pub verify: Spanned<Verifier>,
    pub secret: Option<Spanned<RawSecrets>>,
    pub tolerance: Option<Spanned<Time>>,
    pub dedupe: Option<Spanned<RawDedupe>>,
    #[serde(rename = "type")]
    pub event_type: Option<Spanned<RawPick>>,
    pub format: Option<Format>,
    pub origins: Option<Spanned<Vec<String>>>,
    /// A word of `Algorithm` or of `MessageAlgorithm`, as `verify` has it.
    pub algorithm: Option<Spanned<String>>,
    pub encoding: Option<Spanned<Encoding>>,
    pub header: Option<Spanned<String>>,
    pub prefix: Option<Spanned<String>>,
    pub signed: Option<Spanned<String>>,
    pub timestamp_header: Option<Spanned<String>>,
    pub timestamp_format: Option<Spanned<StampFormat>>,
    pub components: Option<Spanned<Vec<String>>>,
    pub tag: Option<Spanned<String>>,
}

/// One name of a secret, or a list of them.
pub(in crate::manifest) struct RawSecrets(pub Vec<RawSecretName>);

impl<'de> Deserialize<'de> for RawSecrets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = RawSecrets;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"env:NAME\", \"file:PATH\", \"stored:NAME\", or a list of them")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(RawSecrets(vec![text.parse().map_err(E::custom)?]))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = seq.next_element()? {
                    names.push(name);
                }
                Ok(RawSecrets(names))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// `{ header = "…" }` or `{ pointer = "…" }`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::manifest) struct RawPick {
    pub header: Option<String>,
    pub pointer: Option<String>,
}

/// `"off"`, or a table.
pub(in crate::manifest) enum RawDedupe {
    Off,
    On(RawDedupeTable),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::manifest) struct RawDedupeTable {
    pub window: Option<Time>,
    pub header: Option<String>,
    pub pointer: Option<String>,
}

impl<'de> Deserialize<'de> for RawDedupe {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = RawDedupe;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"off\", or a table with `window` and one of `header` and `pointer`")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                match text {
                    "off" => Ok(RawDedupe::Off),
                    other => Err(E::invalid_value(serde::de::Unexpected::Str(other), &self)),
                }
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                RawDedupeTable::deserialize(serde::de::value::MapAccessDeserializer::new(map))
                    .map(RawDedupe::On)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}
