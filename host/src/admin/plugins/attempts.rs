//! A plugin's newest deliveries, each with its last attempt.

use super::super::layout::Layout;
use super::super::say::When;
use crate::domain::attempt::{Attempt, OutboundCall};
use crate::domain::id::EventId;
use crate::domain::page::PageRequest;
use crate::domain::plugin::PluginName;
use crate::domain::replay::DeliveryFilter;
use crate::domain::time::Timestamp;
use crate::http::views::{AttemptView, Audience, DeliveryView};
use crate::http::{ApiState, Problem};

/// Deliveries that are shown: each is read with its attempts and logs.
const RECENT: u32 = 10;

/// One delivery.
pub struct Recent {
    pub href: String,
    pub source: String,
    pub event_type: String,
    pub state: &'static str,
    pub made: When,
    pub last: Option<AttemptView>,
}

/// A plugin's newest deliveries.
#[derive(Default)]
pub struct Newest {
    pub rows: Vec<Recent>,
    /// The requests of their last attempts.
    pub calls: Vec<OutboundCall>,
    /// All their attempts.
    pub attempts: Vec<(EventId, Attempt)>,
}

/// The newest deliveries of a plugin.
pub async fn gather(
    state: &ApiState,
    layout: &Layout,
    plugin: &PluginName,
    now: Timestamp,
) -> Result<Newest, Problem> {
    let filter = DeliveryFilter {
        plugin: Some(plugin.clone()),
        ..DeliveryFilter::default()
    };
    let newest = PageRequest {
        page: 1,
        size: RECENT,
    };
    let mut found = Newest::default();
    for listed in state.store.delivery_list(&filter, newest).await?.items {
        let detail = state.store.delivery_detail(listed.delivery.id).await?;
        let Some(detail) = detail else { continue };
        let delivery = &detail.history.delivery;
        let href = format!("/admin/events/{}/#delivery-{}", delivery.event, delivery.id);
        let made = When::of(delivery.created_at, now);
        if let Some(attempt) = detail.history.attempts.last() {
            found.calls.extend(attempt.record.calls.iter().cloned());
        }
        let attempts = detail.history.attempts.iter().cloned();
        found
            .attempts
            .extend(attempts.map(|attempt| (delivery.event, attempt)));
        let mut view = DeliveryView::of(detail.history, Audience::Staff, &state.waits)?;
        found.rows.push(Recent {
            href: layout.link(&href),
            source: detail.source,
            event_type: detail.event_type,
            state: view.state,
            made,
            last: view.attempts.pop(),
        });
    }
    Ok(found)
}
