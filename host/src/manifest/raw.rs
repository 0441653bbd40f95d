//! `plugins.toml` as it is written. Values with a syntax of their own check it while they are read,
//! so that the error points at them; unknown keys are refused.

pub(super) mod breaker;
mod secret;
pub(super) mod source;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use toml::Spanned;

use self::breaker::RawBreaker;
use self::secret::RawSecret;
use self::source::RawSource;
use super::retention::RawRetention;
use crate::domain::delivery::OnUnknown;
use crate::domain::grant::{Origin, Permission, PrivateNetwork};
use crate::domain::plugin::PluginName;
use crate::domain::schedule::{CatchUp, Overlap};
use crate::domain::source::SourceName;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFile {
    #[serde(default)]
    pub plugins: BTreeMap<PluginName, RawPlugin>,
    #[serde(default)]
    pub retention: RawRetention,
    #[serde(default)]
    pub sources: BTreeMap<SourceName, RawSource>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawPlugin {
    #[serde(default = "yes")]
    pub enabled: bool,
    #[serde(default)]
    pub paused: bool,
    pub component: Spanned<String>,
    pub sha256: Option<Spanned<String>>,
    pub signed_by: Option<PathBuf>,
    pub rollback_after: Option<Spanned<u32>>,
    #[serde(default)]
    pub routes: Vec<Spanned<RawRoute>>,
    pub map: Option<Spanned<String>>,
    #[serde(default)]
    pub schedules: Vec<RawSchedule>,
    #[serde(default)]
    pub grants: RawGrants,
    pub config: Option<Spanned<toml::Table>>,
    #[serde(default)]
    pub limits: RawLimits,
    #[serde(default)]
    pub retry: RawRetry,
    #[serde(default)]
    pub breaker: RawBreaker,
}

const fn yes() -> bool {
    true
}

fn any() -> String {
    "*".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRoute {
    #[serde(default = "any")]
    pub source: String,
    #[serde(default = "any", rename = "type")]
    pub event_type: String,
    pub when: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawSchedule {
    pub name: Option<Spanned<String>>,
    pub cron: Spanned<String>,
    pub timezone: Option<Spanned<String>>,
    pub input: Option<Spanned<toml::Table>>,
    #[serde(default)]
    pub overlap: Overlap,
    #[serde(default)]
    pub catch_up: CatchUp,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawGrants {
    /// Parsed later, so that an error points at the one entry.
    pub http: Vec<Spanned<String>>,
    pub secrets: BTreeMap<String, RawSecret>,
    pub permissions: Vec<Permission>,
    pub private_network: RawPrivateNetwork,
}

/// `false`, `true`, or a list of origins.
#[derive(Default)]
pub(super) struct RawPrivateNetwork(PrivateNetwork);

impl From<RawPrivateNetwork> for PrivateNetwork {
    fn from(raw: RawPrivateNetwork) -> Self {
        raw.0
    }
}

impl<'de> Deserialize<'de> for RawPrivateNetwork {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = PrivateNetwork;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false, or a list of origins such as \"http://127.0.0.1:8081\"")
            }

            fn visit_bool<E>(self, all: bool) -> Result<Self::Value, E> {
                Ok(if all {
                    PrivateNetwork::All
                } else {
                    PrivateNetwork::None
                })
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut origins = Vec::new();
                while let Some(Parsed(origin)) = seq.next_element::<Parsed<Origin>>()? {
                    origins.push(origin);
                }
                Ok(PrivateNetwork::Only(origins))
            }
        }
        deserializer.deserialize_any(Visitor).map(Self)
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawLimits {
    pub memory: Option<Spanned<Bytes>>,
    pub timeout: Option<Time>,
    pub cpu: Option<Time>,
    pub concurrency: Option<Spanned<u32>>,
    pub requests: Option<Spanned<u32>>,
    pub request_bytes: Option<Spanned<Bytes>>,
    pub response_bytes: Option<Spanned<Bytes>>,
    pub log_bytes: Option<Spanned<Bytes>>,
    pub batch: Option<Spanned<u32>>,
    pub rate: Option<Spanned<String>>,
    pub burst: Option<Spanned<u32>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawRetry {
    pub schedule: Option<Spanned<Vec<Time>>>,
    pub base: Option<Time>,
    pub max: Option<Time>,
    pub attempts: Option<Spanned<u32>>,
    pub max_age: Option<Time>,
    pub on_unknown: OnUnknown,
    pub order_by: Option<Spanned<String>>,
}

/// A number of bytes, such as `"64MiB"`.
#[derive(Clone, Copy)]
pub(super) struct Bytes(pub u64);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let size: bytesize::ByteSize = text.parse().map_err(|_| {
            serde::de::Error::custom(format!(
                "`{text}` is no size; write it like \"64MiB\" or \"512KiB\""
            ))
        })?;
        Ok(Self(size.as_u64()))
    }
}

/// A length of time above zero and at most 30 days, such as `"30s"` or `"1m 30s"`.
#[derive(Clone, Copy)]
pub(super) struct Time(pub Duration);

/// Longest time a setting may name.
const MAX_TIME: Duration = Duration::from_hours(720);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let text = String::deserialize(deserializer)?;
        let time = humantime::parse_duration(&text).map_err(|_| {
            D::Error::custom(format!(
                "`{text}` is no time; write it like \"500ms\", \"30s\" or \"2h\""
            ))
        })?;
        if time.is_zero() || time > MAX_TIME {
            return Err(D::Error::custom(format!(
                "`{text}` must be more than zero and at most 30 days"
            )));
        }
        Ok(Self(time))
    }
}

/// A value read by its `FromStr`.
struct Parsed<T>(T);

impl<'de, T> Deserialize<'de> for Parsed<T>
where
    T: FromStr,
    T::Err: fmt::Display,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Parsed).map_err(serde::de::Error::custom)
    }
}
