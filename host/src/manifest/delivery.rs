//! How a plugin's deliveries are paced, ordered and stopped: `limits.rate`, `retry.order-by`, `breaker`.

use toml::Spanned;

use super::raw::breaker::{RawBreaker, RawPolicy};
use super::{Bounds, Place, PluginsFileError, count};
use crate::domain::breaker::BreakerPolicy;
use crate::domain::order::{InvalidPointer, OrderBy};
use crate::domain::rate::{InvalidRate, MAX_AMOUNT, Rate};

/// Most failures in a row that a breaker may wait for: past it a mistake is likelier than a wish.
const MAX_FAILURES: u32 = 1_000;

/// The rate and how much of it may come at once.
pub(super) fn rate(
    rate: Option<&Spanned<String>>,
    burst: Option<&Spanned<u32>>,
    place: Place<'_>,
) -> Result<Option<Rate>, PluginsFileError> {
    let Some(text) = rate else {
        return match burst {
            Some(burst) => Err(place.wrong(
                burst,
                "`burst` says how much of `rate` may come at once; set `rate` too".to_owned(),
            )),
            None => Ok(None),
        };
    };
    let rate: Rate = text
        .get_ref()
        .parse()
        .map_err(|e: InvalidRate| place.wrong(text, e.to_string()))?;
    let bounds = Bounds {
        least: 1,
        most: MAX_AMOUNT,
    };
    Ok(Some(rate.with_burst(count(burst, rate.burst(), &bounds, place)?)))
}

/// The place of the order key.
pub(super) fn order_by(
    raw: Option<&Spanned<String>>,
    place: Place<'_>,
) -> Result<Option<OrderBy>, PluginsFileError> {
    raw.map(|text| {
        let parsed = text.get_ref().parse();
        parsed.map_err(|e: InvalidPointer| place.wrong(text, e.to_string()))
    })
    .transpose()
}

/// When the breaker opens; `None` when it is off.
pub(super) fn breaker(raw: RawBreaker, place: Place<'_>) -> Result<Option<BreakerPolicy>, PluginsFileError> {
    let RawBreaker::On(raw) = raw else {
        return Ok(None);
    };
    let default = BreakerPolicy::default();
    let RawPolicy {
        failures,
        window,
        open,
        max_open,
    } = raw;
    let bounds = Bounds {
        least: 1,
        most: MAX_FAILURES,
    };
    let first = open.as_ref().map_or(default.open, |value| value.get_ref().0);
    let most = max_open.map_or(default.max_open.max(first), |value| value.0);
    if let Some(open) = open.filter(|_| first > most) {
        let message = "`open` is longer than `max-open`, up to which it doubles".to_owned();
        return Err(place.wrong(&open, message));
    }
    Ok(Some(BreakerPolicy {
        failures: count(failures.as_ref(), default.failures, &bounds, place)?,
        window: window.map_or(default.window, |value| value.0),
        open: first.min(most),
        max_open: most,
    }))
}
