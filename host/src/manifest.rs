//! `plugins.toml`: the operator's file, read into [`PluginSpec`]s and [`SourceSpec`]s. Pure: text in,
//! specs or one error with its place out.

mod delivery;
mod error;
mod expressions;
mod raw;
mod retention;
mod schedules;
mod sources;

use std::path::Path;

use toml::Spanned;

pub use error::PluginsFileError;

use crate::domain::grant::{Grants, InvalidPattern};
use crate::domain::plugin::{ComponentSource, Limits, MAX_BATCH, PluginName, PluginSpec};
use crate::domain::retention::Retention;
use crate::domain::retry::{Backoff, RetryPolicy};
use crate::domain::route::Route;
use crate::domain::source::SourceSpec;
use raw::{RawFile, RawGrants, RawLimits, RawPlugin, RawRetry, RawRoute};

/// Largest `plugins.toml` that is read, in bytes: a hundred plugins fit in a twentieth of it.
pub const MAX_FILE_BYTES: u64 = 1 << 20;

/// The checked content of one `plugins.toml`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PluginsFile {
    /// By name.
    pub plugins: Vec<PluginSpec>,
    /// How long events are kept.
    pub retention: Retention,
    /// By name.
    pub sources: Vec<SourceSpec>,
}

impl PluginsFile {
    /// Reads and checks the file.
    ///
    /// # Errors
    /// When it cannot be read or is not right as a whole; then nothing of it counts.
    pub fn read(path: &Path) -> Result<Self, PluginsFileError> {
        Self::parse(&Self::text(path)?, path)
    }

    /// The file's text, when it is of a size that is read.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn text(path: &Path) -> Result<String, PluginsFileError> {
        let size = std::fs::metadata(path)
            .map_err(|e| PluginsFileError::unreadable(path, &e))?
            .len();
        if size > MAX_FILE_BYTES {
            return Err(PluginsFileError::too_large(path, size));
        }
        std::fs::read_to_string(path).map_err(|e| PluginsFileError::unreadable(path, &e))
    }

    /// Checks `text` as the content of `path`, to which relative paths in it are relative.
    ///
    /// # Errors
    /// The first thing that is wrong, with line and column.
    pub fn parse(text: &str, path: &Path) -> Result<Self, PluginsFileError> {
        let raw: RawFile = toml::from_str(text).map_err(|e| PluginsFileError::syntax(path, text, &e))?;
        let place = Place { path, text };
        let base = std::path::absolute(path).map_err(|e| PluginsFileError::unreadable(path, &e))?;
        let base = base.parent().map(Path::to_path_buf).unwrap_or_default();
        let plugins = raw
            .plugins
            .into_iter()
            .map(|(name, plugin)| plugin_spec(name, plugin, &base, place))
            .collect::<Result<_, _>>()?;
        let retention = retention::retention(raw.retention, place)?;
        let sources = raw
            .sources
            .into_iter()
            .map(|(name, source)| sources::spec(name, source, &base, place))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            plugins,
            retention,
            sources,
        })
    }

    /// The spec of one plugin.
    #[must_use]
    pub fn plugin(&self, name: &PluginName) -> Option<&PluginSpec> {
        self.plugins.iter().find(|spec| &spec.name == name)
    }
}

/// What errors point into.
#[derive(Clone, Copy)]
struct Place<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Place<'_> {
    fn wrong<T>(self, value: &Spanned<T>, message: String) -> PluginsFileError {
        PluginsFileError::at(self.path, self.text, value.span(), message)
    }
}

fn plugin_spec(
    name: PluginName,
    raw: RawPlugin,
    base: &Path,
    place: Place<'_>,
) -> Result<PluginSpec, PluginsFileError> {
    let component = component_source(&raw, base, place)?;
    if let Some(digest) = &raw.sha256 {
        let text = digest.get_ref();
        if text.len() != 64
            || !text
                .chars()
                .all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c))
        {
            let message = "`sha256` must be 64 lower-case hexadecimal digits, as `sha256sum` prints them";
            return Err(place.wrong(digest, message.to_owned()));
        }
    }
    let config = raw
        .config
        .map_or_else(|| Ok(serde_json::json!({})), |table| json_of(&table, place))?;
    Ok(PluginSpec {
        name,
        enabled: raw.enabled,
        paused: raw.paused,
        component,
        sha256: raw.sha256.map(Spanned::into_inner),
        signed_by: raw.signed_by.map(|key| base.join(key)),
        rollback_after: raw
            .rollback_after
            .map(|value| {
                let bounds = Bounds {
                    least: 1,
                    most: MAX_TRIAL,
                };
                count(Some(&value), 0, &bounds, place)
            })
            .transpose()?,
        routes: raw
            .routes
            .iter()
            .map(|route| route_of(route, place))
            .collect::<Result<_, _>>()?,
        map: expressions::map(raw.map.as_ref(), place)?,
        schedules: schedules::specs(raw.schedules, place)?,
        grants: grants_of(raw.grants, base, place)?,
        config,
        limits: limits_of(&raw.limits, place)?,
        on_unknown: raw.retry.on_unknown,
        order_by: delivery::order_by(raw.retry.order_by.as_ref(), place)?,
        breaker: delivery::breaker(raw.breaker, place)?,
        retry: retry_of(raw.retry, place)?,
    })
}

fn component_source(
    raw: &RawPlugin,
    base: &Path,
    place: Place<'_>,
) -> Result<ComponentSource, PluginsFileError> {
    let text = &raw.component;
    let source =
        ComponentSource::parse(text.get_ref(), base).map_err(|e| place.wrong(text, e.to_string()))?;
    if matches!(source, ComponentSource::Web(_)) && raw.sha256.is_none() {
        let message =
            "a component that is fetched needs `sha256` beside it, so that nobody can put another there";
        return Err(place.wrong(text, message.to_owned()));
    }
    Ok(source)
}

fn route_of(raw: &Spanned<RawRoute>, place: Place<'_>) -> Result<Route, PluginsFileError> {
    let RawRoute {
        source,
        event_type,
        when,
    } = raw.get_ref();
    let route = Route::new(source, event_type)
        .map_err(|e| place.wrong(raw, format!("this route's glob is malformed: {e}")))?;
    Ok(route.when(expressions::condition(when.as_ref(), place)?))
}

fn grants_of(raw: RawGrants, base: &Path, place: Place<'_>) -> Result<Grants, PluginsFileError> {
    let pattern = |text: &Spanned<String>| {
        text.get_ref()
            .parse()
            .map_err(|e: InvalidPattern| place.wrong(text, e.to_string()))
    };
    Ok(Grants {
        http: raw.http.iter().map(pattern).collect::<Result<_, _>>()?,
        secrets: raw
            .secrets
            .into_iter()
            .map(|(name, secret)| (name, secret.into_grant(base)))
            .collect(),
        permissions: raw.permissions.into_iter().collect(),
        private_network: raw.private_network.into(),
    })
}

/// The least and the most an operator may set, inclusive, and why.
struct Bounds<T> {
    least: T,
    most: T,
}

fn limits_of(raw: &RawLimits, place: Place<'_>) -> Result<Limits, PluginsFileError> {
    let default = Limits::default();
    Ok(Limits {
        memory: bytes(
            raw.memory.as_ref(),
            default.memory,
            &Bounds {
                least: 1 << 20,
                most: 1 << 30,
            },
            place,
        )?,
        timeout: raw.timeout.map_or(default.timeout, |value| value.0),
        cpu: raw.cpu.map_or(default.cpu, |value| value.0),
        concurrency: count(
            raw.concurrency.as_ref(),
            default.concurrency,
            &Bounds { least: 1, most: 256 },
            place,
        )?,
        requests: count(
            raw.requests.as_ref(),
            default.requests,
            &Bounds {
                least: 0,
                most: 100_000,
            },
            place,
        )?,
        request_bytes: bytes(
            raw.request_bytes.as_ref(),
            default.request_bytes,
            &Bounds {
                least: 0,
                most: 1 << 30,
            },
            place,
        )?,
        response_bytes: bytes(
            raw.response_bytes.as_ref(),
            default.response_bytes,
            &Bounds {
                least: 0,
                most: 1 << 30,
            },
            place,
        )?,
        log_bytes: bytes(
            raw.log_bytes.as_ref(),
            default.log_bytes,
            &Bounds {
                least: 0,
                most: 1 << 20,
            },
            place,
        )?,
        batch: count(
            raw.batch.as_ref(),
            default.batch,
            &Bounds {
                least: 1,
                most: MAX_BATCH,
            },
            place,
        )?,
        rate: delivery::rate(raw.rate.as_ref(), raw.burst.as_ref(), place)?,
    })
}

fn bytes(
    raw: Option<&Spanned<raw::Bytes>>,
    default: u64,
    bounds: &Bounds<u64>,
    place: Place<'_>,
) -> Result<u64, PluginsFileError> {
    let Some(value) = raw else { return Ok(default) };
    let size = value.get_ref().0;
    if (bounds.least..=bounds.most).contains(&size) {
        return Ok(size);
    }
    let (least, most) = (bytesize::ByteSize(bounds.least), bytesize::ByteSize(bounds.most));
    Err(place.wrong(value, format!("must be from {least} to {most}")))
}

fn count(
    raw: Option<&Spanned<u32>>,
    default: u32,
    bounds: &Bounds<u32>,
    place: Place<'_>,
) -> Result<u32, PluginsFileError> {
    let Some(value) = raw else { return Ok(default) };
    if (bounds.least..=bounds.most).contains(value.get_ref()) {
        return Ok(*value.get_ref());
    }
    Err(place.wrong(value, format!("must be from {} to {}", bounds.least, bounds.most)))
}

/// Most deliveries of a new build's trial: after more it has long been noticed.
const MAX_TRIAL: u32 = 1_000;

/// Most attempts and most entries of a schedule: past it a mistake is likelier than a wish.
const MAX_ATTEMPTS: u32 = 100;

fn retry_of(raw: RawRetry, place: Place<'_>) -> Result<RetryPolicy, PluginsFileError> {
    let default = RetryPolicy::default();
    let max_age = raw.max_age.map_or(default.max_age, |value| value.0);
    let exponential = raw.base.is_some() || raw.max.is_some() || raw.attempts.is_some();
    if let Some(schedule) = raw.schedule {
        if exponential {
            let message = "`schedule` cannot stand beside `base`, `max` or `attempts`; keep one of the two";
            return Err(place.wrong(&schedule, message.to_owned()));
        }
        if schedule.get_ref().len() >= MAX_ATTEMPTS as usize {
            return Err(place.wrong(&schedule, format!("must have fewer than {MAX_ATTEMPTS} entries")));
        }
        let waits = schedule.into_inner().into_iter().map(|wait| wait.0).collect();
        return Ok(RetryPolicy {
            backoff: Backoff::Schedule(waits),
            max_age,
        });
    }
    let Backoff::Exponential { base, max, attempts } = default.backoff else {
        return Ok(default);
    };
    let attempts = count(
        raw.attempts.as_ref(),
        attempts,
        &Bounds {
            least: 1,
            most: MAX_ATTEMPTS,
        },
        place,
    )?;
    let backoff = Backoff::Exponential {
        base: raw.base.map_or(base, |value| value.0),
        max: raw.max.map_or(max, |value| value.0),
        attempts,
    };
    Ok(RetryPolicy { backoff, max_age })
}

fn json_of(table: &Spanned<toml::Table>, place: Place<'_>) -> Result<serde_json::Value, PluginsFileError> {
    serde_json::to_value(table.get_ref())
        .map(plain_dates)
        .map_err(|e| place.wrong(table, format!("this configuration cannot be told as JSON: {e}")))
}

/// TOML's date-times become their text; serde carries them in a table with a private key.
fn plain_dates(value: serde_json::Value) -> serde_json::Value {
    const DATE_KEY: &str = "$__toml_private_datetime";
    match value {
        serde_json::Value::Object(map) if map.len() == 1 && map.contains_key(DATE_KEY) => {
            map[DATE_KEY].clone()
        }
        serde_json::Value::Object(map) => map
            .into_iter()
            .map(|(key, value)| (key, plain_dates(value)))
            .collect(),
        serde_json::Value::Array(items) => items.into_iter().map(plain_dates).collect(),
        other => other,
    }
}
