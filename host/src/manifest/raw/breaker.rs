//! `[plugins.NAME.breaker]`, or `breaker = "off"`.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::Time;

/// The breaker as it is written.
pub(in crate::manifest) enum RawBreaker {
    Off,
    On(RawPolicy),
}

impl Default for RawBreaker {
    fn default() -> Self {
        Self::On(RawPolicy::default())
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::manifest) struct RawPolicy {
    pub failures: Option<Spanned<u32>>,
    pub window: Option<Time>,
    pub open: Option<Spanned<Time>>,
    pub max_open: Option<Time>,
}

impl<'de> Deserialize<'de> for RawBreaker {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = RawBreaker;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"off\", or a table with failures, window, open and max-open")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<RawBreaker, E> {
                if text == "off" {
                    Ok(RawBreaker::Off)
                } else {
                    Err(E::invalid_value(serde::de::Unexpected::Str(text), &self))
                }
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<RawBreaker, A::Error> {
                RawPolicy::deserialize(MapAccessDeserializer::new(map)).map(RawBreaker::On)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}
