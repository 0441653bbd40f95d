//! What went by between two looks.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::control::{Standing, StandingNode, StandingPlugin};

/// How everything stood at a moment.
pub(super) struct Look {
    pub at: Instant,
    pub standing: Standing,
}

/// How everything stands, and how fast it moves. Also the JSON of `hookyard top --json`.
#[derive(Debug, Serialize)]
pub(super) struct View {
    pub total: Row,
    pub plugins: Vec<Row>,
    pub nodes: Vec<StandingNode>,
}

/// One plugin, or all together.
#[derive(Debug, Default, Serialize)]
pub(super) struct Row {
    #[serde(flatten)]
    pub now: StandingPlugin,
    /// Deliveries that came in, per second; `None` when it is not known.
    pub taken_per_second: Option<f64>,
    /// Deliveries that succeeded, per second.
    pub done_per_second: Option<f64>,
    /// Deliveries that were given up, per second.
    pub dead_per_second: Option<f64>,
}

impl View {
    /// The later look, with rates since the earlier one.
    pub(super) fn between(earlier: Option<&Look>, later: &Look) -> Self {
        let plugins: Vec<Row> = later
            .standing
            .plugins
            .iter()
            .map(|plugin| {
                let before = earlier.and_then(|look| {
                    let of_name = look.standing.plugins.iter().find(|one| one.name == plugin.name);
                    // A plugin's first delivery makes its row: there were none before.
                    let none = StandingPlugin::default();
                    Some((
                        of_name.cloned().unwrap_or(none),
                        later.at.checked_duration_since(look.at)?,
                    ))
                });
                Row::since(before, plugin)
            })
            .collect();
        Self {
            total: Row::total(&plugins),
            plugins,
            nodes: later.standing.nodes.clone(),
        }
    }
}

impl Row {
    fn since(before: Option<(StandingPlugin, Duration)>, now: &StandingPlugin) -> Self {
        let per_second = |count: fn(&StandingPlugin) -> u64| {
            let (before, time) = before.as_ref()?;
            // It fell: old events were purged meanwhile, and how many came is not known.
            rate(count(now).checked_sub(count(before))?, *time)
        };
        Self {
            now: now.clone(),
            taken_per_second: per_second(|plugin| plugin.deliveries),
            done_per_second: per_second(|plugin| plugin.succeeded),
            dead_per_second: per_second(|plugin| plugin.dead),
        }
    }

    fn total(rows: &[Self]) -> Self {
        let sum = |count: fn(&StandingPlugin) -> u64| rows.iter().map(|row| count(&row.now)).sum::<u64>();
        let per_second = |rate: fn(&Self) -> Option<f64>| rows.iter().map(rate).sum::<Option<f64>>();
        Self {
            now: StandingPlugin {
                name: "all".to_owned(),
                waiting: sum(|plugin| plugin.waiting),
                oldest_ms: rows.iter().filter_map(|row| row.now.oldest_ms).max(),
                running: sum(|plugin| plugin.running),
                retrying: sum(|plugin| plugin.retrying),
                dead: sum(|plugin| plugin.dead),
                unknown: sum(|plugin| plugin.unknown),
                succeeded: sum(|plugin| plugin.succeeded),
                deliveries: sum(|plugin| plugin.deliveries),
                breaker: None,
                breaker_until: None,
            },
            taken_per_second: per_second(|row| row.taken_per_second),
            done_per_second: per_second(|row| row.done_per_second),
            dead_per_second: per_second(|row| row.dead_per_second),
        }
    }
}

/// Per second; `None` over no time at all.
fn rate(count: u64, time: Duration) -> Option<f64> {
    // Exact up to 4,294,967,295 within one interval, which no database takes.
    let count = f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    (!time.is_zero()).then(|| count / time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(at: Instant, name: &str, deliveries: u64, succeeded: u64) -> Look {
        let plugin = StandingPlugin {
            name: name.to_owned(),
            deliveries,
            succeeded,
            ..StandingPlugin::default()
        };
        let standing = Standing {
            plugins: vec![plugin],
            nodes: Vec::new(),
        };
        Look { at, standing }
    }

    #[test]
    fn rates_are_of_what_came_between() {
        let began = Instant::now();
        let two = began + Duration::from_secs(2);
        let view = View::between(Some(&look(began, "a", 10, 4)), &look(two, "a", 30, 5));
        let row = &view.plugins[0];
        assert_eq!(
            (row.taken_per_second, row.done_per_second, row.dead_per_second),
            (Some(10.0), Some(0.5), Some(0.0))
        );
        assert_eq!(view.total.taken_per_second, Some(10.0));
        // Nobody knew the plugin before.
        let view = View::between(Some(&look(began, "b", 10, 4)), &look(two, "a", 30, 5));
        assert_eq!(view.plugins[0].taken_per_second, Some(15.0));
    }

    #[test]
    fn what_is_not_known_is_not_told() {
        let began = Instant::now();
        let later = look(began + Duration::from_secs(1), "a", 5, 5);
        assert_eq!(View::between(None, &later).plugins[0].taken_per_second, None);
        // A purge.
        let view = View::between(Some(&look(began, "a", 9, 1)), &later);
        assert_eq!(
            (view.plugins[0].taken_per_second, view.plugins[0].done_per_second),
            (None, Some(4.0))
        );
        assert_eq!(view.total.taken_per_second, None);
    }
}
