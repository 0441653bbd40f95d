//! `[retention]`: how long events are kept, and what is taken out of them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::{Place, PluginsFileError};
use crate::domain::event::MAX_NAME_CHARS;
use crate::domain::redaction::{BadPointer, MAX_POINTERS, Pointer, WHOLE_BODY};
use crate::domain::retention::{RedactAfter, RedactWhat, Retention, RetentionRule};

/// Least age that can be set: what is younger may still be on its way through.
const MIN_AGE: Duration = Duration::from_mins(1);
/// Most: past it a mistake is likelier than a wish.
const MAX_AGE: Duration = Duration::from_hours(24 * 36_525);

/// The section as it is written.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawRetention {
    max_age: Option<Age>,
    max_events: Option<Spanned<u64>>,
    purge_failed: Option<bool>,
    failed_max_age: Option<Age>,
    redact: Option<Spanned<Vec<Spanned<String>>>>,
    redact_after: Option<RawRedactAfter>,
    audit_max_age: Option<Age>,
    sources: BTreeMap<Spanned<String>, RawRule>,
}

/// The section of one source.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct RawRule {
    max_age: Option<Age>,
    max_events: Option<Spanned<u64>>,
    purge_failed: Option<bool>,
    failed_max_age: Option<Age>,
    redact: Option<Spanned<Vec<Spanned<String>>>>,
    redact_after: Option<RawRedactAfter>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRedactAfter {
    age: Age,
    pointers: Spanned<RawWhat>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "\"body\" or a list of JSON pointers")]
enum RawWhat {
    Word(String),
    Pointers(Vec<String>),
}

/// A length of time from a minute to 100 years, such as `"90d"`.
#[derive(Clone, Copy)]
struct Age(Duration);

impl<'de> Deserialize<'de> for Age {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let text = String::deserialize(deserializer)?;
        match humantime::parse_duration(&text) {
            Ok(age) if (MIN_AGE..=MAX_AGE).contains(&age) => Ok(Self(age)),
            Ok(_) => Err(D::Error::custom(format!(
                "`{text}` must be from 1 minute to 100 years"
            ))),
            Err(_) => Err(D::Error::custom(format!(
                "`{text}` is no time; write it like \"12h\", \"30d\" or \"1y\""
            ))),
        }
    }
}

/// The rules of the section.
pub(super) fn retention(raw: RawRetention, place: Place<'_>) -> Result<Retention, PluginsFileError> {
    let audit_max_age = raw.audit_max_age.map(|age| age.0);
    let own = RawRule {
        max_age: raw.max_age,
        max_events: raw.max_events,
        purge_failed: raw.purge_failed,
        failed_max_age: raw.failed_max_age,
        redact: raw.redact,
        redact_after: raw.redact_after,
    };
    let general = rule(own, &RetentionRule::default(), place)?;
    let mut sources = BTreeMap::new();
    for (name, raw) in raw.sources {
        let chars = name.get_ref().chars().count();
        if chars == 0 || chars > MAX_NAME_CHARS {
            let message = format!("a source's name has 1 to {MAX_NAME_CHARS} characters");
            return Err(place.wrong(&name, message));
        }
        sources.insert(name.into_inner(), rule(raw, &general, place)?);
    }
    Ok(Retention {
        general,
        sources,
        audit_max_age,
    })
}

/// A rule; what it does not say, `general` says.
fn rule(raw: RawRule, general: &RetentionRule, place: Place<'_>) -> Result<RetentionRule, PluginsFileError> {
    let redact = match raw.redact {
        None => general.redact.clone(),
        Some(pointers) => {
            bounded(&pointers, pointers.get_ref().len(), place)?;
            let read = |text: &Spanned<String>| {
                text.get_ref()
                    .parse()
                    .map_err(|e: BadPointer| place.wrong(text, e.to_string()))
            };
            pointers.get_ref().iter().map(read).collect::<Result<_, _>>()?
        }
    };
    let redact_after = match raw.redact_after {
        None => general.redact_after.clone(),
        Some(after) => Some(RedactAfter {
            age: after.age.0,
            what: what(&after.pointers, place)?,
        }),
    };
    if let Some(count) = raw.max_events.as_ref().filter(|count| *count.get_ref() == 0) {
        return Err(place.wrong(count, "must be at least 1".to_owned()));
    }
    Ok(RetentionRule {
        max_age: raw.max_age.map(|age| age.0).or(general.max_age),
        max_events: raw.max_events.map(Spanned::into_inner).or(general.max_events),
        purge_failed: raw.purge_failed.unwrap_or(general.purge_failed),
        failed_max_age: raw.failed_max_age.map(|age| age.0).or(general.failed_max_age),
        redact,
        redact_after,
    })
}

fn what(raw: &Spanned<RawWhat>, place: Place<'_>) -> Result<RedactWhat, PluginsFileError> {
    match raw.get_ref() {
        RawWhat::Word(word) if word == WHOLE_BODY => Ok(RedactWhat::Body),
        RawWhat::Word(word) => {
            let message = format!("`{word}` is neither \"body\" nor a list of JSON pointers");
            Err(place.wrong(raw, message))
        }
        RawWhat::Pointers(texts) => {
            bounded(raw, texts.len(), place)?;
            let pointers: Result<Vec<Pointer>, BadPointer> = texts.iter().map(|text| text.parse()).collect();
            pointers
                .map(RedactWhat::Pointers)
                .map_err(|e| place.wrong(raw, e.to_string()))
        }
    }
}

fn bounded<T>(value: &Spanned<T>, count: usize, place: Place<'_>) -> Result<(), PluginsFileError> {
    if (1..=MAX_POINTERS).contains(&count) {
        return Ok(());
    }
    Err(place.wrong(value, format!("must have 1 to {MAX_POINTERS} JSON pointers")))
}
