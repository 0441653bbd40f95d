//! Deliveries as lists and details show them.

use serde::Serialize;
use utoipa::ToSchema;

use super::super::Problem;
use super::super::views::{Audience, DeliveryView};
use crate::dispatch::Waits;
use crate::domain::act::Act;
use crate::domain::delivery::Delivery;
use crate::domain::replay::{DeliveryCount, DeliveryDetail, ListedDelivery};

/// A page of deliveries.
#[derive(Serialize, ToSchema)]
pub struct DeliveryPage {
    /// Deliveries that match, on all pages; at most 10,000 are counted, but for `plugin` and `state`.
    pub count: u64,
    /// `false` when there are more than `count`; not there when it is exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count_exact: Option<bool>,
    /// Address of the next page.
    pub next: Option<String>,
    /// Address of the page before.
    pub previous: Option<String>,
    pub results: Vec<ListedDeliveryView>,
}

/// A delivery in a list.
#[derive(Serialize, ToSchema)]
#[schema(as = ListedDelivery)]
pub struct ListedDeliveryView {
    pub id: String,
    /// The event's id.
    pub event: String,
    /// The event's source.
    pub source: String,
    /// The event's type.
    #[serde(rename = "type")]
    pub event_type: String,
    pub plugin: String,
    /// `pending`, `claimed`, `running`, `succeeded`, `retrying`, `deferred`, `dead`, `cancelled` or
    /// `unknown`.
    pub state: &'static str,
    /// Attempts that counted.
    pub attempts_made: u32,
    pub created_at: String,
    /// When it is tried next, while it waits.
    pub due_at: String,
    pub finished_at: Option<String>,
    pub last_error: Option<String>,
    /// The delivery that this one repeats.
    pub replay_of: Option<String>,
    /// Whether a replay stands for it: its own, or any later delivery of its event to the same plugin.
    pub replayed: bool,
}

/// How many deliveries a plugin has in a state.
#[derive(Serialize, ToSchema)]
#[schema(as = DeliveryCount)]
pub struct DeliveryCountView {
    pub plugin: String,
    pub state: &'static str,
    pub count: u64,
}

/// A delivery with all that was done about it.
#[derive(Serialize, ToSchema)]
#[schema(as = DeliveryDetail)]
pub struct DeliveryDetailView {
    #[serde(flatten)]
    pub delivery: DeliveryView,
    /// The event's id.
    pub event: String,
    /// The event's source.
    pub source: String,
    /// The event's type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// What people did to it, oldest first.
    pub acts: Vec<ActView>,
    /// Its replays, oldest first.
    pub replays: Vec<ReplayedDeliveryView>,
}

/// What a person did to a delivery.
#[derive(Serialize, ToSchema)]
#[schema(as = DeliveryAct)]
pub struct ActView {
    /// `replayed` (it was made as a replay), `edited` (it was made for an edited event), `discarded`, or,
    /// of an unknown outcome: `succeeded`, `retried` or `given-up`.
    pub kind: &'static str,
    /// A username, or `cli:` and the user of the machine.
    pub actor: String,
    pub at: String,
    /// Why.
    pub note: Option<String>,
}

/// A replay of a delivery.
#[derive(Serialize, ToSchema)]
#[schema(as = ReplayedDelivery)]
pub struct ReplayedDeliveryView {
    pub id: String,
    pub plugin: String,
    pub state: &'static str,
    pub created_at: String,
    pub finished_at: Option<String>,
}

impl From<ListedDelivery> for ListedDeliveryView {
    fn from(listed: ListedDelivery) -> Self {
        let delivery = listed.delivery;
        Self {
            id: delivery.id.to_string(),
            event: delivery.event.to_string(),
            source: listed.source,
            event_type: listed.event_type,
            plugin: delivery.plugin.to_string(),
            state: delivery.state.as_str(),
            attempts_made: delivery.attempts,
            created_at: delivery.created_at.to_string(),
            due_at: delivery.due_at.to_string(),
            finished_at: delivery.finished_at.map(|at| at.to_string()),
            last_error: delivery.last_error,
            replay_of: delivery.replay_of.map(|id| id.to_string()),
            replayed: listed.replayed,
        }
    }
}

impl From<DeliveryCount> for DeliveryCountView {
    fn from(count: DeliveryCount) -> Self {
        Self {
            plugin: count.plugin.to_string(),
            state: count.state.as_str(),
            count: count.count,
        }
    }
}

impl DeliveryDetailView {
    /// The delivery as staff sees it.
    pub fn of(detail: DeliveryDetail, waits: &Waits) -> Result<Self, Problem> {
        Ok(Self {
            event: detail.history.delivery.event.to_string(),
            delivery: DeliveryView::of(detail.history, Audience::Staff, waits)?,
            source: detail.source,
            event_type: detail.event_type,
            acts: detail.acts.into_iter().map(ActView::from).collect(),
            replays: detail
                .replays
                .into_iter()
                .map(ReplayedDeliveryView::from)
                .collect(),
        })
    }
}

impl From<Act> for ActView {
    fn from(act: Act) -> Self {
        Self {
            kind: act.kind.as_str(),
            actor: act.by.actor,
            at: act.by.at.to_string(),
            note: act.by.note,
        }
    }
}

impl From<Delivery> for ReplayedDeliveryView {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id.to_string(),
            plugin: delivery.plugin.to_string(),
            state: delivery.state.as_str(),
            created_at: delivery.created_at.to_string(),
            finished_at: delivery.finished_at.map(|at| at.to_string()),
        }
    }
}
