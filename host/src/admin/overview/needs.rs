//! What needs a person, each with the place where it is dealt with.

use std::time::Duration;

use super::super::layout::Layout;
use super::super::{place, say};
use crate::domain::breaker::BreakerState;
use crate::domain::delivery::DeliveryState;
use crate::domain::event::EventStatus;
use crate::domain::replay::{DeliveryCount, DeliveryFilter};
use crate::domain::time::Timestamp;
use crate::http::{ApiState, Problem};
use crate::wasm::PluginState;

/// Up to how many dead letters are counted: past it the number says no more than "many".
const COUNT_BOUND: u32 = 1_000;

/// How far back refused requests count: those of last week nobody minds any more.
const REJECTED_WITHIN: Duration = Duration::from_hours(24);

/// One thing that needs a person.
pub struct Need {
    /// How many, or which.
    pub count: String,
    pub what: String,
    /// More about it; may be empty.
    pub detail: String,
    /// Where it is dealt with; `None` where nothing but the detail is to be seen.
    pub href: Option<String>,
}

/// All of them; none is good news.
pub async fn gather(
    state: &ApiState,
    layout: &Layout,
    counts: &[DeliveryCount],
    now: Timestamp,
) -> Result<Vec<Need>, Problem> {
    let mut needs = Vec::new();
    needs.extend(dead_letters(state, layout).await?);
    needs.extend(unknown(layout, counts));
    needs.extend(plugins(state, layout));
    needs.extend(schedules(state, layout).await?);
    needs.extend(rejected(state, layout, now).await?);
    Ok(needs)
}

/// Those that nobody has replayed.
async fn dead_letters(state: &ApiState, layout: &Layout) -> Result<Option<Need>, Problem> {
    let filter = DeliveryFilter {
        state: Some(DeliveryState::Dead),
        replayed: Some(false),
        ..DeliveryFilter::default()
    };
    let total = state.store.count_deliveries(&filter, COUNT_BOUND).await?;
    Ok((total.count > 0).then(|| Need {
        count: say::at_least(total.count, total.exact),
        what: say::plural(total.count, "dead letter", "dead letters").to_owned(),
        detail: "Deliveries that were given up. See why, mend it, and replay them.".to_owned(),
        href: Some(layout.link("/admin/dead-letters/")),
    }))
}

fn unknown(layout: &Layout, counts: &[DeliveryCount]) -> Option<Need> {
    let held = counts
        .iter()
        .filter(|count| count.state == DeliveryState::Unknown);
    let held: u64 = held.map(|count| count.count).sum();
    (held > 0).then(|| Need {
        count: say::count(held),
        what: say::plural(held, "outcome that nobody knows", "outcomes that nobody knows").to_owned(),
        detail: "A node stopped while they ran, and their plugins ask a person to decide.".to_owned(),
        href: Some(layout.link("/admin/dead-letters/?state=unknown")),
    })
}

/// Open breakers, and plugins that do not serve what the file says.
fn plugins(state: &ApiState, layout: &Layout) -> Vec<Need> {
    let mut needs = Vec::new();
    for status in state.waits.registry.statuses() {
        let what = match status.state {
            PluginState::Broken => "is broken: its deliveries wait",
            PluginState::LastGood => "serves an older build or section",
            PluginState::Fetching => "is being fetched: its deliveries wait",
            PluginState::Ready | PluginState::Paused | PluginState::Disabled => "",
        };
        let href = layout.link(&place::plugin(status.name.as_str()));
        if !what.is_empty() {
            needs.push(Need {
                count: status.name.to_string(),
                what: what.to_owned(),
                detail: status.error.unwrap_or_default(),
                href: Some(href.clone()),
            });
        }
        let lane = state.waits.lanes.state(&status.name);
        if lane.is_some_and(|lane| lane.breaker != BreakerState::Closed) {
            needs.push(Need {
                count: status.name.to_string(),
                what: "has an open breaker".to_owned(),
                detail: "Its calls have failed, or the vendor asked to wait; what waits loses no attempt."
                    .to_owned(),
                href: Some(href),
            });
        }
    }
    needs
}

/// Schedules whose last run failed.
async fn schedules(state: &ApiState, layout: &Layout) -> Result<Vec<Need>, Problem> {
    let schedules = state.schedules.list().await?;
    let failing = schedules.into_iter().filter_map(|schedule| {
        let last = schedule.last?;
        (last.status == Some(EventStatus::Failed)).then(|| Need {
            count: format!("{}/{}", schedule.plugin.name, schedule.spec.name.as_str()),
            what: "failed when it ran last".to_owned(),
            detail: last.error_message.unwrap_or_default(),
            href: last
                .event
                .map(|event| layout.link(&format!("/admin/events/{event}/"))),
        })
    });
    Ok(failing.collect())
}

async fn rejected(state: &ApiState, layout: &Layout, now: Timestamp) -> Result<Option<Need>, Problem> {
    let count = state.store.count_rejected(now.minus(REJECTED_WITHIN)).await?;
    Ok((count > 0).then(|| Need {
        count: say::count(count),
        what: say::plural(
            count,
            "request refused within a day",
            "requests refused within a day",
        )
        .to_owned(),
        detail: "Senders that could not prove themselves. See why, mend it, and accept them.".to_owned(),
        href: Some(layout.link("/admin/rejected/")),
    }))
}
