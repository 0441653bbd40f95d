//! The entries `[[plugins.NAME.schedules]]`.

use toml::Spanned;

use super::raw::RawSchedule;
use super::{Place, PluginsFileError, json_of};
use crate::domain::schedule::{Cron, InvalidCron, ScheduleName, ScheduleSpec, UnknownZone, Zone};

/// Most schedules of one plugin: past it a mistake is likelier than a wish.
const MAX_SCHEDULES: usize = 100;

/// Largest `input`, in bytes of JSON: it is stored with every tick.
const MAX_INPUT_BYTES: usize = 64 << 10;

/// Checks a plugin's schedules; each gets a name of its own.
pub(super) fn specs(raw: Vec<RawSchedule>, place: Place<'_>) -> Result<Vec<ScheduleSpec>, PluginsFileError> {
    let mut specs: Vec<ScheduleSpec> = Vec::with_capacity(raw.len());
    for raw in raw {
        // Names point at their key where there is one, else at the expression they are taken from.
        let named = raw.name.clone().unwrap_or_else(|| raw.cron.clone());
        if specs.len() == MAX_SCHEDULES {
            return Err(place.wrong(&named, format!("a plugin has at most {MAX_SCHEDULES} schedules")));
        }
        let spec = spec(&raw, &named, place)?;
        if specs.iter().any(|other| other.name == spec.name) {
            let message = format!(
                "another schedule of this plugin is named `{}` already; give each a `name` of its own \
                 (without one it is named by its `cron`)",
                spec.name
            );
            return Err(place.wrong(&named, message));
        }
        specs.push(spec);
    }
    Ok(specs)
}

fn spec(
    raw: &RawSchedule,
    named: &Spanned<String>,
    place: Place<'_>,
) -> Result<ScheduleSpec, PluginsFileError> {
    let cron: Cron = raw
        .cron
        .get_ref()
        .parse()
        .map_err(|e: InvalidCron| place.wrong(&raw.cron, format!("`cron` cannot be read: {e}")))?;
    let name: ScheduleName = named
        .get_ref()
        .trim()
        .parse()
        .map_err(|e| place.wrong(named, format!("{e}")))?;
    let zone = match &raw.timezone {
        None => Zone::default(),
        Some(text) => text
            .get_ref()
            .parse()
            .map_err(|e: UnknownZone| place.wrong(text, format!("`timezone` {e}")))?,
    };
    Ok(ScheduleSpec {
        name,
        cron,
        zone,
        input: input(raw.input.as_ref(), place)?,
        overlap: raw.overlap,
        catch_up: raw.catch_up,
    })
}

fn input(
    raw: Option<&Spanned<toml::Table>>,
    place: Place<'_>,
) -> Result<serde_json::Value, PluginsFileError> {
    let Some(table) = raw else {
        return Ok(serde_json::json!({}));
    };
    let input = json_of(table, place)?;
    if input.to_string().len() > MAX_INPUT_BYTES {
        let message = format!("`input` is larger than {} KiB as JSON", MAX_INPUT_BYTES >> 10);
        return Err(place.wrong(table, message));
    }
    Ok(input)
}
